//! The certificates that a report is judged with: those named on the command line, else what the host sent. All are
//! untrusted transport; the library judges them.

use crate::context_dir;
use crate::failure::{Code, Failure};
use crate::fetch;
use crate::files;
use crate::options::VerifyOptions;
use podseal_verify::{Anchors, Certificates, Line, decode_lines_base64};
use ring::digest::{SHA256, digest};
use std::path::Path;

/// Largest certificate, chain or revocation list.
const CERTIFICATE_BYTES_MAX: usize = 1 << 20;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// One way to prove the report, and where it comes from.
pub(super) struct Choice {
    pub(super) certificates: Certificates,
    pub(super) from: String,
}

/// All ways, the most likely first; at least one. `table` is what the device gave.
pub(super) fn choices(
    options: &VerifyOptions,
    table: &[u8],
    directory: Option<&Path>,
) -> Result<Vec<Choice>, Failure> {
    if let (Some(leaf), Some(chain)) = (&options.leaf, &options.chain) {
        let certificates = Certificates::Chain {
            leaf: read_one(leaf)?,
            chain: read_all(chain)?,
        };
        return Ok(vec![Choice {
            certificates,
            from: format!("{}, {}", leaf.display(), chain.display()),
        }]);
    }
    if let Some(thim) = &options.thim {
        let certificates = Certificates::Thim(files::read(thim, CERTIFICATE_BYTES_MAX)?);
        return Ok(vec![Choice {
            certificates,
            from: thim.display().to_string(),
        }]);
    }
    if let Some(url) = &options.fetch {
        let url = url.to_string_lossy();
        return Ok(vec![Choice {
            certificates: Certificates::Thim(fetch::get(&url)?),
            from: url.into_owned(),
        }]);
    }
    let mut found = Vec::new();
    if !table.is_empty() {
        found.push(Choice {
            certificates: Certificates::Table(table.to_vec()),
            from: "the host, with the report".to_owned(),
        });
    }
    if let Some(directory) = directory
        && let Some(json) = context_dir::read(directory, context_dir::CERTIFICATES_FILE)?
    {
        let from = directory
            .join(context_dir::CERTIFICATES_FILE)
            .display()
            .to_string();
        found.push(Choice {
            certificates: Certificates::Thim(json),
            from,
        });
    }
    if found.is_empty() {
        found.push(Choice {
            certificates: Certificates::Absent,
            from: "nowhere".to_owned(),
        });
    }
    Ok(found)
}

/// The endorsement of the VM image, raw or in base64.
pub(super) fn endorsement(
    options: &VerifyOptions,
    directory: Option<&Path>,
) -> Result<Option<Vec<u8>>, Failure> {
    const TAG_18: u8 = 0xd2;
    const ARRAY_OF_4: u8 = 0x84;
    if let Some(path) = &options.endorsement {
        let bytes = files::read(path, CERTIFICATE_BYTES_MAX)?;
        return match bytes.first() {
            Some(&TAG_18 | &ARRAY_OF_4) => Ok(Some(bytes)),
            _ => crate::expected::decode_base64(&bytes, &path.display().to_string()).map(Some),
        };
    }
    directory.map_or(Ok(None), |directory| {
        context_dir::read(directory, context_dir::ENDORSEMENT_FILE)
    })
}

/// A revocation list.
pub(super) fn crl(options: &VerifyOptions) -> Result<Option<Vec<u8>>, Failure> {
    options
        .crl
        .as_deref()
        .map(|path| files::read(path, CERTIFICATE_BYTES_MAX))
        .transpose()
}

/// AMD's roots, or the one that the user puts in their place. Its line is that of the name inside.
pub(super) fn anchors(options: &VerifyOptions) -> Result<Anchors, Failure> {
    let Some(path) = &options.trust_root else {
        return Ok(Anchors::amd());
    };
    let root = read_one(path)?;
    let names = |line: &Line| {
        let name = format!("ARK-{line}").into_bytes();
        root.windows(name.len()).any(|window| window == name)
    };
    let lines: Vec<Line> = Line::ALL.into_iter().filter(names).collect();
    let ([line], Ok(hash)) = (lines.as_slice(), digest(&SHA256, &root).as_ref().try_into()) else {
        return Err(Failure::new(
            Code::Input,
            format!("{} is no root of one product line", path.display()),
        )
        .with_sides(
            "a certificate of ARK-Milan, ARK-Genoa or ARK-Turin",
            format!("{} such names", lines.len()),
        ));
    };
    Ok(Anchors::replaced(vec![(*line, hash)]))
}

fn read_one(path: &Path) -> Result<Vec<u8>, Failure> {
    match <[Vec<u8>; 1]>::try_from(read_all(path)?) {
        Ok([one]) => Ok(one),
        Err(all) => Err(Failure::new(
            Code::Input,
            format!("{} does not hold one certificate", path.display()),
        )
        .with_sides("1 certificate", all.len().to_string())),
    }
}

/// The certificates of a PEM file, or the one of a DER file.
fn read_all(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = files::read(path, CERTIFICATE_BYTES_MAX)?;
    let Some(text) = str::from_utf8(&bytes)
        .ok()
        .filter(|text| text.contains(BEGIN))
    else {
        return Ok(vec![bytes]);
    };
    let parts = text.split(BEGIN).skip(1).map(|part| {
        let (body, _) = part.split_once(END)?;
        decode_lines_base64(body.as_bytes())
    });
    parts.collect::<Option<_>>().ok_or_else(|| {
        Failure::new(
            Code::Input,
            format!("{} has a damaged PEM certificate", path.display()),
        )
    })
}
