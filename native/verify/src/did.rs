//! did:x509, version 0: does an issuer name a chain (spec of the method, sections on syntax and resolution).

use crate::der::{Der, object_id, only, tag};
use crate::x509::Certificate;
use ring::digest::{self, digest};

const PREFIX: &str = "did:x509:0:";

/// Extensions that predicates look at, as DER contents.
mod oid {
    pub(super) const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1D, 0x11];
    pub(super) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x25];
    /// 1.3.6.1.4.1.57264.1.1
    pub(super) const FULCIO_ISSUER: &[u8] =
        &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBF, 0x30, 0x01, 0x01];
}

/// Attribute types by their names in subject predicates.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("CN", "2.5.4.3"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("C", "2.5.4.6"),
    ("STREET", "2.5.4.9"),
];

/// Kinds of alternative names, and their tags.
const NAME_KINDS: [(&str, u8); 3] = [("email", 0x81), ("dns", 0x82), ("uri", 0x86)];

/// Dotted form of an object identifier.
fn dotted(oid: &[u8]) -> Option<String> {
    let mut arcs: Vec<u128> = Vec::new();
    let mut arc: u128 = 0;
    for byte in oid {
        arc = arc
            .checked_mul(128)?
            .checked_add(u128::from(*byte & 0x7F))?;
        if *byte < 0x80 {
            arcs.push(arc);
            arc = 0;
        }
    }
    let (first, rest) = arcs.split_first()?;
    let root = (*first).min(80).checked_div(40)?;
    let second = first.checked_sub(root.checked_mul(40)?)?;
    let all = [root, second].into_iter().chain(rest.iter().copied());
    Some(all.map(|arc| arc.to_string()).collect::<Vec<_>>().join("."))
}

/// Characters that stand for themselves, and %XX for others.
fn decoded(value: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let text = std::str::from_utf8(&digits).ok()?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                out.push(u8::from_str_radix(text, 16).ok()?);
            }
            b'-' | b'.' | b'_' => out.push(byte),
            _ if byte.is_ascii_alphanumeric() => out.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(out).ok()
}

/// The only attribute of a type in the subject of the leaf.
fn subject_value<'a>(leaf: &Certificate<'a>, kind: &str) -> Option<&'a str> {
    let mut all = leaf.subject.attributes.iter();
    let of_kind = |oid: &[u8]| dotted(oid).is_some_and(|found| found == kind);
    let (_, _, value) = all.find(|(oid, ..)| of_kind(oid))?;
    let repeated = all.any(|(oid, ..)| of_kind(oid));
    if repeated {
        None
    } else {
        std::str::from_utf8(value).ok()
    }
}

/// `subject:KEY:value[:KEY:value...]`.
fn subject_holds(value: &str, leaf: &Certificate<'_>) -> Option<()> {
    let parts: Vec<&str> = value.split(':').collect();
    let (pairs, rest) = parts.as_chunks::<2>();
    (!pairs.is_empty() && rest.is_empty()).then_some(())?;
    let mut seen = Vec::new();
    for [key, value] in pairs {
        let kind = match ATTRIBUTES.iter().find(|(name, _)| name == key) {
            Some((_, oid)) => *oid,
            None if key.contains('.') => key,
            None => return None,
        };
        (!seen.contains(&kind)).then_some(())?;
        seen.push(kind);
        (subject_value(leaf, kind)? == decoded(value)?).then_some(())?;
    }
    Some(())
}

/// `san:TYPE:value`.
fn san_holds(value: &str, leaf: &Certificate<'_>) -> Option<()> {
    let (kind, value) = value.split_once(':')?;
    let (_, wanted) = NAME_KINDS.iter().find(|(name, _)| *name == kind)?;
    let value = decoded(value)?;
    let mut names = Der::new(only(
        leaf.extension(oid::ALTERNATIVE_NAMES)?,
        tag::SEQUENCE,
    )?);
    let mut found = false;
    while !names.is_empty() {
        let name = names.any()?;
        found |= name.tag == *wanted && name.contents == value.as_bytes();
    }
    found.then_some(())
}

/// `eku:OID`.
fn eku_holds(value: &str, leaf: &Certificate<'_>) -> Option<()> {
    let mut usages = Der::new(only(
        leaf.extension(oid::EXTENDED_KEY_USAGE)?,
        tag::SEQUENCE,
    )?);
    let mut found = false;
    while !usages.is_empty() {
        found |= dotted(object_id(&mut usages)?).is_some_and(|usage| usage == value);
    }
    found.then_some(())
}

/// `fulcio-issuer:host/path`.
fn fulcio_holds(value: &str, leaf: &Certificate<'_>) -> Option<()> {
    let mut all = leaf.extensions.iter();
    let found = all.find(|extension| extension.oid == oid::FULCIO_ISSUER)?;
    let wanted = format!("https://{}", decoded(value)?);
    (!found.critical && found.value == wanted.as_bytes()).then_some(())
}

fn predicate_holds(predicate: &str, leaf: &Certificate<'_>) -> Option<()> {
    let (name, value) = predicate.split_once(':')?;
    match name {
        "subject" => subject_holds(value, leaf),
        "san" => san_holds(value, leaf),
        "eku" => eku_holds(value, leaf),
        "fulcio-issuer" => fulcio_holds(value, leaf),
        _ => None,
    }
}

/// Whether the fingerprint (unpadded base64url) is that of a certificate.
fn names_certificate(algorithm: &str, fingerprint: &str, der: &[u8]) -> bool {
    let algorithm = match algorithm {
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        _ => return false,
    };
    let digest = digest(algorithm, der);
    data_encoding::BASE64URL_NOPAD.encode(digest.as_ref()) == fingerprint
}

/// Whether a DID resolves against a chain that is verified already: its fingerprint is that of a certificate behind the
/// leaf, and every predicate holds for the leaf. A fragment (`#...`) is cut off.
pub(crate) fn resolves(did: &str, chain: &[Certificate<'_>]) -> bool {
    let did = did.split('#').next().unwrap_or_default();
    let Some((leaf, issuers)) = chain.split_first() else {
        return false;
    };
    let mut parts = did.split("::");
    let named = parts
        .next()
        .and_then(|head| head.strip_prefix(PREFIX)?.split_once(':'));
    let Some((algorithm, fingerprint)) = named else {
        return false;
    };
    let mut predicates = parts.peekable();
    issuers
        .iter()
        .any(|issuer| names_certificate(algorithm, fingerprint, issuer.der))
        && predicates.peek().is_some()
        && predicates.all(|predicate| predicate_holds(predicate, leaf).is_some())
}
