//! The policy or initdata that this machine should have been launched with.

use crate::context_dir;
use crate::failure::{Code, Failure};
use crate::files;
use crate::initdata;
use crate::policy::POLICY_BYTES_MAX;
use podseal_verify::{Candidate, CandidateKind, decode_lines_base64};
use std::path::{Path, PathBuf};

/// Where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file with the policy text.
    Policy(PathBuf),
    /// A file with the base64 of the policy text.
    PolicyBase64(PathBuf),
    /// A file with initdata.
    Initdata(PathBuf),
    /// The security-context directory.
    Context,
}

/// Reads it. `directory` is the security-context directory, if there is one. Throws USAGE where nothing is expected, FILE,
/// `INPUT_UNREADABLE`, `LIMIT_EXCEEDED`.
pub fn read(origin: &Origin, directory: Option<&Path>) -> Result<Candidate, Failure> {
    let read = |path: &Path| files::read(path, files::FILE_BYTES_MAX);
    match origin {
        Origin::Policy(path) => policy(read(path)?, name_of(path)),
        Origin::PolicyBase64(path) => {
            let name = name_of(path);
            policy(decode_base64(&read(path)?, &name)?, name)
        }
        Origin::Initdata(path) => initdata::read(&read(path)?, &name_of(path)),
        Origin::Context => {
            let Some(directory) = directory else {
                return Err(nothing_expected("there is no security-context directory"));
            };
            let path = directory.join(context_dir::POLICY_FILE);
            match context_dir::read(directory, context_dir::POLICY_FILE)? {
                Some(text) => policy(text, name_of(&path)),
                None => Err(nothing_expected(&format!(
                    "{} is missing or empty",
                    path.display()
                ))),
            }
        }
    }
}

/// The policy text of what is expected: itself, or inside the initdata.
pub fn policy_text(candidate: &Candidate) -> Result<&[u8], Failure> {
    match &candidate.kind {
        CandidateKind::Policy => Ok(&candidate.text),
        CandidateKind::Initdata {
            policy: Some(text), ..
        } => Ok(text),
        CandidateKind::Initdata { policy: None, .. } => Err(Failure::new(
            Code::Input,
            format!("{} holds no policy.rego", candidate.name),
        )),
    }
}

/// Base64 as the guest decodes it: line ends are skipped, nothing else. Throws `INPUT_UNREADABLE`.
pub fn decode_base64(text: &[u8], what: &str) -> Result<Vec<u8>, Failure> {
    decode_lines_base64(text).ok_or_else(|| {
        Failure::new(Code::Input, format!("{what} is not base64")).with_sides(
            "base64 with padding and nothing else but line ends",
            "another text",
        )
    })
}

fn policy(text: Vec<u8>, name: String) -> Result<Candidate, Failure> {
    if text.len() > POLICY_BYTES_MAX {
        return Err(
            Failure::new(Code::Limit, format!("{name} is too large for a policy")).with_sides(
                format!("at most {POLICY_BYTES_MAX} bytes"),
                format!("{} bytes", text.len()),
            ),
        );
    }
    Ok(Candidate {
        name,
        kind: CandidateKind::Policy,
        text,
    })
}

fn nothing_expected(why: &str) -> Failure {
    Failure::new(Code::Usage, format!("no expectation: {why}"))
        .with_hint("name what this machine should enforce: --policy, --policy-base64 or --initdata")
        .with_hint("in a container of ACI or AKS, UVM_SECURITY_CONTEXT_DIR names the directory of its policy")
}

fn name_of(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}
