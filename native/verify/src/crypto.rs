//! The cryptography of this crate, none of it our own: ring for RSA, digests and the signature of reports; the curves of
//! RustCrypto for whatever else an endorsement may be signed with.

use crate::der::{Der, integer, only, tag, whole_bits};
use ring::{digest, signature};

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

/// Keys as certificates hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey<'a> {
    /// RSAPublicKey (PKCS#1), DER.
    Rsa {
        /// Modulus and exponent.
        der: &'a [u8],
        /// Length of the modulus in bits.
        bits: usize,
    },
    /// A point, uncompressed, and its curve.
    Ec(Curve, &'a [u8]),
}

/// Curves of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Bytes of a coordinate, and of each half of a signature.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

mod oid {
    pub(super) const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
    pub(super) const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
    pub(super) const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
    pub(super) const P384: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x22];
    pub(super) const P521: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x23];
    pub(super) const PSS: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A];
    pub(super) const MGF1: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08];
}

/// Significant bits of a positive INTEGER in minimal form.
fn bit_length(integer: &[u8]) -> Option<usize> {
    let magnitude = match integer {
        [0, rest @ ..] => rest,
        [first, ..] if *first < 0x80 => integer,
        _ => return None,
    };
    let zeros = usize::try_from(magnitude.first()?.leading_zeros()).ok()?;
    magnitude.len().checked_mul(8)?.checked_sub(zeros)
}

fn rsa_key(der: &[u8]) -> Option<PublicKey<'_>> {
    let mut numbers = Der::new(only(der, tag::SEQUENCE)?);
    let bits = bit_length(integer(&mut numbers)?)?;
    integer(&mut numbers)?;
    numbers.end()?;
    Some(PublicKey::Rsa { der, bits })
}

fn ec_key<'a>(curve: &[u8], point: &'a [u8]) -> Option<PublicKey<'a>> {
    let curve = match curve {
        oid::P256 => Curve::P256,
        oid::P384 => Curve::P384,
        oid::P521 => Curve::P521,
        _ => return None,
    };
    let size = curve.bytes().checked_mul(2)?.checked_add(1)?;
    (point.first() == Some(&4) && point.len() == size).then_some(PublicKey::Ec(curve, point))
}

impl<'a> PublicKey<'a> {
    /// Reads a SubjectPublicKeyInfo: RSA, or a named curve with an uncompressed point. None for others.
    pub(crate) fn read(info: &'a [u8]) -> Option<Self> {
        let mut fields = Der::new(only(info, tag::SEQUENCE)?);
        let mut algorithm = Der::new(fields.take(tag::SEQUENCE)?);
        let key = whole_bits(&mut fields)?;
        fields.end()?;
        let kind = algorithm.take(tag::OID)?;
        let parameters = algorithm.any()?;
        algorithm.end()?;
        match (kind, parameters.tag) {
            (oid::RSA, tag::NULL) if parameters.contents.is_empty() => rsa_key(key),
            (oid::EC, tag::OID) => ec_key(parameters.contents, key),
            _ => None,
        }
    }
}

/// Hash functions of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    const fn bytes(self) -> u8 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    const fn oid(self) -> &'static [u8] {
        match self {
            Self::Sha256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
            Self::Sha384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
            Self::Sha512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
        }
    }

    /// The hash of an AlgorithmIdentifier without parameters, or with NULL.
    fn of_identifier(contents: &[u8]) -> Option<Self> {
        let mut fields = Der::new(contents);
        let kind = fields.take(tag::OID)?;
        (fields.optional(tag::NULL)?.unwrap_or_default().is_empty()).then_some(())?;
        fields.end()?;
        Self::ALL.into_iter().find(|hash| hash.oid() == kind)
    }
}

/// How a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSASSA-PSS, MGF1 with the same hash, salt as long as the hash.
    Pss(Hash),
    /// RSASSA-PKCS1-v1_5.
    Pkcs1(Hash),
    /// ECDSA, signature as SEQUENCE of two INTEGERs.
    EcdsaDer(Hash),
    /// ECDSA, signature as r and s of fixed size.
    EcdsaFixed(Hash),
}

/// RSASSA-PSS-params: one hash for all, salt as long as the hash.
fn pss_hash(parameters: &[u8]) -> Option<Hash> {
    let mut fields = Der::new(parameters);
    let hash = Hash::of_identifier(only(fields.take(tag::context(0))?, tag::SEQUENCE)?)?;
    let mut generator = Der::new(only(fields.take(tag::context(1))?, tag::SEQUENCE)?);
    (generator.take(tag::OID)? == oid::MGF1).then_some(())?;
    (Hash::of_identifier(generator.take(tag::SEQUENCE)?)? == hash).then_some(())?;
    generator.end()?;
    let salt = only(fields.take(tag::context(2))?, tag::INTEGER)?;
    (salt == [hash.bytes()]).then_some(())?;
    if let Some(trailer) = fields.optional(tag::context(3))? {
        (only(trailer, tag::INTEGER)? == [1]).then_some(())?;
    }
    fields.end()?;
    Some(hash)
}

