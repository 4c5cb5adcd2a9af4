//! Root hashes of layers in a policy text, without evaluating it: the one literal that a generator prints is read, and
//! everything that a second reader could take apart differently is refused (kata-policy-data section 5.1, aci-framework
//! section 4.2).

mod aci;
mod kata;
mod scan;
mod value;

use crate::failure::{Code, Failure};
pub use value::Value;

/// Largest policy text: the kata agent loads no larger one.
pub const POLICY_BYTES_MAX: usize = 16 << 20;
/// Most containers of one policy; pods have a few dozen.
const CONTAINERS_MAX: usize = 1000;
/// Most layers of one container; overlayfs itself allows about 500.
const LAYERS_MAX: usize = 512;

/// A root hash: 32 bytes.
pub type RootHash = [u8; 32];

/// What a policy says of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name in the policy, else its number from 0.
    pub name: String,
    /// Root hashes of its layers, in the order of the policy. One may occur twice.
    pub layers: Vec<RootHash>,
}

/// The containers of a policy with their layers. Throws `INPUT_UNREADABLE`, `LIMIT_EXCEEDED`.
pub fn read_containers(text: &[u8], what: &str) -> Result<Vec<Container>, Failure> {
    if text.len() > POLICY_BYTES_MAX {
        return Err(
            Failure::new(Code::Limit, format!("{what} is too large for a policy")).with_sides(
                format!("at most {POLICY_BYTES_MAX} bytes"),
                format!("{} bytes", text.len()),
            ),
        );
    }
    let Ok(text) = str::from_utf8(text) else {
        return Err(unreadable(what, "it is not UTF-8 text"));
    };
    let package = scan::package(text).map_err(|why| unreadable(what, &why))?;
    let containers = match package {
        "policy" => aci::read(text),
        "agent_policy" => kata::read(text),
        other => Err(format!(
            "package {other:?} is neither that of ACI (policy) nor of kata (agent_policy)"
        )),
    };
    let containers = containers.map_err(|why| unreadable(what, &why))?;
    if containers.len() > CONTAINERS_MAX
        || containers.iter().any(|one| one.layers.len() > LAYERS_MAX)
    {
        return Err(Failure::new(
            Code::Limit,
            format!("{what} has too many containers or layers"),
        )
        .with_sides(
            format!("at most {CONTAINERS_MAX} containers of {LAYERS_MAX} layers"),
            "more",
        ));
    }
    Ok(containers)
}

fn unreadable(what: &str, why: &str) -> Failure {
    Failure::new(
        Code::Input,
        format!("{what} is no policy whose layers can be read: {why}"),
    )
}

/// 64 lower-case hex digits.
pub fn parse_root_hash(text: &str) -> Option<RootHash> {
    data_encoding::HEXLOWER
        .decode(text.as_bytes())
        .ok()?
        .try_into()
        .ok()
}

/// A root hash as printed.
#[must_use]
pub fn print_root_hash(hash: &RootHash) -> String {
    data_encoding::HEXLOWER.encode(hash)
}
