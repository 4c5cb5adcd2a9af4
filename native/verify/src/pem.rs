//! PEM: certificates between their marker lines, white space between them, and nothing else.

use crate::hex::read_base64;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The DER bytes of each certificate, in order; none if there is anything else in the text.
pub(crate) fn parse_certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let (body, behind) = rest.strip_prefix(BEGIN)?.split_once(END)?;
        let compact: String = body
            .chars()
            .filter(|one| !one.is_ascii_whitespace())
            .collect();
        found.push(read_base64(&compact)?);
        rest = behind.trim_ascii();
    }
    Some(found)
}
