//! Recorded reports of AMD hardware through the real program, with AMD's roots.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    missing_docs
)]

mod support;

use serde_json::json;
use std::io::{Write, stderr};
use support::kernel::FakeGuest;
use support::program::{guest, run};
use support::verdict::{assert_denied, launched};

/// Denied for its age, allowed only when that is turned off.
#[test]
fn real_reports_are_judged_with_amds_roots() {
    let Some(vectors) =
        std::env::var_os("PODSEAL_VECTORS").map(|root| std::path::PathBuf::from(root).join("snp"))
    else {
        drop(writeln!(
            stderr(),
            "left out: recorded reports (PODSEAL_VECTORS is not set)"
        ));
        return;
    };
    let context = vectors.join("security-context/milan-v2-aci");
    let report = std::fs::read(vectors.join("reports/milan-v2-aci.bin")).unwrap();
    let Some(guest) = guest(FakeGuest {
        has_certificates: false,
        recorded: Some(report),
        ..launched()
    }) else {
        return;
    };
    let base = [
        "verify",
        "--json",
        "--security-context",
        context.to_str().unwrap(),
        "--time=2025-06-01T00:00:00Z",
        &guest.source("sev-guest=sev-guest"),
    ]
    .map(str::to_owned);
    assert_denied(&run(&base), "E_REPORT_DATA");
    let replayed = [
        &base[..],
        &["--skip-freshness-and-trust-replayed-reports".to_owned()],
    ]
    .concat();
    let verdict = run(&replayed).json();
    assert_eq!(
        (&verdict["verdict"], &verdict["proven"]),
        (&json!("allowed"), &json!(false)),
        "{verdict:#}"
    );
    assert_eq!(
        verdict["policy"]["measurement"],
        "cadd74f71ebb8fbf9782baab649612520f3c416bc5ce9ac768808ddc8d9b031c"
    );
    let issuer = "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2";
    for (svn, exit) in [(22, 0), (23, 10)] {
        let uvm = json!({"issuer": issuer, "feed": "ContainerPlat-AMD-UVM", "minimumSvn": svn});
        let document = json!({"format": "podseal.expectation/v1", "uvm": uvm}).to_string();
        let file = format!(
            "--expectation={}",
            guest.file("expectation", document.as_bytes())
        );
        let done = run(&[&replayed[..], &[file]].concat());
        assert_eq!(done.exit, exit, "{:#}", done.json());
    }
}
