//! Every case of the report vectors: reports, certificate chains, endorsements, certificate tables and vTPM reports. The
//! vectors lie outside of the repository, in the directory that PODSEAL_VECTORS names; without it this test says so.

use podseal_verify::{
    Anchors, Certificates, Context, Evidence, Expectation, Line, ReportSource, Seconds, Verdict,
    verify, verify_chain, verify_hcl, verify_table, verify_uvm,
};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Members of the vectors that have the same form here, by their names here.
const SAME: [(&str, &str); 20] = [
    ("report_data", "reportData"),
    ("family_id", "familyId"),
    ("image_id", "imageId"),
    ("allow_debug", "allowDebug"),
    ("allow_migrate_ma", "allowMigrationAgent"),
    ("allow_cxl", "allowCxl"),
    ("allow_vlek", "allowVlek"),
    ("min_guest_svn", "minimumGuestSvn"),
    ("require_committed", "requireCommitted"),
    ("require_smt_disabled", "requireSmtDisabled"),
    ("require_tsme", "requireTsme"),
    ("require_ecc", "requireEcc"),
    ("require_alias_check", "requireAliasCheck"),
    ("allow_unknown_platform_bits", "allowUnknownPlatformBits"),
    ("id_key_digests", "idKeyDigests"),
    ("author_key_digests", "authorKeyDigests"),
    ("require_author_key", "requireAuthorKey"),
    ("chip_ids", "chipIds"),
    ("csp_ids", "cspIds"),
    ("require_crl", "requireCrl"),
];

struct Vectors {
    folder: PathBuf,
    index: Value,
}

impl Vectors {
    fn open() -> Option<Self> {
        let Some(root) = std::env::var_os("PODSEAL_VECTORS") else {
            let _ = writeln!(
                std::io::stderr(),
                "PODSEAL_VECTORS is not set: no vectors are tried"
            );
            return None;
        };
        let folder = Path::new(&root).join("snp");
        let index = std::fs::read(folder.join("vectors.json")).unwrap();
        Some(Self {
            folder,
            index: serde_json::from_slice(&index).unwrap(),
        })
    }

    fn file(&self, name: &Value) -> Vec<u8> {
        std::fs::read(self.folder.join(name.as_str().unwrap())).unwrap()
    }

    /// The certificates of a PEM file.
    fn pem(&self, name: &Value) -> Vec<Vec<u8>> {
        let text = String::from_utf8(self.file(name)).unwrap();
        let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
        let body = |block: &str| {
            block
                .split("-----END")
                .next()
                .unwrap()
                .replace(['\r', '\n'], "")
        };
        blocks
            .map(|one| data_encoding::BASE64.decode(body(one).as_bytes()).unwrap())
            .collect()
    }

    fn anchors(&self, name: &Value) -> Anchors {
        let files = self.index["anchors"][name.as_str().unwrap()]
            .as_array()
            .unwrap();
        let digest = |file: &Value| {
            let der = &self.pem(file)[0];
            ring::digest::digest(&ring::digest::SHA256, der)
                .as_ref()
                .try_into()
                .unwrap()
        };
        Anchors::replaced(
            Line::ALL
                .into_iter()
                .zip(files.iter().map(digest))
                .collect(),
        )
    }

    fn cases(&self, group: &str) -> &[Value] {
        self.index[group].as_array().unwrap()
    }
}

fn expectation(expect: &Map<String, Value>, product: &Value) -> Value {
    let mut out = json!({ "format": "podseal.expectation/v1" });
    for (theirs, ours) in SAME {
        if let Some(value) = expect.get(theirs) {
            out[ours] = value.clone();
        }
    }
    match expect.get("host_data") {
        Some(value) => out["hostData"] = json!([value]),
        None => out["skip"] = json!(["host-data"]),
    }
    if let Some(value) = expect.get("measurement") {
        out["launchMeasurements"] = if value.is_array() {
            value.clone()
        } else {
            json!([value])
        };
    }
    if let Some(value) = expect.get("vmpl") {
        out["vmpl"] = if value.is_null() {
            json!("any")
        } else {
            value.clone()
        };
    }
    for (theirs, ours) in [
        ("min_tcb", "minimumTcb"),
        ("min_launch_tcb", "minimumLaunchTcb"),
    ] {
        if let Some(value) = expect.get(theirs) {
            out[ours] = json!({ product.as_str().unwrap(): value });
        }
    }
    if expect.contains_key("min_firmware") || expect.contains_key("min_build") {
        let version = expect
            .get("min_firmware")
            .and_then(Value::as_str)
            .unwrap_or("0.0");
        let build = expect.get("min_build").and_then(Value::as_u64).unwrap_or(0);
        out["minimumFirmware"] = json!(format!("{version}.{build}"));
    }
    if let Some(value) = expect.get("min_launch_mit_vector").and_then(Value::as_u64) {
        out["launchMitigations"] = json!(format!("{value:#x}"));
    }
    out
}

