//! The JSON forms of expectation, evidence and verdict.

use crate::support::{Trial, assert_denied};
use podseal_verify::{Check, Code, Evidence, Expectation, Line, Refusal, VmplRule};
use serde_json::{Value, json};

/// Evidence with every member that may stand together.
pub const EVIDENCE: &str = r#"{"format":"podseal.evidence/v1","report":"AQID","certificates":
{"leaf":"AQ==","chain":["Ag==","Aw=="]},"crl":"BA==","uvmEndorsement":"BQ=="}"#;

/// An expectation with members of every form.
pub const FULL: &str = r#"{"format":"podseal.expectation/v1","skip":["host-data","chain-time"],
"vmpl":"any","allowDebug":true,"allowVlek":false,"guestPolicies":["0x3001f"],"minimumTcb":
{"Milan":{"bl":3,"ucode":255},"Turin":{}},"minimumFirmware":"1.55.21","minimumGuestSvn":4294967295,
"launchMitigations":"0x3F","familyId":"01000000000000000000000000000000","cspIds":["CN=a"],
"requireCrl":true,"uvm":{"issuer":"did","feed":"f","minimumSvn":1}}"#;

fn refusal(text: &str) -> Refusal {
    Expectation::from_json(text.as_bytes()).unwrap_err()
}

/// A valid expectation with one member set.
fn with(member: &str, value: Value) -> Result<Expectation, Refusal> {
    let mut document = json!({ "format": "podseal.expectation/v1", "hostData": ["00".repeat(32)] });
    document[member] = value;
    Expectation::from_json(document.to_string().as_bytes())
}

#[test]
fn an_expectation_of_every_form() {
    let expected = Expectation::from_json(FULL.as_bytes()).unwrap();
    assert_eq!(expected.vmpl, VmplRule::Any);
    assert!(expected.allow_debug && !expected.allow_vlek && !expected.allow_cxl);
    assert!(expected.skip.host_data && expected.skip.chain_time && !expected.skip.chain);
    let floors = expected.minimum_tcb.unwrap();
    assert_eq!(floors.of(Line::Milan).unwrap().ucode, 255);
    assert_eq!(floors.of(Line::Turin).unwrap().bl, 0);
    assert!(floors.of(Line::Genoa).is_none());
    assert_eq!(expected.launch_mitigations, Some(0x3F));
    assert_eq!(expected.minimum_firmware.unwrap().to_string(), "1.55.21");
    assert_eq!(
        with("hostData", json!(["AB".repeat(32)]))
            .unwrap()
            .host_data,
        Some(vec![[0xAB; 32]])
    );
}

