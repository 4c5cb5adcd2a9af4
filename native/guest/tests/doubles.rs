//! The laws of the devices at the seam below the program, where no FUSE is needed: the ports of /dev/sev-guest and
//! /dev/sev played by doubles, and configfs as a plain directory.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use podseal_guest::device::{
    self, Blob, Kind, Patience, Request, SevGuestPort, SevLegacyPort, Source, Trouble, Wait,
};
use podseal_guest::failure::Code;
use podseal_ioctl::{LEGACY_RESPONSE_BYTES, REQUEST_BYTES, RESPONSE_BYTES, Reply};
use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

const REQUEST: Request = Request {
    report_data: [0xab; 64],
    vmpl: 2,
};

/// What a call does: its errno, its exit information, status and size of the answer, certificates.
#[derive(Clone, Copy, Default)]
struct Script {
    errno: i32,
    exit_info: u64,
    status: u32,
    size: u32,
    certificates: usize,
}

const GOOD: Script = Script {
    errno: 0,
    exit_info: 0,
    status: 0,
    size: 1184,
    certificates: 0,
};

/// Plays extended and plain calls and writes down what it was asked.
struct Double {
    extended: Script,
    plain: Script,
    log: RefCell<Vec<String>>,
}

impl Double {
    fn new(extended: Script, plain: Script) -> Self {
        Self {
            extended,
            plain,
            log: RefCell::default(),
        }
    }
}

fn play(script: Script, request: &[u8; REQUEST_BYTES], response: &mut [u8]) -> Reply {
    response[..4].copy_from_slice(&script.status.to_le_bytes());
    response[4..8].copy_from_slice(&script.size.to_le_bytes());
    response[32..32 + REQUEST_BYTES].copy_from_slice(request);
    let result = if script.errno == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(script.errno))
    };
    Reply {
        result,
        exit_info: script.exit_info,
    }
}

impl SevGuestPort for Double {
    fn report(&self, request: &[u8; REQUEST_BYTES], response: &mut [u8; RESPONSE_BYTES]) -> Reply {
        self.log.borrow_mut().push("plain".to_owned());
        play(self.plain, request, response)
    }

    fn extended_report(
        &self,
        request: &[u8; REQUEST_BYTES],
        response: &mut [u8; RESPONSE_BYTES],
        certificates: &mut [u8],
    ) -> (Reply, u32) {
        let offered = certificates.len();
        self.log.borrow_mut().push(format!("extended {offered}"));
        let needed = self.extended.certificates;
        if needed > offered {
            let result = Err(io::Error::from_raw_os_error(5));
            let reply = Reply {
                result,
                exit_info: 1 << 32,
            };
            return (reply, needed as u32);
        }
        certificates[..needed].fill(7);
        (play(self.extended, request, response), needed as u32)
    }
}

impl SevLegacyPort for Double {
    fn report(
        &self,
        request: &[u8; REQUEST_BYTES],
        response: &mut [u8; LEGACY_RESPONSE_BYTES],
    ) -> Reply {
        play(self.plain, request, response)
    }
}

/// How the request ended, in a word.
fn word(result: Result<Blob, Trouble>) -> String {
    match result {
        Ok(blob) => format!("good {}", blob.certificate_table.len()),
        Err(Trouble::Absent(_)) => "absent".to_owned(),
        Err(Trouble::Denied(_)) => "denied".to_owned(),
        Err(Trouble::Busy(_)) => "busy".to_owned(),
        Err(Trouble::Failed(failure)) => failure.code.as_str().to_owned(),
    }
}

#[test]
fn the_request_has_report_data_and_level() {
    let bytes = REQUEST.to_bytes();
    assert_eq!(bytes[..64], [0xab; 64]);
    assert_eq!(bytes[64..68], 2_u32.to_le_bytes());
    assert_eq!(bytes[68..], [0; 28]);
    let double = Double::new(GOOD, GOOD);
    let blob = device::ask_sev_guest(&double, &REQUEST).unwrap();
    assert_eq!(blob.report[..REQUEST_BYTES], bytes);
}

