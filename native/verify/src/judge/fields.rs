//! Steps V to AF: the fields of a report against the expectation.

use super::Context;
use crate::code::{Check, Code};
use crate::expectation::{Expectation, VmplRule};
use crate::hex::hex;
use crate::near_miss::near_misses;
use crate::report::{FirmwareVersion, Report};
use crate::verdict::{Fault, Outcome, Rows};

/// Bits of the guest policy (SNP ABI).
mod policy {
    pub(super) const SMT: u64 = 1 << 16;
    pub(super) const MUST_BE_ONE: u64 = 1 << 17;
    pub(super) const MIGRATE_MA: u64 = 1 << 18;
    pub(super) const DEBUG: u64 = 1 << 19;
    pub(super) const CXL: u64 = 1 << 21;
    pub(super) const RESERVED: u64 = !((1 << 26) - 1);
}

/// Bits of the platform information.
mod platform {
    pub(super) const SMT: u64 = 1;
    pub(super) const TSME: u64 = 1 << 1;
    pub(super) const ECC: u64 = 1 << 2;
    pub(super) const ALIAS_CHECK: u64 = 1 << 5;
    pub(super) const KNOWN: u64 = 0xFF;
}

const NO_MIGRATION_AGENT: [u8; 32] = [0xFF; 32];

fn word(bits: u64) -> String {
    format!("{bits:#018x}")
}

/// The lowest firmware version that the guest accepts, from its policy.
const fn minimum_abi(policy: u64) -> (u8, u8) {
    let [minor, major, ..] = policy.to_le_bytes();
    (major, minor)
}

fn guest_policy(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    let fault = |detail: &str| {
        Err(Fault::new(
            Code::Policy,
            format!("guest policy {} {detail}", word(report.policy)),
        ))
    };
    if report.policy & policy::MUST_BE_ONE == 0 {
        return fault("has bit 17 clear");
    }
    if report.policy & policy::RESERVED != 0 {
        return fault("has reserved bits set");
    }
    let FirmwareVersion { major, minor, .. } = report.current_version;
    if minimum_abi(report.policy) > (major, minor) {
        return fault("asks for newer firmware than the platform runs");
    }
    if report.policy & policy::CXL != 0 && !expected.allow_cxl {
        return fault("allows CXL devices");
    }
    if report.policy & policy::SMT != 0 && expected.require_smt_disabled {
        return fault("allows SMT");
    }
    match &expected.guest_policies {
        Some(words) if !words.contains(&report.policy) => fault("is not listed"),
        _ => Ok(()),
    }
}

fn debug(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    if report.policy & policy::DEBUG == 0 || expected.allow_debug {
        return Ok(());
    }
    Err(Fault::new(
        Code::Debug,
        "the host may read the memory of the guest",
    ))
}

fn migration_agent(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    if expected.allow_migration_agent {
        return Ok(());
    }
    if report.policy & policy::MIGRATE_MA != 0 {
        return Err(Fault::new(
            Code::MigrateMa,
            "the guest policy allows a migration agent",
        ));
    }
    if report.report_id_ma != NO_MIGRATION_AGENT {
        return Err(Fault::new(
            Code::MigrateMa,
            "a migration agent is associated",
        ));
    }
    Ok(())
}

fn platform_bits(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    let bits = report.platform_info;
    let fault = |detail: &str| {
        Err(Fault::new(
            Code::PlatformInfo,
            format!("platform {} {detail}", word(bits)),
        ))
    };
    if bits & platform::SMT != 0 && report.policy & policy::SMT == 0 {
        return fault("has SMT on, which the guest policy forbids");
    }
    for (required, bit, name) in [
        (expected.require_tsme, platform::TSME, "TSME"),
        (expected.require_ecc, platform::ECC, "ECC"),
        (
            expected.require_alias_check,
            platform::ALIAS_CHECK,
            "the alias check",
        ),
    ] {
        if required && bits & bit == 0 {
            return fault(&format!("lacks {name}"));
        }
    }
    if bits & !platform::KNOWN != 0 && !expected.allow_unknown_platform_bits {
        return fault("has unknown bits set");
    }
    Ok(())
}

fn vmpl(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    let (want, fits) = match expected.vmpl {
        VmplRule::Any => ("0 to 3".to_owned(), report.vmpl <= 3),
        VmplRule::Exactly(level) => (level.to_string(), report.vmpl == level),
    };
    if fits {
        Ok(())
    } else {
        Err(Fault::differs(Code::Vmpl, want, report.vmpl.to_string()))
    }
}

fn firmware(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    let (current, committed) = (report.current_version, report.committed_version);
    if let Some(minimum) = expected.minimum_firmware
        && current < minimum
    {
        let want = format!("at least {minimum}");
        return Err(Fault::differs(Code::Firmware, want, current.to_string()));
    }
    if expected.require_committed && current != committed {
        let want = format!("{committed} (committed)");
        return Err(Fault::differs(Code::Firmware, want, current.to_string()));
    }
    Ok(())
}

