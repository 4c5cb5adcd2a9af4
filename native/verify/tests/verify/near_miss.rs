//! What differing host data is explained by.

use crate::support::{HOST_DATA, Trial, sha256};
use podseal_verify::{
    Candidate, CandidateKind, Check, Context, Evidence, InitdataAlgorithm, Line, Seconds, verify,
};

const POLICY: &[u8] = b"package policy\nallow := true\n";
const INITDATA: &[u8] = b"version = \"0.1.0\"";

fn policy(name: &str, text: &[u8]) -> Candidate {
    Candidate {
        name: name.to_owned(),
        kind: CandidateKind::Policy,
        text: text.to_vec(),
    }
}

fn initdata(name: &str, inside: &[u8], algorithm: InitdataAlgorithm) -> Candidate {
    let kind = CandidateKind::Initdata {
        algorithm,
        policy: Some(inside.to_vec()),
    };
    Candidate {
        name: name.to_owned(),
        kind,
        text: INITDATA.to_vec(),
    }
}

/// Kinds and names for host data that differs from what the first candidate gives.
fn explain(host_data: [u8; 32], candidates: &[Candidate]) -> Vec<(&'static str, String)> {
    let mut trial = Trial::of(Line::Milan);
    trial.report.put(0xC0, &host_data);
    trial.expected.host_data = Some(vec![candidates[0].host_data()]);
    trial.expected.skip.chain = true;
    let evidence: Evidence = trial.evidence();
    let time = Seconds::parse(trial.time).unwrap();
    let context = Context {
        time,
        anchors: &trial.chain.anchors,
        candidates,
    };
    let verdict = verify(&evidence, &trial.expected, &context);
    let row = verdict.row(Check::HostData).unwrap();
    row.near_misses
        .iter()
        .map(|miss| (miss.kind, miss.name.clone()))
        .collect()
}

#[test]
fn mistakes_with_one_text() {
    let base64 = data_encoding::BASE64.encode(POLICY);
    let crlf = b"package policy\r\nallow := true\r\n";
    let marked = [b"\xEF\xBB\xBF", POLICY].concat();
    for (kind, text) in [
        ("base64-text", base64.clone().into_bytes()),
        ("base64-text", format!("{base64}\n").into_bytes()),
        ("newline-added", [POLICY, b"\n"].concat()),
        ("newline-removed", POLICY[..POLICY.len() - 1].to_vec()),
        ("crlf", crlf.to_vec()),
        ("byte-order-mark", marked.clone()),
    ] {
        let found = explain(sha256(&text), &[policy("a", POLICY)]);
        assert_eq!(found, [(kind, "a".to_owned())], "{kind}");
    }
    let found = explain(sha256(POLICY), &[policy("a", crlf)]);
    assert_eq!(found, [("lf", "a".to_owned())]);
    let found = explain(sha256(POLICY), &[policy("a", &marked)]);
    assert_eq!(found, [("byte-order-mark", "a".to_owned())]);
}

#[test]
fn zero_reversed_and_nothing() {
    assert_eq!(
        explain([0; 32], &[policy("a", POLICY)]),
        [("zero", String::new())]
    );
    let mut reversed = sha256(POLICY);
    reversed.reverse();
    assert_eq!(
        explain(reversed, &[policy("a", POLICY)]),
        [("reversed", String::new())]
    );
    assert_eq!(explain(HOST_DATA, &[policy("a", POLICY)]), []);
}

#[test]
fn other_candidates_and_initdata() {
    let other = policy("b", b"package other");
    let found = explain(sha256(b"package other"), &[policy("a", POLICY), other]);
    assert_eq!(found, [("other", "b".to_owned())]);
    for algorithm in [
        InitdataAlgorithm::Sha256,
        InitdataAlgorithm::Sha384,
        InitdataAlgorithm::Sha512,
    ] {
        let around = initdata("i", POLICY, algorithm);
        let host_data = around.host_data();
        let found = explain(host_data, &[policy("a", POLICY), around.clone()]);
        assert_eq!(
            found,
            [("initdata", "i".to_owned()), ("other", "i".to_owned())]
        );
        let found = explain(sha256(POLICY), &[around, policy("a", POLICY)]);
        assert_eq!(
            found,
            [
                ("policy-of-initdata", "i".to_owned()),
                ("other", "a".to_owned())
            ]
        );
    }
    let foreign = initdata("i", b"package other", InitdataAlgorithm::Sha256);
    let found = explain(sha256(INITDATA), &[policy("a", POLICY), foreign]);
    assert_eq!(found, [("other", "i".to_owned())]);
}
