//! What stands on the command line, flag by flag, and what each command makes of it.

use super::{
    DeviceOptions, LayersOptions, ReportOptions, SKIP_CHAIN, SKIP_CHAIN_TIME, SKIP_FRESHNESS,
    SKIP_HOST_DATA, Skips, TRUST_ROOT, VerifyOptions,
};
use crate::device::{Kind, Source};
use crate::expected::Origin;
use crate::failure::{Code, Failure};
use crate::policy::{RootHash, parse_root_hash};
use lexopt::{Parser, ValueExt};
use podseal_verify::Seconds;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How long a busy device is asked again, unless told otherwise.
const WAIT_SECONDS: u64 = 5;
const WAIT_SECONDS_MAX: u64 = 600;

const POLICY_FLAGS: &[&str] = &["policy", "policy-base64", "initdata", "security-context"];
const DEVICE_FLAGS: &[&str] = &["device", "vmpl", "wait"];
const VERIFY_FLAGS: &[&str] = &[
    "expectation",
    "leaf",
    "chain",
    "thim",
    "fetch-certs",
    "crl",
    "uvm-endorsement",
    "time",
    SKIP_CHAIN,
    SKIP_CHAIN_TIME,
    SKIP_HOST_DATA,
    SKIP_FRESHNESS,
    TRUST_ROOT,
];
const REPORT_FLAGS: &[&str] = &["report-data", "output", "certificates"];
const LAYERS_FLAGS: &[&str] = &["dm-table", "dm-control", "known-layer", "running"];
/// Flags whose value is a path and nothing else.
const PATH_FLAGS: &[&str] = &[
    "security-context",
    "expectation",
    "leaf",
    "chain",
    "thim",
    "fetch-certs",
    "crl",
    "uvm-endorsement",
    TRUST_ROOT,
    "output",
    "certificates",
    "dm-table",
    "dm-control",
];
/// Flags that may be given more than once.
const REPEATABLE_FLAGS: &[&str] = &["device", "known-layer", "running"];

/// Everything that may be given, before it is known whether it fits the command.
#[derive(Default)]
pub(super) struct Given {
    flags: Vec<String>,
    pub(super) json: bool,
    origin: Option<Origin>,
    sources: Vec<Source>,
    vmpl: Option<u32>,
    wait: Option<Duration>,
    paths: Vec<(String, PathBuf)>,
    time: Option<Seconds>,
    skips: Skips,
    report_data: Option<[u8; 64]>,
    known: Vec<RootHash>,
    running: Vec<String>,
}

pub(super) fn usage(message: String) -> Failure {
    Failure::new(Code::Usage, message).with_hint("podseal-guest --help lists commands and flags")
}

impl Given {
    pub(super) fn take(&mut self, name: &str, parser: &mut Parser) -> Result<(), Failure> {
        if self.flags.iter().any(|flag| flag == name) && !REPEATABLE_FLAGS.contains(&name) {
            return Err(usage(format!("--{name} is given twice")));
        }
        self.flags.push(name.to_owned());
        match name {
            "json" => self.json = true,
            SKIP_CHAIN => self.skips.chain = true,
            SKIP_CHAIN_TIME => self.skips.chain_time = true,
            SKIP_HOST_DATA => self.skips.host_data = true,
            SKIP_FRESHNESS => self.skips.freshness = true,
            _ => {
                let is_known = [
                    POLICY_FLAGS,
                    DEVICE_FLAGS,
                    VERIFY_FLAGS,
                    REPORT_FLAGS,
                    LAYERS_FLAGS,
                ];
                if !is_known.iter().any(|flags| flags.contains(&name)) {
                    return Err(usage(format!("unknown flag --{name}")));
                }
                let value = parser.value().map_err(|error| usage(error.to_string()))?;
                return self.take_value(name, value);
            }
        }
        Ok(())
    }

    fn take_value(&mut self, name: &str, value: OsString) -> Result<(), Failure> {
        if value.is_empty() {
            return Err(usage(format!("--{name} has an empty value")));
        }
        if PATH_FLAGS.contains(&name) {
            self.paths.push((name.to_owned(), PathBuf::from(value)));
            return Ok(());
        }
        match name {
            "policy" => self.set_origin(Origin::Policy(value.into())),
            "policy-base64" => self.set_origin(Origin::PolicyBase64(value.into())),
            "initdata" => self.set_origin(Origin::Initdata(value.into())),
            _ => {
                let text = value
                    .string()
                    .map_err(|error| usage(format!("--{name}: {error}")))?;
                let wrong = |want: &str| {
                    usage(format!("--{name} has an impossible value"))
                        .with_sides(want, text.clone())
                };
                match name {
                    "device" => self.sources.push(parse_source(&text).ok_or_else(|| {
                        wrong("configfs, sev-guest or sev, with =PATH or without")
                    })?),
                    "vmpl" => {
                        self.vmpl = Some(parse_number(&text, 3).ok_or_else(|| wrong("0 to 3"))?)
                    }
                    "wait" => {
                        let seconds = parse_number(&text, WAIT_SECONDS_MAX)
                            .ok_or_else(|| wrong("0 to 600 seconds"))?;
                        self.wait = Some(Duration::from_secs(seconds));
                    }
                    "time" => {
                        self.time = Some(
                            Seconds::parse(&text).ok_or_else(|| wrong("YYYY-MM-DDTHH:MM:SSZ"))?,
                        )
                    }
                    "report-data" => {
                        self.report_data = Some(
                            parse_report_data(&text)
                                .ok_or_else(|| wrong("at most 128 hex digits, an even number"))?,
                        )
                    }
                    "known-layer" => self.known.push(
                        parse_root_hash(&text).ok_or_else(|| wrong("64 lower-case hex digits"))?,
                    ),
                    _ => self.running.push(text),
                }
                Ok(())
            }
        }
    }

