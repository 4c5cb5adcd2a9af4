//! SEV-SNP evidence and an expectation in, a verdict out. The laws, the order of the checks and the JSON forms of all three
//! are in README.md of this crate. No clock, no files, no network.

#![forbid(unsafe_code)]

mod anchors;
mod code;
mod cose;
mod crl;
mod crypto;
mod der;
mod did;
mod evidence;
mod expectation;
mod hcl;
mod hex;
mod json;
mod judge;
mod leaf;
mod limits;
mod near_miss;
mod pem;
mod product;
mod report;
mod table;
pub mod targets;
mod thim;
mod time;
mod uvm;
mod verdict;
mod x509;

pub use anchors::Anchors;
pub use code::{Check, Code};
pub use evidence::{Certificates, EVIDENCE_FORMAT, Evidence, ReportSource};
pub use expectation::{EXPECTATION_FORMAT, Expectation, Floors, Skip, UvmExpectation, VmplRule};
pub use hex::decode_lines_base64;
pub use judge::{Context, verify, verify_chain, verify_hcl, verify_table, verify_uvm};
pub use near_miss::{Candidate, CandidateKind, InitdataAlgorithm, NearMiss};
pub use product::{LeafKind, Levels, Line, Tcb};
pub use report::{FirmwareVersion, REPORT_BYTES, Report, SIGNED_BYTES};
pub use time::Seconds;
pub use verdict::{Outcome, Refusal, Row, VERDICT_FORMAT, Verdict, Why};
