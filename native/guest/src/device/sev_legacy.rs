//! `/dev/sev` of guests with the driver before `/dev/sev-guest` (snp-attestation section 3.3), and the answer buffer
//! that both share.

use super::sev_guest::{is_not_a_device, open_device, status_failure};
use super::{Blob, REPORT_BYTES, Request, Source, Trouble};
use crate::failure::{Code, Failure};
use podseal_ioctl::{LEGACY_RESPONSE_BYTES, REQUEST_BYTES, Reply};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Offset of the report in the answer, behind status and size.
const HEADER_BYTES: usize = 32;

/// Port: the one call of the device.
pub trait SevLegacyPort {
    /// `SEV_SNP_GUEST_MSG_REPORT`.
    fn report(
        &self,
        request: &[u8; REQUEST_BYTES],
        response: &mut [u8; LEGACY_RESPONSE_BYTES],
    ) -> Reply;
}

#[derive(Debug)]
pub(super) struct LegacyIoctl(File);

impl SevLegacyPort for LegacyIoctl {
    fn report(
        &self,
        request: &[u8; REQUEST_BYTES],
        response: &mut [u8; LEGACY_RESPONSE_BYTES],
    ) -> Reply {
        podseal_ioctl::get_legacy_report(&self.0, request, response)
    }
}

pub(super) fn open(path: &Path) -> Result<LegacyIoctl, Trouble> {
    open_device(path).map(LegacyIoctl)
}

pub(super) fn ask(
    port: &dyn SevLegacyPort,
    source: &Source,
    request: &Request,
) -> Result<Blob, Trouble> {
    let mut response = [0; LEGACY_RESPONSE_BYTES];
    let reply = port.report(&request.to_bytes(), &mut response);
    if let Err(error) = &reply.result {
        return Err(match error.kind() {
            ErrorKind::ResourceBusy | ErrorKind::WouldBlock | ErrorKind::Interrupted => {
                Trouble::Busy(error.to_string())
            }
            ErrorKind::PermissionDenied => Trouble::Denied(error.to_string()),
            // The host's processor has a device of this name as well: it answers so.
            _ if error.kind() == ErrorKind::InvalidInput || is_not_a_device(error) => {
                Trouble::Absent(format!(
                    "it does not know the call: no guest device ({error})"
                ))
            }
            _ => match u32::try_from(reply.exit_info) {
                Ok(status) if status != 0 => Trouble::Failed(status_failure(status, source)),
                _ => Trouble::Failed(Failure::new(
                    Code::DeviceFirmwareError,
                    format!("{source} gives an error: {error}"),
                )),
            },
        });
    }
    let report = read_response(&response, source)?;
    Ok(Blob {
        report,
        certificate_table: Vec::new(),
    })
}

/// The report in an answer: status 0, size 1184, both checked.
pub(super) fn read_response(response: &[u8], source: &Source) -> Result<Vec<u8>, Trouble> {
    let word = |at: usize| {
        let bytes = response.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let (Some(status), Some(size)) = (word(0), word(4)) else {
        return Err(short(source, response.len()));
    };
    if status != 0 {
        return Err(Trouble::Failed(status_failure(status, source)));
    }
    let report = response.get(HEADER_BYTES..HEADER_BYTES.saturating_add(REPORT_BYTES));
    match (usize::try_from(size), report) {
        (Ok(REPORT_BYTES), Some(report)) => Ok(report.to_vec()),
        (stated, _) => Err(short(source, stated.unwrap_or(usize::MAX))),
    }
}

/// A report of another size than 1184 bytes.
pub(super) fn short(source: &Source, got: usize) -> Trouble {
    Trouble::Failed(
        Failure::new(
            Code::DeviceShortRead,
            format!("{source} gives no whole report"),
        )
        .with_sides(format!("{REPORT_BYTES} bytes"), format!("{got} bytes")),
    )
}
