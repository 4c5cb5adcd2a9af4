//! The ioctls of an SEV-SNP guest and of the device mapper, each as a safe function over buffers of the right size.
//! This crate is the only place of the guest verifier with `unsafe`; it knows layouts, not meanings.
//! Layouts: snp-attestation sections 3.2 and 3.3 (Linux `include/uapi/linux/sev-guest.h`, the 5.15 guest driver before
//! it) and `include/uapi/linux/dm-ioctl.h`.

#![cfg(target_os = "linux")]
// The lint of the workspace stays in force everywhere else.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Size of the request of a report: report data, VMPL, reserved bytes.
pub const REQUEST_BYTES: usize = 96;
/// Size of the answer buffer of `/dev/sev-guest`.
pub const RESPONSE_BYTES: usize = 4000;
/// Size of the answer buffer of the older `/dev/sev`.
pub const LEGACY_RESPONSE_BYTES: usize = 1280;
/// Size of the header of each device-mapper call.
pub const DM_HEADER_BYTES: usize = 312;

const SNP_GET_REPORT: u32 = 0xc020_5300;
const SNP_GET_EXT_REPORT: u32 = 0xc020_5302;
const SEV_SNP_GUEST_MSG_REPORT: u32 = 0xc028_5301;
/// `_IOWR(0xfd, 0, struct dm_ioctl)`; the number of the command is added.
const DM_BASE: u32 = 0xc138_fd00;

const MSG_VERSION: u8 = 1;
const MSG_REPORT_REQ: u8 = 5;
const MSG_REPORT_RSP: u8 = 6;

/// `struct snp_guest_request_ioctl`, 32 bytes.
#[repr(C)]
struct GuestRequest {
    msg_version: u8,
    req_data: u64,
    resp_data: u64,
    exitinfo2: u64,
}

/// `struct snp_ext_report_req`, 112 bytes.
#[repr(C)]
struct ExtendedRequest {
    data: [u8; REQUEST_BYTES],
    certs_address: u64,
    certs_len: u32,
    padding: u32,
}

/// `struct snp_user_guest_request` of the older driver, 40 bytes.
#[repr(C)]
struct LegacyRequest {
    req_msg_type: u8,
    rsp_msg_type: u8,
    msg_version: u8,
    request_len: u16,
    request_uaddr: u64,
    response_len: u16,
    response_uaddr: u64,
    error: u32,
}

const _: () = assert!(size_of::<GuestRequest>() == 32);
const _: () = assert!(size_of::<ExtendedRequest>() == 112);
const _: () = assert!(size_of::<LegacyRequest>() == 40);

/// What a call gave beside its buffers.
#[derive(Debug)]
pub struct Reply {
    /// The error of the system call, if it failed.
    pub result: io::Result<()>,
    /// Firmware error in the low 32 bits, VMM error in the high ones; of the older driver: its error word.
    pub exit_info: u64,
}

/// Asks `/dev/sev-guest` for a report.
pub fn get_report(
    device: &File,
    request: &[u8; REQUEST_BYTES],
    response: &mut [u8; RESPONSE_BYTES],
) -> Reply {
    let mut argument = GuestRequest {
        msg_version: MSG_VERSION,
        req_data: address(request.as_ptr()),
        resp_data: address_mut(response.as_mut_ptr()),
        exitinfo2: 0,
    };
    // SAFETY: the argument is the 32-byte struct of this number; the kernel reads 96 bytes at `req_data` and writes at
    // most 4000 at `resp_data`, both of which live until the call returns.
    let result = unsafe { call(device, SNP_GET_REPORT, &raw mut argument) };
    Reply {
        result,
        exit_info: argument.exitinfo2,
    }
}

