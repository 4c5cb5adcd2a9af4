//! The device mapper's control device: `DM_LIST_DEVICES` and `DM_TABLE_STATUS` (`linux/dm-ioctl.h`).

use super::{DEVICES_MAX, Device, Target};
use crate::failure::{Code, Failure};
use podseal_ioctl::DM_HEADER_BYTES;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

const LIST_DEVICES: u8 = 2;
const TABLE_STATUS: u8 = 12;

const FLAG_STATUS_TABLE: u32 = 1 << 4;
const FLAG_BUFFER_FULL: u32 = 1 << 8;

/// Offsets in `struct dm_ioctl`.
const AT_DATA_SIZE: usize = 12;
const AT_DATA_START: usize = 16;
const AT_TARGET_COUNT: usize = 20;
const AT_FLAGS: usize = 28;
const AT_NAME: usize = 48;
/// Names have at most 127 bytes and a zero.
const NAME_BYTES: usize = 128;
/// `struct dm_target_spec` before the parameters.
const SPEC_BYTES: usize = 40;
/// `struct dm_name_list` before the name.
const LIST_HEADER_BYTES: usize = 12;

const FIRST_BUFFER_BYTES: usize = 64 << 10;
const BUFFER_BYTES_MAX: usize = 16 << 20;

/// The live tables and states of all mapped devices. Throws `DEVICE_*`.
pub fn read_control(path: &Path) -> Result<Vec<Device>, Failure> {
    let name = path.display().to_string();
    let control = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| refuse(&name, &error))?;
    let names = list(&control, &name)?;
    names
        .into_iter()
        .map(|device| read_device(&control, &name, device))
        .collect()
}

fn refuse(name: &str, error: &io::Error) -> Failure {
    let code = match error.kind() {
        ErrorKind::PermissionDenied => Code::DeviceAccess,
        ErrorKind::ResourceBusy | ErrorKind::WouldBlock => Code::DeviceBusy,
        _ => Code::DeviceAbsent,
    };
    Failure::new(
        code,
        format!("the device mapper cannot be asked through {name}: {error}"),
    )
    .with_hint("run as root in the guest, or give the output of dmsetup table with --dm-table FILE")
}

fn broken(name: &str) -> Failure {
    Failure::new(
        Code::DeviceShortRead,
        format!("the device mapper gives an answer through {name} that cannot be read"),
    )
}

/// Makes a call with a buffer that is large enough; gives header and data.
fn call(
    control: &File,
    name: &str,
    command: u8,
    device: &str,
    flags: u32,
) -> Result<Answer, Failure> {
    let mut size = FIRST_BUFFER_BYTES;
    while size <= BUFFER_BYTES_MAX {
        let mut buffer = header(size, device, flags).ok_or_else(|| broken(name))?;
        podseal_ioctl::device_mapper(control, command, &mut buffer)
            .map_err(|error| refuse(name, &error))?;
        let answer = Answer(buffer);
        if answer.word(AT_FLAGS).ok_or_else(|| broken(name))? & FLAG_BUFFER_FULL == 0 {
            return Ok(answer);
        }
        size = size.saturating_mul(4);
    }
    Err(Failure::new(
        Code::Limit,
        format!("the device mapper gives too much through {name}"),
    )
    .with_sides(format!("at most {BUFFER_BYTES_MAX} bytes"), "more"))
}

fn header(size: usize, device: &str, flags: u32) -> Option<Vec<u8>> {
    let mut buffer = vec![0; size];
    let mut put = |at: usize, bytes: &[u8]| {
        buffer
            .get_mut(at..at.checked_add(bytes.len())?)?
            .copy_from_slice(bytes);
        Some(())
    };
    put(0, &4_u32.to_ne_bytes())?;
    put(AT_DATA_SIZE, &u32::try_from(size).ok()?.to_ne_bytes())?;
    put(
        AT_DATA_START,
        &u32::try_from(DM_HEADER_BYTES).ok()?.to_ne_bytes(),
    )?;
    put(AT_FLAGS, &flags.to_ne_bytes())?;
    if device.len() >= NAME_BYTES {
        return None;
    }
    put(AT_NAME, device.as_bytes())?;
    Some(buffer)
}

struct Answer(Vec<u8>);

impl Answer {
    fn word(&self, at: usize) -> Option<u32> {
        self.0
            .get(at..)?
            .first_chunk()
            .map(|bytes| u32::from_ne_bytes(*bytes))
    }

    /// The bytes behind the header.
    fn data(&self) -> Option<&[u8]> {
        let start = usize::try_from(self.word(AT_DATA_START)?).ok()?;
        if start < AT_NAME {
            None
        } else {
            self.0.get(start..)
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_ne_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_ne_bytes(*bytes))
}

/// The text up to the first zero byte.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    String::from_utf8(bytes.get(..end)?.to_vec()).ok()
}

fn list(control: &File, name: &str) -> Result<Vec<String>, Failure> {
    let answer = call(control, name, LIST_DEVICES, "", 0)?;
    answer
        .data()
        .and_then(read_names)
        .ok_or_else(|| broken(name))
}

/// `struct dm_name_list` one after the other: device number, offset of the next, name. The number 0: there is none.
fn read_names(data: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut at = 0_usize;
    if long(data, 0)? == 0 {
        return Some(names);
    }
    loop {
        let entry = data.get(at..)?;
        names.push(text(entry.get(LIST_HEADER_BYTES..)?)?);
        let next = usize::try_from(word(entry, 8)?).ok()?;
        if next == 0 {
            return Some(names);
        }
        if names.len() >= DEVICES_MAX || next < LIST_HEADER_BYTES {
            return None;
        }
        at = at.checked_add(next)?;
    }
}

fn read_device(control: &File, name: &str, device: String) -> Result<Device, Failure> {
    let table = call(control, name, TABLE_STATUS, &device, FLAG_STATUS_TABLE)?;
    let status = call(control, name, TABLE_STATUS, &device, 0)?;
    let mut targets = read_targets(&table).ok_or_else(|| broken(name))?;
    let states = read_targets(&status).ok_or_else(|| broken(name))?;
    if states.len() != targets.len() {
        return Err(Failure::new(
            Code::DeviceBusy,
            format!("device {device:?} changed while it was read"),
        ));
    }
    for (target, state) in targets.iter_mut().zip(states) {
        target.status = Some(state.parameters);
    }
    Ok(Device {
        name: device,
        targets,
    })
}

/// `struct dm_target_spec` with its line behind it; `next` counts from the start of the data.
fn read_targets(answer: &Answer) -> Option<Vec<Target>> {
    let count = usize::try_from(answer.word(AT_TARGET_COUNT)?).ok()?;
    let data = answer.data()?;
    let mut targets = Vec::new();
    let mut at = 0_usize;
    for _ in 0..count {
        let spec = data.get(at..)?;
        targets.push(Target {
            start: long(spec, 0)?,
            length: long(spec, 8)?,
            kind: text(spec.get(24..SPEC_BYTES)?)?,
            parameters: text(spec.get(SPEC_BYTES..)?)?,
            status: None,
        });
        let next = usize::try_from(word(spec, 20)?).ok()?;
        // Forward only, so that the walk ends.
        if next <= at && targets.len() < count {
            return None;
        }
        at = next;
    }
    Some(targets)
}
