//! AMD's extensions of a VCEK or VLEK (arc 1.3.6.1.4.1.3704.1).

use crate::der::{Der, integer, only, tag};
use crate::product::{LeafKind, Levels, Line};
use crate::x509::Certificate;

/// The arc, as DER contents. An extension's OID continues it.
pub(crate) const ARC: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x9C, 0x78, 0x01];

/// Suffixes of the arc.
mod suffix {
    pub(super) const STRUCT_VERSION: &[u8] = &[1];
    pub(super) const PRODUCT_NAME: &[u8] = &[2];
    pub(super) const BL: &[u8] = &[3, 1];
    pub(super) const TEE: &[u8] = &[3, 2];
    pub(super) const SNP: &[u8] = &[3, 3];
    pub(super) const RESERVED: [&[u8]; 4] = [&[3, 4], &[3, 5], &[3, 6], &[3, 7]];
    pub(super) const UCODE: &[u8] = &[3, 8];
    pub(super) const FMC: &[u8] = &[3, 9];
    pub(super) const HWID: &[u8] = &[4];
    pub(super) const CSP_ID: &[u8] = &[5];
}

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// VCEK: the chip, 64 or 8 bytes.
    Chip(Vec<u8>),
    /// VLEK: the cloud provider.
    Csp(String),
}

/// What a leaf says of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeafFacts {
    /// Product name up to the first `-`.
    pub(crate) line_name: String,
    pub(crate) levels: Levels,
    /// Whether the levels without a meaning are zero.
    pub(crate) reserved_zero: bool,
    pub(crate) owner: Owner,
}

fn ia5(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(only(value, tag::IA5_STRING)?).ok()?;
    text.is_ascii().then_some(text)
}

/// A minimal INTEGER of 0 to 255 and nothing else.
fn level(value: &[u8]) -> Option<u8> {
    let mut der = Der::new(value);
    let number = integer(&mut der)?;
    der.end()?;
    match number {
        [one] if *one < 0x80 => Some(*one),
        [0, one] => Some(*one),
        _ => None,
    }
}

/// The identity of the chip, raw or as OCTET STRING.
fn hwid(value: &[u8], line: Line) -> Option<Vec<u8>> {
    let raw = if value.len() == line.hwid_bytes() {
        value
    } else {
        only(value, tag::OCTET_STRING)?
    };
    (raw.len() == line.hwid_bytes()).then(|| raw.to_vec())
}

/// Reads the extensions of one leaf.
struct Reader<'a>(&'a Certificate<'a>);

impl<'a> Reader<'a> {
    fn value(&self, suffix: &[u8]) -> Option<&'a [u8]> {
        let mut all = self.0.extensions.iter();
        all.find(|one| one.oid.strip_prefix(ARC) == Some(suffix))
            .map(|found| found.value)
    }

    fn need(&self, name: &str, suffix: &[u8]) -> Result<&'a [u8], String> {
        self.value(suffix)
            .ok_or_else(|| format!("extension {name} is missing"))
    }

    fn level(&self, name: &str, suffix: &[u8]) -> Result<u8, String> {
        level(self.need(name, suffix)?).ok_or_else(|| format!("{name} is not a level of one byte"))
    }

    fn fmc(&self, line: Line) -> Result<u8, String> {
        match (line, self.value(suffix::FMC)) {
            (Line::Turin, _) => self.level("fmcSPL", suffix::FMC),
            (_, None) => Ok(0),
            (_, Some(_)) => Err(format!("{line} has no fmcSPL")),
        }
    }

    fn reserved_zero(&self) -> Result<bool, String> {
        let mut zero = true;
        for suffix in suffix::RESERVED {
            if let Some(value) = self.value(suffix) {
                zero &= level(value).ok_or("a reserved SPL is not a level of one byte")? == 0;
            }
        }
        Ok(zero)
    }

    fn owner(&self, line: Line, kind: LeafKind) -> Result<Owner, String> {
        let (unwanted, name) = match kind {
            LeafKind::Vcek => (suffix::CSP_ID, "CSP_ID"),
            LeafKind::Vlek => (suffix::HWID, "HWID"),
        };
        if self.value(unwanted).is_some() {
            return Err(format!("a {} has no {name}", kind.name()));
        }
        match kind {
            LeafKind::Vcek => hwid(self.need("HWID", suffix::HWID)?, line)
                .map(Owner::Chip)
                .ok_or_else(|| format!("HWID is not {} bytes", line.hwid_bytes())),
            LeafKind::Vlek => ia5(self.need("CSP_ID", suffix::CSP_ID)?)
                .map(|text| Owner::Csp(text.to_owned()))
                .ok_or_else(|| "CSP_ID is not an IA5String".to_owned()),
        }
    }
}

/// Reads what a leaf of this kind must say on this line. The error says what is missing or malformed.
pub(crate) fn read(
    certificate: &Certificate<'_>,
    line: Line,
    kind: LeafKind,
) -> Result<LeafFacts, String> {
    if certificate.repeats_extension() {
        return Err("an extension stands twice".to_owned());
    }
    let reader = Reader(certificate);
    reader.level("structVersion", suffix::STRUCT_VERSION)?;
    let product = ia5(reader.need("productName", suffix::PRODUCT_NAME)?)
        .ok_or("productName is not an IA5String")?;
    let levels = Levels {
        fmc: reader.fmc(line)?,
        bl: reader.level("blSPL", suffix::BL)?,
        tee: reader.level("teeSPL", suffix::TEE)?,
        snp: reader.level("snpSPL", suffix::SNP)?,
        ucode: reader.level("ucodeSPL", suffix::UCODE)?,
    };
    Ok(LeafFacts {
        line_name: product.split('-').next().unwrap_or_default().to_owned(),
        levels,
        reserved_zero: reader.reserved_zero()?,
        owner: reader.owner(line, kind)?,
    })
}
