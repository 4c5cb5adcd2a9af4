//! The JSON form of an expectation.

use super::{Expectation, Floors, Skip, UvmExpectation, VmplRule, refuse};
use crate::hex::read_hex;
use crate::json::{Object, present, read_document};
use crate::product::{Levels, Line};
use crate::report::FirmwareVersion;
use crate::verdict::Refusal;
use serde::Deserialize;

/// Name and version of the JSON form.
pub const EXPECTATION_FORMAT: &str = "podseal.expectation/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)]
struct Document {
    format: String,
    #[serde(default, deserialize_with = "present")]
    host_data: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    launch_measurements: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    report_data: Option<String>,
    #[serde(default, deserialize_with = "present")]
    vmpl: Option<VmplDocument>,
    #[serde(default)]
    allow_debug: bool,
    #[serde(default)]
    allow_migration_agent: bool,
    #[serde(default)]
    allow_cxl: bool,
    #[serde(default = "yes")]
    allow_vlek: bool,
    #[serde(default, deserialize_with = "present")]
    guest_policies: Option<Vec<String>>,
    #[serde(default)]
    require_smt_disabled: bool,
    #[serde(default)]
    require_tsme: bool,
    #[serde(default)]
    require_ecc: bool,
    #[serde(default)]
    require_alias_check: bool,
    #[serde(default = "yes")]
    allow_unknown_platform_bits: bool,
    #[serde(default, deserialize_with = "present")]
    minimum_tcb: Option<Object<FloorsDocument>>,
    #[serde(default, deserialize_with = "present")]
    minimum_launch_tcb: Option<Object<FloorsDocument>>,
    #[serde(default)]
    require_committed: bool,
    #[serde(default, deserialize_with = "present")]
    minimum_firmware: Option<String>,
    #[serde(default, deserialize_with = "present")]
    minimum_guest_svn: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    launch_mitigations: Option<String>,
    #[serde(default, deserialize_with = "present")]
    current_mitigations: Option<String>,
    #[serde(default, deserialize_with = "present")]
    id_key_digests: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    author_key_digests: Option<Vec<String>>,
    #[serde(default)]
    require_author_key: bool,
    #[serde(default, deserialize_with = "present")]
    family_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    image_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    chip_ids: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    csp_ids: Option<Vec<String>>,
    #[serde(default)]
    require_crl: bool,
    #[serde(default, deserialize_with = "present")]
    uvm: Option<Object<UvmDocument>>,
    #[serde(default)]
    skip: Vec<SkipDocument>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum VmplDocument {
    Level(u32),
    Word(AnyWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnyWord {
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FloorsDocument {
    #[serde(rename = "Milan", default, deserialize_with = "present")]
    milan: Option<Object<LevelsDocument>>,
    #[serde(rename = "Genoa", default, deserialize_with = "present")]
    genoa: Option<Object<LevelsDocument>>,
    #[serde(rename = "Turin", default, deserialize_with = "present")]
    turin: Option<Object<LevelsDocument>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelsDocument {
    #[serde(default)]
    fmc: u8,
    #[serde(default)]
    bl: u8,
    #[serde(default)]
    tee: u8,
    #[serde(default)]
    snp: u8,
    #[serde(default)]
    ucode: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UvmDocument {
    issuer: String,
    feed: String,
    minimum_svn: u32,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum SkipDocument {
    Chain,
    ChainTime,
    HostData,
}

const fn yes() -> bool {
    true
}

fn hex_of<const N: usize>(name: &str, text: &str) -> Result<[u8; N], Refusal> {
    read_hex(text)
        .ok_or_else(|| Refusal::new(format!("expectation: {name} is not hex of {N} bytes")))
}

fn hex_option<const N: usize>(
    name: &str,
    text: Option<&String>,
) -> Result<Option<[u8; N]>, Refusal> {
    text.map(|text| hex_of(name, text)).transpose()
}

fn hex_list<const N: usize>(
    name: &str,
    texts: Option<&Vec<String>>,
) -> Result<Option<Vec<[u8; N]>>, Refusal> {
    texts
        .map(|texts| texts.iter().map(|text| hex_of(name, text)).collect())
        .transpose()
}

/// `0x` and 1 to 16 hex digits.
fn bits(name: &str, text: &str) -> Result<u64, Refusal> {
    let digits = text.strip_prefix("0x").filter(|digits| {
        (1..=16).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| Refusal::new(format!("expectation: {name} is not 0x and 1 to 16 digits")))
}

fn bits_option(name: &str, text: Option<&String>) -> Result<Option<u64>, Refusal> {
    text.map(|text| bits(name, text)).transpose()
}

/// A decimal number of one byte without leading zeros.
fn version_part(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        None
    } else {
        text.parse().ok()
    }
}

fn firmware(text: &str) -> Result<FirmwareVersion, Refusal> {
    let parts: Option<Vec<u8>> = text.split('.').map(version_part).collect();
    match parts.as_deref() {
        Some([major, minor]) => Ok(FirmwareVersion {
            major: *major,
            minor: *minor,
            build: 0,
        }),
        Some([major, minor, build]) => Ok(FirmwareVersion {
            major: *major,
            minor: *minor,
            build: *build,
        }),
        _ => refuse("minimumFirmware is not major.minor or major.minor.build"),
    }
}

fn vmpl(document: Option<&VmplDocument>) -> Result<VmplRule, Refusal> {
    match document {
        None => Ok(VmplRule::Exactly(0)),
        Some(VmplDocument::Word(AnyWord::Any)) => Ok(VmplRule::Any),
        Some(VmplDocument::Level(level)) if *level <= 3 => Ok(VmplRule::Exactly(*level)),
        Some(VmplDocument::Level(_)) => refuse("vmpl is not 0 to 3"),
    }
}

impl FloorsDocument {
    fn read(&self) -> Floors {
        let lines = [
            (Line::Milan, &self.milan),
            (Line::Genoa, &self.genoa),
            (Line::Turin, &self.turin),
        ];
        let listed = lines.into_iter().filter_map(|(line, levels)| {
            let LevelsDocument {
                fmc,
                bl,
                tee,
                snp,
                ucode,
            } = levels.as_ref()?.0;
            Some((
                line,
                Levels {
                    fmc,
                    bl,
                    tee,
                    snp,
                    ucode,
                },
            ))
        });
        Floors(listed.collect())
    }
}

fn skip(words: &[SkipDocument]) -> Result<Skip, Refusal> {
    let has = |word| words.contains(&word);
    let skip = Skip {
        chain: has(SkipDocument::Chain),
        chain_time: has(SkipDocument::ChainTime),
        host_data: has(SkipDocument::HostData),
    };
    let distinct = [skip.chain, skip.chain_time, skip.host_data]
        .into_iter()
        .filter(|on| *on);
    if distinct.count() == words.len() {
        Ok(skip)
    } else {
        refuse("skip repeats a check")
    }
}

/// Reads a document; what holds between members is checked by the caller.
pub(super) fn from_json(json: &[u8]) -> Result<Expectation, Refusal> {
    let document: Document =
        read_document(json).map_err(|error| Refusal::new(format!("expectation: {error}")))?;
    if document.format != EXPECTATION_FORMAT {
        return refuse(&format!("format is not {EXPECTATION_FORMAT}"));
    }
    document.read()
}

impl Document {
    fn read(self) -> Result<Expectation, Refusal> {
        let guest_policies = self.guest_policies.map(|words| {
            words
                .iter()
                .map(|word| bits("guestPolicies", word))
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(Expectation {
            host_data: hex_list("hostData", self.host_data.as_ref())?,
            launch_measurements: hex_list("launchMeasurements", self.launch_measurements.as_ref())?,
            report_data: hex_option("reportData", self.report_data.as_ref())?,
            vmpl: vmpl(self.vmpl.as_ref())?,
            allow_debug: self.allow_debug,
            allow_migration_agent: self.allow_migration_agent,
            allow_cxl: self.allow_cxl,
            allow_vlek: self.allow_vlek,
            guest_policies: guest_policies.transpose()?,
            require_smt_disabled: self.require_smt_disabled,
            require_tsme: self.require_tsme,
            require_ecc: self.require_ecc,
            require_alias_check: self.require_alias_check,
            allow_unknown_platform_bits: self.allow_unknown_platform_bits,
            minimum_tcb: self.minimum_tcb.as_ref().map(|floors| floors.0.read()),
            minimum_launch_tcb: self
                .minimum_launch_tcb
                .as_ref()
                .map(|floors| floors.0.read()),
            require_committed: self.require_committed,
            minimum_firmware: self.minimum_firmware.as_deref().map(firmware).transpose()?,
            minimum_guest_svn: self.minimum_guest_svn,
            launch_mitigations: bits_option("launchMitigations", self.launch_mitigations.as_ref())?,
            current_mitigations: bits_option(
                "currentMitigations",
                self.current_mitigations.as_ref(),
            )?,
            id_key_digests: hex_list("idKeyDigests", self.id_key_digests.as_ref())?,
            author_key_digests: hex_list("authorKeyDigests", self.author_key_digests.as_ref())?,
            require_author_key: self.require_author_key,
            family_id: hex_option("familyId", self.family_id.as_ref())?,
            image_id: hex_option("imageId", self.image_id.as_ref())?,
            chip_ids: hex_list("chipIds", self.chip_ids.as_ref())?,
            csp_ids: self.csp_ids,
            require_crl: self.require_crl,
            uvm: self.uvm.map(|Object(uvm)| UvmExpectation {
                issuer: uvm.issuer,
                feed: uvm.feed,
                minimum_svn: uvm.minimum_svn.into(),
            }),
            skip: skip(&self.skip)?,
        })
    }
}
