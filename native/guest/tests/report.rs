//! `podseal-guest report`: the real program in a fake guest (support/).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    missing_docs
)]

mod support;

use serde_json::{Value, json};
use support::firmware::{Launch, certificate_table};
use support::kernel::{FakeGuest, Mood};
use support::program::{Done, Guest, guest, run};
use support::verdict::launched;

fn report(guest: &Guest, more: &[&str]) -> Done {
    let own = ["report", "--wait=0"]
        .iter()
        .chain(more)
        .map(|text| (*text).to_owned());
    run(&own.chain(guest.sources()).collect::<Vec<_>>())
}

#[test]
fn the_raw_report_goes_to_standard_output() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let done = report(&guest, &["--report-data=0102FF"]);
    assert_eq!((done.exit, done.stdout.len()), (0, 1184));
    assert_eq!(done.stdout[0x50..0x54], [1, 2, 0xff, 0]);
    assert!(done.stderr.contains("not verified"), "{}", done.stderr);
}

#[test]
fn report_and_certificates_go_to_files() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let (output, table) = (
        guest.folder.join("report.bin"),
        guest.folder.join("table.bin"),
    );
    let done = report(
        &guest,
        &[
            "--output",
            output.to_str().unwrap(),
            "--certificates",
            table.to_str().unwrap(),
        ],
    );
    assert_eq!((done.exit, done.stdout), (0, Vec::new()));
    assert_eq!(std::fs::read(output).unwrap().len(), 1184);
    assert_eq!(std::fs::read(table).unwrap(), certificate_table());
    assert_eq!(
        std::fs::read_dir(&guest.folder).unwrap().count(),
        2,
        "no temporary file is left"
    );
}

#[test]
fn json_is_evidence_for_the_verifiers() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let document = report(&guest, &["--json"]).stdout;
    let evidence = podseal_verify::Evidence::from_json(&document).unwrap();
    assert_eq!(
        evidence.certificates,
        podseal_verify::Certificates::Table(certificate_table())
    );
    let members: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(members["format"], "podseal.evidence/v1");
}

#[test]
fn made_up_reports_are_refused() {
    for launch in [
        Launch {
            version: 1,
            ..Launch::of_policy(b"")
        },
        Launch {
            report_data: Some([0; 64]),
            ..Launch::of_policy(b"")
        },
    ] {
        let Some(guest) = guest(FakeGuest::new(launch)) else {
            return;
        };
        let output = guest.folder.join("report.bin");
        let done = report(&guest, &["--json", "--output", output.to_str().unwrap()]);
        assert_eq!(
            (done.exit, &done.failure()["code"]),
            (5, &json!("DEVICE_FAKE"))
        );
        assert!(!output.exists());
    }
}

#[test]
fn nothing_stands_in_for_an_absent_device() {
    let kernel = FakeGuest {
        configfs: Mood::Absent,
        sev_guest: Mood::Absent,
        sev: Mood::Absent,
        ..launched()
    };
    let Some(guest) = guest(kernel) else { return };
    let done = report(&guest, &["--json"]);
    let failure = done.failure();
    assert_eq!(
        (done.exit, &failure["code"], &failure["reason"]),
        (4, &json!("DEVICE_ABSENT"), &json!("E_NO_DEVICE"))
    );
    for source in ["(configfs)", "(sev-guest)", "(sev)"] {
        assert!(
            failure["got"].as_str().unwrap().contains(source),
            "each source is named"
        );
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let done = report(&guest, &["--json", "--output", "/nowhere/report.bin"]);
    assert_eq!((done.exit, &done.failure()["code"]), (3, &json!("FILE")));
}