#[test]
fn nothing_expected_is_refused() {
    assert!(
        refusal(r#"{"format":"podseal.expectation/v1"}"#)
            .message
            .contains("hostData")
    );
    assert!(Expectation::of_host_data(Vec::new()).is_err());
    assert!(Expectation::unchecked().checked().is_err());
    assert!(with("skip", json!(["host-data"])).is_err());
}

#[test]
fn values_of_another_form_are_refused() {
    let long = vec!["00".repeat(48); 10_001];
    assert!(with("launchMeasurements", json!(&long[1..])).is_ok());
    for (member, value) in [
        ("launchMeasurements", json!(long)),
        ("hostData", json!([])),
        ("hostData", json!("00".repeat(32))),
        ("hostData", json!(["00".repeat(31)])),
        ("hostData", json!([format!("0x{}", "00".repeat(32))])),
        ("hostData", Value::Null),
        ("reportData", json!("00".repeat(32))),
        ("vmpl", json!(4)),
        ("vmpl", json!(-1)),
        ("vmpl", json!("all")),
        ("vmpl", Value::Null),
        ("allowDebug", json!("true")),
        ("guestPolicies", json!(["3001f"])),
        ("guestPolicies", json!(["0x"])),
        ("guestPolicies", json!(["0x+1"])),
        ("guestPolicies", json!(["0x00000000000000001"])),
        ("minimumTcb", json!({})),
        ("minimumTcb", json!({ "milan": {} })),
        ("minimumTcb", json!({ "Milan": { "bl": 256 } })),
        ("minimumTcb", json!({ "Milan": [1, 2, 3, 4, 5] })),
        ("minimumFirmware", json!("1")),
        ("minimumFirmware", json!("1.055")),
        ("minimumFirmware", json!("1.256")),
        ("minimumFirmware", json!("1.5.1.1")),
        ("minimumFirmware", json!("1.")),
        ("minimumGuestSvn", json!(4_294_967_296_u64)),
        ("launchMitigations", json!(1)),
        ("uvm", json!({ "issuer": "i", "feed": "f" })),
        ("uvm", json!(["i", "f", 1])),
        ("skip", json!(["signature"])),
        ("skip", json!(["chain", "chain"])),
        ("hostdata", json!([])),
        ("format", json!("podseal.expectation/v2")),
    ] {
        assert!(with(member, value.clone()).is_err(), "{member} {value}");
    }
}

#[test]
fn members_that_contradict_each_other() {
    let chain = |member: &str, value: Value| {
        let document = json!({
            "format": "podseal.expectation/v1",
            "skip": ["chain", "host-data"],
            member: value,
        });
        Expectation::from_json(document.to_string().as_bytes())
    };
    assert!(chain("allowVlek", json!(true)).is_ok());
    assert!(chain("requireCrl", json!(true)).is_err());
    assert!(chain("cspIds", json!(["CN=a"])).is_err());
    assert!(chain("chipIds", json!(["00".repeat(64)])).is_err());
}

#[test]
fn documents_that_are_no_object_or_say_things_twice() {
    let twice = FULL.replacen("\"vmpl\"", "\"allowDebug\":false,\"vmpl\"", 1);
    let deep = FULL.replacen("\"bl\":3", "\"bl\":3,\"bl\":3", 1);
    for text in [
        "",
        "[]",
        "null",
        "{",
        r#"["podseal.expectation/v1"]"#,
        &twice,
        &deep,
    ] {
        refusal(text);
    }
    refusal(&format!("{FULL} {{}}"));
}

#[test]
fn evidence_documents() {
    let parsed = Evidence::from_json(EVIDENCE.as_bytes()).unwrap();
    assert_eq!(parsed.crl, Some(vec![4]));
    for (from, to) in [
        ("\"crl\"", "\"hclReport\""),
        ("\"crl\"", "\"certificateTable\""),
        ("\"crl\"", "\"thim\""),
        ("\"crl\"", "\"report\""),
        ("\"crl\"", "\"other\""),
        ("\"BA==\"", "\"BA\""),
        ("\"BA==\"", "\"BA==\\n\""),
        ("\"BA==\"", "null"),
        ("evidence/v1", "evidence/v2"),
    ] {
        let text = EVIDENCE.replace(from, to);
        assert!(Evidence::from_json(text.as_bytes()).is_err(), "{text}");
    }
    let report = r#"{"format":"podseal.evidence/v1"}"#;
    let verdict =
        Trial::of(Line::Milan).judge_evidence(&Evidence::from_json(report.as_bytes()).unwrap());
    assert_denied_twice(&verdict);
}

/// Without report and certificates only the length can be judged.
fn assert_denied_twice(verdict: &podseal_verify::Verdict) {
    assert_denied(verdict, Check::Length, Code::Length);
}

#[test]
fn a_verdict_in_json() {
    let mut trial = Trial::of(Line::Milan);
    trial.expected.host_data = Some(vec![[1; 32]]);
    let verdict: Value = serde_json::from_str(&trial.signed().to_json()).unwrap();
    assert_eq!(verdict["format"], "podseal.verdict/v1");
    assert_eq!(verdict["verdict"], "denied");
    assert_eq!(verdict["reason"], "E_HOST_DATA");
    assert_eq!(verdict["product"], "Milan");
    assert_eq!(verdict["leaf"], "VCEK");
    assert_eq!(verdict["report"]["hostData"], "5a".repeat(32));
    assert_eq!(verdict["report"]["policy"], "0x000000000003001f");
    let checks = verdict["checks"].as_array().unwrap();
    let names: Vec<&str> = checks
        .iter()
        .map(|row| row["check"].as_str().unwrap())
        .collect();
    let all: Vec<&str> = Check::ALL.iter().map(|check| check.as_str()).collect();
    assert_eq!(names, all);
    let host_data = checks
        .iter()
        .find(|row| row["check"] == "host-data")
        .unwrap();
    assert_eq!(host_data["result"], "fail");
    assert_eq!(host_data["want"], "01".repeat(32));
    assert_eq!(host_data["got"], "5a".repeat(32));
    let refused: Value = serde_json::from_str(&refusal("").to_json()).unwrap();
    assert_eq!(refused["verdict"], "refused");
    assert_eq!(refused["reason"], "E_USAGE");
}
