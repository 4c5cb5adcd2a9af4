//! initdata (kata-policy-rules section 3.4): a TOML document, as it is, in gzip, in the base64 of an annotation, or on
//! the disk that the host attaches. The TOML bytes are what is measured.

use crate::failure::{Code, Failure};
use flate2::bufread::GzDecoder;
use podseal_verify::{Candidate, CandidateKind, InitdataAlgorithm, decode_lines_base64};
use std::io::Read;
use toml::Table;

/// Largest document.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// How the base64 of any gzip begins.
const GZIP_BASE64: &[u8] = b"H4sI";
const DISK_MAGIC: &[u8] = b"initdata";
const POLICY_KEY: &str = "policy.rego";

/// The document in a file. Throws `INPUT_UNREADABLE`, `LIMIT_EXCEEDED`.
pub fn read(bytes: &[u8], what: &str) -> Result<Candidate, Failure> {
    let text = unpack(bytes, what)?;
    let table: Table = str::from_utf8(&text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| unreadable(what, "it is not TOML"))?;
    let word = |key: &str| table.get(key).and_then(toml::Value::as_str);
    if word("version") != Some("0.1.0") {
        return Err(unreadable(what, "its version is not \"0.1.0\""));
    }
    let algorithm = word("algorithm").and_then(InitdataAlgorithm::of_name);
    let algorithm = algorithm
        .ok_or_else(|| unreadable(what, "its algorithm is none of sha256, sha384, sha512"))?;
    let data = table.get("data").and_then(toml::Value::as_table);
    let data = data.ok_or_else(|| unreadable(what, "it has no table data"))?;
    if data.values().any(|value| value.as_str().is_none()) {
        return Err(unreadable(what, "a value in data is not a string"));
    }
    let policy = data
        .get(POLICY_KEY)
        .and_then(toml::Value::as_str)
        .map(|text| text.as_bytes().to_vec());
    Ok(Candidate {
        name: what.to_owned(),
        kind: CandidateKind::Initdata { algorithm, policy },
        text,
    })
}

fn unpack(bytes: &[u8], what: &str) -> Result<Vec<u8>, Failure> {
    if let Some(disk) = bytes.strip_prefix(DISK_MAGIC) {
        let stream = read_disk(disk)
            .ok_or_else(|| unreadable(what, "the disk ends before the data that it states"))?;
        return gunzip(stream, what);
    }
    if bytes.starts_with(GZIP_MAGIC) {
        return gunzip(bytes, what);
    }
    if bytes.starts_with(GZIP_BASE64) {
        let stream =
            decode_lines_base64(bytes).ok_or_else(|| unreadable(what, "it is not base64"))?;
        return gunzip(&stream, what);
    }
    Ok(bytes.to_vec())
}

/// Behind the magic: a length of 8 bytes, little endian, and so many bytes.
fn read_disk(disk: &[u8]) -> Option<&[u8]> {
    let (length, rest) = disk.split_first_chunk::<8>()?;
    rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

/// One gzip member and nothing behind it.
fn gunzip(stream: &[u8], what: &str) -> Result<Vec<u8>, Failure> {
    let mut decoder = GzDecoder::new(stream);
    let mut text = Vec::new();
    let most = u64::try_from(DOCUMENT_BYTES_MAX.saturating_add(1)).unwrap_or(u64::MAX);
    let result = decoder.by_ref().take(most).read_to_end(&mut text);
    result.map_err(|_| unreadable(what, "its gzip data are damaged"))?;
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(
            Failure::new(Code::Limit, format!("{what} is too large")).with_sides(
                format!("at most {DOCUMENT_BYTES_MAX} bytes of TOML"),
                "more",
            ),
        );
    }
    if !decoder.into_inner().is_empty() {
        return Err(unreadable(what, "it goes on behind its gzip data"));
    }
    Ok(text)
}

fn unreadable(what: &str, why: &str) -> Failure {
    Failure::new(Code::Input, format!("{what} is no initdata: {why}"))
}
