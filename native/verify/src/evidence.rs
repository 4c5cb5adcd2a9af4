//! Evidence: what the host and the guest hand over. Nothing of it is trusted. JSON form: README.md.

use crate::hex::read_base64;
use crate::json::{Object, present, read_document};
use crate::verdict::Refusal;
use serde::Deserialize;

/// Name and version of the JSON form.
pub const EVIDENCE_FORMAT: &str = "podseal.evidence/v1";

/// The report, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportSource {
    /// None: a denial.
    Absent,
    /// The report itself.
    Raw(Vec<u8>),
    /// A vTPM report of an Azure confidential VM, with the report inside.
    Hcl(Vec<u8>),
}

/// The certificates, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// None: a denial, unless the expectation skips the chain.
    Absent,
    /// DER certificates.
    Chain {
        /// VCEK or VLEK.
        leaf: Vec<u8>,
        /// ASK or ASVK, then ARK.
        chain: Vec<Vec<u8>>,
    },
    /// The certificate table of an extended report.
    Table(Vec<u8>),
    /// The JSON of Azure's certificate service.
    Thim(Vec<u8>),
}

/// Everything that is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The report.
    pub report: ReportSource,
    /// The certificates.
    pub certificates: Certificates,
    /// Revocation list of the ARK (DER).
    pub crl: Option<Vec<u8>>,
    /// Endorsement of the VM image (COSE_Sign1).
    pub uvm_endorsement: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    format: String,
    #[serde(default, deserialize_with = "present")]
    report: Option<String>,
    #[serde(default, deserialize_with = "present")]
    hcl_report: Option<String>,
    #[serde(default, deserialize_with = "present")]
    certificates: Option<Object<ChainDocument>>,
    #[serde(default, deserialize_with = "present")]
    certificate_table: Option<String>,
    #[serde(default, deserialize_with = "present")]
    thim: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crl: Option<String>,
    #[serde(default, deserialize_with = "present")]
    uvm_endorsement: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainDocument {
    leaf: String,
    chain: Vec<String>,
}

fn decode(name: &str, text: &str) -> Result<Vec<u8>, Refusal> {
    read_base64(text).ok_or_else(|| Refusal::new(format!("evidence: {name} is not base64")))
}

fn optional(name: &str, text: Option<&String>) -> Result<Option<Vec<u8>>, Refusal> {
    text.map(|text| decode(name, text)).transpose()
}

impl ChainDocument {
    fn read(&self) -> Result<Certificates, Refusal> {
        let chain = self
            .chain
            .iter()
            .map(|one| decode("certificates.chain", one));
        Ok(Certificates::Chain {
            leaf: decode("certificates.leaf", &self.leaf)?,
            chain: chain.collect::<Result<_, _>>()?,
        })
    }
}

impl Document {
    fn certificates(&self) -> Result<Certificates, Refusal> {
        match (&self.certificates, &self.certificate_table, &self.thim) {
            (None, None, None) => Ok(Certificates::Absent),
            (Some(chain), None, None) => chain.0.read(),
            (None, Some(table), None) => {
                Ok(Certificates::Table(decode("certificateTable", table)?))
            }
            (None, None, Some(json)) => Ok(Certificates::Thim(json.clone().into_bytes())),
            _ => Err(Refusal::new(
                "evidence: certificates, certificateTable and thim exclude each other",
            )),
        }
    }

    fn report(&self) -> Result<ReportSource, Refusal> {
        match (&self.report, &self.hcl_report) {
            (None, None) => Ok(ReportSource::Absent),
            (Some(raw), None) => Ok(ReportSource::Raw(decode("report", raw)?)),
            (None, Some(hcl)) => Ok(ReportSource::Hcl(decode("hclReport", hcl)?)),
            _ => Err(Refusal::new(
                "evidence: report and hclReport exclude each other",
            )),
        }
    }
}

impl Evidence {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// A document that is not `podseal.evidence/v1`.
    pub fn from_json(json: &[u8]) -> Result<Self, Refusal> {
        let document: Document =
            read_document(json).map_err(|error| Refusal::new(format!("evidence: {error}")))?;
        if document.format != EVIDENCE_FORMAT {
            return Err(Refusal::new(format!(
                "evidence: format is not {EVIDENCE_FORMAT}"
            )));
        }
        Ok(Self {
            report: document.report()?,
            certificates: document.certificates()?,
            crl: optional("crl", document.crl.as_ref())?,
            uvm_endorsement: optional("uvmEndorsement", document.uvm_endorsement.as_ref())?,
        })
    }
}
