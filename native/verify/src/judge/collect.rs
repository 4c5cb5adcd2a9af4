//! Certificates out of whatever they came in.

use crate::code::{Check, Code};
use crate::evidence::Certificates;
use crate::product::LeafKind;
use crate::table::{Table, guid};
use crate::thim;
use crate::verdict::{Fault, Outcome, Rows};

/// DER bytes by their place in the chain; nothing is checked yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    pub(super) leaf: Option<Vec<u8>>,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) crl: Option<Vec<u8>>,
}

/// Reads a table. One that is not empty must hold a leaf.
fn table(bytes: &[u8]) -> Result<Table<'_>, Fault> {
    let table = Table::parse(bytes).map_err(|detail| Fault::new(Code::Certtable, detail))?;
    let has_leaf = table.blob(guid::VCEK).or(table.blob(guid::VLEK)).is_some();
    if table.0.is_empty() || has_leaf {
        return Ok(table);
    }
    Err(Fault::new(
        Code::CerttableNoVcek,
        "there is neither a VCEK nor a VLEK",
    ))
}

/// The leaf of the kind that the report names, else the other one.
fn from_table(table: &Table<'_>, signing_key: Option<u32>) -> Collected {
    let (first, second) = if signing_key == Some(LeafKind::Vlek.signing_key()) {
        (guid::VLEK, guid::VCEK)
    } else {
        (guid::VCEK, guid::VLEK)
    };
    let copy = |guid| table.blob(guid).map(<[u8]>::to_vec);
    Collected {
        leaf: copy(first).or_else(|| copy(second)),
        chain: [guid::ASK, guid::ARK]
            .into_iter()
            .filter_map(copy)
            .collect(),
        crl: copy(guid::CRL),
    }
}

/// Judges the container and takes the certificates out. None if it is malformed.
pub(super) fn judge(
    rows: &mut Rows,
    certificates: &Certificates,
    signing_key: Option<u32>,
) -> Option<Collected> {
    if let Certificates::Table(bytes) = certificates {
        return rows
            .judge(Check::CertificateTable, table(bytes))
            .map(|table| from_table(&table, signing_key));
    }
    rows.mark(Check::CertificateTable, Outcome::NotAsked);
    Some(match certificates {
        Certificates::Chain { leaf, chain } => Collected {
            leaf: Some(leaf.clone()),
            chain: chain.clone(),
            crl: None,
        },
        Certificates::Thim(json) => {
            thim::parse(json).map_or_else(Collected::default, |found| Collected {
                leaf: Some(found.0),
                chain: found.1,
                crl: None,
            })
        }
        Certificates::Absent | Certificates::Table(_) => Collected::default(),
    })
}
