//! The verdict over the layers.

use super::{Device, Target};
use crate::policy::{Container, RootHash, parse_root_hash, print_root_hash};
use serde::Serialize;
use std::collections::BTreeSet;

/// Optional words of a verity table that keep it strict. All others make reads pass that do not fit the hash tree.
const STRICT_OPTIONS: [&str; 3] = [
    "restart_on_corruption",
    "panic_on_corruption",
    "ignore_zero_blocks",
];
const BLOCK_SECTORS: u64 = 8;

/// Why layers are denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Reason {
    /// A verity device whose root hash is not in the policy.
    #[serde(rename = "E_LAYER_UNKNOWN")]
    Unknown,
    /// A verity device with other parameters than those of the guests.
    #[serde(rename = "E_LAYER_PARAMETERS")]
    Parameters,
    /// A verity device on which the kernel found wrong data.
    #[serde(rename = "E_LAYER_CORRUPT")]
    Corrupt,
    /// A layer is missing of a container that has another one here, or that must run.
    #[serde(rename = "E_LAYER_MISSING")]
    Missing,
    /// There is no verity device at all.
    #[serde(rename = "E_LAYER_NONE")]
    Nothing,
}

impl Reason {
    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "E_LAYER_UNKNOWN",
            Self::Parameters => "E_LAYER_PARAMETERS",
            Self::Corrupt => "E_LAYER_CORRUPT",
            Self::Missing => "E_LAYER_MISSING",
            Self::Nothing => "E_LAYER_NONE",
        }
    }
}

/// One verity device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRow {
    /// Its name.
    pub name: String,
    /// Its root hash, if its table could be read.
    pub root_hash: Option<String>,
    /// Why it is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Reason>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How much of a container is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerState {
    /// Its name in the policy.
    pub name: String,
    /// `complete`, `partial` or `absent`.
    pub state: &'static str,
    /// Root hashes that are not here.
    pub missing: Vec<String>,
    /// Why it is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Reason>,
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayersVerdict {
    /// Every verity device.
    pub devices: Vec<DeviceRow>,
    /// Names of mapped devices of other kinds; nothing is said of them.
    pub others: Vec<String>,
    /// Every container of the policy.
    pub containers: Vec<ContainerState>,
    /// Why it is denied as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Reason>,
}

impl LayersVerdict {
    /// The first reason of a denial.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let devices = self.devices.iter().filter_map(|row| row.code);
        let containers = self.containers.iter().filter_map(|row| row.code);
        devices.chain(containers).chain(self.code).next()
    }
}

/// Judges devices against a policy. `further` are root hashes that are known from elsewhere (policy fragments);
/// `running` names containers that must be complete.
#[must_use]
pub fn judge_layers(
    devices: &[Device],
    containers: &[Container],
    further: &[RootHash],
    running: &BTreeSet<String>,
) -> LayersVerdict {
    let known: BTreeSet<&RootHash> = containers
        .iter()
        .flat_map(|one| &one.layers)
        .chain(further)
        .collect();
    let mut present = BTreeSet::new();
    let mut rows = Vec::new();
    let mut others = Vec::new();
    for device in devices {
        if !device.targets.iter().any(|target| target.kind == "verity") {
            others.push(device.name.clone());
            continue;
        }
        let hash = read_device(device);
        let (code, detail) = match &hash {
            Err((code, detail)) => (Some(*code), Some(detail.clone())),
            Ok(hash) if !known.contains(hash) => (
                Some(Reason::Unknown),
                Some("not a layer of this policy".to_owned()),
            ),
            Ok(hash) => {
                present.insert(*hash);
                (None, None)
            }
        };
        let root_hash = hash.ok().map(|hash| print_root_hash(&hash));
        rows.push(DeviceRow {
            name: device.name.clone(),
            root_hash,
            code,
            detail,
        });
    }
    let states = judge_containers(containers, &present, running, further);
    let code = rows.is_empty().then_some(Reason::Nothing);
    LayersVerdict {
        devices: rows,
        others,
        containers: states,
        code,
    }
}

