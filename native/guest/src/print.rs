//! How verdicts and failures are printed. Text from files and devices never steers the terminal.

use crate::commands::Judgement;
use crate::failure::{Code, Failure};
use data_encoding::HEXLOWER;
use podseal_verify::{Candidate, CandidateKind, Outcome, Row};
use serde::Serialize;
use serde_json::value::RawValue;

/// The help.
pub const HELP: &str = include_str!("help.txt");

#[derive(Serialize)]
struct Printed<'a> {
    format: &'static str,
    verdict: &'static str,
    proven: bool,
    reason: Option<&'static str>,
    source: Place<'a>,
    nonce: String,
    policy: Option<Policy<'a>>,
    certificates: &'a str,
    skipped: &'a [&'static str],
    warnings: &'a [String],
    attestation: &'a RawValue,
}

#[derive(Serialize)]
struct Place<'a> {
    kind: &'a str,
    path: String,
}

#[derive(Serialize)]
struct Policy<'a> {
    kind: &'a str,
    name: &'a str,
    measurement: String,
    expected: bool,
}

/// One line of JSON with a line end.
pub fn json_line(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut line = serde_json::to_vec(value)
        .map_err(|_| Failure::new(Code::Input, "a result cannot be printed"))?;
    line.push(b'\n');
    Ok(line)
}

const fn kind_of(candidate: &Candidate) -> &'static str {
    match candidate.kind {
        CandidateKind::Policy => "policy",
        CandidateKind::Initdata { .. } => "initdata",
    }
}

/// `podseal.guest/v1`: what the verdict rests on, and the verdict of the library inside.
pub(crate) fn verdict_json(judgement: &Judgement) -> Result<Vec<u8>, Failure> {
    let inner = RawValue::from_string(judgement.verdict.to_json())
        .map_err(|_| Failure::new(Code::Input, "a verdict cannot be printed"))?;
    let policy = judgement.candidate.as_ref().map(|candidate| Policy {
        kind: kind_of(candidate),
        name: &candidate.name,
        measurement: HEXLOWER.encode(&candidate.host_data()),
        expected: !judgement.is_policy_unexpected,
    });
    let source = &judgement.answer.source;
    json_line(&Printed {
        format: "podseal.guest/v1",
        verdict: if judgement.allowed() {
            "allowed"
        } else {
            "denied"
        },
        proven: judgement.allowed() && judgement.is_proven(),
        reason: judgement.reason(),
        source: Place {
            kind: source.kind.name(),
            path: source.path.display().to_string(),
        },
        nonce: HEXLOWER.encode(&judgement.nonce),
        policy,
        certificates: &judgement.certificates_from,
        skipped: &judgement.skipped,
        warnings: &judgement.warnings,
        attestation: &inner,
    })
}

/// The same for people: the verdict, what it rests on, and every check that did not pass.
pub(crate) fn verdict_text(judgement: &Judgement) -> String {
    let mut lines = vec![match (judgement.allowed(), judgement.is_proven()) {
        (true, true) => "verdict: ALLOWED".to_owned(),
        (true, false) => "verdict: ALLOWED, BUT NOT PROVEN: see the warnings".to_owned(),
        (false, _) => format!(
            "verdict: DENIED [{}]",
            judgement.reason().unwrap_or_default()
        ),
    }];
    if let Some(candidate) = &judgement.candidate {
        lines.push(format!(
            "  {}: {}",
            kind_of(candidate),
            printable(&candidate.name)
        ));
        lines.push(format!(
            "  measurement: {}",
            HEXLOWER.encode(&candidate.host_data())
        ));
    }
    lines.push(format!(
        "  report from: {}",
        printable(&judgement.answer.source.to_string())
    ));
    lines.push(format!(
        "  certificates from: {}",
        printable(&judgement.certificates_from)
    ));
    if let (Some(product), Some(leaf)) = (judgement.verdict.product, judgement.verdict.leaf) {
        lines.push(format!(
            "  signed by: {} of {}",
            leaf.name(),
            product.name()
        ));
    }
    if judgement.is_policy_unexpected {
        lines.push(
            "  E_HOST_DATA: the policy is none of those that the expectation lists".to_owned(),
        );
    }
    for row in &judgement.verdict.checks {
        if let Some(code) = row.code {
            lines.push(format!(
                "  {}: {} failed",
                code.as_str(),
                row.check.as_str()
            ));
            lines.extend(details(row));
        }
    }
    for (outcome, title) in [
        (Outcome::Blocked, "not judged"),
        (Outcome::Skipped, "skipped"),
        (Outcome::NotAsked, "not asked"),
    ] {
        let names: Vec<&str> = judgement
            .verdict
            .checks
            .iter()
            .filter(|row| row.result == outcome)
            .map(|row| row.check.as_str())
            .collect();
        if !names.is_empty() {
            lines.push(format!("  {title}: {}", names.join(", ")));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn details(row: &Row) -> Vec<String> {
    let sides = [("want", &row.want), ("got", &row.got), ("", &row.detail)];
    let told = sides.into_iter().filter_map(|(title, text)| {
        let text = printable(text.as_ref()?);
        Some(if title.is_empty() {
            format!("    {text}")
        } else {
            format!("    {title}: {text}")
        })
    });
    let misses = row.near_misses.iter().map(|miss| {
        let name = if miss.name.is_empty() {
            String::new()
        } else {
            format!(" of {}", printable(&miss.name))
        };
        format!("    it is: {}{name}", miss.kind)
    });
    told.chain(misses).collect()
}

/// A failure for people.
#[must_use]
pub fn failure_text(failure: &Failure) -> String {
    let mut text = format!(
        "error: {} [{}]\n",
        printable(&failure.message),
        failure.code.as_str()
    );
    for (title, side) in [("want: ", &failure.want), ("got:  ", &failure.got)] {
        if let Some(side) = side {
            text.push_str(&format!("  {title} {}\n", printable(side)));
        }
    }
    for hint in &failure.hints {
        text.push_str(&format!("  hint:  {hint}\n"));
    }
    text
}

#[derive(Serialize)]
struct PrintedFailure<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    want: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    hints: &'a [&'a str],
}

/// A failure as one line of JSON.
#[must_use]
pub fn failure_json(failure: &Failure) -> String {
    let printed = PrintedFailure {
        code: failure.code.as_str(),
        reason: failure.code.reason(),
        message: &failure.message,
        want: failure.want.as_deref(),
        got: failure.got.as_deref(),
        hints: &failure.hints,
    };
    let mut line = serde_json::to_string(&printed).unwrap_or_default();
    line.push('\n');
    line
}

/// Text with control characters as escapes.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let escaped = letter.is_control().then(|| letter.escape_default());
            let plain = (!letter.is_control()).then_some(letter);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}
