//! Time from report bytes to verdict on one core: a whole chain, a revocation list and an endorsement, all of them
//! verified anew each time. Prints one JSON line with microseconds; the argument is the number of rounds.

#![forbid(unsafe_code)]
// The evidence is made as the tests make it, and they may panic.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    dead_code
)]

#[path = "../tests/verify/support/mod.rs"]
mod support;

use podseal_verify::{Context, Evidence, Line, Seconds, UvmExpectation, verify};
use std::io::Write;
use std::time::Instant;
use support::Trial;
use support::endorsement::{Endorsement, FEED};

/// A report with its chain, and one with a revocation list and an endorsement as well.
fn trials() -> [(&'static str, Trial, Evidence); 2] {
    let mut plain = Trial::of(Line::Milan);
    plain.report.sign();
    let mut full = plain.clone();
    full.crl = Some(support::crl(&[], "251201000000Z", "260201000000Z"));
    full.expected.require_crl = true;
    let (envelope, issuer) = Endorsement::good().build();
    full.expected.uvm = Some(UvmExpectation {
        issuer,
        feed: FEED.to_owned(),
        minimum_svn: 100,
    });
    let evidence = Evidence {
        uvm_endorsement: Some(envelope),
        ..full.evidence()
    };
    let plain_evidence = plain.evidence();
    [
        ("report", plain, plain_evidence),
        ("report, revocation, endorsement", full, evidence),
    ]
}

/// Microseconds of each round, in order of size.
fn measure(trial: &Trial, evidence: &Evidence, rounds: usize) -> Vec<u128> {
    let time = Seconds::parse(trial.time).unwrap();
    let context = Context {
        time,
        anchors: &trial.chain.anchors,
        candidates: &[],
    };
    let round = |_| {
        let start = Instant::now();
        let verdict = verify(evidence, &trial.expected, &context);
        let elapsed = start.elapsed().as_micros();
        assert!(verdict.allowed());
        elapsed
    };
    let mut times: Vec<u128> = (0..rounds).map(round).collect();
    times.sort_unstable();
    times
}

fn main() -> std::io::Result<()> {
    let rounds = std::env::args()
        .nth(1)
        .map_or(1000, |count| count.parse().unwrap());
    let mut out = std::io::stdout().lock();
    for (name, trial, evidence) in &trials() {
        let times = measure(trial, evidence, rounds);
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        writeln!(
            out,
            r#"{{"name":"{name}","rounds":{rounds},"minimum":{},"median":{},"p99":{}}}"#,
            at(0),
            at(50),
            at(99)
        )?;
    }
    Ok(())
}
