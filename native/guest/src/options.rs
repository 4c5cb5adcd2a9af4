//! The command line.

mod given;

use crate::device::Source;
use crate::expected::Origin;
use crate::failure::Failure;
use crate::policy::RootHash;
use given::{Given, usage};
use lexopt::{Arg, Parser};
use podseal_verify::Seconds;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What to do.
#[derive(Debug)]
pub enum Task {
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Judge this machine.
    Verify(Box<VerifyOptions>),
    /// Print a report.
    Report(Box<ReportOptions>),
    /// Judge its layers.
    Layers(Box<LayersOptions>),
}

/// A command line that was understood.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub task: Task,
    /// Print for programs.
    pub json: bool,
}

/// How a report is asked for.
#[derive(Debug)]
pub struct DeviceOptions {
    /// In this order.
    pub sources: Vec<Source>,
    /// Privilege level; what the expectation says, else 0.
    pub vmpl: Option<u32>,
    /// How long a busy source is asked again.
    pub wait: Duration,
}

/// What `verify` turns off. Each is named in the verdict.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Skips {
    /// Certificates and signature.
    pub chain: bool,
    /// Validity of certificates.
    pub chain_time: bool,
    /// The policy.
    pub host_data: bool,
    /// The nonce.
    pub freshness: bool,
}

/// Options of `verify`.
#[derive(Debug)]
pub struct VerifyOptions {
    /// The policy.
    pub origin: Origin,
    /// The security-context directory.
    pub context: Option<PathBuf>,
    /// Further expectations.
    pub expectation: Option<PathBuf>,
    /// The device.
    pub device: DeviceOptions,
    /// Certificate of the signing key.
    pub leaf: Option<PathBuf>,
    /// Its issuers.
    pub chain: Option<PathBuf>,
    /// Certificates as Azure's service gives them.
    pub thim: Option<PathBuf>,
    /// Address of the certificate service of the machine.
    pub fetch: Option<PathBuf>,
    /// Revocation list.
    pub crl: Option<PathBuf>,
    /// Endorsement of the VM image.
    pub endorsement: Option<PathBuf>,
    /// Time of the verdict; the clock's otherwise.
    pub time: Option<Seconds>,
    /// What is turned off.
    pub skips: Skips,
    /// A root in place of AMD's.
    pub trust_root: Option<PathBuf>,
}

/// Options of `report`.
#[derive(Debug)]
pub struct ReportOptions {
    /// Report data; a nonce otherwise.
    pub report_data: Option<[u8; 64]>,
    /// Where the report goes; standard output otherwise.
    pub output: Option<PathBuf>,
    /// Where the certificate table goes.
    pub certificates: Option<PathBuf>,
    /// The device.
    pub device: DeviceOptions,
}

/// Options of `layers`.
#[derive(Debug)]
pub struct LayersOptions {
    /// The policy.
    pub origin: Origin,
    /// The security-context directory.
    pub context: Option<PathBuf>,
    /// A listing in place of the device mapper.
    pub table: Option<PathBuf>,
    /// The control device.
    pub control: PathBuf,
    /// Root hashes that are known from elsewhere.
    pub known: Vec<RootHash>,
    /// Containers that must be complete.
    pub running: Vec<String>,
}

/// Turns certificates and report signature off.
pub const SKIP_CHAIN: &str = "skip-chain-and-trust-unsigned-reports";
/// Turns the validity of certificates off.
pub const SKIP_CHAIN_TIME: &str = "skip-chain-time-and-trust-expired-certificates";
/// Turns the policy off.
pub const SKIP_HOST_DATA: &str = "skip-host-data-and-trust-any-policy";
/// Turns the nonce off.
pub const SKIP_FRESHNESS: &str = "skip-freshness-and-trust-replayed-reports";
/// Replaces AMD's roots.
pub const TRUST_ROOT: &str = "trust-root-i-know-this-defeats-attestation";

/// Reads the arguments behind the program's name. Throws USAGE.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let mut parser = Parser::from_args(arguments);
    let mut command: Option<String> = None;
    let mut given = Given::default();
    while let Some(argument) = parser.next().map_err(|error| usage(error.to_string()))? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                return Ok(Invocation {
                    task: Task::Help,
                    json: false,
                });
            }
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Invocation {
                    task: Task::Version,
                    json: false,
                });
            }
            Arg::Value(word) if command.is_none() => {
                command = Some(word.to_string_lossy().into_owned())
            }
            Arg::Value(word) => {
                return Err(usage(format!(
                    "there is one argument too many: {}",
                    word.to_string_lossy()
                )));
            }
            Arg::Short(letter) => return Err(usage(format!("unknown flag -{letter}"))),
            Arg::Long(name) => {
                let name = name.to_owned();
                given.take(&name, &mut parser)?;
            }
        }
    }
    let json = given.json;
    let task = match command.as_deref() {
        Some("verify") => Task::Verify(Box::new(given.into_verify()?)),
        Some("report") => Task::Report(Box::new(given.into_report()?)),
        Some("layers") => Task::Layers(Box::new(given.into_layers()?)),
        Some(other) => return Err(usage(format!("unknown command {other}"))),
        None => {
            return Err(usage(
                "no command: there are verify, report and layers".to_owned(),
            ));
        }
    };
    Ok(Invocation { task, json })
}