fn guest_svn(report: &Report, minimum: u32) -> Result<(), Fault> {
    if report.guest_svn >= minimum {
        return Ok(());
    }
    let want = format!("at least {minimum}");
    Err(Fault::differs(
        Code::GuestSvn,
        want,
        report.guest_svn.to_string(),
    ))
}

fn mitigations(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    for (name, required, vector) in [
        (
            "launch",
            expected.launch_mitigations,
            report.launch_mit_vector,
        ),
        (
            "current",
            expected.current_mitigations,
            report.current_mit_vector,
        ),
    ] {
        if let Some(mask) = required
            && vector & mask != mask
        {
            let want = format!("{name} mitigations {}", word(mask));
            return Err(Fault::differs(Code::Mitigation, want, word(vector)));
        }
    }
    Ok(())
}

/// Membership in a list, both sides named in hex.
fn listed<const N: usize>(code: Code, list: &[[u8; N]], got: &[u8; N]) -> Result<(), Fault> {
    if list.contains(got) {
        return Ok(());
    }
    let want: Vec<String> = list.iter().map(|bytes| hex(bytes)).collect();
    Err(Fault::differs(code, want.join(" or "), hex(got)))
}

fn author_key(report: &Report, expected: &Expectation) -> Result<(), Fault> {
    let has_digest = report.author_key_digest != [0; 48];
    if report.has_author_key() != has_digest {
        return Err(Fault::new(
            Code::AuthorKey,
            "flag and digest of the author key disagree",
        ));
    }
    if expected.require_author_key && !has_digest {
        return Err(Fault::new(Code::AuthorKey, "there is no author key"));
    }
    expected
        .author_key_digests
        .as_ref()
        .map_or(Ok(()), |digests| {
            listed(Code::AuthorKey, digests, &report.author_key_digest)
        })
}

impl Rows {
    /// Membership in a list that may be absent.
    fn membership<const N: usize>(
        &mut self,
        (check, code): (Check, Code),
        list: Option<&[[u8; N]]>,
        got: &[u8; N],
    ) {
        match list {
            None => self.mark(check, Outcome::NotAsked),
            Some(list) => {
                self.judge(check, listed(code, list, got));
            }
        }
    }

    fn judge_if(&mut self, asked: bool, check: Check, judge: impl FnOnce() -> Result<(), Fault>) {
        if asked {
            self.judge(check, judge());
        } else {
            self.mark(check, Outcome::NotAsked);
        }
    }
}

fn host_data(rows: &mut Rows, report: &Report, expected: &Expectation, context: &Context<'_>) {
    let Some(measurements) = &expected.host_data else {
        return rows.mark(Check::HostData, Outcome::Skipped);
    };
    let result = listed(Code::HostData, measurements, &report.host_data);
    if rows.judge(Check::HostData, result).is_none() {
        rows.near_misses(near_misses(
            &report.host_data,
            measurements,
            context.candidates,
        ));
    }
}

/// Judges V to AF, but for the runtime data of a vTPM report.
pub(super) fn judge(rows: &mut Rows, report: &Report, expected: &Expectation, at: &Context<'_>) {
    rows.judge(Check::GuestPolicy, guest_policy(report, expected));
    rows.judge(Check::Debug, debug(report, expected));
    rows.judge(Check::MigrationAgent, migration_agent(report, expected));
    rows.judge(Check::Platform, platform_bits(report, expected));
    rows.judge(Check::Vmpl, vmpl(report, expected));
    let svn = expected.minimum_guest_svn;
    rows.judge_if(svn.is_some(), Check::GuestSvn, || {
        guest_svn(report, svn.unwrap_or_default())
    });
    let firmware_asked = expected.minimum_firmware.is_some() || expected.require_committed;
    rows.judge_if(firmware_asked, Check::Firmware, || {
        firmware(report, expected)
    });
    let bits_asked = expected
        .launch_mitigations
        .or(expected.current_mitigations)
        .is_some();
    rows.judge_if(bits_asked, Check::Mitigations, || {
        mitigations(report, expected)
    });
    rows.judge(Check::AuthorKey, author_key(report, expected));
    let id_keys = expected.id_key_digests.as_deref();
    rows.membership((Check::IdKey, Code::IdKey), id_keys, &report.id_key_digest);
    let family = expected.family_id.as_ref().map(std::slice::from_ref);
    rows.membership((Check::FamilyId, Code::FamilyId), family, &report.family_id);
    let image = expected.image_id.as_ref().map(std::slice::from_ref);
    rows.membership((Check::ImageId, Code::ImageId), image, &report.image_id);
    let launch = expected.launch_measurements.as_deref();
    let launch_row = (Check::LaunchMeasurement, Code::Measurement);
    rows.membership(launch_row, launch, &report.launch_measurement);
    let data = expected.report_data.as_ref().map(std::slice::from_ref);
    rows.membership(
        (Check::ReportData, Code::ReportData),
        data,
        &report.report_data,
    );
    host_data(rows, report, expected, at);
}
