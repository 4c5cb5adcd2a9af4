//! The command line of the real program.

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
use support::program::run;

fn fails(args: &[&str]) -> (i32, String) {
    let done = run(&args
        .iter()
        .map(|text| (*text).to_owned())
        .collect::<Vec<_>>());
    (
        done.exit,
        done.failure()["code"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn help_and_version_are_products() {
    for (flag, part) in [
        ("--help", "podseal-guest verify"),
        ("-h", "podseal-guest verify"),
        ("--version", "podseal-guest 0."),
    ] {
        let done = run(&[flag.to_owned()]);
        assert_eq!((done.exit, done.stderr.as_str()), (0, ""));
        assert!(String::from_utf8(done.stdout).unwrap().contains(part));
    }
}

#[test]
fn every_flag_of_the_help_is_known_and_no_other() {
    let help = String::from_utf8(run(&["--help".to_owned()]).stdout).unwrap();
    let words = help.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let flags: std::collections::BTreeSet<&str> =
        words.filter(|word| word.starts_with("--")).collect();
    assert!(flags.len() > 25, "{flags:?}");
    for flag in flags {
        let done = run(&["--json".to_owned(), flag.to_owned()]);
        assert!(
            !done.stderr.contains("unknown flag"),
            "{flag}: {}",
            done.stderr
        );
    }
    assert_eq!(
        fails(&["verify", "--json", "--skip-everything"]),
        (2, "USAGE".to_owned())
    );
}

#[test]
fn what_does_not_fit_is_a_usage_error() {
    for args in [
        &["--json"][..],
        &["attest", "--json"],
        &["verify", "--json", "more"],
        &["verify", "--json", "--policy"],
        &["verify", "--json", "--policy="],
        &["verify", "--json", "--policy=a", "--initdata=b"],
        &["verify", "--json", "--policy=a", "--policy=b"],
        &["verify", "--json", "--output=a"],
        &["verify", "--json", "--leaf=a"],
        &["verify", "--json", "--leaf=a", "--chain=b", "--thim=c"],
        &["verify", "--json", "--vmpl=4"],
        &["verify", "--json", "--vmpl=+1"],
        &["verify", "--json", "--wait=601"],
        &["verify", "--json", "--device=tpm"],
        &["verify", "--json", "--device=sev="],
        &["verify", "--json", "--time=yesterday"],
        &[
            "verify",
            "--json",
            "--policy=a",
            "--skip-host-data-and-trust-any-policy",
        ],
        &["report", "--json", "--policy=a"],
        &["report", "--json", "--report-data=012"],
        &["layers", "--json", "--known-layer=AB"],
        &["layers", "--json", "--dm-table=a", "--dm-control=b"],
        // Nothing is expected: there is no security context here.
        &["verify", "--json", "--security-context=/nowhere"],
        &["layers", "--json", "--security-context=/nowhere"],
    ] {
        assert_eq!(fails(args), (2, "USAGE".to_owned()), "{args:?}");
    }
    let done = run(&[
        "report".to_owned(),
        "--json".to_owned(),
        format!("--report-data={}", "00".repeat(65)),
    ]);
    assert_eq!(
        done.failure()["want"],
        json!("at most 128 hex digits, an even number")
    );
}

#[test]
fn input_that_cannot_be_read_is_named() {
    let policy = std::env::temp_dir().join(format!("podseal-guest-{}-usage", std::process::id()));
    std::fs::write(&policy, b"not base64!").unwrap();
    let path = policy.to_str().unwrap();
    for (flag, code) in [
        ("policy-base64", "INPUT_UNREADABLE"),
        ("initdata", "INPUT_UNREADABLE"),
    ] {
        assert_eq!(
            fails(&["verify", "--json", &format!("--{flag}={path}")]),
            (3, code.to_owned())
        );
    }
    assert_eq!(
        fails(&["verify", "--json", "--policy=/nowhere/policy"]),
        (3, "FILE".to_owned())
    );
    let expectation = format!("--expectation={path}");
    assert_eq!(
        fails(&[
            "verify",
            "--json",
            &format!("--policy={path}"),
            &expectation
        ]),
        (2, "USAGE".to_owned())
    );
    std::fs::remove_file(policy).unwrap();
}

#[test]
fn errors_for_people_have_code_and_hint() {
    let done = run(&[
        "verify".to_owned(),
        "--security-context=/nowhere".to_owned(),
    ]);
    assert!(
        done.stderr.starts_with("error: no expectation: "),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("[USAGE]\n") && done.stderr.contains("\n  hint:  "));
}