fn evidence(report: ReportSource) -> Evidence {
    Evidence {
        report,
        certificates: Certificates::Absent,
        crl: None,
        uvm_endorsement: None,
    }
}

fn judge_report(vectors: &Vectors, case: &Value) -> Result<Verdict, String> {
    let expect = case["expect"].as_object().unwrap();
    let document = expectation(expect, &case["product"]).to_string();
    let expected = Expectation::from_json(document.as_bytes()).map_err(|_| "E_USAGE".to_owned())?;
    let chain = case["chain"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|file| vectors.pem(file));
    let evidence = Evidence {
        certificates: Certificates::Chain {
            leaf: vectors.file(&case["leaf"]),
            chain: chain.collect(),
        },
        crl: expect.get("crl").map(|file| vectors.file(file)),
        ..evidence(if case["report"].is_null() {
            ReportSource::Absent
        } else {
            ReportSource::Raw(vectors.file(&case["report"]))
        })
    };
    let context = Context {
        time: Seconds::parse(case["verify_time"].as_str().unwrap()).unwrap(),
        anchors: &vectors.anchors(&case["anchor"]),
        candidates: &[],
    };
    let judge = if case["report"].is_null() {
        verify_chain
    } else {
        verify
    };
    Ok(judge(&evidence, &expected, &context))
}

fn judge_uvm(vectors: &Vectors, case: &Value) -> Verdict {
    let expect = &case["expect"];
    let document = json!({
        "format": "podseal.expectation/v1",
        "skip": ["host-data"],
        "launchMeasurements": [expect["measurement"]],
        "uvm": {
            "issuer": expect["issuer"],
            "feed": expect["feed"],
            "minimumSvn": expect["min_svn"],
        },
    });
    let expected = Expectation::from_json(document.to_string().as_bytes()).unwrap();
    let uvm_endorsement = Some(vectors.file(&case["file"]));
    let evidence = Evidence {
        uvm_endorsement,
        ..evidence(ReportSource::Absent)
    };
    verify_uvm(&evidence, &expected).unwrap()
}

/// What is wrong with an outcome (allowed, or the reason), if anything.
fn fault(case: &Value, outcome: &Result<(), String>) -> Option<String> {
    let allowed = case["reasons"].as_array();
    let fits = match outcome {
        Ok(()) => case["verdict"] == "accept",
        Err(reason) => {
            case["verdict"] == "reject"
                && allowed.is_some_and(|codes| codes.iter().any(|code| code == reason))
        }
    };
    (!fits).then(|| {
        format!(
            "{}: {} {allowed:?}, got {outcome:?}",
            case["id"], case["verdict"]
        )
    })
}

fn outcome(verdict: &Verdict) -> Result<(), String> {
    if verdict.allowed() {
        return Ok(());
    }
    Err(verdict
        .reason()
        .map_or("", podseal_verify::Code::as_str)
        .to_owned())
}

