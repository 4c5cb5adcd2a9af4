//! Steps Q, S and T: the four TCBs of a report, whose layout depends on the product line.

use crate::code::{Check, Code};
use crate::expectation::{Expectation, Floors};
use crate::product::{Levels, Line, Tcb};
use crate::report::Report;
use crate::verdict::{Fault, Outcome, Rows};

fn reserved(report: &Report, line: Line) -> Result<(), Fault> {
    for (name, tcb) in [
        ("current", report.current_tcb),
        ("reported", report.reported_tcb),
        ("committed", report.committed_tcb),
        ("launch", report.launch_tcb),
    ] {
        if !tcb.is_reserved_zero(line) {
            let detail = format!("{name} TCB has bytes set that {line} does not use");
            return Err(Fault::new(Code::Reserved, detail));
        }
    }
    Ok(())
}

fn ordered(lower: (&str, Levels), upper: (&str, Levels)) -> Result<(), Fault> {
    if upper.1.reaches(lower.1) {
        return Ok(());
    }
    let want = format!("{} at most {} ({})", lower.0, upper.0, upper.1);
    Err(Fault::differs(Code::TcbOrder, want, lower.1.to_string()))
}

fn order(report: &Report, line: Line, require_committed: bool) -> Result<(), Fault> {
    let reported = ("reported TCB", report.reported_tcb.levels(line));
    let committed = ("committed TCB", report.committed_tcb.levels(line));
    let current = ("current TCB", report.current_tcb.levels(line));
    ordered(reported, committed)?;
    ordered(committed, current)?;
    if require_committed {
        ordered(current, committed)
    } else {
        Ok(())
    }
}

fn reaches(name: &str, tcb: Tcb, line: Line, floors: &Floors) -> Result<(), Fault> {
    let Some(floor) = floors.of(line) else {
        let detail = format!("there is no minimum of the {name} TCB for {line}");
        return Err(Fault::new(Code::TcbMin, detail));
    };
    let got = tcb.levels(line);
    if got.reaches(floor) {
        return Ok(());
    }
    Err(Fault::differs(
        Code::TcbMin,
        format!("{name} TCB at least {floor}"),
        got.to_string(),
    ))
}

fn minimum(report: &Report, line: Option<Line>, expected: &Expectation) -> Result<(), Fault> {
    let Some(line) = line else {
        return Err(Fault::new(Code::TcbMin, "the product line is not known"));
    };
    if let Some(floors) = &expected.minimum_tcb {
        reaches("reported", report.reported_tcb, line, floors)?;
    }
    if let Some(floors) = &expected.minimum_launch_tcb {
        reaches("launch", report.launch_tcb, line, floors)?;
    }
    Ok(())
}

/// Judges Q, S and T. Without a line (the chain is skipped and the report names no CPU) only what is asked fails.
pub(super) fn judge(rows: &mut Rows, report: &Report, line: Option<Line>, expected: &Expectation) {
    match line {
        Some(line) => {
            rows.judge(Check::TcbReserved, reserved(report, line));
            rows.judge(
                Check::TcbOrder,
                order(report, line, expected.require_committed),
            );
        }
        None => {
            rows.mark(Check::TcbReserved, Outcome::Skipped);
            if expected.require_committed {
                let detail = "the product line is not known";
                rows.judge::<()>(Check::TcbOrder, Err(Fault::new(Code::TcbOrder, detail)));
            } else {
                rows.mark(Check::TcbOrder, Outcome::Skipped);
            }
        }
    }
    if expected.minimum_tcb.is_none() && expected.minimum_launch_tcb.is_none() {
        rows.mark(Check::TcbMinimum, Outcome::NotAsked);
    } else {
        rows.judge(Check::TcbMinimum, minimum(report, line, expected));
    }
}
