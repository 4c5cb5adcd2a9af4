//! Steps O to U: the report against what its chain proves.

use super::chain::Proven;
use super::report::scalar;
use crate::code::{Check, Code};
use crate::crypto::{Curve, Hash, PublicKey, Scheme, is_signed};
use crate::expectation::Expectation;
use crate::hex::hex;
use crate::leaf::Owner;
use crate::product::Line;
use crate::report::{Report, SIGNED_BYTES};
use crate::verdict::{Fault, Outcome, Rows};

/// O: r and s over the signed part, by the key of the leaf.
fn signature(report: &Report, bytes: &[u8], key: &[u8]) -> Result<(), Fault> {
    let both = scalar(&report.signature_r).zip(scalar(&report.signature_s));
    let good = both
        .zip(bytes.get(..SIGNED_BYTES))
        .is_some_and(|((r, s), signed)| {
            let key = PublicKey::Ec(Curve::P384, key);
            is_signed(
                key,
                Scheme::EcdsaFixed(Hash::Sha384),
                signed,
                &[r, s].concat(),
            )
        });
    if good {
        return Ok(());
    }
    Err(Fault::new(
        Code::Signature,
        "the report is not signed by the key of the leaf",
    ))
}

/// The line of the CPU that the report names; version 2 names none.
pub(super) const fn line_of(report: &Report) -> Option<Line> {
    let [family, model, _] = report.cpuid;
    if report.version < 3 {
        None
    } else {
        Line::of_cpu(family, model)
    }
}

/// P: the CPU belongs to the line of the chain, or is known where there is no chain.
fn product(report: &Report, chain: Option<Line>) -> Result<(), Fault> {
    if report.version < 3 {
        return Ok(());
    }
    let of_cpu = line_of(report);
    if of_cpu.is_some() && (chain.is_none() || of_cpu == chain) {
        return Ok(());
    }
    let want = chain.map_or("a known CPU", Line::name);
    let got = format!(
        "{} (CPU {})",
        of_cpu.map_or("none", Line::name),
        hex(&report.cpuid)
    );
    Err(Fault::differs(Code::Product, want, got))
}

/// R: the reported TCB is the one that the key was derived from.
fn tcb_certificate(report: &Report, proven: &Proven) -> Result<(), Fault> {
    let got = report.reported_tcb.levels(proven.line);
    if got != proven.facts.levels {
        return Err(Fault::differs(
            Code::TcbCert,
            proven.facts.levels.to_string(),
            got.to_string(),
        ));
    }
    if !proven.facts.reserved_zero {
        return Err(Fault::new(
            Code::TcbCert,
            "the leaf has a level that no report can have",
        ));
    }
    Ok(())
}

fn masked(report: &Report) -> Result<(), Fault> {
    if report.is_chip_masked() {
        return Err(Fault::new(
            Code::ChipId,
            "the key is not specific to a chip",
        ));
    }
    Ok(())
}

/// U: the chip is that of the leaf, and listed.
fn chip(report: &Report, proven: &Proven, expected: &Expectation) -> Result<(), Fault> {
    masked(report)?;
    if let Owner::Chip(hwid) = &proven.facts.owner {
        let tail = report.chip_id.strip_prefix(hwid.as_slice());
        if !tail.is_some_and(|tail| tail.iter().all(|byte| *byte == 0)) {
            return Err(Fault::differs(
                Code::ChipId,
                hex(hwid),
                hex(&report.chip_id),
            ));
        }
    }
    match &expected.chip_ids {
        Some(chips) if !chips.contains(&report.chip_id) => {
            let detail = format!("chip {} is not listed", hex(&report.chip_id));
            Err(Fault::new(Code::ChipId, detail))
        }
        _ => Ok(()),
    }
}

/// U: the cloud provider of a VLEK is listed.
fn csp(rows: &mut Rows, proven: &Proven, expected: &Expectation) {
    match (&proven.facts.owner, &expected.csp_ids) {
        (Owner::Csp(csp), Some(listed)) => {
            let result = if listed.contains(csp) {
                Ok(())
            } else {
                Err(Fault::differs(Code::CspId, listed.join(" or "), csp))
            };
            rows.judge(Check::Csp, result);
        }
        _ => rows.mark(Check::Csp, Outcome::NotAsked),
    }
}

/// Judges O, P, R and U with a good chain.
pub(super) fn judge(
    rows: &mut Rows,
    (report, bytes): (&Report, &[u8]),
    proven: &Proven,
    expected: &Expectation,
) {
    if report.signature_algorithm == 1
        && scalar(&report.signature_r)
            .and(scalar(&report.signature_s))
            .is_some()
    {
        rows.judge(
            Check::ReportSignature,
            signature(report, bytes, &proven.key),
        );
    }
    rows.judge(Check::Product, product(report, Some(proven.line)));
    rows.judge(Check::TcbCertificate, tcb_certificate(report, proven));
    rows.judge(Check::Chip, chip(report, proven, expected));
    csp(rows, proven, expected);
}

/// What is left of O to U when the chain is skipped.
pub(super) fn judge_without_chain(rows: &mut Rows, report: &Report) {
    for check in [Check::ReportSignature, Check::TcbCertificate, Check::Csp] {
        rows.mark(check, Outcome::Skipped);
    }
    if report.version < 3 {
        rows.mark(Check::Product, Outcome::Skipped);
    } else {
        rows.judge(Check::Product, product(report, None));
    }
    match masked(report) {
        Ok(()) => rows.mark(Check::Chip, Outcome::Skipped),
        fault @ Err(_) => {
            rows.judge(Check::Chip, fault);
        }
    }
}
