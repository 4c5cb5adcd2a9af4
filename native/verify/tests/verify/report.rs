//! Each check of a report fails for its own reason and for nothing else, on evidence with good signatures.

use crate::support::{Chain, Trial, assert_allowed, assert_denied};
use podseal_verify::{
    Check, Code, Evidence, Floors, Levels, Line, Outcome, ReportSource, VmplRule,
};

#[test]
fn good_evidence_of_each_line_is_allowed() {
    for line in Line::ALL {
        let verdict = Trial::of(line).signed();
        assert_allowed(&verdict);
        assert_eq!(verdict.product, Some(line));
        assert!(verdict.skipped().is_empty());
    }
}

#[test]
fn versions_two_to_five() {
    for version in 2..=5 {
        let mut trial = Trial::of(Line::Milan);
        trial.report.put(0, &[version]);
        if version == 2 {
            trial.report.put(0x188, &[0; 3]);
        }
        if version == 5 {
            trial.report.put(0x1F8, &[0xFF; 16]);
        }
        assert_allowed(&trial.signed());
    }
    for version in [0, 1, 6] {
        let mut trial = Trial::of(Line::Milan);
        trial.report.put(0, &[version]);
        assert_denied(&trial.signed(), Check::Version, Code::Version);
    }
}

/// Edits of a signed Milan report, and the check that each fails.
const REPORT_EDITS: [(usize, &[u8], Check, Code); 34] = [
    (0x34, &[0], Check::SignatureAlgorithm, Code::Sigalgo),
    (0x34, &[2], Check::SignatureAlgorithm, Code::Sigalgo),
    (0x4C, &[1], Check::Reserved, Code::Reserved),
    (0x18B, &[1], Check::Reserved, Code::Reserved),
    (0x19F, &[1], Check::Reserved, Code::Reserved),
    (0x1EB, &[1], Check::Reserved, Code::Reserved),
    (0x1EF, &[1], Check::Reserved, Code::Reserved),
    (0x1F8, &[1], Check::Reserved, Code::Reserved),
    (0x207, &[1], Check::Reserved, Code::Reserved),
    (0x208, &[1], Check::Reserved, Code::Reserved),
    (0x29F, &[1], Check::Reserved, Code::Reserved),
    (0x48, &[0x20], Check::Reserved, Code::Reserved),
    (0x4B, &[0x80], Check::Reserved, Code::Reserved),
    (0x48, &[0x1C], Check::SigningKey, Code::SigningKey),
    (0x48, &[0x08], Check::SigningKey, Code::SigningKey),
    (0x48, &[0x04], Check::LeafKind, Code::SigningKey),
    (0x48, &[0x02], Check::Chip, Code::ChipId),
    (0x1A0, &[0x78], Check::Chip, Code::ChipId),
    (0x188, &[0x19, 0x11], Check::Product, Code::Product),
    (0x188, &[0x00, 0x00], Check::Product, Code::Product),
    (0x188, &[0x1A, 0x50], Check::Product, Code::Product),
    (0x03A, &[1], Check::TcbReserved, Code::Reserved),
    (0x1E2, &[1], Check::TcbReserved, Code::Reserved),
    (0x1F2, &[1], Check::TcbReserved, Code::Reserved),
    (0x1E0, &[3], Check::TcbOrder, Code::TcbOrder),
    (0x038, &[3], Check::TcbOrder, Code::TcbOrder),
    (0x00A, &[0x01], Check::GuestPolicy, Code::Policy),
    (0x00B, &[0x04], Check::GuestPolicy, Code::Policy),
    (0x008, &[56, 1], Check::GuestPolicy, Code::Policy),
    (0x00A, &[0x23], Check::GuestPolicy, Code::Policy),
    (0x00A, &[0x0B], Check::Debug, Code::Debug),
    (0x00A, &[0x07], Check::MigrationAgent, Code::MigrateMa),
    (0x17F, &[0xFE], Check::MigrationAgent, Code::MigrateMa),
    (0x00A, &[0x02], Check::Platform, Code::PlatformInfo),
];

#[test]
fn each_field_of_a_report_has_its_check() {
    for (offset, bytes, check, code) in REPORT_EDITS {
        let mut trial = Trial::of(Line::Milan);
        trial.report.put(offset, bytes);
        assert_denied(&trial.signed(), check, code);
    }
    for vmpl in [[1, 0, 0, 0], [4, 0, 0, 0], [0xFF; 4]] {
        let mut trial = Trial::of(Line::Milan);
        trial.report.put(0x30, &vmpl);
        assert_denied(&trial.signed(), Check::Vmpl, Code::Vmpl);
        trial.expected.vmpl = VmplRule::Any;
        assert_eq!(trial.judge().allowed(), vmpl[0] == 1);
    }
}

