//! What an expectation turns off, and what that leaves.

use crate::support::{Trial, assert_allowed, assert_denied};
use podseal_verify::{Certificates, Check, Code, Evidence, Floors, Levels, Line, Outcome, Verdict};

#[test]
fn what_is_skipped_is_said() {
    let mut trial = Trial::of(Line::Milan);
    trial.expected.skip.chain_time = true;
    trial.time = "2050-01-01T00:00:00Z";
    let verdict = trial.signed();
    assert_allowed(&verdict);
    assert_eq!(verdict.skipped(), [Check::ChainTime]);

    trial.expected.skip.chain = true;
    let evidence = Evidence {
        certificates: Certificates::Absent,
        ..trial.evidence()
    };
    let verdict = trial.judge_evidence(&evidence);
    assert_allowed(&verdict);
    assert!(verdict.skipped().contains(&Check::ReportSignature));
    assert_eq!(verdict.row(Check::TcbOrder).unwrap().result, Outcome::Pass);

    trial.expected.skip.chain = false;
    let verdict = trial.judge_evidence(&evidence);
    assert_denied(&verdict, Check::ChainFormat, Code::ChainFormat);
}

#[test]
fn without_a_chain_version_2_has_no_line() {
    let mut trial = Trial::of(Line::Milan);
    trial.report.put(0, &[2]).put(0x188, &[0; 3]);
    trial.expected.skip.chain = true;
    let verdict = trial.signed();
    assert_allowed(&verdict);
    assert_eq!(
        verdict.row(Check::TcbOrder).unwrap().result,
        Outcome::Skipped
    );
    trial.expected.minimum_tcb = Some(Floors(vec![(Line::Milan, Levels::default())]));
    assert_denied(&trial.judge(), Check::TcbMinimum, Code::TcbMin);
    trial.expected.minimum_tcb = None;
    trial.expected.require_committed = true;
    assert_denied(&trial.judge(), Check::TcbOrder, Code::TcbOrder);
}

#[test]
fn a_default_verdict_denies() {
    assert!(!Verdict::default().allowed());
}
