//! What `dmsetup table` prints: `NAME: START LENGTH KIND PARAMETERS`, a line per target.

use super::{DEVICES_MAX, Device, Target};
use crate::failure::{Code, Failure};
use std::collections::BTreeSet;

/// Largest listing that is read.
const TABLE_BYTES_MAX: usize = 16 << 20;
const NOTHING: &str = "No devices found";

/// The devices of a listing. Throws `INPUT_UNREADABLE`, `LIMIT_EXCEEDED`.
pub fn parse_table(bytes: &[u8], what: &str) -> Result<Vec<Device>, Failure> {
    let limit = || {
        Failure::new(Code::Limit, format!("{what} is too large")).with_sides(
            format!("at most {DEVICES_MAX} devices and {TABLE_BYTES_MAX} bytes"),
            "more",
        )
    };
    if bytes.len() > TABLE_BYTES_MAX {
        return Err(limit());
    }
    let text = str::from_utf8(bytes)
        .map_err(|_| Failure::new(Code::Input, format!("{what} is not UTF-8 text")))?;
    let mut devices: Vec<Device> = Vec::new();
    let mut names = BTreeSet::new();
    if text.trim() == NOTHING {
        return Ok(devices);
    }
    for (number, line) in (1_usize..).zip(text.lines()) {
        if line.is_empty() {
            continue;
        }
        let (name, target) = parse_line(line).ok_or_else(|| {
            Failure::new(
                Code::Input,
                format!("line {number} of {what} is not one of dmsetup table"),
            )
            .with_sides(
                "NAME: START LENGTH KIND PARAMETERS",
                line.chars().take(200).collect::<String>(),
            )
        })?;
        if let Some(last) = devices.last_mut().filter(|last| last.name == name) {
            last.targets.extend(target);
            continue;
        }
        if !names.insert(name) {
            return Err(Failure::new(
                Code::Input,
                format!("{what} lists device {name:?} twice"),
            ));
        }
        devices.push(Device {
            name: name.to_owned(),
            targets: target.into_iter().collect(),
        });
        if devices.len() > DEVICES_MAX {
            return Err(limit());
        }
    }
    Ok(devices)
}

/// A device without a table has an empty line behind its name.
fn parse_line(line: &str) -> Option<(&str, Option<Target>)> {
    let (name, rest) = line.split_once(':')?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    if name.is_empty() {
        return None;
    }
    if rest.trim().is_empty() {
        return Some((name, None));
    }
    let mut words = rest.splitn(4, ' ');
    let (start, length) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let kind = words.next().filter(|kind| !kind.is_empty())?.to_owned();
    let parameters = words.next().unwrap_or_default().to_owned();
    Some((
        name,
        Some(Target {
            start,
            length,
            kind,
            parameters,
            status: None,
        }),
    ))
}
