//! Each check of a chain and of a revocation list fails for its own reason and for nothing else.

use crate::support::{
    self, CertificateParts, Chain, Trial, assert_allowed, assert_denied, crl, crl_of, der, issuers,
    level, revoked, vcek, vlek,
};
use podseal_verify::{Certificates, Check, Code, Evidence, Line};

type Change = fn(&mut CertificateParts);

/// Changes of a VCEK that is signed again, and the check that each fails.
const LEAF_CHANGES: [(Change, Check, Code); 25] = [
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
        |p| p.set(&[4], &der(4, &[&[0x77; 63]])),
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

/// Changes the last byte, which belongs to the signature.
fn spoil(der: &mut [u8]) {
    *der.last_mut().unwrap() ^= 1;
}

#[test]
fn signatures_of_the_chain() {
    let cases: [(Misplace, Check, Code); 3] = [
        (
            |c| spoil(&mut c.leaf),
            Check::ChainSignature,
            Code::ChainSig,
        ),
        (
            |c| spoil(&mut c.intermediate),
            Check::ChainSignature,
            Code::ChainSig,
        ),
        (
            |c| {
                spoil(&mut c.root);
                let digest = support::sha256(&c.root);
                c.anchors = podseal_verify::Anchors::replaced(vec![(Line::Milan, digest)]);
            },
            Check::ChainAnchor,
            Code::ChainFormat,
        ),
    ];
    for (edit, check, code) in cases {
        let mut trial = Trial::of(Line::Milan);
        edit(&mut trial.chain);
        assert_denied(&trial.signed(), check, code);
    }
}

#[test]
fn a_short_key_of_an_authority() {
    let short = support::short_key();
    let mut parts = issuers(Line::Milan, "SEV-");
    parts[1].key = support::rsa_info(&short);
    let mut trial = Trial::of(Line::Milan);
    trial.chain = Chain::of(Line::Milan, &vcek(Line::Milan), &parts);
    trial.chain.leaf = vcek(Line::Milan).signed_by(&short);
    assert_denied(&trial.signed(), Check::ChainProfile, Code::CertProfile);
}

#[test]
fn a_leaf_of_another_form() {
    let parts = vcek(Line::Milan);
    let key = &support::rsa_keys()[1];
    let signature = support::sign(key, &parts.tbs());
    let bits = der(3, &[&[0], &signature]);
    let two_algorithms = der(0x30, &[&parts.tbs(), &support::pss(32), &bits]);
    let unused_bits = der(
        0x30,
        &[&parts.tbs(), &parts.algorithm, &der(3, &[&[1], &signature])],
    );
    let mut version_2 = parts.tbs();
    let version = version_2
        .windows(5)
        .position(|five| five == [0xA0, 3, 2, 1, 2])
        .unwrap();
    version_2[version + 4] = 1;
    let bits = der(3, &[&[0], &support::sign(key, &version_2)]);
    let version_2 = der(0x30, &[&version_2, &parts.algorithm, &bits]);
    for leaf in [two_algorithms, unused_bits, version_2] {
        let mut trial = Trial::of(Line::Milan);
        trial.chain.leaf = leaf;
        assert_denied(&trial.signed(), Check::ChainFormat, Code::ChainFormat);
    }
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
    spoil(&mut forged);
    let trailing = [crl(&[], now.0, now.1), vec![0]].concat();
    let endless = crl_of("ARK-Milan", &[now.0], &[]);
    let foreign = crl_of("ARK-Genoa", &[now.0, now.1], &[]);
    // Delta CRL indicator, and removeFromCRL as the reason of an entry, both critical.
    let indicator = der(
        0x30,
        &[&[6, 3, 0x55, 0x1D, 0x1B, 1, 1, 0xFF, 4, 3, 2, 1, 1]],
    );
    let reason = der(
        0x30,
        &[&[6, 3, 0x55, 0x1D, 0x15, 1, 1, 0xFF, 4, 3, 0x0A, 1, 8]],
    );
    let delta = der(0xA0, &[&der(0x30, &[&indicator])]);
    let removed = der(0x30, &[&revoked(&[3], &der(0x30, &[&reason]))]);
    let delta = crl_of("ARK-Milan", &[now.0, now.1], &delta);
    let removed = crl_of("ARK-Milan", &[now.0, now.1], &removed);
    for list in [
        stale,
        early,
        forged,
        trailing,
        endless,
        foreign,
        delta,
        removed,
        Vec::new(),
    ] {
        assert_denied(&judge(Some(list), false), Check::Revocation, Code::Crl);
    }
}
