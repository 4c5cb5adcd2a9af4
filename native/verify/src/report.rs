//! The attestation report (SNP ABI, ATTESTATION_REPORT): 1184 bytes, versions 2 to 5, little-endian.

use crate::hex::{as_bits, as_hex};
use crate::product::Tcb;
use serde::{Serialize, Serializer};
use std::fmt;

/// Size of a report in bytes.
pub const REPORT_BYTES: usize = 1184;
/// The signature covers the bytes before this offset.
pub const SIGNED_BYTES: usize = 0x2A0;

/// Bytes that must be zero in every version.
const RESERVED: [(usize, usize); 6] = [
    (0x04C, 0x050),
    (0x18B, 0x1A0),
    (0x1EB, 0x1EC),
    (0x1EF, 0x1F0),
    (0x208, 0x2A0),
    (0x330, 0x4A0),
];
/// CPU family, model and stepping: since version 3.
const RESERVED_BEFORE_3: (usize, usize) = (0x188, 0x18B);
/// Mitigation vectors: since version 5.
const RESERVED_BEFORE_5: (usize, usize) = (0x1F8, 0x208);
/// Bits of `key_info` that must be zero.
const KEY_INFO_RESERVED: u32 = 0xFFFF_FFE0;

/// A firmware version. Its order is that of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirmwareVersion {
    /// Major number.
    pub major: u8,
    /// Minor number.
    pub minor: u8,
    /// Build number.
    pub build: u8,
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

impl Serialize for FirmwareVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The fields of a report, as stored. Printed in hex, numbers as numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Layout version.
    pub version: u32,
    /// Security version of the guest, from the ID block.
    pub guest_svn: u32,
    /// Guest policy bits.
    #[serde(serialize_with = "as_bits")]
    pub policy: u64,
    /// Family id, from the ID block.
    #[serde(serialize_with = "as_hex")]
    pub family_id: [u8; 16],
    /// Image id, from the ID block.
    #[serde(serialize_with = "as_hex")]
    pub image_id: [u8; 16],
    /// Privilege level of the request; 0xFFFFFFFF = asked for by the host.
    pub vmpl: u32,
    /// 1 = ECDSA P-384 with SHA-384.
    pub signature_algorithm: u32,
    /// TCB of the running firmware.
    pub current_tcb: Tcb,
    /// Platform bits.
    #[serde(serialize_with = "as_bits")]
    pub platform_info: u64,
    /// Signer bits.
    pub key_info: u32,
    /// Chosen by the requester.
    #[serde(serialize_with = "as_hex")]
    pub report_data: [u8; 64],
    /// Launch digest (SHA-384).
    #[serde(serialize_with = "as_hex")]
    pub launch_measurement: [u8; 48],
    /// Chosen by the host at launch: the measurement of the policy.
    #[serde(serialize_with = "as_hex")]
    pub host_data: [u8; 32],
    /// SHA-384 of the key that signed the ID block; zero = no ID block.
    #[serde(serialize_with = "as_hex")]
    pub id_key_digest: [u8; 48],
    /// SHA-384 of the author key; zero = none.
    #[serde(serialize_with = "as_hex")]
    pub author_key_digest: [u8; 48],
    /// Identifier of the guest.
    #[serde(serialize_with = "as_hex")]
    pub report_id: [u8; 32],
    /// Identifier of the migration agent; 0xFF bytes = none.
    #[serde(serialize_with = "as_hex")]
    pub report_id_ma: [u8; 32],
    /// TCB that the signing key was derived from.
    pub reported_tcb: Tcb,
    /// Combined CPU family, model and stepping; zero in version 2.
    #[serde(serialize_with = "as_hex")]
    pub cpuid: [u8; 3],
    /// Identity of the chip.
    #[serde(serialize_with = "as_hex")]
    pub chip_id: [u8; 64],
    /// TCB below which the host cannot go back.
    pub committed_tcb: Tcb,
    /// Version of the running firmware.
    pub current_version: FirmwareVersion,
    /// Version below which the host cannot go back.
    pub committed_version: FirmwareVersion,
    /// TCB at launch.
    pub launch_tcb: Tcb,
    /// Mitigations at launch; version 5.
    #[serde(serialize_with = "as_bits")]
    pub launch_mit_vector: u64,
    /// Mitigations now; version 5.
    #[serde(serialize_with = "as_bits")]
    pub current_mit_vector: u64,
    /// R of the signature: a little-endian integer of 72 bytes.
    #[serde(skip)]
    pub signature_r: [u8; 72],
    /// S of the signature: a little-endian integer of 72 bytes.
    #[serde(skip)]
    pub signature_s: [u8; 72],
}

