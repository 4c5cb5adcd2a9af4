//! Files: bounded reads, and writes that leave the old file or the complete new one.

use crate::failure::{Code, Failure};
use crate::random;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Largest file of text, JSON or certificates that is read.
pub const FILE_BYTES_MAX: usize = 64 << 20;

/// Bytes of a file; `-` is standard input. Throws FILE, `LIMIT_EXCEEDED`.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let result = if path == Path::new("-") {
        take(io::stdin().lock(), limit)
    } else {
        File::open(path).and_then(|file| take(file, limit))
    };
    let bytes = result.map_err(|error| failed(path, "read", &error))?;
    if bytes.len() > limit {
        return Err(
            Failure::new(Code::Limit, format!("{} is too large", path.display()))
                .with_sides(format!("at most {limit} bytes"), "more"),
        );
    }
    Ok(bytes)
}

/// The same, or nothing where there is no such file.
pub fn read_if_there(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
    if path.exists() {
        read(path, limit).map(Some)
    } else {
        Ok(None)
    }
}

fn take(source: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit.saturating_add(1)).unwrap_or(u64::MAX);
    source.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file in one step. Throws FILE.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let suffix = random::name()?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{suffix}.tmp"));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        drop(fs::remove_file(&temporary));
        failed(path, "written", &error)
    })
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::new(
        Code::File,
        format!("{} cannot be {what}: {error}", path.display()),
    )
}
