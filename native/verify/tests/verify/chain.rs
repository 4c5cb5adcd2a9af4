//! Each check of a chain and of a revocation list fails for its own reason and for nothing else.

use crate::support::{
    self, CertificateParts, Chain, Trial, assert_allowed, assert_denied, crl, der, issuers, level,
    vcek, vlek,
};
use podseal_verify::{Certificates, Check, Code, Evidence, Line};

type Change = fn(&mut CertificateParts);

/// Changes of a VCEK that is signed again, and the check that each fails.
const LEAF_CHANGES: [(Change, Check, Code); 24] = [
    (
        |p| p.subject = support::name("SEV-VCEK-TEST"),
        Check::LeafKind,
        Code::CertProfile,
    ),
    (
        |p| p.subject = support::name("SEV-VLEK"),
        Check::LeafKind,
        Code::SigningKey,
    ),
    (
        |p| p.issuer = support::name("SEV-Genoa"),
        Check::ChainSignature,
        Code::ChainSig,
    ),
    (
        |p| p.algorithm = support::pss(32),
        Check::ChainSignature,
        Code::CertProfile,
    ),
    (
        |p| p.not_after = "251231235959Z",
        Check::ChainTime,
        Code::CertTime,
    ),
    (
        |p| p.not_before = "260101000001Z",
        Check::ChainTime,
        Code::CertTime,
    ),
    (
        |p| {
            p.extensions
                .push((vec![0x55, 0x1D, 0x25], true, vec![0x30, 0]))
        },
        Check::ChainProfile,
        Code::CertProfile,
    ),
    (
        |p| p.key = support::rsa_info(&support::rsa_keys()[0]),
        Check::ChainProfile,
        Code::CertProfile,
    ),
    (|p| p.unset(&[1]), Check::LeafExtensions, Code::CertProfile),
    (|p| p.unset(&[2]), Check::LeafExtensions, Code::CertProfile),
    (
        |p| p.unset(&[3, 8]),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (|p| p.unset(&[4]), Check::LeafExtensions, Code::CertProfile),
    (
        |p| p.set(&[3, 9], &level(1)),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[5], &der(0x16, &[b"x"])),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[4], &[0x77; 63]),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[4], &[0x77; 8]),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[3, 1], &[2, 1, 0x84]),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[3, 1], &[2, 2, 1, 4]),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[3, 1], &[2, 2, 0, 4]),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[3, 1], &[2, 1, 4, 0]),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.extensions.push(p.extensions[0].clone()),
        Check::LeafExtensions,
        Code::CertProfile,
    ),
    (
        |p| p.set(&[2], &der(0x16, &[b"Milano"])),
        Check::LeafExtensions,
        Code::Product,
    ),
    (
        |p| p.set(&[3, 8], &level(0xDA)),
        Check::TcbCertificate,
        Code::TcbCert,
    ),
    (
        |p| p.set(&[3, 5], &level(1)),
        Check::TcbCertificate,
        Code::TcbCert,
    ),
];

fn trial_of_leaf(change: Change) -> Trial {
    let mut leaf = vcek(Line::Milan);
    change(&mut leaf);
    let mut trial = Trial::of(Line::Milan);
    trial.chain = Chain::of(Line::Milan, &leaf, &issuers(Line::Milan, "SEV-"));
    trial
}

#[test]
fn each_part_of_a_leaf_has_its_check() {
    for (change, check, code) in LEAF_CHANGES {
        assert_denied(&trial_of_leaf(change).signed(), check, code);
    }
}

#[test]
fn other_spellings_of_a_leaf_are_allowed() {
    let changes: [Change; 4] = [
        |p| p.set(&[4], &der(4, &[&[0x77; 64]])),
        |p| p.set(&[2], &der(0x16, &[b"Milan"])),
        |p| p.extensions.reverse(),
        |p| p.not_after = "260101000000Z",
    ];
    for change in changes {
        assert_allowed(&trial_of_leaf(change).signed());
    }
}

