//! Evidence against an expectation, check by check (README.md: order, codes, what blocks what).

mod chain;
mod collect;
mod fields;
mod platform;
mod report;
mod tcb;
mod uvm;

use crate::anchors::Anchors;
use crate::code::{Check, Code};
use crate::evidence::{Certificates, Evidence, ReportSource};
use crate::expectation::Expectation;
use crate::hcl::HclReport;
use crate::hex::hex;
use crate::near_miss::Candidate;
use crate::report::Report;
use crate::time::Seconds;
use crate::verdict::{Fault, Outcome, Refusal, Rows, Verdict};
use collect::Collected;
use uvm::Launch;

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

/// The report itself, out of what it came in, and what its report data must bind.
fn opened<'a>(rows: &mut Rows, source: &'a ReportSource) -> Option<(&'a [u8], Option<[u8; 64]>)> {
    let bytes = match source {
        ReportSource::Hcl(bytes) => {
            let result = HclReport::parse(bytes).map_err(|detail| Fault::new(Code::Hcl, detail));
            let hcl = rows.judge(Check::Hcl, result)?;
            return Some((hcl.report, Some(hcl.report_data())));
        }
        ReportSource::Raw(bytes) => bytes.as_slice(),
        ReportSource::Absent => &[],
    };
    rows.mark(Check::Hcl, Outcome::NotAsked);
    rows.mark(Check::RuntimeData, Outcome::NotAsked);
    Some((bytes, None))
}

/// Whether report data binds the runtime data of a vTPM report.
fn runtime_data(got: &[u8; 64], want: &[u8; 64]) -> Result<(), Fault> {
    if got == want {
        Ok(())
    } else {
        Err(Fault::differs(Code::ReportData, hex(want), hex(got)))
    }
}

/// Judges evidence. Whatever is missing in it is a denial; what is not asked for is said in the verdict.
#[must_use]
pub fn verify(evidence: &Evidence, expected: &Expectation, context: &Context<'_>) -> Verdict {
    let mut rows = Rows::default();
    let opened = opened(&mut rows, &evidence.report);
    let report = opened.and_then(|(bytes, _)| report::judge(&mut rows, bytes));
    let mut verdict = Verdict::default();
    let signing_key = report.as_ref().map(Report::signing_key);
    let collected = collected(&mut rows, evidence, signing_key);
    if let Some((report, (bytes, bound))) = report.as_ref().zip(opened) {
        if expected.skip.chain {
            without_chain(&mut rows, report, expected);
        } else if let Some(collected) = collected {
            let terms = (expected, context);
            let leaf = &mut verdict.leaf;
            if let Some(proven) = chain::judge(&mut rows, &collected, signing_key, terms, leaf) {
                platform::judge(&mut rows, (report, bytes), &proven, expected);
                tcb::judge(&mut rows, report, Some(proven.line), expected);
                verdict.product = Some(proven.line);
            }
        }
        fields::judge(&mut rows, report, expected, context);
        if let Some(bound) = bound {
            rows.judge(
                Check::RuntimeData,
                runtime_data(&report.report_data, &bound),
            );
        }
    }
    let measured = report.as_ref().map(|report| [report.launch_measurement]);
    let launch = measured
        .as_ref()
        .map_or(Launch::Unknown, |one| Launch::AnyOf(one));
    let endorsement = evidence.uvm_endorsement.as_deref();
    uvm::judge(&mut rows, endorsement, expected.uvm.as_ref(), &launch);
    verdict.checks = rows.finish(Check::ALL);
    verdict.report = report;
    verdict
}

/// What is left of G to U when the expectation skips the chain.
fn without_chain(rows: &mut Rows, report: &Report, expected: &Expectation) {
    for check in chain::CHECKS {
        rows.mark(check, Outcome::Skipped);
    }
    platform::judge_without_chain(rows, report);
    tcb::judge(rows, report, platform::line_of(report), expected);
}

/// Judges certificates without a report: `chain-format` to `leaf-extensions`, behind `certificate-table` if they came in
/// one.
#[must_use]
pub fn verify_chain(evidence: &Evidence, expected: &Expectation, context: &Context<'_>) -> Verdict {
    let mut rows = Rows::default();
    let mut verdict = Verdict::default();
    if let Some(collected) = collected(&mut rows, evidence, None) {
        let terms = (expected, context);
        let proven = chain::judge(&mut rows, &collected, None, terms, &mut verdict.leaf);
        verdict.product = proven.map(|proven| proven.line);
    }
    verdict.checks = rows.finish(&[&[Check::CertificateTable], chain::CHECKS.as_slice()].concat());
    if !matches!(evidence.certificates, Certificates::Table(_)) {
        verdict
            .checks
            .retain(|row| row.check != Check::CertificateTable);
    }
    verdict
}

/// Judges an endorsement without a report: against `uvm` and `launch_measurements` of the expectation.
///
/// # Errors
/// An expectation without `uvm`.
pub fn verify_uvm(evidence: &Evidence, expected: &Expectation) -> Result<Verdict, Refusal> {
    if expected.uvm.is_none() {
        return Err(Refusal::new("expectation: uvm is missing"));
    }
    let mut rows = Rows::default();
    let listed = expected.launch_measurements.as_deref();
    let launch = listed.map_or(Launch::Unknown, Launch::AnyOf);
    let endorsement = evidence.uvm_endorsement.as_deref();
    uvm::judge(&mut rows, endorsement, expected.uvm.as_ref(), &launch);
    Ok(Verdict::of(rows.finish(&uvm::CHECKS)))
}

/// Judges a certificate table alone.
#[must_use]
pub fn verify_table(evidence: &Evidence) -> Verdict {
    let mut rows = Rows::default();
    let _ = collected(&mut rows, evidence, None);
    Verdict::of(rows.finish(&[Check::CertificateTable]))
}

/// Judges a vTPM report alone: its form, and that the report inside binds its runtime data.
#[must_use]
pub fn verify_hcl(evidence: &Evidence) -> Verdict {
    let mut rows = Rows::default();
    if let Some((bytes, Some(bound))) = opened(&mut rows, &evidence.report)
        && let Some(report) = Report::parse(bytes)
    {
        rows.judge(
            Check::RuntimeData,
            runtime_data(&report.report_data, &bound),
        );
    }
    Verdict::of(rows.finish(&[Check::Hcl, Check::RuntimeData]))
}

/// The certificates and the revocation list, out of what they came in.
fn collected(rows: &mut Rows, evidence: &Evidence, signing_key: Option<u32>) -> Option<Collected> {
    let mut collected = collect::judge(rows, &evidence.certificates, signing_key)?;
    if evidence.crl.is_some() {
        collected.crl.clone_from(&evidence.crl);
    }
    Some(collected)
}
