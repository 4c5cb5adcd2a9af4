//! Each check of an endorsement fails for its own reason and for nothing else.

use crate::support::endorsement::{Endorsement, FEED, Out, payload};
use crate::support::{self, rsa_keys};
use podseal_verify::{
    Certificates, Check, Code, Evidence, Expectation, Outcome, ReportSource, UvmExpectation,
    Verdict, verify_uvm,
};

pub fn judge(envelope: Option<Vec<u8>>, issuer: &str) -> Verdict {
    let expected = Expectation {
        launch_measurements: Some(vec![[0x22; 48]]),
        uvm: Some(UvmExpectation {
            issuer: issuer.to_owned(),
            feed: FEED.to_owned(),
            minimum_svn: 100,
        }),
        ..Expectation::unchecked()
    };
    let evidence = Evidence {
        report: ReportSource::Absent,
        certificates: Certificates::Absent,
        crl: None,
        uvm_endorsement: envelope,
    };
    verify_uvm(&evidence, &expected).unwrap()
}

fn build(endorsement: &Endorsement) -> Verdict {
    let (envelope, issuer) = endorsement.build();
    judge(Some(envelope), &issuer)
}

fn changed(change: impl FnOnce(&mut Endorsement)) -> Verdict {
    let mut endorsement = Endorsement::good();
    change(&mut endorsement);
    build(&endorsement)
}

pub fn assert_denied(verdict: &Verdict, check: Check, code: Code) {
    let mut failed = verdict
        .checks
        .iter()
        .filter(|row| matches!(row.result, Outcome::Fail(_)));
    let first = failed.next().map(|row| (row.check, row.code));
    assert_eq!(first, Some((check, Some(code))), "{}", verdict.to_json());
    assert!(failed.next().is_none() && !verdict.allowed());
}

#[test]
fn good_endorsements() {
    assert!(build(&Endorsement::good()).allowed());
    assert!(changed(|one| one.claims = true).allowed());
    assert!(changed(|one| one.payload = payload("00100")).allowed());
    let (envelope, issuer) = Endorsement::good().build();
    assert!(
        judge(Some(envelope[1..].to_vec()), &issuer).allowed(),
        "without a tag"
    );
}

