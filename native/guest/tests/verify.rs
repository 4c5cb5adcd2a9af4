//! `podseal-guest verify`: the real program in a fake guest (support/).

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
use support::firmware::{ARK, ASK, Launch, VCEK};
use support::kernel::FakeGuest;
use support::program::{TRUST, guest, run};
use support::verdict::{
    POLICY, arguments, assert_denied, failed, gzip, hex, launched, pem, verify,
};

#[test]
fn each_source_gives_an_allowed_verdict() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let chain = guest.file("chain.pem", &pem(&[ASK, ARK]));
    let leaf = guest.file("leaf.der", VCEK);
    for (source, more) in [
        ("configfs=tsm", vec![]),
        ("sev-guest=sev-guest", vec![]),
        // The older device has no certificates.
        (
            "sev=sev",
            vec!["--leaf", leaf.as_str(), "--chain", chain.as_str()],
        ),
    ] {
        let done = guest.run(&arguments(&guest, &[guest.source(source)], &more));
        let verdict = done.json();
        assert_eq!(
            (done.exit, &verdict["verdict"]),
            (0, &json!("allowed")),
            "{source}: {verdict:#}"
        );
        assert_eq!(verdict["source"]["kind"], source.split_once('=').unwrap().0);
        assert_eq!(failed(&verdict), []);
        assert_eq!(
            verdict["attestation"]["report"]["reportData"],
            verdict["nonce"]
        );
        // The replaced root marks the verdict.
        assert_eq!(verdict["proven"], false);
        assert!(
            done.stderr.contains("the verdict proves nothing"),
            "{}",
            done.stderr
        );
    }
    let kernel = guest.kernel.lock().unwrap();
    assert_eq!(
        (kernel.made, kernel.removed),
        (1, 1),
        "the configfs entry is removed"
    );
}

#[test]
fn each_run_has_a_nonce_of_its_own() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let nonces = [
        verify(&guest, &[]).json()["nonce"].clone(),
        verify(&guest, &[]).json()["nonce"].clone(),
    ];
    assert_ne!(nonces[0], nonces[1]);
    assert_eq!(nonces[0].as_str().unwrap().len(), 128);
}

#[test]
fn each_denial_has_its_reason() {
    let other = Launch::of_policy(b"package policy");
    let good = Launch::of_policy(POLICY);
    for (launch, reason) in [
        (other, "E_HOST_DATA"),
        (
            Launch {
                host_data: [0; 32],
                ..good.clone()
            },
            "E_HOST_DATA",
        ),
        (
            Launch {
                policy: 0xb_001f,
                ..good.clone()
            },
            "E_DEBUG",
        ),
        (
            Launch {
                policy: 0x7_001f,
                ..good.clone()
            },
            "E_MIGRATE_MA",
        ),
        (
            Launch {
                policy: 0x1_001f,
                ..good.clone()
            },
            "E_POLICY",
        ),
        (
            Launch {
                vmpl: Some(1),
                ..good.clone()
            },
            "E_VMPL",
        ),
        (
            Launch {
                is_forged: true,
                ..good.clone()
            },
            "E_SIGNATURE",
        ),
        // A recorded report, as stand-ins for a device give it: it does not repeat the nonce.
        (
            Launch {
                report_data: Some([5; 64]),
                ..good.clone()
            },
            "E_REPORT_DATA",
        ),
        // The version of fake-report helpers.
        (
            Launch {
                version: 1,
                ..good.clone()
            },
            "E_VERSION",
        ),
        (Launch { version: 6, ..good }, "E_VERSION"),
    ] {
        let Some(guest) = guest(FakeGuest::new(launch)) else {
            return;
        };
        assert_denied(&verify(&guest, &[]), reason);
    }
}

#[test]
fn a_near_miss_of_the_policy_is_named() {
    let Some(guest) = guest(FakeGuest::new(Launch::of_policy(b"package policy"))) else {
        return;
    };
    let verdict = verify(&guest, &[]).json();
    let rows = verdict["attestation"]["checks"].as_array().unwrap();
    let row = rows.iter().find(|row| row["check"] == "host-data").unwrap();
    assert_eq!(row["nearMisses"][0]["kind"], "newline-removed");
}

