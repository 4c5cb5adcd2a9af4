//! The verdict: one row per check. Printed as `podseal.verdict/v1` (README.md).

use crate::code::{Check, Code};
use crate::near_miss::NearMiss;
use crate::product::{LeafKind, Line};
use crate::report::Report;
use serde::{Serialize, Serializer};

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail(Code),
    /// The expectation turned it off.
    Skipped,
    /// Nothing is expected, or the evidence has no such part.
    NotAsked,
    /// A check that it needs failed.
    Blocked,
}

impl Outcome {
    /// The word in the printed verdict.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Skipped => "skipped",
            Self::NotAsked => "not-asked",
            Self::Blocked => "blocked",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Why a check failed: its code and both sides, in words for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// What was expected.
    pub want: Option<String>,
    /// What was found.
    pub got: Option<String>,
    /// What is wrong.
    pub detail: Option<String>,
}

/// One check and what came of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The check.
    pub check: Check,
    /// What came of it.
    pub result: Outcome,
    /// The reason, of a failed check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub want: Option<String>,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What else the host data is the digest of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub near_misses: Vec<NearMiss>,
}

/// The answer: every check, in order, and what the evidence says. The default has no checks and denies.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// One row per check, in the order of `Check`.
    pub checks: Vec<Row>,
    /// Product line, once the chain proves it.
    pub product: Option<Line>,
    /// Kind of the leaf certificate, once known.
    pub leaf: Option<LeafKind>,
    /// The report, if it has a known layout. Nothing in it is proven unless the verdict allows.
    pub report: Option<Report>,
}

/// An expectation or evidence that is no such document: no verdict is given (`E_USAGE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, and where.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// The verdict document `refused`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let printed = Printed {
            format: VERDICT_FORMAT,
            verdict: "refused",
            reason: Some(Code::Usage),
            message: Some(&self.message),
            checks: &[],
            skipped: Vec::new(),
            product: None,
            leaf: None,
            report: None,
        };
        serde_json::to_string(&printed).unwrap_or_default()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Name and version of the printed form.
pub const VERDICT_FORMAT: &str = "podseal.verdict/v1";

#[derive(Serialize)]
struct Printed<'a> {
    format: &'a str,
    verdict: &'a str,
    reason: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    checks: &'a [Row],
    skipped: Vec<Check>,
    product: Option<Line>,
    leaf: Option<LeafKind>,
    report: Option<&'a Report>,
}

impl Verdict {
    pub(crate) const fn of(checks: Vec<Row>) -> Self {
        Self {
            checks,
            product: None,
            leaf: None,
            report: None,
        }
    }

    /// Whether something was checked and holds, no check failed and none is blocked.
    #[must_use]
    pub fn allowed(&self) -> bool {
        let bad = |row: &Row| matches!(row.result, Outcome::Fail(_) | Outcome::Blocked);
        self.checks.iter().any(|row| row.result == Outcome::Pass) && !self.checks.iter().any(bad)
    }

    /// The code of the first check that failed.
    #[must_use]
    pub fn reason(&self) -> Option<Code> {
        self.checks.iter().find_map(|row| row.code)
    }

    /// The row of a check, if this verdict has it.
    #[must_use]
    pub fn row(&self, check: Check) -> Option<&Row> {
        self.checks.iter().find(|row| row.check == check)
    }

    /// The checks that the expectation turned off.
    #[must_use]
    pub fn skipped(&self) -> Vec<Check> {
        self.checks
            .iter()
            .filter(|row| row.result == Outcome::Skipped)
            .map(|row| row.check)
            .collect()
    }

    /// The printed form, one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let printed = Printed {
            format: VERDICT_FORMAT,
            verdict: if self.allowed() { "allowed" } else { "denied" },
            reason: self.reason(),
            message: None,
            checks: &self.checks,
            skipped: self.skipped(),
            product: self.product,
            leaf: self.leaf,
            report: self.report.as_ref(),
        };
        serde_json::to_string(&printed).unwrap_or_default()
    }
}

/// Collects rows and answers what is blocked.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: Vec<Row>,
}

impl Rows {
    pub(crate) fn put(&mut self, check: Check, outcome: Outcome, why: Why) {
        let code = if let Outcome::Fail(code) = outcome {
            Some(code)
        } else {
            None
        };
        self.rows.push(Row {
            check,
            result: outcome,
            code,
            want: why.want,
            got: why.got,
            detail: why.detail,
            near_misses: Vec::new(),
        });
    }

    /// Records the result of a check and hands its value on.
    pub(crate) fn judge<T>(&mut self, check: Check, result: Result<T, Fault>) -> Option<T> {
        match result {
            Ok(value) => {
                self.put(check, Outcome::Pass, Why::default());
                Some(value)
            }
            Err(fault) => {
                self.put(check, Outcome::Fail(fault.code), fault.why);
                None
            }
        }
    }

    pub(crate) fn mark(&mut self, check: Check, outcome: Outcome) {
        self.put(check, outcome, Why::default());
    }

    pub(crate) fn near_misses(&mut self, found: Vec<NearMiss>) {
        if let Some(row) = self.rows.last_mut() {
            row.near_misses = found;
        }
    }

    /// One row for each of these checks, in their order. What was not judged is blocked: nothing passes by omission.
    pub(crate) fn finish(mut self, checks: &[Check]) -> Vec<Row> {
        for check in checks {
            if !self.rows.iter().any(|row| row.check == *check) {
                self.mark(*check, Outcome::Blocked);
            }
        }
        self.rows.sort_by_key(|row| row.check);
        self.rows
    }
}

/// A check that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) why: Why,
}

impl Fault {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            why: Why {
                detail: Some(detail.into()),
                ..Why::default()
            },
        }
    }

    pub(crate) fn differs(code: Code, want: impl Into<String>, got: impl Into<String>) -> Self {
        Self {
            code,
            why: Why {
                want: Some(want.into()),
                got: Some(got.into()),
                detail: None,
            },
        }
    }
}
