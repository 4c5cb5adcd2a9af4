//! The cryptography of this crate, all of it done by ring.

use ring::digest;

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    fixed(&digest::SHA256, bytes)
}

/// A digest cut to, or filled with zero bytes up to, a fixed size.
pub(crate) fn fixed<const N: usize>(
    algorithm: &'static digest::Algorithm,
    bytes: &[u8],
) -> [u8; N] {
    let mut out = [0; N];
    let digest = digest::digest(algorithm, bytes);
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}
