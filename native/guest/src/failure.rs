//! Why no verdict can be given: a closed list of codes, each with its exit status and the reason code of the
//! specification where that has one. A denial is a result, not a failure.

use std::fmt;

/// Exit status of a verdict that allows, and of a command that printed what it was asked for.
pub const EXIT_OK: u8 = 0;
/// Exit status of a verdict that denies.
pub const EXIT_DENIED: u8 = 10;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An unknown flag, a missing or impossible value, or no expectation.
    Usage,
    /// A file that cannot be read or written.
    File,
    /// An input beyond a documented limit.
    Limit,
    /// A policy, initdata, expectation, endorsement or table that cannot be read.
    Input,
    /// A certificate service that does not answer as it should.
    Unreachable,
    /// No source of reports, or no device mapper.
    DeviceAbsent,
    /// A source that this process may not use.
    DeviceAccess,
    /// A source that stayed busy for the whole waiting time.
    DeviceBusy,
    /// A source that gave less than a report.
    DeviceShortRead,
    /// A privilege level that the guest may not ask for.
    DeviceVmplRefused,
    /// The firmware or the hypervisor answered with an error.
    DeviceFirmwareError,
    /// A source of another kind of reports.
    DeviceForeign,
    /// A report that does not answer the request, as made-up ones do.
    DeviceFake,
}

struct Row {
    text: &'static str,
    exit: u8,
    reason: Option<&'static str>,
}

impl Code {
    /// Exit statuses: 2 usage, 3 input, 4 not reachable (a retry or another machine may help), 5 integrity.
    const fn row(self) -> Row {
        const NO_DEVICE: Option<&str> = Some("E_NO_DEVICE");
        const IOCTL: Option<&str> = Some("E_IOCTL");
        let (text, exit, reason) = match self {
            Self::Usage => ("USAGE", 2, Some("E_USAGE")),
            Self::File => ("FILE", 3, None),
            Self::Limit => ("LIMIT_EXCEEDED", 3, None),
            Self::Input => ("INPUT_UNREADABLE", 3, None),
            Self::Unreachable => ("UNREACHABLE", 4, None),
            Self::DeviceAbsent => ("DEVICE_ABSENT", 4, NO_DEVICE),
            Self::DeviceAccess => ("DEVICE_ACCESS", 4, NO_DEVICE),
            Self::DeviceForeign => ("DEVICE_FOREIGN", 4, NO_DEVICE),
            Self::DeviceBusy => ("DEVICE_BUSY", 4, IOCTL),
            Self::DeviceVmplRefused => ("DEVICE_VMPL_REFUSED", 4, IOCTL),
            Self::DeviceFirmwareError => ("DEVICE_FIRMWARE_ERROR", 4, IOCTL),
            Self::DeviceShortRead => ("DEVICE_SHORT_READ", 5, IOCTL),
            Self::DeviceFake => ("DEVICE_FAKE", 5, IOCTL),
        };
        Row { text, exit, reason }
    }

    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().text
    }

    /// Exit status.
    #[must_use]
    pub const fn exit(self) -> u8 {
        self.row().exit
    }

    /// Reason code of the specification.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        self.row().reason
    }
}

/// A failure: the object first, in lower case, without full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub code: Code,
    /// What it happened to.
    pub message: String,
    /// What was expected.
    pub want: Option<String>,
    /// What was found.
    pub got: Option<String>,
    /// What can be done, most likely remedy first.
    pub hints: Vec<&'static str>,
}

impl Failure {
    /// A failure without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            want: None,
            got: None,
            hints: Vec::new(),
        }
    }

    /// The same with both sides of a comparison.
    #[must_use]
    pub fn with_sides(mut self, want: impl Into<String>, got: impl Into<String>) -> Self {
        self.want = Some(want.into());
        self.got = Some(got.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: &'static str) -> Self {
        self.hints.push(hint);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} [{}]", self.message, self.code.as_str())
    }
}

impl std::error::Error for Failure {}