#[test]
fn bytes_behind_the_signature_and_of_its_halves() {
    for offset in [0x330, 0x49F] {
        let mut trial = Trial::of(Line::Milan);
        trial.report.sign().put(offset, &[1]);
        assert_denied(&trial.judge(), Check::Reserved, Code::Reserved);
    }
    for offset in [0x2A0 + 48, 0x2A0 + 71, 0x2E8 + 48, 0x2E8 + 71] {
        let mut trial = Trial::of(Line::Milan);
        trial.report.sign().put(offset, &[1]);
        assert_denied(&trial.judge(), Check::SignatureRange, Code::SigRange);
    }
    for (offset, bytes) in [(0x2A0, [0; 48]), (0x2E8, [0; 48]), (0x2A0, [0xFF; 48])] {
        let mut trial = Trial::of(Line::Milan);
        trial.report.sign().put(offset, &bytes);
        assert_denied(&trial.judge(), Check::SignatureRange, Code::SigRange);
    }
}

#[test]
fn every_signed_byte_is_signed() {
    let mut signed = Trial::of(Line::Turin);
    signed.report.sign();
    for offset in 0..0x2A0 {
        let mut trial = signed.clone();
        trial.report.0[offset] ^= 0x10;
        assert!(!trial.judge().allowed(), "byte {offset:#x}");
    }
    for offset in [0x50, 0x90, 0x140] {
        let mut trial = signed.clone();
        trial.report.0[offset] ^= 1;
        assert_denied(&trial.judge(), Check::ReportSignature, Code::Signature);
    }
}

#[test]
fn lengths_other_than_1184() {
    let mut trial = Trial::of(Line::Milan);
    trial.report.sign();
    let report = trial.report.0.to_vec();
    for bytes in [
        &report[..1183],
        &[report.as_slice(), &[0]].concat(),
        &[],
        &[0; 1216],
    ] {
        let evidence = Evidence {
            report: ReportSource::Raw(bytes.to_vec()),
            ..trial.evidence()
        };
        let verdict = trial.judge_evidence(&evidence);
        assert_denied(&verdict, Check::Length, Code::Length);
        let blocked = verdict.row(Check::HostData).unwrap().result;
        assert_eq!(blocked, Outcome::Blocked);
    }
    let evidence = Evidence {
        report: ReportSource::Absent,
        ..trial.evidence()
    };
    assert_denied(
        &trial.judge_evidence(&evidence),
        Check::Length,
        Code::Length,
    );
}

type Ask = fn(&mut Trial);

/// Expectations that the good Milan report does not meet.
const ASKED: [(Ask, Check, Code); 22] = [
    (
        |t| t.expected.host_data = Some(vec![[1; 32]]),
        Check::HostData,
        Code::HostData,
    ),
    (
        |t| t.expected.report_data = Some([0; 64]),
        Check::ReportData,
        Code::ReportData,
    ),
    (
        |t| t.expected.launch_measurements = Some(vec![[0; 48]]),
        Check::LaunchMeasurement,
        Code::Measurement,
    ),
    (
        |t| t.expected.family_id = Some([1; 16]),
        Check::FamilyId,
        Code::FamilyId,
    ),
    (
        |t| t.expected.image_id = Some([1; 16]),
        Check::ImageId,
        Code::ImageId,
    ),
    (
        |t| t.expected.id_key_digests = Some(vec![[1; 48]]),
        Check::IdKey,
        Code::IdKey,
    ),
    (
        |t| t.expected.author_key_digests = Some(vec![[1; 48]]),
        Check::AuthorKey,
        Code::AuthorKey,
    ),
    (
        |t| t.expected.require_author_key = true,
        Check::AuthorKey,
        Code::AuthorKey,
    ),
    (
        |t| t.expected.chip_ids = Some(vec![[1; 64]]),
        Check::Chip,
        Code::ChipId,
    ),
    (
        |t| t.expected.minimum_guest_svn = Some(3),
        Check::GuestSvn,
        Code::GuestSvn,
    ),
    (
        |t| t.expected.launch_mitigations = Some(1),
        Check::Mitigations,
        Code::Mitigation,
    ),
    (
        |t| t.expected.current_mitigations = Some(2),
        Check::Mitigations,
        Code::Mitigation,
    ),
    (
        |t| t.expected.minimum_firmware = firmware(1, 56, 0),
        Check::Firmware,
        Code::Firmware,
    ),
    (
        |t| t.expected.minimum_firmware = firmware(2, 0, 0),
        Check::Firmware,
        Code::Firmware,
    ),
    (
        |t| t.expected.minimum_firmware = firmware(1, 55, 22),
        Check::Firmware,
        Code::Firmware,
    ),
    (
        |t| t.expected.require_tsme = true,
        Check::Platform,
        Code::PlatformInfo,
    ),
    (
        |t| t.expected.require_smt_disabled = true,
        Check::GuestPolicy,
        Code::Policy,
    ),
    (
        |t| t.expected.guest_policies = Some(vec![0x30000]),
        Check::GuestPolicy,
        Code::Policy,
    ),
    (
        |t| t.expected.minimum_tcb = floor(Line::Milan, 5, 0),
        Check::TcbMinimum,
        Code::TcbMin,
    ),
    (
        |t| t.expected.minimum_tcb = floor(Line::Milan, 0, 0xDC),
        Check::TcbMinimum,
        Code::TcbMin,
    ),
    (
        |t| t.expected.minimum_tcb = floor(Line::Genoa, 0, 0),
        Check::TcbMinimum,
        Code::TcbMin,
    ),
    (
        |t| t.expected.minimum_launch_tcb = floor(Line::Milan, 5, 0),
        Check::TcbMinimum,
        Code::TcbMin,
    ),
];

