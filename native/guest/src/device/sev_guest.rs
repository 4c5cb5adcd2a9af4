//! `/dev/sev-guest` (snp-attestation section 3.2).

use super::{Blob, Request, Source, TABLE_BYTES_MAX, Trouble, sev_legacy};
use crate::failure::{Code, Failure};
use podseal_ioctl::{REQUEST_BYTES, RESPONSE_BYTES, Reply};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

/// Bytes offered for certificates at first: what Linux takes at most today.
const FIRST_TABLE_BYTES: usize = 16 * 1024;
const PAGE_BYTES: usize = 4096;

const VMM_TOO_SMALL: u32 = 1;
const VMM_BUSY: u32 = 2;
/// Firmware status for parameters that it refuses; of a report the only one is the VMPL.
pub(super) const STATUS_INVALID_PARAMETER: u32 = 0x16;
const STATUS_INVALID_KEY: u32 = 0x27;

/// Port: the two calls of the device.
pub trait SevGuestPort {
    /// `SNP_GET_REPORT`.
    fn report(&self, request: &[u8; REQUEST_BYTES], response: &mut [u8; RESPONSE_BYTES]) -> Reply;
    /// `SNP_GET_EXT_REPORT`; gives the length that the certificates need or have.
    fn extended_report(
        &self,
        request: &[u8; REQUEST_BYTES],
        response: &mut [u8; RESPONSE_BYTES],
        certificates: &mut [u8],
    ) -> (Reply, u32);
}

/// The device itself.
#[derive(Debug)]
pub struct Ioctls(pub File);

impl SevGuestPort for Ioctls {
    fn report(&self, request: &[u8; REQUEST_BYTES], response: &mut [u8; RESPONSE_BYTES]) -> Reply {
        podseal_ioctl::get_report(&self.0, request, response)
    }

    fn extended_report(
        &self,
        request: &[u8; REQUEST_BYTES],
        response: &mut [u8; RESPONSE_BYTES],
        certificates: &mut [u8],
    ) -> (Reply, u32) {
        podseal_ioctl::get_extended_report(&self.0, request, response, certificates)
    }
}

pub(super) fn open(path: &Path) -> Result<Ioctls, Trouble> {
    open_device(path).map(Ioctls)
}

/// Opens a device for reading and writing; also for the older one.
pub(super) fn open_device(path: &Path) -> Result<File, Trouble> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Trouble::Denied(error.to_string())
            }
            ErrorKind::ResourceBusy | ErrorKind::WouldBlock => Trouble::Busy(error.to_string()),
            _ => Trouble::Absent(error.to_string()),
        })
}

pub(super) fn ask(
    port: &dyn SevGuestPort,
    source: &Source,
    request: &Request,
) -> Result<Blob, Trouble> {
    let bytes = request.to_bytes();
    match ask_extended(port, source, &bytes) {
        // A host that refuses to hand out certificates may still give the report.
        Err(Trouble::Failed(Failure {
            code: Code::DeviceFirmwareError,
            ..
        })) => {}
        other => return other,
    }
    let mut response = [0; RESPONSE_BYTES];
    let reply = port.report(&bytes, &mut response);
    judge_reply(&reply, source)?;
    let report = sev_legacy::read_response(&response, source)?;
    Ok(Blob {
        report,
        certificate_table: Vec::new(),
    })
}

fn ask_extended(
    port: &dyn SevGuestPort,
    source: &Source,
    request: &[u8; REQUEST_BYTES],
) -> Result<Blob, Trouble> {
    let mut response = [0; RESPONSE_BYTES];
    let mut certificates = vec![0; FIRST_TABLE_BYTES];
    let (mut reply, mut length) = port.extended_report(request, &mut response, &mut certificates);
    if is_too_small(&reply) {
        certificates = vec![0; table_size(length, certificates.len(), source)?];
        (reply, length) = port.extended_report(request, &mut response, &mut certificates);
    }
    judge_reply(&reply, source)?;
    let report = sev_legacy::read_response(&response, source)?;
    // Kernels before 6.1 leave the length as it was; the table ends with its own terminator.
    certificates.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    if certificates.iter().all(|byte| *byte == 0) {
        certificates.clear();
    }
    Ok(Blob {
        report,
        certificate_table: certificates,
    })
}