#[test]
fn answers_of_both_devices() {
    let errno = |errno| Script { errno, ..GOOD };
    let vmm = |code: u64| Script {
        errno: 5,
        exit_info: code << 32,
        ..GOOD
    };
    for (script, guest, legacy) in [
        (GOOD, "good 0", "good 0"),
        (errno(16), "busy", "busy"),
        (errno(11), "busy", "busy"),
        (errno(4), "busy", "busy"),
        (vmm(2), "busy", "DEVICE_FIRMWARE_ERROR"),
        (errno(25), "absent", "absent"),
        (errno(22), "absent", "absent"),
        (errno(1), "denied", "denied"),
        (errno(5), "DEVICE_FIRMWARE_ERROR", "DEVICE_FIRMWARE_ERROR"),
        (
            Script {
                errno: 5,
                exit_info: 0x16,
                ..GOOD
            },
            "DEVICE_VMPL_REFUSED",
            "DEVICE_VMPL_REFUSED",
        ),
        (
            Script {
                errno: 5,
                exit_info: 3,
                ..GOOD
            },
            "DEVICE_FIRMWARE_ERROR",
            "DEVICE_FIRMWARE_ERROR",
        ),
        (
            Script {
                status: 0x16,
                ..GOOD
            },
            "DEVICE_VMPL_REFUSED",
            "DEVICE_VMPL_REFUSED",
        ),
        (
            Script {
                status: 0x27,
                ..GOOD
            },
            "DEVICE_FIRMWARE_ERROR",
            "DEVICE_FIRMWARE_ERROR",
        ),
        (
            Script { status: 1, ..GOOD },
            "DEVICE_FIRMWARE_ERROR",
            "DEVICE_FIRMWARE_ERROR",
        ),
        (
            Script { size: 0, ..GOOD },
            "DEVICE_SHORT_READ",
            "DEVICE_SHORT_READ",
        ),
        (
            Script { size: 1183, ..GOOD },
            "DEVICE_SHORT_READ",
            "DEVICE_SHORT_READ",
        ),
        (
            Script { size: 1185, ..GOOD },
            "DEVICE_SHORT_READ",
            "DEVICE_SHORT_READ",
        ),
    ] {
        let double = Double::new(script, script);
        assert_eq!(word(device::ask_sev_guest(&double, &REQUEST)), guest);
        assert_eq!(word(device::ask_sev_legacy(&double, &REQUEST)), legacy);
    }
}

#[test]
fn the_certificates_may_need_a_larger_buffer_once() {
    let with = |certificates| Script {
        certificates,
        ..GOOD
    };
    for (certificates, expected, calls) in [
        (0, "good 0", vec!["extended 16384"]),
        (100, "good 100", vec!["extended 16384"]),
        (16384, "good 16384", vec!["extended 16384"]),
        (
            16385,
            "good 16385",
            vec!["extended 16384", "extended 20480"],
        ),
        (
            1 << 20,
            "good 1048576",
            vec!["extended 16384", "extended 1048576"],
        ),
        ((1 << 20) + 1, "LIMIT_EXCEEDED", vec!["extended 16384"]),
    ] {
        let double = Double::new(with(certificates), GOOD);
        assert_eq!(word(device::ask_sev_guest(&double, &REQUEST)), expected);
        assert_eq!(*double.log.borrow(), calls);
    }
}

#[test]
fn a_host_that_refuses_certificates_may_still_give_the_report() {
    let double = Double::new(Script { errno: 5, ..GOOD }, GOOD);
    assert_eq!(word(device::ask_sev_guest(&double, &REQUEST)), "good 0");
    assert_eq!(*double.log.borrow(), ["extended 16384", "plain"]);
}

/// Says again so many times.
struct Times(u32);

impl Wait for Times {
    fn again(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }
}

#[test]
fn a_plain_directory_is_no_configfs() {
    // Nothing makes the attributes appear, as a kernel would.
    let path = std::env::temp_dir().join(format!("podseal-guest-{}-plain", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    let source = Source {
        kind: Kind::Configfs,
        path: path.clone(),
    };
    let failure = device::obtain(&[source], &REQUEST, &mut Times(3)).unwrap_err();
    assert_eq!(failure.code, Code::DeviceVmplRefused, "{failure}");
    assert_eq!(
        std::fs::read_dir(&path).unwrap().count(),
        0,
        "the entry is removed"
    );
    std::fs::remove_dir(path).unwrap();
}

#[test]
fn without_sources_there_is_no_report() {
    let absent = Source {
        kind: Kind::Sev,
        path: PathBuf::from("/nowhere/sev"),
    };
    let failure = device::obtain(&[absent], &REQUEST, &mut Times(3)).unwrap_err();
    assert_eq!(
        (failure.code, failure.code.exit(), failure.code.reason()),
        (Code::DeviceAbsent, 4, Some("E_NO_DEVICE"))
    );
    assert_eq!(
        device::obtain(&[], &REQUEST, &mut Times(3))
            .unwrap_err()
            .code,
        Code::DeviceAbsent
    );
    assert_eq!(Source::usual().len(), 3);
}

#[test]
fn patience_ends() {
    assert!(!Patience::new(Duration::ZERO).again());
    let mut short = Patience::new(Duration::from_millis(1));
    let times = std::iter::from_fn(|| short.again().then_some(()))
        .take(100)
        .count();
    assert!((1..100).contains(&times));
}
