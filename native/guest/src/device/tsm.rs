//! configfs-tsm (snp-attestation section 3.4): a directory per request, whose attributes are written and read. The
//! generation counts each write: if it moved, someone else changed the request and all is done again.

use super::{Blob, Kind, REPORT_BYTES, Request, Source, TABLE_BYTES_MAX, Trouble, sev_legacy};
use crate::failure::{Code, Failure};
use crate::random;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

const PROVIDER: &str = "sev_guest";
/// Attributes of text are short.
const TEXT_BYTES_MAX: usize = 4096;

/// The directory of one request; removed when dropped.
struct Entry {
    path: PathBuf,
    source: Source,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Attributes go with the directory; where that fails the kernel keeps an entry that nobody uses.
        drop(fs::remove_dir(&self.path));
    }
}

pub(super) fn ask(directory: &Path, request: &Request) -> Result<Blob, Trouble> {
    let entry = create(directory)?;
    entry.set_level(request.vmpl)?;
    entry.write("inblob", &request.report_data)?;
    let before = entry.text("generation")?;
    let report = entry.read("outblob", REPORT_BYTES)?;
    let certificate_table = entry.optional("auxblob")?;
    let provider = entry.text("provider")?;
    if entry.text("generation")? != before {
        return Err(Trouble::Busy(
            "the request changed while it was answered".to_owned(),
        ));
    }
    if provider.trim_end_matches('\n') != PROVIDER {
        let message = format!("{} does not give SNP reports", entry.source);
        let failure = Failure::new(Code::DeviceForeign, message)
            .with_sides(PROVIDER, format!("{provider:?}"));
        return Err(Trouble::Failed(failure));
    }
    if report.len() != REPORT_BYTES {
        return Err(sev_legacy::short(&entry.source, report.len()));
    }
    Ok(Blob {
        report,
        certificate_table,
    })
}

/// Makes a directory with a name of its own.
fn create(directory: &Path) -> Result<Entry, Trouble> {
    let source = Source {
        kind: Kind::Configfs,
        path: directory.to_owned(),
    };
    let name = random::name().map_err(Trouble::Failed)?;
    let path = directory.join(format!("podseal-{name}"));
    match fs::create_dir(&path) {
        Ok(()) => Ok(Entry { path, source }),
        Err(error) => Err(match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Trouble::Denied(error.to_string())
            }
            ErrorKind::AlreadyExists | ErrorKind::ResourceBusy | ErrorKind::WouldBlock => {
                Trouble::Busy(error.to_string())
            }
            // ENXIO or ENODEV: the kernel has the interface, but no provider.
            _ => Trouble::Absent(error.to_string()),
        }),
    }
}

impl Entry {
    /// Asks for a level; where there is no such attribute, level 0 is what one gets.
    fn set_level(&self, vmpl: u32) -> Result<(), Trouble> {
        match self.put("privlevel", vmpl.to_string().as_bytes()) {
            Err(error) if error.kind() == ErrorKind::NotFound && vmpl == 0 => Ok(()),
            Err(error)
                if error.kind() == ErrorKind::InvalidInput
                    || error.kind() == ErrorKind::NotFound =>
            {
                let message = format!("{} refuses privilege level {vmpl}", self.source);
                let floor = self.text("privlevel_floor").unwrap_or_default();
                let failure = Failure::new(Code::DeviceVmplRefused, message)
                    .with_sides(format!("level {vmpl}"), format!("lowest level {:?}", floor.trim_end()))
                    .with_hint("ask for the level of this guest with --vmpl, and expect it in the expectation");
                Err(Trouble::Failed(failure))
            }
            other => other.map_err(|error| self.trouble("privlevel", &error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
        self.put(name, bytes)
            .map_err(|error| self.trouble(name, &error))
    }

    /// One write of all bytes, as the kernel wants it.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.path.join(name))?;
        let written = file.write(bytes)?;
        if written == bytes.len() {
            Ok(())
        } else {
            Err(ErrorKind::WriteZero.into())
        }
    }

    /// An attribute of at most `limit` bytes.
    fn get(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path.join(name))?;
        let mut bytes = Vec::new();
        let most = u64::try_from(limit.saturating_add(1)).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, Trouble> {
        self.get(name, limit)
            .map_err(|error| self.trouble(name, &error))
    }

    fn text(&self, name: &str) -> Result<String, Trouble> {
        let bytes = self.read(name, TEXT_BYTES_MAX)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// An attribute that older kernels do not have.
    fn optional(&self, name: &str) -> Result<Vec<u8>, Trouble> {
        match self.get(name, TABLE_BYTES_MAX) {
            Ok(bytes) if bytes.len() > TABLE_BYTES_MAX => {
                let message = format!("the certificates of {} are too large", self.source);
                let failure = Failure::new(Code::Limit, message);
                Err(Trouble::Failed(failure.with_sides(
                    format!("at most {TABLE_BYTES_MAX} bytes"),
                    "more",
                )))
            }
            Ok(bytes) if bytes.iter().all(|byte| *byte == 0) => Ok(Vec::new()),
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.trouble(name, &error)),
        }
    }

    fn trouble(&self, name: &str, error: &io::Error) -> Trouble {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::ResourceBusy | ErrorKind::Interrupted => {
                Trouble::Busy(format!("{name}: {error}"))
            }
            ErrorKind::PermissionDenied => Trouble::Denied(format!("{name}: {error}")),
            _ => {
                let message = format!("{} fails at {name}: {error}", self.source);
                Trouble::Failed(Failure::new(Code::DeviceFirmwareError, message))
            }
        }
    }
}
