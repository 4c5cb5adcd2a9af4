//! Steps A to F: what a report must be before anything in it is looked at.

use crate::code::{Check, Code};
use crate::report::{REPORT_BYTES, Report};
use crate::verdict::{Fault, Rows};

/// Order of the group of P-384, big-endian.
const ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

fn length(bytes: &[u8]) -> Result<Report, Fault> {
    Report::parse(bytes).ok_or_else(|| {
        let size = |count: usize| format!("{count} bytes");
        Fault::differs(Code::Length, size(REPORT_BYTES), size(bytes.len()))
    })
}

fn version(report: &Report) -> Result<(), Fault> {
    if (2..=5).contains(&report.version) {
        return Ok(());
    }
    Err(Fault::differs(
        Code::Version,
        "2 to 5",
        report.version.to_string(),
    ))
}

fn algorithm(report: &Report) -> Result<(), Fault> {
    if report.signature_algorithm == 1 {
        return Ok(());
    }
    Err(Fault::differs(
        Code::Sigalgo,
        "1",
        report.signature_algorithm.to_string(),
    ))
}

fn reserved(report: &Report, bytes: &[u8]) -> Result<(), Fault> {
    report
        .reserved_fault(bytes)
        .map_or(Ok(()), |detail| Err(Fault::new(Code::Reserved, detail)))
}

fn signing_key(report: &Report) -> Result<(), Fault> {
    if report.signing_key() <= 1 {
        return Ok(());
    }
    let got = report.signing_key().to_string();
    Err(Fault::differs(
        Code::SigningKey,
        "0 (VCEK) or 1 (VLEK)",
        got,
    ))
}

/// The 48 bytes, big-endian, of a little-endian integer between 0 and the order, both excluded.
pub(super) fn scalar(field: &[u8; 72]) -> Option<[u8; 48]> {
    let (low, high) = field.split_first_chunk::<48>()?;
    let mut scalar = *low;
    scalar.reverse();
    let in_range = scalar != [0; 48] && scalar < ORDER && high.iter().all(|byte| *byte == 0);
    in_range.then_some(scalar)
}

fn signature_range(report: &Report) -> Result<(), Fault> {
    for (name, field) in [("r", &report.signature_r), ("s", &report.signature_s)] {
        if scalar(field).is_none() {
            return Err(Fault::new(
                Code::SigRange,
                format!("{name} is not in 1 to n-1"),
            ));
        }
    }
    Ok(())
}

/// Judges A to F. None if the layout is unknown: then nothing else can be judged.
pub(super) fn judge(rows: &mut Rows, bytes: &[u8]) -> Option<Report> {
    let report = rows.judge(Check::Length, length(bytes))?;
    rows.judge(Check::Version, version(&report))?;
    rows.judge(Check::SignatureAlgorithm, algorithm(&report));
    rows.judge(Check::Reserved, reserved(&report, bytes));
    rows.judge(Check::SigningKey, signing_key(&report));
    rows.judge(Check::SignatureRange, signature_range(&report));
    Some(report)
}
