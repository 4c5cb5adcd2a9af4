//! Steps G to N: leaf, intermediate and root.

use super::Context;
use super::collect::Collected;
use crate::code::{Check, Code};
use crate::crl::RevocationList;
use crate::crypto::{Curve, Hash, PublicKey, Scheme, is_signed, sha256};
use crate::expectation::Expectation;
use crate::leaf::{self, LeafFacts};
use crate::product::{LeafKind, Line};
use crate::verdict::{Fault, Outcome, Rows};
use crate::x509::{Certificate, Name, Signed, oid};

const PSS_SHA384: Scheme = Scheme::Pss(Hash::Sha384);
const RSA_BITS: usize = 4096;

/// What a good chain proves.
#[derive(Clone, Debug)]
pub(super) struct Proven {
    pub(super) line: Line,
    pub(super) facts: LeafFacts,
    /// The point of the leaf's key.
    pub(super) key: Vec<u8>,
}

/// Three certificates that could be parsed.
struct Chain<'a> {
    leaf: Certificate<'a>,
    intermediate: Certificate<'a>,
    root: Certificate<'a>,
}

fn parse<'a>(name: &str, der: &'a [u8]) -> Result<Certificate<'a>, Fault> {
    Certificate::parse(der).ok_or_else(|| {
        Fault::new(
            Code::ChainFormat,
            format!("the {name} is not one DER certificate"),
        )
    })
}

fn leaf_kind_of(name: &Name<'_>) -> Option<LeafKind> {
    name.common_name().and_then(LeafKind::of_common_name)
}

/// G: leaf and exactly two certificates.
fn format(collected: &Collected) -> Result<Chain<'_>, Fault> {
    let fault = |detail: &str| Err(Fault::new(Code::ChainFormat, detail));
    let Some(leaf) = &collected.leaf else {
        return fault("there is no leaf certificate");
    };
    let [intermediate, root] = collected.chain.as_slice() else {
        return fault("the chain is not ASK or ASVK, then ARK");
    };
    let chain = Chain {
        leaf: parse("leaf", leaf)?,
        intermediate: parse("first certificate of the chain", intermediate)?,
        root: parse("second certificate of the chain", root)?,
    };
    if leaf_kind_of(&chain.intermediate.subject).is_some() {
        return fault("a leaf stands in the place of the ASK or ASVK");
    }
    Ok(chain)
}

/// H: the leaf is of the kind that the report names.
fn kind(chain: &Chain<'_>, reported: Option<u32>, allow_vlek: bool) -> Result<LeafKind, Fault> {
    let kind = leaf_kind_of(&chain.leaf.subject).ok_or_else(|| {
        let got = chain.leaf.subject.common_name().unwrap_or("none");
        Fault::differs(Code::CertProfile, "common name SEV-VCEK or SEV-VLEK", got)
    })?;
    // A reserved key is refused elsewhere.
    if reported.is_some_and(|reported| reported <= 1 && reported != kind.signing_key()) {
        let detail = format!(
            "the leaf is a {}, the report names another key",
            kind.name()
        );
        return Err(Fault::new(Code::SigningKey, detail));
    }
    if kind == LeafKind::Vlek && !allow_vlek {
        return Err(Fault::new(Code::SigningKey, "a VLEK is not allowed"));
    }
    Ok(kind)
}

fn is_issued(signed: &Signed<'_>, issuer: &Certificate<'_>) -> bool {
    let key = PublicKey::read(issuer.key);
    matches!(key, Some(key @ PublicKey::Rsa { .. })
        if is_signed(key, PSS_SHA384, signed.message, signed.signature))
}

/// I: the root is trusted.
fn anchor(root: &Certificate<'_>, context: &Context<'_>) -> Result<Line, Fault> {
    if root.issuer != root.subject {
        return Err(Fault::new(
            Code::ChainFormat,
            "the last certificate is not self-issued",
        ));
    }
    let line = context
        .anchors
        .line_of(&sha256(root.der))
        .ok_or_else(|| Fault::new(Code::ChainAnchor, "the root is none of the trusted ones"))?;
    let scheme = Scheme::of_identifier(root.signed.algorithm);
    if scheme != Some(PSS_SHA384) || !is_issued(&root.signed, root) {
        return Err(Fault::new(
            Code::ChainFormat,
            "the root is not signed by itself",
        ));
    }
    Ok(line)
}

/// J: each is issued by the next, and the intermediate is the one that the leaf needs.
fn signatures(chain: &Chain<'_>, line: Line, kind: LeafKind) -> Result<(), Fault> {
    let links = [
        ("ASK or ASVK", &chain.intermediate, &chain.root),
        ("leaf", &chain.leaf, &chain.intermediate),
    ];
    for (name, one, issuer) in &links {
        if one.issuer != issuer.subject {
            let detail = format!("the {name} names another issuer than the next certificate");
            return Err(Fault::new(Code::ChainSig, detail));
        }
    }
    for (name, one, _) in &links {
        if Scheme::of_identifier(one.signed.algorithm) != Some(PSS_SHA384) {
            let detail = format!("the {name} is not signed with RSASSA-PSS and SHA-384");
            return Err(Fault::new(Code::CertProfile, detail));
        }
    }
    for (name, one, issuer) in &links {
        if !is_issued(&one.signed, issuer) {
            let detail = format!("the {name} is not signed by the next certificate");
            return Err(Fault::new(Code::ChainSig, detail));
        }
    }
    let want = kind.issuer_name(line);
    let got = chain.intermediate.subject.common_name().unwrap_or("none");
    if got == want {
        Ok(())
    } else {
        Err(Fault::differs(Code::CertProfile, want, got))
    }
}

