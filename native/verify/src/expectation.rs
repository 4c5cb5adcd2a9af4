//! The expectation: what a report must be for the verdict to allow. JSON form: README.md.

mod read;

use crate::limits::EXPECTATION_VALUES;
use crate::product::{Levels, Line};
use crate::report::FirmwareVersion;
use crate::verdict::Refusal;

pub use read::EXPECTATION_FORMAT;

/// What the user turns off, by name. Each shows in the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// Certificates and signature of the report: only sane for a report straight from the device.
    pub chain: bool,
    /// Validity of the certificates.
    pub chain_time: bool,
    /// The measurement of the policy.
    pub host_data: bool,
}

/// Privilege level that the report must be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmplRule {
    /// Exactly this one.
    Exactly(u32),
    /// 0 to 3.
    Any,
}

/// Minimum levels by product line. A line that is not listed has none and is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floors(pub Vec<(Line, Levels)>);

impl Floors {
    /// The minimum of a line.
    #[must_use]
    pub fn of(&self, line: Line) -> Option<Levels> {
        self.0
            .iter()
            .find(|(listed, _)| *listed == line)
            .map(|(_, levels)| *levels)
    }
}

/// Who must have endorsed the VM image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UvmExpectation {
    /// `did:x509` of the issuer.
    pub issuer: String,
    /// The feed.
    pub feed: String,
    /// Minimum endorsed security version.
    pub minimum_svn: u64,
}

/// Everything that may be expected; `None` is "not asked".
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Expectation {
    /// Any of these measurements of a policy. `None` only with `skip.host_data`.
    pub host_data: Option<Vec<[u8; 32]>>,
    /// Any of these launch measurements.
    pub launch_measurements: Option<Vec<[u8; 48]>>,
    /// Report data, all 64 bytes.
    pub report_data: Option<[u8; 64]>,
    /// Privilege level.
    pub vmpl: VmplRule,
    /// The host may debug the guest.
    pub allow_debug: bool,
    /// A migration agent may be associated.
    pub allow_migration_agent: bool,
    /// CXL devices may be used.
    pub allow_cxl: bool,
    /// A key of the cloud provider may sign.
    pub allow_vlek: bool,
    /// Any of these guest policy words.
    pub guest_policies: Option<Vec<u64>>,
    /// The guest policy must forbid SMT.
    pub require_smt_disabled: bool,
    /// Transparent memory encryption must be on.
    pub require_tsme: bool,
    /// ECC memory.
    pub require_ecc: bool,
    /// The firmware must have checked for aliased memory.
    pub require_alias_check: bool,
    /// Platform bits without a known meaning may be set.
    pub allow_unknown_platform_bits: bool,
    /// Minimum of the reported TCB.
    pub minimum_tcb: Option<Floors>,
    /// Minimum of the TCB at launch.
    pub minimum_launch_tcb: Option<Floors>,
    /// Current TCB and version must be the committed ones.
    pub require_committed: bool,
    /// Minimum firmware version.
    pub minimum_firmware: Option<FirmwareVersion>,
    /// Minimum guest SVN.
    pub minimum_guest_svn: Option<u32>,
    /// Mitigations that must be on at launch.
    pub launch_mitigations: Option<u64>,
    /// Mitigations that must be on now.
    pub current_mitigations: Option<u64>,
    /// Any of these ID keys.
    pub id_key_digests: Option<Vec<[u8; 48]>>,
    /// Any of these author keys.
    pub author_key_digests: Option<Vec<[u8; 48]>>,
    /// There must be an author key.
    pub require_author_key: bool,
    /// Family id.
    pub family_id: Option<[u8; 16]>,
    /// Image id.
    pub image_id: Option<[u8; 16]>,
    /// Any of these chips.
    pub chip_ids: Option<Vec<[u8; 64]>>,
    /// Any of these cloud providers, for a VLEK.
    pub csp_ids: Option<Vec<String>>,
    /// A revocation list must be there.
    pub require_crl: bool,
    /// Endorsement of the VM image.
    pub uvm: Option<UvmExpectation>,
    /// What is turned off.
    pub skip: Skip,
}