fn firmware(major: u8, minor: u8, build: u8) -> Option<podseal_verify::FirmwareVersion> {
    Some(podseal_verify::FirmwareVersion {
        major,
        minor,
        build,
    })
}

fn floor(line: Line, bl: u8, ucode: u8) -> Option<Floors> {
    Some(Floors(vec![(
        line,
        Levels {
            bl,
            ucode,
            ..Levels::default()
        },
    )]))
}

#[test]
fn each_expectation_has_its_check() {
    let mut signed = Trial::of(Line::Milan);
    signed.report.sign();
    for (ask, check, code) in ASKED {
        let mut trial = signed.clone();
        ask(&mut trial);
        assert_denied(&trial.judge(), check, code);
    }
}

#[test]
fn expectations_that_are_met() {
    let mut trial = Trial::of(Line::Milan);
    trial
        .report
        .put(0x48, &[1])
        .put(0x110, &[7; 48])
        .put(0xE0, &[6; 48])
        .sign();
    let expected = &mut trial.expected;
    expected.report_data = Some([0x11; 64]);
    expected.launch_measurements = Some(vec![[0; 48], [0x22; 48]]);
    expected.author_key_digests = Some(vec![[7; 48]]);
    expected.require_author_key = true;
    expected.id_key_digests = Some(vec![[6; 48]]);
    expected.minimum_firmware = firmware(1, 9, 255);
    expected.minimum_guest_svn = Some(2);
    expected.minimum_tcb = floor(Line::Milan, 4, 0xDB);
    expected.require_committed = true;
    expected.require_ecc = true;
    expected.require_alias_check = true;
    expected.guest_policies = Some(vec![0x3001F]);
    expected.chip_ids = Some(vec![[0x77; 64]]);
    assert_allowed(&trial.judge());
}

#[test]
fn provisional_firmware_is_allowed_unless_committed_is_asked_for() {
    let mut trial = Trial::of(Line::Milan);
    trial.report.put(0x3F, &[0xDC]);
    assert_allowed(&trial.signed());
    trial.expected.require_committed = true;
    assert_denied(&trial.judge(), Check::TcbOrder, Code::TcbOrder);
    let mut trial = Trial::of(Line::Milan);
    trial.report.put(0x1E8, &[22]);
    trial.expected.require_committed = true;
    assert_denied(&trial.signed(), Check::Firmware, Code::Firmware);
}

#[test]
fn unknown_platform_bits_are_kept_unless_refused() {
    let mut trial = Trial::of(Line::Milan);
    trial.report.put(0x41, &[1]);
    assert_allowed(&trial.signed());
    trial.expected.allow_unknown_platform_bits = false;
    assert_denied(&trial.judge(), Check::Platform, Code::PlatformInfo);
}

#[test]
fn turin_has_another_tcb_and_a_short_chip() {
    let mut trial = Trial::of(Line::Turin);
    trial.report.put(0x1A8, &[1]);
    assert_denied(&trial.signed(), Check::Chip, Code::ChipId);
    let mut trial = Trial::of(Line::Turin);
    for offset in [0x38, 0x180, 0x1E0, 0x1F0] {
        trial.report.put(offset, &[2]);
    }
    assert_denied(&trial.signed(), Check::TcbCertificate, Code::TcbCert);
}

#[test]
fn a_vlek_may_be_refused_and_its_provider_listed() {
    let mut trial = Trial::of(Line::Milan);
    trial.chain = Chain::good_vlek().clone();
    trial.report.put(0x48, &[4]).put(0x1A0, &[0; 64]);
    assert_allowed(&trial.signed());
    trial.expected.csp_ids = Some(vec!["CN=throw-away.example".to_owned()]);
    assert_allowed(&trial.judge());
    trial.expected.csp_ids = Some(vec!["CN=other.example".to_owned()]);
    assert_denied(&trial.judge(), Check::Csp, Code::CspId);
    trial.expected.csp_ids = None;
    trial.expected.allow_vlek = false;
    assert_denied(&trial.judge(), Check::LeafKind, Code::SigningKey);
}
