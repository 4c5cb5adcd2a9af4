//! Evidence against an expectation, check by check (README.md: order, codes, what blocks what).

mod fields;
mod report;
mod tcb;

use crate::anchors::Anchors;
use crate::code::Check;
use crate::evidence::{Evidence, ReportSource};
use crate::expectation::Expectation;
use crate::near_miss::Candidate;
use crate::time::Seconds;
use crate::verdict::{Rows, Verdict};

/// What a verdict depends on beside evidence and expectation.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time at which certificates must be valid.
    pub time: Seconds,
    /// The roots that are trusted.
    pub anchors: &'a Anchors,
    /// What differing host data is compared with, the expected text first.
    pub candidates: &'a [Candidate],
}

/// Judges evidence. Whatever is missing in it is a denial; what is not asked for is said in the verdict.
#[must_use]
pub fn verify(evidence: &Evidence, expected: &Expectation, context: &Context<'_>) -> Verdict {
    let mut rows = Rows::default();
    let found = match &evidence.report {
        ReportSource::Raw(bytes) => report::judge(&mut rows, bytes),
        ReportSource::Hcl(_) => None,
    };
    if let Some(report) = &found {
        tcb::judge(&mut rows, report, None, expected);
        fields::judge(&mut rows, report, expected, context);
    }
    Verdict {
        checks: rows.finish(Check::ALL),
        product: None,
        leaf: None,
        report: found,
    }
}
