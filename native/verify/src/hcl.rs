//! The vTPM report of an Azure confidential VM (NV index 0x01400001): an SNP report and the data that its report data binds.

use crate::crypto::fixed;
use crate::report::REPORT_BYTES;
use ring::digest::{self, Algorithm};

/// Bytes before the SNP report.
const HEADER_BYTES: usize = 32;
/// Bytes of the runtime data before its variable part.
const RUNTIME_HEADER_BYTES: u32 = 20;
/// Header and report and runtime header.
const FIXED_BYTES: u32 = 1236;

/// The parts of a vTPM report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HclReport<'a> {
    /// The SNP report.
    pub(crate) report: &'a [u8],
    hash: &'static Algorithm,
    runtime: &'a [u8],
}

fn words<const N: usize>(bytes: &[u8]) -> Option<([u32; N], &[u8])> {
    let mut rest = bytes;
    let mut words = [0; N];
    for word in &mut words {
        let (four, behind) = rest.split_first_chunk::<4>()?;
        *word = u32::from_le_bytes(*four);
        rest = behind;
    }
    Some((words, rest))
}

fn hash_of(kind: u32) -> Option<&'static Algorithm> {
    match kind {
        1 => Some(&digest::SHA256),
        2 => Some(&digest::SHA384),
        3 => Some(&digest::SHA512),
        _ => None,
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl<'a> HclReport<'a> {
    /// Reads the parts. The error says what is wrong.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let rest = bytes
            .strip_prefix(b"HCLA")
            .ok_or("the signature HCLA is missing")?;
        let short = "it ends early";
        let ([version, total, request], rest) = words::<3>(rest).ok_or(short)?;
        if !matches!((version, request), (1 | 2, 2)) {
            return Err("header version or request type is unknown");
        }
        let reserved = HEADER_BYTES.saturating_sub(16);
        let (status, rest) = rest.split_at_checked(reserved).ok_or(short)?;
        let (report, rest) = rest.split_at_checked(REPORT_BYTES).ok_or(short)?;
        let ([size, layout, kind, hash, variable], rest) = words::<5>(rest).ok_or(short)?;
        if layout != 1 || kind != 2 {
            return Err("it holds no SNP report");
        }
        let hash = hash_of(hash).ok_or("the hash of the runtime data is unknown")?;
        let sizes = (
            variable.checked_add(RUNTIME_HEADER_BYTES),
            variable.checked_add(FIXED_BYTES),
        );
        if sizes != (Some(size), Some(total)) {
            return Err("its sizes contradict each other");
        }
        let variable = usize::try_from(variable).map_err(|_| short)?;
        let (runtime, padding) = rest.split_at_checked(variable).ok_or(short)?;
        if !is_zero(status) || !is_zero(padding) {
            return Err("bytes that must be zero are not");
        }
        Ok(Self {
            report,
            hash,
            runtime,
        })
    }

    /// The report data that binds the runtime data.
    pub(crate) fn report_data(&self) -> [u8; 64] {
        fixed(self.hash, self.runtime)
    }
}
