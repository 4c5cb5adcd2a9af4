//! Which issuers (did:x509) an endorsement's chain proves.

use crate::support::endorsement::{Endorsement, FEED};
use crate::support::{self, der};
use podseal_verify::{
    Certificates, Check, Evidence, Expectation, Outcome, ReportSource, UvmExpectation, verify_uvm,
};

/// 1.3.6.1.4.1.57264.1.1
const FULCIO: [u8; 10] = [0x2B, 6, 1, 4, 1, 0x83, 0xBF, 0x30, 1, 1];

/// A publisher whose leaf has a subject, alternative names, usages and a Fulcio issuer.
fn publisher() -> Endorsement {
    let mut one = Endorsement::good();
    let attribute = |kind: u8, text: &str| {
        let oid = [6, 3, 0x55, 4, kind];
        der(0x31, &[&der(0x30, &[&oid, &der(0x0C, &[text.as_bytes()])])])
    };
    let parts = [
        attribute(6, "US"),
        attribute(10, "Example, Inc."),
        attribute(3, "Signer"),
    ];
    one.leaf.subject = der(
        0x30,
        &[&parts.concat(), &attribute(11, "A"), &attribute(11, "B")],
    );
    let names = [der(0x81, &[b"a@example.com"]), der(0x82, &[b"example.com"])].concat();
    let names = der(
        0x30,
        &[
            &names,
            &der(0x86, &[b"https://example.com/x"]),
            &[0x87, 1, 9],
        ],
    );
    one.leaf
        .extensions
        .push((vec![0x55, 0x1D, 0x11], false, names));
    let fulcio = b"https://issuer.example/path".to_vec();
    one.leaf.extensions.push((FULCIO.to_vec(), false, fulcio));
    one
}

/// Whether the issuer with these predicates, or this whole text, is proven.
fn is_proven(one: &Endorsement, issuer: impl FnOnce(&str, &str) -> String) -> bool {
    let chain = one.chain();
    let print = |der: &[u8]| data_encoding::BASE64URL_NOPAD.encode(&support::sha256(der));
    let issuer = issuer(&print(&chain[1]), &print(&chain[0]));
    let named = Endorsement {
        issuer: Some(issuer.clone()),
        ..one.clone()
    };
    let envelope = named.envelope(&named.protected(&chain), &[0xA0]);
    let uvm = UvmExpectation {
        issuer,
        feed: FEED.to_owned(),
        minimum_svn: 0,
    };
    let expected = Expectation {
        uvm: Some(uvm),
        launch_measurements: Some(vec![[0x22; 48]]),
        ..Expectation::unchecked()
    };
    let evidence = Evidence {
        report: ReportSource::Absent,
        certificates: Certificates::Absent,
        crl: None,
        uvm_endorsement: Some(envelope),
    };
    let verdict = verify_uvm(&evidence, &expected).unwrap();
    let result = verdict.row(Check::UvmIssuer).unwrap().result;
    assert_eq!(result == Outcome::Pass, verdict.allowed());
    verdict.allowed()
}

#[test]
fn predicates() {
    let one = publisher();
    for (predicates, holds) in [
        ("::subject:CN:Signer", true),
        ("::subject:C:US:O:Example%2C%20Inc.", true),
        ("::subject:2.5.4.3:Signer", true),
        ("::eku:1.3.6.1.4.1.311.76.59.1.2", true),
        ("::san:email:a%40example.com", true),
        ("::san:dns:example.com", true),
        ("::san:uri:https%3A%2F%2Fexample.com%2Fx", true),
        ("::fulcio-issuer:issuer.example%2Fpath", true),
        ("::subject:CN:Signer::eku:1.3.6.1.4.1.311.76.59.1.2", true),
        ("::subject:CN:Signer#fragment", true),
        ("", false),
        ("::", false),
        ("::subject", false),
        ("::subject:CN", false),
        ("::subject:CN:", false),
        ("::subject:CN:signer", false),
        ("::subject:CN:Signer:CN:Signer", false),
        ("::subject:CN:Signer:2.5.4.3:Signer", false),
        ("::subject:cn:Signer", false),
        ("::subject:OU:A", false),
        ("::subject:O:Example, Inc.", false),
        ("::subject:O:Example%2", false),
        ("::subject:O:Example%2C+Inc.", false),
        ("::eku:1.3.6.1.4.1.311.76.59.1", false),
        ("::san:ip:9", false),
        ("::san:dns:other.example", false),
        ("::san:dns", false),
        ("::fulcio-issuer:issuer.example", false),
        ("::subject:CN:Signer::eku:1.2", false),
        ("::other:x", false),
    ] {
        let proven = is_proven(&one, |root, _| {
            format!("did:x509:0:sha256:{root}{predicates}")
        });
        assert_eq!(proven, holds, "{predicates}");
    }
}

#[test]
fn fingerprints() {
    let one = publisher();
    let with = |head: &str, print: &str| format!("{head}{print}::subject:CN:Signer");
    assert!(is_proven(&one, |root, _| with("did:x509:0:sha256:", root)));
    assert!(!is_proven(&one, |_, leaf| with("did:x509:0:sha256:", leaf)));
    assert!(!is_proven(&one, |root, _| with("did:x509:0:sha384:", root)));
    assert!(!is_proven(&one, |root, _| with("did:x509:0:sha1:", root)));
    assert!(!is_proven(&one, |root, _| with("did:x509:1:sha256:", root)));
    assert!(!is_proven(&one, |root, _| with(
        "did:x509:0:sha256:",
        &root[1..]
    )));
    assert!(!is_proven(&one, |root, _| with("did:web:0:sha256:", root)));
}