    fn set_origin(&mut self, origin: Origin) -> Result<(), Failure> {
        match self.origin.replace(origin) {
            None => Ok(()),
            Some(_) => Err(usage(
                "--policy, --policy-base64 and --initdata exclude each other".to_owned(),
            )),
        }
    }

    /// Refuses flags of other commands.
    fn check(&self, command: &str, allowed: &[&[&str]]) -> Result<(), Failure> {
        let is_allowed =
            |flag: &str| flag == "json" || allowed.iter().any(|flags| flags.contains(&flag));
        match self.flags.iter().find(|flag| !is_allowed(flag)) {
            None => Ok(()),
            Some(flag) => Err(usage(format!("--{flag} is not a flag of {command}"))),
        }
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        let index = self.paths.iter().position(|(flag, _)| flag == name)?;
        Some(self.paths.swap_remove(index).1)
    }

    fn device(&mut self) -> DeviceOptions {
        let sources = std::mem::take(&mut self.sources);
        DeviceOptions {
            sources: if sources.is_empty() {
                Source::usual()
            } else {
                sources
            },
            vmpl: self.vmpl,
            wait: self.wait.unwrap_or(Duration::from_secs(WAIT_SECONDS)),
        }
    }

    pub(super) fn into_verify(mut self) -> Result<VerifyOptions, Failure> {
        self.check("verify", &[POLICY_FLAGS, DEVICE_FLAGS, VERIFY_FLAGS])?;
        let options = VerifyOptions {
            context: self.path("security-context"),
            expectation: self.path("expectation"),
            device: self.device(),
            leaf: self.path("leaf"),
            chain: self.path("chain"),
            thim: self.path("thim"),
            fetch: self.path("fetch-certs"),
            crl: self.path("crl"),
            endorsement: self.path("uvm-endorsement"),
            trust_root: self.path(TRUST_ROOT),
            time: self.time,
            skips: self.skips,
            origin: self.origin.unwrap_or(Origin::Context),
        };
        if options.leaf.is_some() != options.chain.is_some() {
            return Err(usage("--leaf and --chain go together".to_owned()));
        }
        if options.leaf.is_some() && options.thim.is_some() {
            return Err(usage("--leaf and --thim exclude each other".to_owned()));
        }
        if options.fetch.is_some() && (options.leaf.is_some() || options.thim.is_some()) {
            return Err(usage("--fetch-certs excludes --leaf and --thim".to_owned()));
        }
        Ok(options)
    }

    pub(super) fn into_report(mut self) -> Result<ReportOptions, Failure> {
        self.check("report", &[DEVICE_FLAGS, REPORT_FLAGS])?;
        Ok(ReportOptions {
            report_data: self.report_data,
            output: self.path("output"),
            certificates: self.path("certificates"),
            device: self.device(),
        })
    }

    pub(super) fn into_layers(mut self) -> Result<LayersOptions, Failure> {
        self.check("layers", &[POLICY_FLAGS, LAYERS_FLAGS])?;
        let (table, control) = (self.path("dm-table"), self.path("dm-control"));
        if table.is_some() && control.is_some() {
            return Err(usage(
                "--dm-table and --dm-control exclude each other".to_owned(),
            ));
        }
        Ok(LayersOptions {
            context: self.path("security-context"),
            table,
            control: control.unwrap_or_else(|| PathBuf::from("/dev/mapper/control")),
            known: self.known,
            running: self.running,
            origin: self.origin.unwrap_or(Origin::Context),
        })
    }
}

fn parse_source(text: &str) -> Option<Source> {
    let (name, path) = text
        .split_once('=')
        .map_or((text, None), |(name, path)| (name, Some(path)));
    let (kind, _, usual) = Kind::ALL.into_iter().find(|(_, known, _)| *known == name)?;
    match path {
        Some("") => None,
        Some(path) => Some(Source {
            kind,
            path: PathBuf::from(path),
        }),
        None => Some(Source {
            kind,
            path: PathBuf::from(usual),
        }),
    }
}

/// Decimal digits, no sign, at most `most`.
fn parse_number<N: std::str::FromStr + PartialOrd>(text: &str, most: N) -> Option<N> {
    if !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= most)
}

/// Hex of at most 64 bytes, zeros behind it.
fn parse_report_data(text: &str) -> Option<[u8; 64]> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .ok()?;
    let mut data = [0; 64];
    data.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    Some(data)
}