#[test]
fn nothing_but_amds_roots_is_trusted_unasked() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let policy = guest.file("policy.rego", POLICY);
    let args = [
        "verify",
        "--json",
        "--policy",
        &policy,
        &guest.source("configfs=tsm"),
    ];
    let done = run(&args.map(str::to_owned));
    assert_denied(&done, "E_CHAIN_ANCHOR");
    assert_eq!(done.stderr, "");
}

#[test]
fn a_host_without_certificates_is_denied() {
    let Some(guest) = guest(FakeGuest {
        has_certificates: false,
        ..launched()
    }) else {
        return;
    };
    assert_denied(&verify(&guest, &[]), "E_CHAIN_FORMAT");
}

#[test]
fn further_expectations_come_from_a_file() {
    let Some(guest) = guest(launched()) else {
        return;
    };
    let format = "podseal.expectation/v1";
    let measurement = hex(&Launch::of_policy(POLICY).host_data);
    let floor = |snp: u8| json!({"format": format, "minimumTcb": {"Milan": {"snp": snp}}});
    let uvm = json!({"issuer": "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2", "feed": "f", "minimumSvn": 1});
    for (name, document, reason) in [
        ("a", floor(24), None),
        ("b", floor(25), Some("E_TCB_MIN")),
        (
            "c",
            json!({"format": format, "launchMeasurements": ["07".repeat(48)]}),
            None,
        ),
        (
            "d",
            json!({"format": format, "launchMeasurements": ["08".repeat(48)]}),
            Some("E_MEASUREMENT"),
        ),
        (
            "e",
            json!({"format": format, "hostData": [measurement, "11".repeat(32)]}),
            None,
        ),
        (
            "f",
            json!({"format": format, "hostData": ["11".repeat(32)]}),
            Some("E_HOST_DATA"),
        ),
        (
            "g",
            json!({"format": format, "minimumFirmware": "1.56"}),
            Some("E_FIRMWARE"),
        ),
        (
            "h",
            json!({"format": format, "uvm": uvm}),
            Some("E_UVM_FORMAT"),
        ),
    ] {
        let file = guest.file(name, document.to_string().as_bytes());
        let done = verify(&guest, &["--expectation", &file]);
        match reason {
            None => assert_eq!(done.exit, 0, "{name}: {}", done.json()),
            Some(reason) => assert_denied(&done, reason),
        }
    }
}

#[test]
fn the_level_of_the_expectation_is_asked_for() {
    let Some(guest) = guest(FakeGuest {
        privlevel_floor: 1,
        ..launched()
    }) else {
        return;
    };
    let document = json!({"format": "podseal.expectation/v1", "vmpl": 2}).to_string();
    let file = guest.file("expectation", document.as_bytes());
    assert_eq!(verify(&guest, &["--expectation", &file]).exit, 0);
    assert_denied(&verify(&guest, &["--vmpl", "1"]), "E_VMPL");
}

#[test]
fn what_is_turned_off_shows_in_the_verdict() {
    let mut kernel = FakeGuest::new(Launch {
        is_forged: true,
        ..Launch::of_policy(b"other")
    });
    kernel.launch.report_data = Some([1; 64]);
    let Some(guest) = guest(kernel) else { return };
    let args = [
        "verify",
        "--json",
        "--skip-host-data-and-trust-any-policy",
        "--skip-chain-and-trust-unsigned-reports",
        "--skip-freshness-and-trust-replayed-reports",
        &guest.source("configfs=tsm"),
    ];
    let done = run(&args.map(str::to_owned));
    let verdict = done.json();
    assert_eq!(
        (done.exit, &verdict["proven"]),
        (0, &json!(false)),
        "{verdict:#}"
    );
    assert_eq!(
        verdict["skipped"],
        json!(["chain", "host-data", "freshness"])
    );
    assert_eq!(done.stderr.lines().count(), 3, "a warning for each");
    // Without them, the same evidence is denied.
    assert_denied(&verify(&guest, &[]), "E_SIGNATURE");
}