/// Takes fields off the front, in the order of the layout.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn tcb(&mut self) -> Option<Tcb> {
        self.take().map(Tcb)
    }

    /// Build, minor, major and a reserved byte.
    fn version(&mut self) -> Option<FirmwareVersion> {
        let [build, minor, major, _] = self.take()?;
        Some(FirmwareVersion {
            major,
            minor,
            build,
        })
    }
}

impl Report {
    /// The fields of 1184 bytes; none for another length. Says nothing of version and reserved bytes.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != REPORT_BYTES {
            return None;
        }
        let fields = &mut Fields(bytes);
        Some(Self {
            version: fields.u32()?,
            guest_svn: fields.u32()?,
            policy: fields.u64()?,
            family_id: fields.take()?,
            image_id: fields.take()?,
            vmpl: fields.u32()?,
            signature_algorithm: fields.u32()?,
            current_tcb: fields.tcb()?,
            platform_info: fields.u64()?,
            key_info: fields.u64().map(|word| {
                let [a, b, c, d, ..] = word.to_le_bytes();
                u32::from_le_bytes([a, b, c, d])
            })?,
            report_data: fields.take()?,
            launch_measurement: fields.take()?,
            host_data: fields.take()?,
            id_key_digest: fields.take()?,
            author_key_digest: fields.take()?,
            report_id: fields.take()?,
            report_id_ma: fields.take()?,
            reported_tcb: fields.tcb()?,
            cpuid: fields
                .take::<24>()
                .map(|[family, model, stepping, ..]| [family, model, stepping])?,
            chip_id: fields.take()?,
            committed_tcb: fields.tcb()?,
            current_version: fields.version()?,
            committed_version: fields.version()?,
            launch_tcb: fields.tcb()?,
            launch_mit_vector: fields.u64()?,
            current_mit_vector: fields.u64()?,
            signature_r: fields.take::<152>().and_then(|_| fields.take())?,
            signature_s: fields.take()?,
        })
    }

    /// The first byte range or field that should be zero and is not.
    #[must_use]
    pub fn reserved_fault(&self, bytes: &[u8]) -> Option<String> {
        let mut ranges = RESERVED.to_vec();
        if self.version < 3 {
            ranges.push(RESERVED_BEFORE_3);
        }
        if self.version < 5 {
            ranges.push(RESERVED_BEFORE_5);
        }
        ranges.sort_unstable();
        let dirty = ranges.into_iter().find(|(start, end)| {
            bytes
                .get(*start..*end)
                .is_none_or(|range| range.iter().any(|byte| *byte != 0))
        });
        match dirty {
            Some((start, end)) => {
                Some(format!("bytes {start:#05x} to {end:#05x} are not all zero"))
            }
            None if self.key_info & KEY_INFO_RESERVED != 0 => Some(format!(
                "reserved bits of key_info {:#010x} are set",
                self.key_info
            )),
            None => None,
        }
    }

    /// `AUTHOR_KEY_EN` of `key_info`.
    #[must_use]
    pub const fn has_author_key(&self) -> bool {
        self.key_info & 1 != 0
    }

    /// `MASK_CHIP_KEY` of `key_info`.
    #[must_use]
    pub const fn is_chip_masked(&self) -> bool {
        self.key_info & 2 != 0
    }

    /// `SIGNING_KEY` of `key_info`: 0 VCEK, 1 VLEK, 7 none.
    #[must_use]
    pub const fn signing_key(&self) -> u32 {
        (self.key_info >> 2) & 7
    }
}
