//! Endorsement of the VM image: what its payload says, and whether its chain holds.

use crate::crypto::{PublicKey, Scheme, is_signed};
use crate::der::{Der, tag};
use crate::hex::read_hex;
use crate::json::read_document;
use crate::limits::SVN_DIGITS;
use crate::x509::{Certificate, oid};
use serde::Deserialize;

/// Critical extensions that are understood, or that say nothing about who signs what.
const KNOWN_CRITICAL: [&[u8]; 5] = [
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    // extKeyUsage, subjectAltName, certificatePolicies
    &[0x55, 0x1D, 0x25],
    &[0x55, 0x1D, 0x11],
    &[0x55, 0x1D, 0x20],
];

/// What an endorsement states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) svn: u128,
    pub(crate) launch_measurement: [u8; 48],
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "x-ms-sevsnpvm-guestsvn")]
    svn: String,
    #[serde(rename = "x-ms-sevsnpvm-launchmeasurement")]
    launch_measurement: String,
}

/// Reads the payload: one JSON object, no member twice, both members of the right form.
pub(crate) fn read_statement(json: &[u8]) -> Option<Statement> {
    let payload: Payload = read_document(json).ok()?;
    let digits = payload.svn.bytes().all(|digit| digit.is_ascii_digit());
    (digits && (1..=SVN_DIGITS).contains(&payload.svn.len())).then_some(())?;
    Some(Statement {
        svn: payload.svn.parse().ok()?,
        launch_measurement: read_hex(&payload.launch_measurement)?,
    })
}

/// Whether KeyUsage, where there is one, allows signing certificates.
fn may_sign(certificate: &Certificate<'_>) -> bool {
    let Some(value) = certificate.extension(oid::KEY_USAGE) else {
        return true;
    };
    let mut der = Der::new(value);
    let bits = der.take(tag::BIT_STRING).filter(|_| der.is_empty());
    // Bit 5 (keyCertSign) of the first byte behind the count of unused bits.
    bits.and_then(|bits| bits.get(1))
        .is_some_and(|first| first & 0x04 != 0)
}

/// Whether the path length of an authority allows the certificates below it that are not self-issued, the leaf aside.
fn is_path_short(certificate: &Certificate<'_>, below: &[Certificate<'_>]) -> bool {
    let between = below
        .iter()
        .skip(1)
        .filter(|one| one.issuer != one.subject)
        .count();
    match certificate.basic_constraints() {
        Some((true, limit)) => limit.is_none_or(|limit| between <= limit),
        _ => false,
    }
}

fn is_issued(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> bool {
    let scheme = Scheme::of_identifier(certificate.signed.algorithm);
    let key = PublicKey::read(issuer.key);
    certificate.issuer == issuer.subject
        && scheme.zip(key).is_some_and(|(scheme, key)| {
            is_signed(
                key,
                scheme,
                certificate.signed.message,
                certificate.signed.signature,
            )
        })
}

/// What is wrong with one certificate. Constraints of names are not followed here, so a chain that has them is refused.
fn certificate_fault(certificate: &Certificate<'_>) -> Option<&'static str> {
    if !certificate.has_sound_names() {
        return Some("a name has a foreign character or an empty part");
    }
    if certificate.repeats_extension() {
        return Some("a certificate has an extension twice");
    }
    if certificate.extension(oid::NAME_CONSTRAINTS).is_some() {
        return Some("a certificate constrains names");
    }
    let mut extensions = certificate.extensions.iter();
    let unknown = extensions.any(|one| one.critical && !KNOWN_CRITICAL.contains(&one.oid));
    unknown.then_some("a certificate has an unknown critical extension")
}

/// What is wrong with a chain (leaf first), at the end of the leaf's validity: a leaf lives one year, an image longer.
pub(crate) fn chain_fault(chain: &[Certificate<'_>]) -> Option<&'static str> {
    let (leaf, _) = chain.split_first()?;
    for (place, certificate) in chain.iter().enumerate() {
        let (below, rest) = chain.split_at(place);
        let issuer = rest.get(1).unwrap_or(certificate);
        if !is_issued(certificate, issuer) {
            return Some("a certificate is not issued by the next one, or the last not by itself");
        }
        if !certificate.is_valid_at(leaf.not_after) {
            return Some("a certificate is not valid at the end of the leaf's validity");
        }
        let signs = may_sign(certificate) && is_path_short(certificate, below);
        if !below.is_empty() && !signs {
            return Some("an issuer may not sign the certificates below it");
        }
        if let Some(fault) = certificate_fault(certificate) {
            return Some(fault);
        }
    }
    None
}