impl Scheme {
    /// The scheme of an AlgorithmIdentifier (whole). None for others.
    pub(crate) fn of_identifier(whole: &[u8]) -> Option<Self> {
        let mut fields = Der::new(only(whole, tag::SEQUENCE)?);
        let kind = fields.take(tag::OID)?;
        let parameters = if fields.is_empty() {
            None
        } else {
            Some(fields.any()?)
        };
        fields.end()?;
        match (kind, parameters) {
            (oid::PSS, Some(parameters)) if parameters.tag == tag::SEQUENCE => {
                pss_hash(parameters.contents).map(Self::Pss)
            }
            ([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, last], Some(null))
                if null.tag == tag::NULL && null.contents.is_empty() =>
            {
                Some(Self::Pkcs1(match last {
                    0x0B => Hash::Sha256,
                    0x0C => Hash::Sha384,
                    0x0D => Hash::Sha512,
                    _ => return None,
                }))
            }
            ([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, last], None) => {
                Some(Self::EcdsaDer(match last {
                    0x02 => Hash::Sha256,
                    0x03 => Hash::Sha384,
                    0x04 => Hash::Sha512,
                    _ => return None,
                }))
            }
            _ => None,
        }
    }
}

/// The verification that ring has for an RSA key.
fn rsa_algorithm(scheme: Scheme) -> Option<&'static signature::RsaParameters> {
    Some(match scheme {
        Scheme::Pss(Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
        Scheme::Pss(Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
        Scheme::Pss(Hash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
        Scheme::Pkcs1(Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        Scheme::Pkcs1(Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        Scheme::Pkcs1(Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        Scheme::EcdsaDer(_) | Scheme::EcdsaFixed(_) => return None,
    })
}

/// ECDSA over a digest, by the crate of a curve.
macro_rules! ecdsa {
    ($curve:ident, $point:expr, $is_der:expr, $digest:expr, $signature:expr) => {{
        use $curve::ecdsa::signature::hazmat::PrehashVerifier;
        use $curve::ecdsa::{Signature, VerifyingKey};
        let key = VerifyingKey::from_sec1_bytes($point).ok()?;
        let signature = if $is_der {
            Signature::from_der($signature).ok()?
        } else {
            Signature::from_slice($signature).ok()?
        };
        key.verify_prehash($digest, &signature).ok()
    }};
}

/// ECDSA with any curve and hash. A digest that is shorter than the order counts as a number.
fn ecdsa(
    (curve, point): (Curve, &[u8]),
    (hash, is_der): (Hash, bool),
    message: &[u8],
    signature: &[u8],
) -> Option<()> {
    let digest = digest::digest(hash.algorithm(), message);
    let zeros = curve.bytes().saturating_sub(digest.as_ref().len());
    let digest = [vec![0; zeros].as_slice(), digest.as_ref()].concat();
    match curve {
        Curve::P256 => ecdsa!(p256, point, is_der, &digest, signature),
        Curve::P384 => ecdsa!(p384, point, is_der, &digest, signature),
        Curve::P521 => ecdsa!(p521, point, is_der, &digest, signature),
    }
}

/// Whether the signature over the message is good. Schemes and keys that do not belong together, and RSA keys below
/// 2048 bits, have no good signature.
pub(crate) fn is_signed(
    key: PublicKey<'_>,
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> bool {
    match (key, scheme) {
        (PublicKey::Rsa { der, .. }, scheme) => rsa_algorithm(scheme).is_some_and(|algorithm| {
            signature::UnparsedPublicKey::new(algorithm, der)
                .verify(message, signature)
                .is_ok()
        }),
        // Reports are signed so: ring is faster.
        (PublicKey::Ec(Curve::P384, point), Scheme::EcdsaFixed(Hash::Sha384)) => {
            let algorithm = &signature::ECDSA_P384_SHA384_FIXED;
            signature::UnparsedPublicKey::new(algorithm, point)
                .verify(message, signature)
                .is_ok()
        }
        (PublicKey::Ec(curve, point), Scheme::EcdsaDer(hash)) => {
            ecdsa((curve, point), (hash, true), message, signature).is_some()
        }
        (PublicKey::Ec(curve, point), Scheme::EcdsaFixed(hash)) => {
            ecdsa((curve, point), (hash, false), message, signature).is_some()
        }
        (PublicKey::Ec(..), Scheme::Pss(_) | Scheme::Pkcs1(_)) => false,
    }
}
