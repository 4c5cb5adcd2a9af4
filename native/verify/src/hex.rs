//! Hex and base64 as this crate reads and prints them.

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE, Specification};
use serde::Serializer;

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Hex of either case and exact length.
pub(crate) fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .ok()?
        .try_into()
        .ok()
}

/// Base64 with padding; nothing else, no line breaks.
pub(crate) fn read_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok()
}

/// Base64 with padding, line breaks (CR, LF) ignored and nothing else: what the guest's own decoder takes for a
/// policy, an endorsement or the host's certificates.
#[must_use]
pub fn decode_lines_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    specification.padding = Some('=');
    specification.ignore.push_str("\r\n");
    specification.encoding().ok()?.decode(text).ok()
}

/// Prints a byte string as hex (for `serialize_with`).
pub(crate) fn as_hex<S: Serializer, const N: usize>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

/// Prints a bit field as 16 hex digits with prefix (for `serialize_with`).
pub(crate) fn as_bits<S: Serializer>(bits: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{bits:#018x}"))
}
