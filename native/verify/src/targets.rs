//! Plain functions over untrusted bytes, for fuzzers and for the seeded mutations of the tests. None of them may panic.

use crate::cose::Envelope;
use crate::crl::RevocationList;
use crate::evidence::{Certificates, Evidence, ReportSource};
use crate::expectation::{Expectation, Skip};
use crate::hcl::HclReport;
use crate::hex::decode_lines_base64;
use crate::judge::{Context, verify, verify_uvm};
use crate::near_miss::{Candidate, CandidateKind, near_misses};
use crate::product::{LeafKind, Line};
use crate::table::Table;
use crate::time::Seconds;
use crate::x509::Certificate;
use crate::{Anchors, UvmExpectation, did, leaf, pem, thim, uvm};

const NOW: Seconds = Seconds(1_767_225_600);

/// A report: every check that needs no certificate.
pub fn report(bytes: &[u8]) {
    let evidence = Evidence {
        report: ReportSource::Raw(bytes.to_vec()),
        certificates: Certificates::Absent,
        crl: None,
        uvm_endorsement: None,
    };
    let skip = Skip {
        chain: true,
        host_data: true,
        chain_time: false,
    };
    let expected = Expectation {
        skip,
        ..Expectation::unchecked()
    };
    let context = Context {
        time: NOW,
        anchors: &Anchors::amd(),
        candidates: &[],
    };
    let _ = verify(&evidence, &expected, &context).to_json();
}

/// A certificate table.
pub fn certificate_table(bytes: &[u8]) {
    let _ = Table::parse(bytes);
}

/// A vTPM report.
pub fn hcl_report(bytes: &[u8]) {
    let _ = HclReport::parse(bytes).map(|hcl| hcl.report_data());
}

/// An endorsement: envelope, chain, signature, issuer, payload.
pub fn endorsement(bytes: &[u8]) {
    let _ = Envelope::parse(bytes);
    let evidence = Evidence {
        report: ReportSource::Absent,
        certificates: Certificates::Absent,
        crl: None,
        uvm_endorsement: Some(bytes.to_vec()),
    };
    let issuer = "did:x509:0:sha256:x::eku:1.2".to_owned();
    let uvm = UvmExpectation {
        issuer,
        feed: "feed".to_owned(),
        minimum_svn: 1,
    };
    let expected = Expectation {
        uvm: Some(uvm),
        ..Expectation::unchecked()
    };
    let _ = verify_uvm(&evidence, &expected).map(|verdict| verdict.to_json());
}

/// A certificate: its form, AMD's extensions of each kind and line, and the predicates of an issuer.
pub fn certificate(bytes: &[u8]) {
    let Some(parsed) = Certificate::parse(bytes) else {
        return;
    };
    for line in Line::ALL {
        for kind in [LeafKind::Vcek, LeafKind::Vlek] {
            let _ = leaf::read(&parsed, line, kind);
        }
    }
    let chain = [parsed.clone(), parsed];
    let _ = uvm::chain_fault(&chain);
    let _ = did::resolves(
        "did:x509:0:sha256:x::subject:CN:x::san:dns:x::eku:1.2",
        &chain,
    );
}

/// A revocation list.
pub fn revocation_list(bytes: &[u8]) {
    let _ = RevocationList::parse(bytes);
}

/// An issuer, against no chain.
pub fn issuer(bytes: &[u8]) {
    let _ = did::resolves(&String::from_utf8_lossy(bytes), &[]);
}

/// The payload of an endorsement.
pub fn statement(bytes: &[u8]) {
    let _ = uvm::read_statement(bytes);
}

/// Certificates as PEM, and the JSON around them.
pub fn certificate_text(bytes: &[u8]) {
    let _ = thim::parse(bytes);
    let _ = pem::parse_certificates(&String::from_utf8_lossy(bytes));
}

/// A policy text, as base64 and as it is, and what it may be taken for.
pub fn policy_text(bytes: &[u8]) {
    let text = decode_lines_base64(bytes).unwrap_or_else(|| bytes.to_vec());
    let kind = CandidateKind::Policy;
    let candidates = [Candidate {
        name: "policy".to_owned(),
        kind,
        text,
    }];
    let _ = near_misses(&[0; 32], &[[1; 32]], &candidates);
}

/// The JSON documents.
pub fn documents(bytes: &[u8]) {
    let _ = Expectation::from_json(bytes);
    let _ = Evidence::from_json(bytes);
}
