//! Runs of `podseal-guest verify` and what came of them.

use super::firmware::{ARK, Launch};
use super::kernel::FakeGuest;
use super::program::{Done, Guest, TRUST};
use serde_json::{Value, json};

pub const POLICY: &[u8] = b"package policy\n";

pub fn launched() -> FakeGuest {
    FakeGuest::new(Launch::of_policy(POLICY))
}

/// Arguments of a verdict with the throw-away root: policy, sources, no waiting.
pub fn arguments(guest: &Guest, sources: &[String], more: &[&str]) -> Vec<String> {
    let policy = guest.file("policy.rego", POLICY);
    let root = guest.file("ark.der", ARK);
    let own = [
        "verify", "--json", "--wait=0", "--policy", &policy, TRUST, &root,
    ];
    own.iter()
        .chain(more)
        .map(|text| (*text).to_owned())
        .chain(sources.iter().cloned())
        .collect()
}

pub fn verify(guest: &Guest, more: &[&str]) -> Done {
    guest.run(&arguments(guest, &guest.sources(), more))
}

/// The names of the checks that failed, with their codes.
pub fn failed(verdict: &Value) -> Vec<(String, String)> {
    let rows = verdict["attestation"]["checks"].as_array().unwrap();
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter()
        .filter(|row| row["result"] == "fail")
        .map(|row| (word(row, "check"), word(row, "code")))
        .collect()
}

pub fn assert_denied(done: &Done, reason: &str) {
    let verdict = done.json();
    assert_eq!(
        (done.exit, &verdict["verdict"], &verdict["reason"]),
        (10, &json!("denied"), &json!(reason)),
        "{verdict:#}"
    );
}

pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

pub fn pem(certificates: &[&[u8]]) -> Vec<u8> {
    let mut text = String::new();
    for one in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in data_encoding::BASE64.encode(one).as_bytes().chunks(64) {
            text.push_str(str::from_utf8(line).unwrap());
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text.into_bytes()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
