//! `podseal-guest verify`: a fresh report, bound to a nonce made here, against the policy that this machine should
//! enforce.

use super::certificates::{self, Choice};
use super::{Done, World};
use crate::context_dir;
use crate::device::{self, Answer, Patience, Request};
use crate::expected::{self, Origin};
use crate::failure::{Code, EXIT_DENIED, EXIT_OK, Failure};
use crate::files;
use crate::options::{
    SKIP_CHAIN, SKIP_CHAIN_TIME, SKIP_FRESHNESS, SKIP_HOST_DATA, Skips, TRUST_ROOT, VerifyOptions,
};
use crate::print;
use crate::random;
use podseal_verify::{
    Candidate, Check, Context, Evidence, Expectation, Outcome, Refusal, ReportSource, Verdict,
    VmplRule, verify,
};
use std::path::Path;

const EXPECTATION_BYTES_MAX: usize = 16 << 20;

/// The verdict with all that it rests on.
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// The policy is none of those that the expectation lists.
    pub(crate) is_policy_unexpected: bool,
    /// The policy or initdata; none if that check is turned off.
    pub(crate) candidate: Option<Candidate>,
    pub(crate) answer: Answer,
    pub(crate) nonce: [u8; 64],
    pub(crate) certificates_from: String,
    /// Turned-off checks and replaced roots, in words.
    pub(crate) warnings: Vec<String>,
    /// Names of what is turned off.
    pub(crate) skipped: Vec<&'static str>,
}

impl Judgement {
    /// Whether nothing failed.
    pub(crate) fn allowed(&self) -> bool {
        self.verdict.allowed() && !self.is_policy_unexpected
    }

    /// Whether an allowed verdict rests on proof alone: no check turned off, AMD's roots.
    pub(crate) const fn is_proven(&self) -> bool {
        self.warnings.is_empty()
    }

    /// The code of the first check that failed.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        let own = self
            .is_policy_unexpected
            .then_some(podseal_verify::Code::HostData);
        self.verdict
            .reason()
            .or(own)
            .map(podseal_verify::Code::as_str)
    }
}

pub(super) fn run(options: &VerifyOptions, json: bool, world: &World) -> Result<Done, Failure> {
    let judgement = judge(options, world)?;
    let exit = if judgement.allowed() {
        EXIT_OK
    } else {
        EXIT_DENIED
    };
    let story = judgement
        .warnings
        .iter()
        .map(|warning| format!("warning: {warning}\n"))
        .collect();
    let product = if json {
        print::verdict_json(&judgement)?
    } else {
        print::verdict_text(&judgement).into_bytes()
    };
    Ok(Done {
        product,
        story,
        exit,
    })
}

fn judge(options: &VerifyOptions, world: &World) -> Result<Judgement, Failure> {
    let directory = context_dir::find(
        options.context.as_deref(),
        world.context_variable.clone(),
        &world.root,
    );
    let directory = directory.as_deref();
    let candidate = read_candidate(options, directory)?;
    let (mut expected, is_policy_unexpected) = read_expectation(options, candidate.as_ref())?;
    let anchors = certificates::anchors(options)?;
    let nonce = random::nonce()?;
    if !options.skips.freshness {
        expected.report_data = Some(nonce);
    }
    let expected = expected.checked().map_err(|refusal| refused(&refusal))?;
    let answer = obtain(options, &expected, nonce)?;
    let endorsement = certificates::endorsement(options, directory)?;
    let crl = certificates::crl(options)?;
    let candidates: Vec<Candidate> = candidate.iter().cloned().collect();
    let context = Context {
        time: options.time.unwrap_or(world.now),
        anchors: &anchors,
        candidates: &candidates,
    };
    let judge_with = |choice: Choice| {
        let evidence = Evidence {
            report: ReportSource::Raw(answer.report.clone()),
            certificates: choice.certificates,
            crl: crl.clone(),
            uvm_endorsement: endorsement.clone(),
        };
        (verify(&evidence, &expected, &context), choice.from)
    };
    let choices = certificates::choices(options, &answer.certificate_table, directory)?;
    let (verdict, certificates_from) = best(choices.into_iter().map(judge_with))?;
    let (skipped, warnings) = list_warnings(options, &expected);
    Ok(Judgement {
        verdict,
        is_policy_unexpected,
        candidate,
        answer,
        nonce,
        certificates_from,
        warnings,
        skipped,
    })
}

