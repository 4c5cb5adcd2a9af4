//! Sources of reports that are absent, busy, broken or foreign: the real program in a fake guest (support/).

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

use serde_json::json;
use support::fuse::{EACCES, EBUSY, ENOTTY, ENXIO, EPERM};
use support::kernel::{FakeGuest, Mood};
use support::program::guest;
use support::verdict::{arguments, launched, verify};

#[test]
fn sources_are_tried_in_order_and_absent_ones_passed_over() {
    for (configfs, sev_guest, expected) in [
        (Mood::Good, Mood::Good, "configfs"),
        (Mood::Absent, Mood::Good, "sev-guest"),
        (Mood::Errno(ENXIO), Mood::Good, "sev-guest"),
        (Mood::Errno(EPERM), Mood::Good, "sev-guest"),
        (Mood::Absent, Mood::Absent, "sev"),
        (Mood::Absent, Mood::Errno(ENOTTY), "sev"),
    ] {
        let Some(guest) = guest(FakeGuest {
            configfs,
            sev_guest,
            ..launched()
        }) else {
            return;
        };
        assert_eq!(verify(&guest, &[]).json()["source"]["kind"], expected);
    }
}

#[test]
fn failures_of_the_device_are_no_verdicts() {
    let moods = |mood: &Mood| {
        [
            (mood.clone(), "configfs=tsm"),
            (mood.clone(), "sev-guest=sev-guest"),
            (mood.clone(), "sev=sev"),
        ]
    };
    for (mood, code, exit) in [
        (Mood::Absent, "DEVICE_ABSENT", 4),
        (Mood::Busy(99), "DEVICE_BUSY", 4),
        (Mood::Errno(EBUSY), "DEVICE_BUSY", 4),
        (Mood::Errno(EACCES), "DEVICE_ACCESS", 4),
        (Mood::Short(0), "DEVICE_SHORT_READ", 5),
        (Mood::Short(1183), "DEVICE_SHORT_READ", 5),
        (Mood::Status(0x27), "DEVICE_FIRMWARE_ERROR", 4),
    ] {
        for (mood, source) in moods(&mood) {
            let (configfs, sev_guest, sev) = (mood.clone(), mood.clone(), mood.clone());
            let Some(guest) = guest(FakeGuest {
                configfs,
                sev_guest,
                sev,
                ..launched()
            }) else {
                return;
            };
            let done = guest.run(&arguments(&guest, &[guest.source(source)], &[]));
            let failure = done.failure();
            assert_eq!(
                (done.exit, &failure["code"]),
                (exit, &json!(code)),
                "{mood:?} of {source}: {failure:#}"
            );
        }
    }
}

#[test]
fn a_source_that_fails_does_not_hide_behind_the_next() {
    for configfs in [Mood::Busy(99), Mood::Short(8), Mood::Status(1)] {
        let Some(guest) = guest(FakeGuest {
            configfs,
            ..launched()
        }) else {
            return;
        };
        assert!(
            verify(&guest, &[]).failure()["message"]
                .as_str()
                .unwrap()
                .contains("configfs")
        );
    }
}

#[test]
fn a_refused_privilege_level_has_its_own_code() {
    let Some(guest) = guest(FakeGuest {
        privlevel_floor: 1,
        sev_guest: Mood::Status(0x16),
        ..launched()
    }) else {
        return;
    };
    for source in ["configfs=tsm", "sev-guest=sev-guest"] {
        let done = guest.run(&arguments(&guest, &[guest.source(source)], &[]));
        assert_eq!(
            (done.exit, &done.failure()["code"]),
            (4, &json!("DEVICE_VMPL_REFUSED")),
            "{source}"
        );
    }
}

#[test]
fn a_provider_of_other_reports_is_refused() {
    for provider in ["tdx_guest\n", "fake\n", ""] {
        let Some(guest) = guest(FakeGuest {
            provider: provider.to_owned(),
            ..launched()
        }) else {
            return;
        };
        let done = verify(&guest, &[]);
        assert_eq!(
            (done.exit, &done.failure()["code"]),
            (4, &json!("DEVICE_FOREIGN")),
            "{provider:?}"
        );
    }
}

#[test]
fn a_busy_device_is_asked_again() {
    for source in ["configfs=tsm", "sev-guest=sev-guest"] {
        let kernel = FakeGuest {
            configfs: Mood::Busy(2),
            sev_guest: Mood::Busy(2),
            intruders: 1,
            ..launched()
        };
        let Some(guest) = guest(kernel) else { return };
        let mut args = arguments(&guest, &[guest.source(source)], &[]);
        args.retain(|argument| argument != "--wait=0");
        assert_eq!(guest.run(&args).exit, 0, "{source}");
    }
}

#[test]
fn a_request_that_someone_changes_is_never_believed() {
    let Some(guest) = guest(FakeGuest {
        intruders: u32::MAX,
        ..launched()
    }) else {
        return;
    };
    let done = verify(&guest, &[]);
    assert_eq!(
        (done.exit, &done.failure()["code"]),
        (4, &json!("DEVICE_BUSY"))
    );
    let kernel = guest.kernel.lock().unwrap();
    assert_eq!(kernel.made, kernel.removed, "no entry is left behind");
}