type Misplace = fn(&mut Chain);

#[test]
fn places_in_the_chain() {
    let good = Trial::of(Line::Milan);
    let change = |edit: Misplace| {
        let mut trial = good.clone();
        edit(&mut trial.chain);
        trial
    };
    let cases: [(Misplace, Check, Code); 6] = [
        (
            |c| std::mem::swap(&mut c.intermediate, &mut c.root),
            Check::ChainAnchor,
            Code::ChainFormat,
        ),
        (
            |c| c.intermediate = c.leaf.clone(),
            Check::ChainFormat,
            Code::ChainFormat,
        ),
        (|c| c.leaf.push(0), Check::ChainFormat, Code::ChainFormat),
        (
            |c| c.leaf = b"leaf".to_vec(),
            Check::ChainFormat,
            Code::ChainFormat,
        ),
        (
            |c| c.intermediate = c.root.clone(),
            Check::ChainSignature,
            Code::ChainSig,
        ),
        (
            |c| c.anchors = podseal_verify::Anchors::amd(),
            Check::ChainAnchor,
            Code::ChainAnchor,
        ),
    ];
    for (edit, check, code) in cases {
        assert_denied(&change(edit).signed(), check, code);
    }
    let Certificates::Chain { leaf, chain } = good.chain.certificates() else {
        unreachable!()
    };
    for chain in [
        vec![],
        chain[..1].to_vec(),
        chain[1..].to_vec(),
        [chain.clone(), chain].concat(),
    ] {
        let mut trial = good.clone();
        trial.report.sign();
        let certificates = Certificates::Chain {
            leaf: leaf.clone(),
            chain,
        };
        let verdict = trial.judge_evidence(&Evidence {
            certificates,
            ..trial.evidence()
        });
        assert_denied(&verdict, Check::ChainFormat, Code::ChainFormat);
    }
}

#[test]
fn the_intermediate_is_the_one_for_the_leaf() {
    let mut trial = Trial::of(Line::Milan);
    let mut leaf = vlek(Line::Milan);
    leaf.issuer = support::name("SEV-Milan");
    trial.chain = Chain::of(Line::Milan, &leaf, &issuers(Line::Milan, "SEV-"));
    trial.report.put(0x48, &[4]);
    assert_denied(&trial.signed(), Check::ChainSignature, Code::CertProfile);

    let mut parts = issuers(Line::Milan, "SEV-");
    parts[1].extensions.truncate(1);
    let mut trial = Trial::of(Line::Milan);
    trial.chain = Chain::of(Line::Milan, &vcek(Line::Milan), &parts);
    assert_denied(&trial.signed(), Check::ChainProfile, Code::CertProfile);
}

#[test]
fn revocation() {
    let now = ("251201000000Z", "260201000000Z");
    let judge = |list: Option<Vec<u8>>, required: bool| {
        let mut trial = Trial::of(Line::Milan);
        trial.crl = list;
        trial.expected.require_crl = required;
        trial.signed()
    };
    assert_allowed(&judge(Some(crl(&[], now.0, now.1)), true));
    assert_allowed(&judge(Some(crl(&[&[3], &[1, 2]], now.0, now.1)), true));
    assert_denied(&judge(None, true), Check::Revocation, Code::Crl);
    assert_denied(
        &judge(Some(crl(&[&[3], &[2]], now.0, now.1)), false),
        Check::Revocation,
        Code::Revoked,
    );
    let stale = crl(&[], "251101000000Z", "251201000000Z");
    let early = crl(&[], "260102000000Z", "260201000000Z");
    let mut forged = crl(&[], now.0, now.1);
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    let trailing = [crl(&[], now.0, now.1), vec![0]].concat();
    for list in [stale, early, forged, trailing, Vec::new()] {
        assert_denied(&judge(Some(list), false), Check::Revocation, Code::Crl);
    }
}