#[test]
fn each_part_has_its_check() {
    type Change = fn(&mut Endorsement);
    let cases: [(Change, Check, Code); 17] = [
        (
            |e| e.algorithm = -257,
            Check::UvmSignature,
            Code::UvmSignature,
        ),
        (
            |e| e.algorithm = -37,
            Check::UvmSignature,
            Code::UvmSignature,
        ),
        (
            |e| e.algorithm = -35,
            Check::UvmSignature,
            Code::UvmSignature,
        ),
        (
            |e| e.feed = "other".to_owned(),
            Check::UvmFeed,
            Code::UvmFeed,
        ),
        (
            |e| e.issuer = Some("did:x509:0".to_owned()),
            Check::UvmIssuer,
            Code::UvmIssuer,
        ),
        (
            |e| e.leaf.extensions.clear(),
            Check::UvmIssuer,
            Code::UvmIssuer,
        ),
        (|e| e.payload = payload("99"), Check::UvmSvn, Code::UvmSvn),
        (
            |e| e.payload = payload(""),
            Check::UvmPayload,
            Code::UvmPayload,
        ),
        (
            |e| e.payload = payload("+100"),
            Check::UvmPayload,
            Code::UvmPayload,
        ),
        (
            |e| e.payload = payload("100000000000000000000"),
            Check::UvmPayload,
            Code::UvmPayload,
        ),
        (
            |e| e.payload = b"[]".to_vec(),
            Check::UvmPayload,
            Code::UvmPayload,
        ),
        (
            |e| e.payload.push(b'x'),
            Check::UvmPayload,
            Code::UvmPayload,
        ),
        (
            |e| e.root.extensions.truncate(1),
            Check::UvmChain,
            Code::UvmChain,
        ),
        (
            |e| e.root.extensions[0].2 = vec![3, 2, 1, 2],
            Check::UvmChain,
            Code::UvmChain,
        ),
        (
            |e| e.root.not_after = "251231235959Z",
            Check::UvmChain,
            Code::UvmChain,
        ),
        (
            |e| e.leaf.issuer = support::name("Other"),
            Check::UvmChain,
            Code::UvmChain,
        ),
        (
            |e| {
                e.leaf
                    .extensions
                    .push((vec![0x55, 0x1D, 0x1E], false, vec![0x30, 0]))
            },
            Check::UvmChain,
            Code::UvmChain,
        ),
    ];
    for (change, check, code) in cases {
        assert_denied(&changed(change), check, code);
    }
    let twice = String::from_utf8(payload("100")).unwrap();
    let twice = twice
        .replacen('{', r#"{"x-ms-sevsnpvm-guestsvn":"100","#, 1)
        .into_bytes();
    assert_denied(
        &changed(|one| one.payload = twice),
        Check::UvmPayload,
        Code::UvmPayload,
    );
    let other = String::from_utf8(payload("100"))
        .unwrap()
        .replace("22", "33")
        .into_bytes();
    assert_denied(
        &changed(|one| one.payload = other),
        Check::UvmMeasurement,
        Code::UvmMeasurement,
    );
}

#[test]
fn an_issuer_that_is_only_claimed() {
    let stranger = Endorsement::good();
    let (_, expected) = stranger.build();
    let mut forged = Endorsement::good();
    forged.root.subject = support::name("Stranger");
    forged.root.issuer = support::name("Stranger");
    forged.leaf.issuer = support::name("Stranger");
    forged.issuer = Some(expected.clone());
    assert_denied(
        &judge(Some(forged.build().0), &expected),
        Check::UvmIssuer,
        Code::UvmIssuer,
    );
}

#[test]
fn an_intermediate_authority() {
    let [root_key, leaf_key] = rsa_keys();
    let endorsement = Endorsement::good();
    let mut middle = support::CertificateParts::authority("Middle", "Publisher", leaf_key, 3);
    let mut leaf = endorsement.leaf.clone();
    leaf.issuer = support::name("Middle");
    let chain = |middle: &support::CertificateParts, root: &support::CertificateParts| {
        [
            leaf.signed_by(leaf_key),
            middle.signed_by(root_key),
            root.signed_by(root_key),
        ]
    };
    let wrap = |chain: &[Vec<u8>; 3]| {
        let mut out = Out::new(Vec::new());
        out.map(4).unwrap().i64(1).unwrap().i64(-38).unwrap();
        out.str("iss")
            .unwrap()
            .str(&endorsement.did(&chain[2]))
            .unwrap();
        out.str("feed").unwrap().str(FEED).unwrap();
        out.i64(33).unwrap().array(3).unwrap();
        for one in chain {
            out.bytes(one).unwrap();
        }
        (
            endorsement.envelope(&out.into_writer(), &[0xA0]),
            endorsement.did(&chain[2]),
        )
    };
    let (envelope, issuer) = wrap(&chain(&middle, &endorsement.root));
    assert!(judge(Some(envelope), &issuer).allowed());
    let mut short = endorsement.root.clone();
    short.extensions[1].2 = vec![0x30, 6, 1, 1, 0xFF, 2, 1, 0];
    let (envelope, issuer) = wrap(&chain(&middle, &short));
    assert_denied(
        &judge(Some(envelope), &issuer),
        Check::UvmChain,
        Code::UvmChain,
    );
    middle.extensions[1].2 = vec![0x30, 0];
    let (envelope, issuer) = wrap(&chain(&middle, &endorsement.root));
    assert_denied(
        &judge(Some(envelope), &issuer),
        Check::UvmChain,
        Code::UvmChain,
    );
}

#[test]
fn envelopes_that_are_not_strict() {
    let good = Endorsement::good();
    let chain = good.chain();
    let issuer = good.did(&chain[1]);
    let protected = good.protected(&chain);
    let signed = |protected: &[u8], unprotected: &[u8]| good.envelope(protected, unprotected);
    assert!(judge(Some(signed(&protected, &[0xA1, 4, 0x41, 9])), &issuer).allowed());
    let prefixed = |head: u8, more: &[u8]| [&[head], more, &protected[1..]].concat();
    let whole = signed(&protected, &[0xA0]);
    let nested = [vec![0x81; 40], vec![0]].concat();
    let cases = [
        None,
        Some(Vec::new()),
        Some([whole.as_slice(), &[0]].concat()),
        Some(whole[..whole.len() - 1].to_vec()),
        Some([&[0xD8, 18], &whole[1..]].concat()),
        Some(signed(&protected, &[0xBF, 0xFF])),
        Some(signed(&protected, &[0xA2, 1, 0, 1, 0])),
        Some(signed(&protected, &[0xA2, 1, 0, 0x18, 1, 0])),
        Some(signed(&protected, &[0xA1, 0x41, 0, 0])),
        Some(signed(&protected, &[0x80])),
        Some(signed(
            &protected,
            &[&[0xA1, 4], nested.as_slice()].concat(),
        )),
        Some(signed(&[protected.as_slice(), &[0]].concat(), &[0xA0])),
        Some(signed(&prefixed(0xA6, &[2, 0x80]), &[0xA0])),
        Some(signed(&prefixed(0xA6, &[2, 0x81, 0x18, 99]), &[0xA0])),
        Some(signed(&prefixed(0xA6, &[1, 0x25]), &[0xA0])),
        Some(signed(&prefixed(0xA6, &[15, 0x80]), &[0xA0])),
        Some(signed(&[0xA1, 1, 0x38, 37], &[0xA0])),
    ];
    for (place, case) in cases.into_iter().enumerate() {
        let verdict = judge(case, &issuer);
        let row = verdict.row(Check::UvmFormat).unwrap();
        assert_eq!(row.result, Outcome::Fail(Code::UvmFormat), "case {place}");
    }
    let critical = signed(&prefixed(0xA6, &[2, 0x81, 1]), &[0xA0]);
    assert!(judge(Some(critical), &issuer).allowed());
}

#[test]
fn a_member_that_nobody_reads_stands_once() {
    for (members, allowed) in [
        (r#"{"a":[{"b":1}],"#, true),
        (r#"{"a":[{"b":1,"b":1}],"#, false),
    ] {
        let text = String::from_utf8(payload("100"))
            .unwrap()
            .replacen('{', members, 1);
        let verdict = changed(|one| one.payload = text.into_bytes());
        assert_eq!(verdict.allowed(), allowed, "{members}");
    }
}

#[test]
fn chains_of_2_to_100_certificates() {
    let good = Endorsement::good();
    let [leaf, root] = good.chain();
    for (count, fits) in [(1, false), (2, true), (100, true), (101, false)] {
        let mut out = Out::new(Vec::new());
        out.map(2).unwrap().i64(1).unwrap().i64(-38).unwrap();
        out.i64(33)
            .unwrap()
            .array(count)
            .unwrap()
            .bytes(&leaf)
            .unwrap();
        for _ in 1..count {
            out.bytes(&root).unwrap();
        }
        let verdict = judge(Some(good.envelope(&out.into_writer(), &[0xA0])), "did");
        let row = verdict.row(Check::UvmFormat).unwrap();
        assert_eq!(row.result == Outcome::Pass, fits, "{count}");
    }
}

#[test]
fn an_endorsement_without_a_measurement_to_compare_with() {
    let (envelope, issuer) = Endorsement::good().build();
    let uvm = UvmExpectation {
        issuer,
        feed: FEED.to_owned(),
        minimum_svn: 0,
    };
    let expected = Expectation {
        uvm: Some(uvm),
        ..Expectation::unchecked()
    };
    let evidence = Evidence {
        report: ReportSource::Absent,
        certificates: Certificates::Absent,
        crl: None,
        uvm_endorsement: Some(envelope),
    };
    let verdict = verify_uvm(&evidence, &expected).unwrap();
    assert!(!verdict.allowed());
    assert_eq!(
        verdict.row(Check::UvmMeasurement).unwrap().result,
        Outcome::Blocked
    );
}

#[test]
fn an_endorsement_without_an_expectation_is_refused() {
    let evidence = Evidence {
        report: ReportSource::Absent,
        certificates: Certificates::Absent,
        crl: None,
        uvm_endorsement: Some(Endorsement::good().build().0),
    };
    assert!(verify_uvm(&evidence, &Expectation::unchecked()).is_err());
}