fn read_candidate(
    options: &VerifyOptions,
    directory: Option<&Path>,
) -> Result<Option<Candidate>, Failure> {
    if options.skips.host_data {
        if options.origin != Origin::Context {
            return Err(Failure::new(
                Code::Usage,
                format!("a policy is given although --{SKIP_HOST_DATA} is set"),
            ));
        }
        return Ok(None);
    }
    expected::read(&options.origin, directory).map(Some)
}

/// The expectation with the measurement of the policy in it, and whether the expectation lists others only.
fn read_expectation(
    options: &VerifyOptions,
    candidate: Option<&Candidate>,
) -> Result<(Expectation, bool), Failure> {
    let mut expected = match &options.expectation {
        None => Expectation::unchecked(),
        Some(path) => {
            let json = files::read(path, EXPECTATION_BYTES_MAX)?;
            Expectation::from_partial_json(&json).map_err(|refusal| refused(&refusal))?
        }
    };
    if expected.report_data.is_some() && !options.skips.freshness {
        return Err(Failure::new(
            Code::Usage,
            "the expectation names report data, but the report is bound to a nonce made now",
        ));
    }
    let Skips {
        chain,
        chain_time,
        host_data,
        ..
    } = options.skips;
    expected.skip.chain |= chain;
    expected.skip.chain_time |= chain_time;
    expected.skip.host_data |= host_data;
    let measurement = candidate
        .filter(|_| !expected.skip.host_data)
        .map(Candidate::host_data);
    let listed = expected.host_data.take();
    expected.host_data = measurement.map(|measurement| vec![measurement]);
    let is_listed = match (&listed, &measurement) {
        (Some(listed), Some(measurement)) => listed.contains(measurement),
        _ => true,
    };
    Ok((expected, !is_listed))
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::new(Code::Usage, refusal.to_string())
}

fn obtain(
    options: &VerifyOptions,
    expected: &Expectation,
    nonce: [u8; 64],
) -> Result<Answer, Failure> {
    let wanted = match expected.vmpl {
        VmplRule::Exactly(level) => level,
        VmplRule::Any => 0,
    };
    let request = Request {
        report_data: nonce,
        vmpl: options.device.vmpl.unwrap_or(wanted),
    };
    device::obtain(
        &options.device.sources,
        &request,
        &mut Patience::new(options.device.wait),
    )
}

/// The first verdict that allows; else the first with a proven report, since it says most; else the first.
fn best(
    mut verdicts: impl Iterator<Item = (Verdict, String)>,
) -> Result<(Verdict, String), Failure> {
    let is_proven = |verdict: &Verdict| {
        verdict
            .row(Check::ReportSignature)
            .is_some_and(|row| row.result == Outcome::Pass)
    };
    let bug = || Failure::new(Code::Input, "no certificates to judge with");
    let mut best = verdicts.next().ok_or_else(bug)?;
    for other in verdicts {
        if best.0.allowed() {
            break;
        }
        if other.0.allowed() || (is_proven(&other.0) && !is_proven(&best.0)) {
            best = other;
        }
    }
    Ok(best)
}

/// Names and words of all that weakens the verdict, whether the command line or the expectation asked for it.
fn list_warnings(
    options: &VerifyOptions,
    expected: &Expectation,
) -> (Vec<&'static str>, Vec<String>) {
    let table = [
        (
            expected.skip.chain,
            "chain",
            SKIP_CHAIN,
            "anyone can make up such a report",
        ),
        (
            expected.skip.chain_time,
            "chain-time",
            SKIP_CHAIN_TIME,
            "certificates may have expired",
        ),
        (
            expected.skip.host_data,
            "host-data",
            SKIP_HOST_DATA,
            "this machine may enforce any policy, or none",
        ),
        (
            options.skips.freshness,
            "freshness",
            SKIP_FRESHNESS,
            "the report may be a recording of another machine",
        ),
    ];
    let mut skipped = Vec::new();
    let mut warnings = Vec::new();
    for (_, check, flag, danger) in table.into_iter().filter(|(is_set, ..)| *is_set) {
        skipped.push(check);
        warnings.push(format!("{check} is not checked (--{flag}): {danger}"));
    }
    if let Some(path) = &options.trust_root {
        warnings.push(format!(
            "AMD's roots are replaced by {} (--{TRUST_ROOT}): the verdict proves nothing",
            path.display()
        ));
    }
    (skipped, warnings)
}