#[test]
fn certificates_are_fetched_where_that_is_asked_for() {
    let Some(guest) = guest(FakeGuest {
        has_certificates: false,
        ..launched()
    }) else {
        return;
    };
    let thim = json!({
        "vcekCert": String::from_utf8(pem(&[VCEK])).unwrap(),
        "certificateChain": String::from_utf8(pem(&[ASK, ARK])).unwrap(),
        "tcbm": "DB18000000000004",
    });
    assert_denied(&verify(&guest, &[]), "E_CHAIN_FORMAT");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/certification", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // The request is read first: a connection that closes over unread bytes is reset.
        let mut request = std::io::BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while std::io::BufRead::read_line(&mut request, &mut line).unwrap() > 2 {
            line.clear();
        }
        let answer = format!("HTTP/1.1 200 OK\r\n\r\n{thim}");
        std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
    });
    let done = verify(&guest, &[&format!("--fetch-certs={url}")]);
    served.join().unwrap();
    assert_eq!(done.exit, 0, "{}", done.stderr);
    assert_eq!(done.json()["certificates"], json!(url));
}

#[test]
fn the_security_context_is_the_default() {
    let Some(guest) = guest(FakeGuest {
        has_certificates: false,
        ..launched()
    }) else {
        return;
    };
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let thim = json!({
        "vcekCert": String::from_utf8(pem(&[VCEK])).unwrap(),
        "certificateChain": String::from_utf8(pem(&[ASK, ARK])).unwrap(),
        "tcbm": "DB18000000000004",
    });
    guest.file(
        "security-policy-base64",
        format!("{}\n", base64(POLICY)).as_bytes(),
    );
    guest.file(
        "host-amd-cert-base64",
        base64(thim.to_string().as_bytes()).as_bytes(),
    );
    let root = guest.file("ark.der", ARK);
    let folder = guest.folder.to_str().unwrap();
    let args = [
        "verify",
        "--json",
        "--security-context",
        folder,
        TRUST,
        &root,
        &guest.source("configfs=tsm"),
    ];
    let done = run(&args.map(str::to_owned));
    let verdict = done.json();
    assert_eq!(
        (done.exit, &verdict["verdict"]),
        (0, &json!("allowed")),
        "{verdict:#}"
    );
    assert!(
        verdict["certificates"]
            .as_str()
            .unwrap()
            .ends_with("host-amd-cert-base64")
    );
}

#[test]
fn initdata_is_measured_in_all_its_forms() {
    let toml = b"version = \"0.1.0\"\nalgorithm = \"sha384\"\n\n[data]\n\"policy.rego\" = '''\npackage agent_policy\n'''\n";
    let digest = ring::digest::digest(&ring::digest::SHA384, toml);
    let host_data = digest.as_ref()[..32].try_into().unwrap();
    let Some(guest) = guest(FakeGuest::new(Launch {
        host_data,
        ..Launch::of_policy(b"")
    })) else {
        return;
    };
    let root = guest.file("ark.der", ARK);
    let gzip = gzip(toml);
    let mut disk = [b"initdata", &(gzip.len() as u64).to_le_bytes()[..], &gzip].concat();
    disk.resize(disk.len().next_multiple_of(512), 0);
    for (name, content) in [
        ("toml", toml.to_vec()),
        ("base64", data_encoding::BASE64.encode(&gzip).into_bytes()),
        ("gzip", gzip),
        ("disk", disk),
    ] {
        let file = guest.file(name, &content);
        let args = [
            "verify",
            "--json",
            "--initdata",
            &file,
            TRUST,
            &root,
            &guest.source("configfs=tsm"),
        ];
        let done = run(&args.map(str::to_owned));
        assert_eq!(done.exit, 0, "{name}: {}", done.stderr);
        assert_eq!(done.json()["policy"]["kind"], "initdata");
    }
}
