//! A fresh report from this machine: the sources in the order of snp-attestation section 3.1. A source that is not there
//! gives way to the next; one that is there but fails ends the search, so that a broken source never hides behind
//! another. There is no built-in sample.

mod retry;
mod sev_guest;
mod sev_legacy;
mod tsm;

use crate::failure::{Code, Failure};
pub use retry::{Patience, Wait};
pub use sev_guest::{Ioctls, SevGuestPort};
pub use sev_legacy::SevLegacyPort;
use std::fmt;
use std::path::PathBuf;

/// Size of a report.
pub const REPORT_BYTES: usize = 1184;
/// Largest certificate table that is read; hosts send at most 16 KiB today.
pub const TABLE_BYTES_MAX: usize = 1 << 20;

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The configfs-tsm directory.
    Configfs,
    /// `/dev/sev-guest`.
    SevGuest,
    /// `/dev/sev` of the guest driver before that.
    Sev,
}

impl Kind {
    /// All, in the order in which they are tried, with their usual places.
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Configfs, "configfs", "/sys/kernel/config/tsm/report"),
        (Self::SevGuest, "sev-guest", "/dev/sev-guest"),
        (Self::Sev, "sev", "/dev/sev"),
    ];

    /// The name of the kind on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or("", |(_, name, _)| name)
    }
}

/// One source: a kind and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The kind.
    pub kind: Kind,
    /// Directory or device.
    pub path: PathBuf,
}

impl Source {
    /// The usual sources, in order.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        Kind::ALL
            .iter()
            .map(|(kind, _, path)| Self {
                kind: *kind,
                path: PathBuf::from(path),
            })
            .collect()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.path.display(), self.kind.name())
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The 64 bytes that the report must repeat.
    pub report_data: [u8; 64],
    /// Privilege level that the report is asked for.
    pub vmpl: u32,
}

impl Request {
    /// The request as the ioctls take it (96 bytes).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; podseal_ioctl::REQUEST_BYTES] {
        let mut bytes = [0; podseal_ioctl::REQUEST_BYTES];
        for (to, from) in bytes
            .iter_mut()
            .zip(self.report_data.iter().chain(&self.vmpl.to_le_bytes()))
        {
            *to = *from;
        }
        bytes
    }
}

/// What a source gave.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 1184 bytes, unchecked.
    pub report: Vec<u8>,
    /// The certificate table of the host; empty where there is none.
    pub certificate_table: Vec<u8>,
    /// Who gave it.
    pub source: Source,
}

/// Why a source gave no report.
#[derive(Debug)]
pub enum Trouble {
    /// It is not there: ask the next.
    Absent(String),
    /// It may not be used: ask the next, but say so if none answers.
    Denied(String),
    /// It is busy: ask again.
    Busy(String),
    /// It failed: give up.
    Failed(Failure),
}

/// A report and certificates without their source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// The report.
    pub report: Vec<u8>,
    /// The certificate table.
    pub certificate_table: Vec<u8>,
}

/// Asks the sources in order. Throws `DEVICE_*`.
pub fn obtain(
    sources: &[Source],
    request: &Request,
    wait: &mut dyn Wait,
) -> Result<Answer, Failure> {
    let mut absent = Vec::new();
    let mut denied = false;
    for source in sources {
        match ask(source, request, wait) {
            Ok(blob) => {
                return Ok(Answer {
                    report: blob.report,
                    certificate_table: blob.certificate_table,
                    source: source.clone(),
                });
            }
            Err(Trouble::Absent(why)) => absent.push(format!("{source}: {why}")),
            Err(Trouble::Denied(why)) => {
                denied = true;
                absent.push(format!("{source}: {why}"));
            }
            Err(Trouble::Busy(why)) => return Err(busy(source, &why)),
            Err(Trouble::Failed(failure)) => return Err(failure),
        }
    }
    let code = if denied {
        Code::DeviceAccess
    } else {
        Code::DeviceAbsent
    };
    let message = if denied {
        "no SNP report: a source may not be used"
    } else {
        "no SNP report: this is no SEV-SNP guest"
    };
    let failure =
        Failure::new(code, message).with_sides("one source of reports", absent.join("; "));
    Err(if denied {
        failure.with_hint("run as root, with the device or configfs mounted into the container")
    } else {
        failure.with_hint("in a container, /dev/sev-guest or /sys/kernel/config must be passed in")
    })
}

fn ask(source: &Source, request: &Request, wait: &mut dyn Wait) -> Result<Blob, Trouble> {
    loop {
        let result = match source.kind {
            Kind::Configfs => tsm::ask(&source.path, request),
            Kind::SevGuest => sev_guest::open(&source.path)
                .and_then(|port| sev_guest::ask(&port, source, request)),
            Kind::Sev => sev_legacy::open(&source.path)
                .and_then(|port| sev_legacy::ask(&port, source, request)),
        };
        match result {
            Err(Trouble::Busy(why)) if !wait.again() => return Err(Trouble::Busy(why)),
            Err(Trouble::Busy(_)) => {}
            other => return other,
        }
    }
}

fn busy(source: &Source, why: &str) -> Failure {
    Failure::new(Code::DeviceBusy, format!("{source} is busy: {why}"))
        .with_hint("try again, or wait longer with --wait SECONDS")
}

/// Asks `/dev/sev-guest` through a port: for tests, the same laws without a device.
pub fn ask_sev_guest(port: &dyn SevGuestPort, request: &Request) -> Result<Blob, Trouble> {
    let source = Source {
        kind: Kind::SevGuest,
        path: PathBuf::from("double"),
    };
    sev_guest::ask(port, &source, request)
}

/// Asks `/dev/sev` through a port.
pub fn ask_sev_legacy(port: &dyn SevLegacyPort, request: &Request) -> Result<Blob, Trouble> {
    let source = Source {
        kind: Kind::Sev,
        path: PathBuf::from("double"),
    };
    sev_legacy::ask(port, &source, request)
}

/// Refuses a report that is not of a known version or does not repeat the request: made-up reports are such.
/// For callers that do not verify it.
pub fn check_answer(answer: &Answer, request: &Request) -> Result<(), Failure> {
    let version = answer
        .report
        .first_chunk::<4>()
        .map(|bytes| u32::from_le_bytes(*bytes));
    if !matches!(version, Some(2..=5)) {
        let got = version.map_or_else(|| "nothing".to_owned(), |number| number.to_string());
        return Err(fake(answer, "has no known version").with_sides("version 2 to 5", got));
    }
    if answer.report.get(0x50..0x90) != Some(request.report_data.as_slice()) {
        return Err(fake(
            answer,
            "does not repeat the report data of the request",
        ));
    }
    Ok(())
}

fn fake(answer: &Answer, what: &str) -> Failure {
    Failure::new(
        Code::DeviceFake,
        format!("the report of {} {what}", answer.source),
    )
    .with_hint("this is no SNP firmware but a stand-in: do not use its reports")
}