fn extensions_fault(certificate: &Certificate<'_>) -> Option<&'static str> {
    let known = |oid: &[u8]| {
        oid == oid::BASIC_CONSTRAINTS || oid == oid::KEY_USAGE || oid.starts_with(leaf::ARC)
    };
    let mut all = certificate.extensions.iter();
    all.any(|one| one.critical && !known(one.oid))
        .then_some("has an unknown critical extension")
}

fn authority_fault(certificate: &Certificate<'_>) -> Option<&'static str> {
    if !certificate.is_authority() {
        return Some("is no certificate authority");
    }
    match PublicKey::read(certificate.key) {
        Some(PublicKey::Rsa { bits: RSA_BITS, .. }) => None,
        _ => Some("has no RSA key of 4096 bits"),
    }
}

/// K: keys, constraints and critical extensions. Gives the point of the leaf's key.
fn profile(chain: &Chain<'_>) -> Result<Vec<u8>, Fault> {
    let fault = |name: &str, detail| Fault::new(Code::CertProfile, format!("the {name} {detail}"));
    for (name, one) in [("ARK", &chain.root), ("ASK or ASVK", &chain.intermediate)] {
        if let Some(detail) = authority_fault(one).or_else(|| extensions_fault(one)) {
            return Err(fault(name, detail));
        }
    }
    if let Some(detail) = extensions_fault(&chain.leaf) {
        return Err(fault("leaf", detail));
    }
    match PublicKey::read(chain.leaf.key) {
        Some(PublicKey::Ec(Curve::P384, point)) => Ok(point.to_vec()),
        _ => Err(fault("leaf", "has no P-384 key")),
    }
}

/// L: all three are valid at the time given.
fn validity(chain: &Chain<'_>, context: &Context<'_>) -> Result<(), Fault> {
    for (name, one) in [
        ("leaf", &chain.leaf),
        ("ASK or ASVK", &chain.intermediate),
        ("ARK", &chain.root),
    ] {
        if !one.is_valid_at(context.time) {
            let word = if context.time < one.not_before {
                "not valid yet"
            } else {
                "expired"
            };
            return Err(Fault::new(Code::CertTime, format!("the {name} is {word}")));
        }
    }
    Ok(())
}

/// M: the list is the root's, of this time, and does not name the intermediate.
fn revocation(chain: &Chain<'_>, der: &[u8], context: &Context<'_>) -> Result<(), Fault> {
    let fault = |detail: &str| Err(Fault::new(Code::Crl, detail));
    let Some(list) = RevocationList::parse(der) else {
        return fault("the revocation list is not one DER list");
    };
    if list.issuer != chain.root.subject {
        return fault("the revocation list has another issuer");
    }
    let scheme = Scheme::of_identifier(list.signed.algorithm);
    if scheme != Some(PSS_SHA384) || !is_issued(&list.signed, &chain.root) {
        return fault("the revocation list is not signed by the ARK");
    }
    let current = list.this_update <= context.time
        && list.next_update.is_some_and(|next| context.time <= next);
    if !current {
        return fault("the revocation list is not of this time");
    }
    if list.revoked.contains(&chain.intermediate.serial) {
        return Err(Fault::new(Code::Revoked, "the ASK or ASVK is revoked"));
    }
    Ok(())
}

/// N: AMD's extensions of the leaf.
fn leaf_facts(chain: &Chain<'_>, line: Line, kind: LeafKind) -> Result<LeafFacts, Fault> {
    let facts = leaf::read(&chain.leaf, line, kind)
        .map_err(|detail| Fault::new(Code::CertProfile, detail))?;
    if facts.line_name == line.name() {
        return Ok(facts);
    }
    Err(Fault::differs(Code::Product, line.name(), facts.line_name))
}

/// The checks of this file.
pub(super) const CHECKS: [Check; 8] = [
    Check::ChainFormat,
    Check::LeafKind,
    Check::ChainAnchor,
    Check::ChainSignature,
    Check::ChainProfile,
    Check::ChainTime,
    Check::Revocation,
    Check::LeafExtensions,
];

/// Judges G to N. `reported` is the signing key of the report, if there is one;
/// `leaf` becomes the kind of the leaf as soon as that is known. None as soon as nothing further can be judged.
pub(super) fn judge(
    rows: &mut Rows,
    collected: &Collected,
    reported: Option<u32>,
    (expected, context): (&Expectation, &Context<'_>),
    leaf: &mut Option<LeafKind>,
) -> Option<Proven> {
    let chain = rows.judge(Check::ChainFormat, format(collected))?;
    *leaf = leaf_kind_of(&chain.leaf.subject);
    let kind = rows.judge(Check::LeafKind, kind(&chain, reported, expected.allow_vlek))?;
    let line = rows.judge(Check::ChainAnchor, anchor(&chain.root, context))?;
    rows.judge(Check::ChainSignature, signatures(&chain, line, kind))?;
    let key = rows.judge(Check::ChainProfile, profile(&chain))?;
    if expected.skip.chain_time {
        rows.mark(Check::ChainTime, Outcome::Skipped);
    } else {
        rows.judge(Check::ChainTime, validity(&chain, context));
    }
    match &collected.crl {
        Some(der) => {
            rows.judge(Check::Revocation, revocation(&chain, der, context));
        }
        None if expected.require_crl => {
            let missing = Fault::new(Code::Crl, "there is no revocation list");
            rows.judge::<()>(Check::Revocation, Err(missing));
        }
        None => rows.mark(Check::Revocation, Outcome::NotAsked),
    }
    let facts = rows.judge(Check::LeafExtensions, leaf_facts(&chain, line, kind))?;
    Some(Proven { line, facts, key })
}
