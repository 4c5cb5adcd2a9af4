//! Product lines, leaf kinds and the layout of a TCB (SNP ABI; VCEK specification).

use crate::hex::hex;
use serde::{Serialize, Serializer};
use std::fmt;

/// A product line that AMD certifies under a root of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004 and 8004 (Bergamo and Siena are certified as Genoa).
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Line {
    /// All lines with a published root.
    pub const ALL: [Line; 3] = [Line::Milan, Line::Genoa, Line::Turin];

    /// The name in certificates.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// Bytes of a chip's identity: the rest of `chip_id` is zero.
    #[must_use]
    pub const fn hwid_bytes(self) -> usize {
        match self {
            Self::Milan | Self::Genoa => 64,
            Self::Turin => 8,
        }
    }

    /// The line of a combined CPU family and model. Models without a published root have none.
    #[must_use]
    pub const fn of_cpu(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0F) => Some(Self::Milan),
            (0x19, 0x10..=0x1F | 0xA0..=0xAF) => Some(Self::Genoa),
            (0x1A, 0x00..=0x11) => Some(Self::Turin),
            _ => None,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What signed a report: a key of the chip, or one that a cloud provider loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafKind {
    /// Versioned chip endorsement key.
    Vcek,
    /// Versioned loaded endorsement key.
    Vlek,
}

impl LeafKind {
    /// The printed name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        }
    }

    /// `SIGNING_KEY` of a report that such a key signs.
    #[must_use]
    pub const fn signing_key(self) -> u32 {
        match self {
            Self::Vcek => 0,
            Self::Vlek => 1,
        }
    }

    /// Common name of the leaf certificate.
    #[must_use]
    pub const fn common_name(self) -> &'static str {
        match self {
            Self::Vcek => "SEV-VCEK",
            Self::Vlek => "SEV-VLEK",
        }
    }

    /// The kind whose leaf has this common name.
    #[must_use]
    pub fn of_common_name(name: &str) -> Option<Self> {
        [Self::Vcek, Self::Vlek]
            .into_iter()
            .find(|kind| kind.common_name() == name)
    }

    /// Common name of the certificate that issues such leaves.
    #[must_use]
    pub fn issuer_name(self, line: Line) -> String {
        match self {
            Self::Vcek => format!("SEV-{line}"),
            Self::Vlek => format!("SEV-VLEK-{line}"),
        }
    }
}

impl Serialize for LeafKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The eight bytes of a TCB as stored in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcb(pub [u8; 8]);

/// Security patch levels by name. `fmc` is 0 on lines without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Levels {
    /// FMC (Turin).
    pub fmc: u8,
    /// Boot loader.
    pub bl: u8,
    /// TEE.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Microcode.
    pub ucode: u8,
}

impl Tcb {
    /// The levels, in the byte order of the line.
    #[must_use]
    pub const fn levels(self, line: Line) -> Levels {
        match line {
            Line::Milan | Line::Genoa => {
                let [bl, tee, _, _, _, _, snp, ucode] = self.0;
                Levels {
                    fmc: 0,
                    bl,
                    tee,
                    snp,
                    ucode,
                }
            }
            Line::Turin => {
                let [fmc, bl, tee, snp, _, _, _, ucode] = self.0;
                Levels {
                    fmc,
                    bl,
                    tee,
                    snp,
                    ucode,
                }
            }
        }
    }

    /// Whether the bytes that the line does not use are zero.
    #[must_use]
    pub fn is_reserved_zero(self, line: Line) -> bool {
        match line {
            Line::Milan | Line::Genoa => {
                let [_, _, a, b, c, d, _, _] = self.0;
                [a, b, c, d] == [0; 4]
            }
            Line::Turin => {
                let [_, _, _, _, a, b, c, _] = self.0;
                [a, b, c] == [0; 3]
            }
        }
    }
}

impl Serialize for Tcb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl Levels {
    /// Whether each level is at least that of `floor`. One higher level never makes up for a lower one.
    #[must_use]
    pub const fn reaches(self, floor: Self) -> bool {
        self.fmc >= floor.fmc
            && self.bl >= floor.bl
            && self.tee >= floor.tee
            && self.snp >= floor.snp
            && self.ucode >= floor.ucode
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fmc,
            bl,
            tee,
            snp,
            ucode,
        } = self;
        write!(
            formatter,
            "fmc {fmc}, bl {bl}, tee {tee}, snp {snp}, ucode {ucode}"
        )
    }
}