/// Asks `/dev/sev-guest` for a report and the certificates of the host. Gives the length that the certificates need or
/// have. `certificates` must be empty or a multiple of 4096 bytes.
pub fn get_extended_report(
    device: &File,
    request: &[u8; REQUEST_BYTES],
    response: &mut [u8; RESPONSE_BYTES],
    certificates: &mut [u8],
) -> (Reply, u32) {
    let Ok(length) = u32::try_from(certificates.len()) else {
        return (
            Reply {
                result: Err(io::ErrorKind::InvalidInput.into()),
                exit_info: 0,
            },
            0,
        );
    };
    let mut extended = ExtendedRequest {
        data: *request,
        certs_address: if length == 0 {
            0
        } else {
            address_mut(certificates.as_mut_ptr())
        },
        certs_len: length,
        padding: 0,
    };
    let mut argument = GuestRequest {
        msg_version: MSG_VERSION,
        req_data: address_mut((&raw mut extended).cast()),
        resp_data: address_mut(response.as_mut_ptr()),
        exitinfo2: 0,
    };
    // SAFETY: as in `get_report`; at `req_data` are the 112 bytes of this number, whose `certs_len` the kernel may set,
    // and at most `certs_len` bytes are written at `certs_address`, which is a buffer of that size.
    let result = unsafe { call(device, SNP_GET_EXT_REPORT, &raw mut argument) };
    // SAFETY: the kernel wrote to `extended` through its address at most; reading it anew needs it to be there only.
    let needed = unsafe { (&raw const extended.certs_len).read_volatile() };
    (
        Reply {
            result,
            exit_info: argument.exitinfo2,
        },
        needed,
    )
}

/// Asks the older `/dev/sev` of a guest for a report.
pub fn get_legacy_report(
    device: &File,
    request: &[u8; REQUEST_BYTES],
    response: &mut [u8; LEGACY_RESPONSE_BYTES],
) -> Reply {
    let mut argument = LegacyRequest {
        req_msg_type: MSG_REPORT_REQ,
        rsp_msg_type: MSG_REPORT_RSP,
        msg_version: MSG_VERSION,
        request_len: length_word(REQUEST_BYTES),
        request_uaddr: address(request.as_ptr()),
        response_len: length_word(LEGACY_RESPONSE_BYTES),
        response_uaddr: address_mut(response.as_mut_ptr()),
        error: 0,
    };
    // SAFETY: the argument is the 40-byte struct of this number; the kernel reads 96 bytes at `request_uaddr` and writes
    // at most 1280 at `response_uaddr`, both of which live until the call returns.
    let result = unsafe { call(device, SEV_SNP_GUEST_MSG_REPORT, &raw mut argument) };
    Reply {
        result,
        exit_info: u64::from(argument.error),
    }
}

/// Makes a device-mapper call: `buffer` begins with `struct dm_ioctl`, whose `data_size` (offset 12) must be the length
/// of `buffer`, since the kernel writes that much. `command` is the number of the call.
pub fn device_mapper(control: &File, command: u8, buffer: &mut [u8]) -> io::Result<()> {
    let stated = buffer
        .get(12..16)
        .and_then(|bytes| bytes.first_chunk::<4>());
    let fits =
        stated.is_some_and(|bytes| usize::try_from(u32::from_ne_bytes(*bytes)) == Ok(buffer.len()));
    if !fits || buffer.len() < DM_HEADER_BYTES {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the kernel reads and writes at most `data_size` bytes, which is the length of the buffer.
    unsafe {
        call(
            control,
            DM_BASE.wrapping_add(u32::from(command)),
            buffer.as_mut_ptr(),
        )
    }
}

fn length_word(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or_default()
}

fn address(pointer: *const u8) -> u64 {
    u64::try_from(pointer.expose_provenance()).unwrap_or_default()
}

fn address_mut(pointer: *mut u8) -> u64 {
    u64::try_from(pointer.expose_provenance()).unwrap_or_default()
}

/// # Safety
/// `argument` must point to what the request reads and writes, for as long as the call takes.
unsafe fn call<T>(file: &File, request: u32, argument: *mut T) -> io::Result<()> {
    // The type of the number differs between C libraries; its 32 bits do not.
    let number = request.cast_into();
    // SAFETY: the descriptor is open; the caller answers for the argument.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), number, argument) };
    if status == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The 32 bits of a request number in the type that the C library wants.
trait CastInto<T> {
    fn cast_into(self) -> T;
}

impl CastInto<libc::c_ulong> for u32 {
    fn cast_into(self) -> libc::c_ulong {
        libc::c_ulong::from(self)
    }
}

impl CastInto<libc::c_int> for u32 {
    fn cast_into(self) -> libc::c_int {
        self.cast_signed()
    }
}