/// Runs all cases of a group; answers how many there are.
fn run(vectors: &Vectors, group: &str, judge: impl Fn(&Value) -> Result<(), String>) -> usize {
    let cases = vectors.cases(group);
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| fault(case, &judge(case)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    cases.len()
}

#[test]
fn reports_and_chains() {
    let Some(vectors) = Vectors::open() else {
        return;
    };
    let judge = |case: &Value| judge_report(&vectors, case).and_then(|verdict| outcome(&verdict));
    assert!(run(&vectors, "cases", judge) > 0);
}

#[test]
fn the_fields_of_reports() {
    let Some(vectors) = Vectors::open() else {
        return;
    };
    let names = [
        ("version", "version"),
        ("guest_svn", "guestSvn"),
        ("policy", "policy"),
        ("family_id", "familyId"),
        ("vmpl", "vmpl"),
        ("signature_algo", "signatureAlgorithm"),
        ("current_tcb", "currentTcb"),
        ("platform_info", "platformInfo"),
        ("report_data", "reportData"),
        ("measurement", "launchMeasurement"),
        ("host_data", "hostData"),
        ("id_key_digest", "idKeyDigest"),
        ("author_key_digest", "authorKeyDigest"),
        ("report_id", "reportId"),
        ("report_id_ma", "reportIdMa"),
        ("reported_tcb", "reportedTcb"),
        ("cpuid", "cpuid"),
        ("chip_id", "chipId"),
        ("committed_tcb", "committedTcb"),
        ("current_version", "currentVersion"),
        ("committed_version", "committedVersion"),
        ("launch_tcb", "launchTcb"),
    ];
    for case in vectors.cases("cases") {
        let Ok(verdict) = judge_report(&vectors, case) else {
            continue;
        };
        let printed: Value = serde_json::from_str(&verdict.to_json()).unwrap();
        if printed["report"].is_null() {
            continue;
        }
        for (theirs, ours) in names {
            assert_eq!(
                case["parsed"][theirs], printed["report"][ours],
                "{} {ours}",
                case["id"]
            );
        }
    }
}

#[test]
fn endorsements() {
    let Some(vectors) = Vectors::open() else {
        return;
    };
    assert!(
        run(&vectors, "uvm_cases", |case| outcome(&judge_uvm(
            &vectors, case
        ))) > 0
    );
}

#[test]
fn certificate_tables() {
    let Some(vectors) = Vectors::open() else {
        return;
    };
    let judge = |case: &Value| {
        let certificates = Certificates::Table(vectors.file(&case["file"]));
        outcome(&verify_table(&Evidence {
            certificates,
            ..evidence(ReportSource::Absent)
        }))
    };
    assert!(run(&vectors, "certtable_cases", judge) > 0);
}

#[test]
fn vtpm_reports() {
    let Some(vectors) = Vectors::open() else {
        return;
    };
    let judge = |case: &Value| {
        outcome(&verify_hcl(&evidence(ReportSource::Hcl(
            vectors.file(&case["file"]),
        ))))
    };
    assert!(run(&vectors, "hcl_cases", judge) > 0);
}

/// The complete set of a container group: report, THIM JSON, endorsement and policy.
#[test]
fn a_complete_security_context() {
    let Some(vectors) = Vectors::open() else {
        return;
    };
    let lines = |name: &str| {
        let path = json!(format!("security-context/milan-v2-aci/{name}"));
        podseal_verify::decode_lines_base64(&vectors.file(&path)).unwrap()
    };
    let policy = lines("security-policy-base64");
    let digest = ring::digest::digest(&ring::digest::SHA256, &policy);
    let mut expected =
        Expectation::of_host_data(vec![digest.as_ref().try_into().unwrap()]).unwrap();
    expected.uvm = Some(podseal_verify::UvmExpectation {
        issuer: vectors.cases("uvm_cases")[0]["expect"]["issuer"]
            .as_str()
            .unwrap()
            .to_owned(),
        feed: "ContainerPlat-AMD-UVM".to_owned(),
        minimum_svn: 22,
    });
    let time = Seconds::parse("2026-01-01T00:00:00Z").unwrap();
    let context = Context {
        time,
        anchors: &Anchors::amd(),
        candidates: &[],
    };
    for thim in [
        lines("host-amd-cert-base64"),
        vectors.file(&json!("thim/milan-v2-aci.json")),
    ] {
        let evidence = Evidence {
            report: ReportSource::Raw(vectors.file(&json!("reports/milan-v2-aci.bin"))),
            certificates: Certificates::Thim(thim),
            crl: None,
            uvm_endorsement: Some(lines("reference-info-base64")),
        };
        let verdict = verify(&evidence, &expected, &context);
        assert_eq!(outcome(&verdict), Ok(()), "{}", verdict.to_json());
        assert_eq!(verdict.product, Some(Line::Milan));
    }
}