impl Expectation {
    /// The defaults, with these measurements of a policy: any of them.
    ///
    /// # Errors
    /// An empty list.
    pub fn of_host_data(measurements: Vec<[u8; 32]>) -> Result<Self, Refusal> {
        Self {
            host_data: Some(measurements),
            ..Self::unchecked()
        }
        .checked()
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// A document that is not `podseal.expectation/v1`, or that expects no host data without skipping it.
    pub fn from_json(json: &[u8]) -> Result<Self, Refusal> {
        read::from_json(json)?.checked()
    }

    /// Reads the JSON form, but leaves open whether it expects host data: the caller fills it in and calls `checked`.
    ///
    /// # Errors
    /// A document that is not `podseal.expectation/v1`.
    pub fn from_partial_json(json: &[u8]) -> Result<Self, Refusal> {
        read::from_json(json)
    }

    /// Holds for a value made by hand what holds for a document.
    ///
    /// # Errors
    /// Nothing expected of host data and not skipped; an empty list; options that exclude each other.
    pub fn checked(self) -> Result<Self, Refusal> {
        match (&self.host_data, self.skip.host_data) {
            (None, false) => return refuse("hostData is missing and skip does not name host-data"),
            (Some(_), true) => return refuse("hostData is given and skip names host-data"),
            _ => {}
        }
        for length in self.list_lengths() {
            if length == 0 {
                return refuse("a list without elements expects nothing");
            }
            if length > EXPECTATION_VALUES {
                return refuse("a list has more than 10000 elements");
            }
        }
        let needs_chain = self.require_crl || self.csp_ids.is_some() || self.chip_ids.is_some();
        if self.skip.chain && needs_chain {
            return refuse("requireCrl, cspIds and chipIds need the chain, which skip turns off");
        }
        Ok(self)
    }

    /// All defaults and nothing expected: not valid before host data or a skip is set.
    #[must_use]
    pub const fn unchecked() -> Self {
        Self {
            host_data: None,
            launch_measurements: None,
            report_data: None,
            vmpl: VmplRule::Exactly(0),
            allow_debug: false,
            allow_migration_agent: false,
            allow_cxl: false,
            allow_vlek: true,
            guest_policies: None,
            require_smt_disabled: false,
            require_tsme: false,
            require_ecc: false,
            require_alias_check: false,
            allow_unknown_platform_bits: true,
            minimum_tcb: None,
            minimum_launch_tcb: None,
            require_committed: false,
            minimum_firmware: None,
            minimum_guest_svn: None,
            launch_mitigations: None,
            current_mitigations: None,
            id_key_digests: None,
            author_key_digests: None,
            require_author_key: false,
            family_id: None,
            image_id: None,
            chip_ids: None,
            csp_ids: None,
            require_crl: false,
            uvm: None,
            skip: Skip {
                chain: false,
                chain_time: false,
                host_data: false,
            },
        }
    }

    /// Lengths of all lists that are given.
    fn list_lengths(&self) -> Vec<usize> {
        [
            self.host_data.as_ref().map(Vec::len),
            self.launch_measurements.as_ref().map(Vec::len),
            self.guest_policies.as_ref().map(Vec::len),
            self.minimum_tcb.as_ref().map(|floors| floors.0.len()),
            self.minimum_launch_tcb
                .as_ref()
                .map(|floors| floors.0.len()),
            self.id_key_digests.as_ref().map(Vec::len),
            self.author_key_digests.as_ref().map(Vec::len),
            self.chip_ids.as_ref().map(Vec::len),
            self.csp_ids.as_ref().map(Vec::len),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn refuse<T>(message: &str) -> Result<T, Refusal> {
    Err(Refusal::new(format!("expectation: {message}")))
}