fn is_too_small(reply: &Reply) -> bool {
    reply.result.as_ref().is_err_and(|error| {
        error.kind() == ErrorKind::StorageFull || vmm_error(reply) == VMM_TOO_SMALL
    })
}

/// The size that the host asked for, in whole pages. It must be more than was offered, and within the limit.
fn table_size(needed: u32, offered: usize, source: &Source) -> Result<usize, Trouble> {
    let needed = usize::try_from(needed).unwrap_or(usize::MAX);
    if needed <= offered || needed > TABLE_BYTES_MAX {
        let want = format!("more than {offered} and at most {TABLE_BYTES_MAX} bytes");
        let failure = Failure::new(
            Code::Limit,
            format!("the certificates of {source} have an impossible size"),
        );
        return Err(Trouble::Failed(
            failure.with_sides(want, format!("{needed} bytes")),
        ));
    }
    Ok(needed.next_multiple_of(PAGE_BYTES))
}

fn judge_reply(reply: &Reply, source: &Source) -> Result<(), Trouble> {
    let Err(error) = &reply.result else {
        return Ok(());
    };
    let firmware = firmware_error(reply);
    if vmm_error(reply) == VMM_BUSY {
        return Err(Trouble::Busy(
            "the hypervisor asks to come back later".to_owned(),
        ));
    }
    if firmware != 0 {
        return Err(Trouble::Failed(status_failure(firmware, source)));
    }
    match error.kind() {
        ErrorKind::ResourceBusy | ErrorKind::WouldBlock | ErrorKind::Interrupted => {
            Err(Trouble::Busy(error.to_string()))
        }
        ErrorKind::PermissionDenied => Err(Trouble::Denied(error.to_string())),
        // ENOTTY and EINVAL: the call does not exist, so this is another device of that name. A guest whose message key
        // was wiped says ENOTTY too.
        ErrorKind::InvalidInput => Err(Trouble::Absent(format!(
            "it does not know the call ({error})"
        ))),
        _ if is_not_a_device(error) => Err(Trouble::Absent(format!(
            "it does not know the call: another device, or a guest that must be restarted ({error})"
        ))),
        _ => Err(Trouble::Failed(
            Failure::new(
                Code::DeviceFirmwareError,
                format!("{source} gives an error: {error}"),
            )
            .with_sides(
                "a report",
                format!("firmware error 0, hypervisor error {}", vmm_error(reply)),
            ),
        )),
    }
}

/// ENOTTY, which has no kind of its own.
pub(super) fn is_not_a_device(error: &std::io::Error) -> bool {
    const ENOTTY: i32 = 25;
    const ENOSYS: i32 = 38;
    matches!(error.raw_os_error(), Some(ENOTTY | ENOSYS))
}

/// The failure that a status of the firmware means.
pub(super) fn status_failure(status: u32, source: &Source) -> Failure {
    let got = format!("status {status:#x}");
    match status {
        STATUS_INVALID_PARAMETER => Failure::new(
            Code::DeviceVmplRefused,
            format!("{source} refuses the privilege level that was asked for"),
        )
        .with_sides("a report", got)
        .with_hint("ask for the level of this guest with --vmpl, and expect it in the expectation"),
        STATUS_INVALID_KEY => Failure::new(
            Code::DeviceFirmwareError,
            format!("{source} has no key to sign with"),
        )
        .with_sides("a report", got),
        _ => Failure::new(
            Code::DeviceFirmwareError,
            format!("{source}: the firmware gives an error"),
        )
        .with_sides("a report", got),
    }
}

fn firmware_error(reply: &Reply) -> u32 {
    u32::try_from(reply.exit_info & 0xffff_ffff).unwrap_or(u32::MAX)
}

fn vmm_error(reply: &Reply) -> u32 {
    u32::try_from(reply.exit_info >> 32).unwrap_or(u32::MAX)
}