/// A container runs if the user says so, or if one of its layers is here that no complete container explains.
fn judge_containers(
    containers: &[Container],
    present: &BTreeSet<RootHash>,
    running: &BTreeSet<String>,
    further: &[RootHash],
) -> Vec<ContainerState> {
    let is_complete = |one: &Container| {
        !one.layers.is_empty() && one.layers.iter().all(|hash| present.contains(hash))
    };
    let complete = containers.iter().filter(|one| is_complete(one));
    let explained: BTreeSet<&RootHash> = complete
        .flat_map(|one| &one.layers)
        .chain(further)
        .collect();
    let judge = |one: &Container| {
        let missing: Vec<String> = one
            .layers
            .iter()
            .filter(|hash| !present.contains(*hash))
            .map(print_root_hash)
            .collect();
        let has_unexplained = one
            .layers
            .iter()
            .any(|hash| present.contains(hash) && !explained.contains(hash));
        let must_run = running.contains(&one.name);
        let state = match (is_complete(one), missing.len() < one.layers.len()) {
            (true, _) => "complete",
            (false, true) => "partial",
            (false, false) => "absent",
        };
        let is_denied = !missing.is_empty() && (has_unexplained || must_run);
        ContainerState {
            name: one.name.clone(),
            state,
            missing,
            code: is_denied.then_some(Reason::Missing),
        }
    };
    containers.iter().map(judge).collect()
}

/// The root hash of a verity device with the parameters of the guests (layer-hash-ext4 section 8.1, layer-hash-tarfs
/// section 7.1): one target from sector 0, version 1, SHA-256, blocks of 4096 bytes, salt of 32 zero bytes.
fn read_device(device: &Device) -> Result<RootHash, (Reason, String)> {
    let [target] = device.targets.as_slice() else {
        return Err((Reason::Parameters, "it has more than one target".to_owned()));
    };
    let hash = read_target(target).map_err(|why| (Reason::Parameters, why))?;
    match target
        .status
        .as_deref()
        .map(|status| status.split(' ').next().unwrap_or_default())
    {
        None | Some("V") => Ok(hash),
        Some("C") => Err((
            Reason::Corrupt,
            "the kernel found data that do not fit the root hash".to_owned(),
        )),
        Some(other) => Err((
            Reason::Parameters,
            format!("it has the unknown state {other:?}"),
        )),
    }
}

fn read_target(target: &Target) -> Result<RootHash, String> {
    let words: Vec<&str> = target.parameters.split(' ').collect();
    let [
        version,
        _,
        _,
        data_block,
        hash_block,
        blocks,
        _,
        algorithm,
        root,
        salt,
        options @ ..,
    ] = words.as_slice()
    else {
        return Err("its table is not one of verity".to_owned());
    };
    let expected = [
        ("version", version, "1"),
        ("data block size", data_block, "4096"),
        ("hash block size", hash_block, "4096"),
        ("algorithm", algorithm, "sha256"),
    ];
    if let Some((what, got, want)) = expected.into_iter().find(|(_, got, want)| *got != want) {
        return Err(format!("its {what} is {got:?}, not {want}"));
    }
    if salt.len() != 64 || salt.bytes().any(|digit| digit != b'0') {
        return Err("its salt is not 32 zero bytes".to_owned());
    }
    let sectors = blocks
        .parse::<u64>()
        .ok()
        .and_then(|blocks| blocks.checked_mul(BLOCK_SECTORS));
    if target.start != 0 || sectors != Some(target.length) {
        return Err("its size is not that of its data".to_owned());
    }
    check_options(options)?;
    parse_root_hash(root).ok_or_else(|| "its root hash is not 64 lower-case hex digits".to_owned())
}

/// A count, then that many words. Words that make wrong data readable are refused, and so are unknown ones.
fn check_options(options: &[&str]) -> Result<(), String> {
    let Some((count, words)) = options.split_first() else {
        return Ok(());
    };
    if count.parse() != Ok(words.len()) {
        return Err("its options cannot be read".to_owned());
    }
    match words.iter().find(|word| !STRICT_OPTIONS.contains(word)) {
        None => Ok(()),
        Some(word) => Err(format!(
            "its option {word:?} is not one that keeps all reads checked"
        )),
    }
}
