//! `podseal-guest layers`: the real program over a fake device mapper (support/) and over listings of dmsetup.

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

use serde_json::{Value, json};
use std::path::PathBuf;
use support::kernel::{FakeGuest, Mapped};
use support::program::{Done, Guest, guest, run};
use support::verdict::launched;

const SALT: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn hash(digit: char) -> String {
    std::iter::repeat_n(digit, 64).collect()
}

fn parameters(root: &str) -> String {
    format!("1 7:0 7:1 4096 4096 69 0 sha256 {root} {SALT}")
}

fn mapped(name: &str, root: &str) -> Mapped {
    (name.to_owned(), parameters(root), "V".to_owned())
}

/// Two containers: `app` of layers a, b, c and `side` of layers a, d.
fn aci_policy() -> String {
    let layers = |digits: &[char]| digits.iter().map(|digit| hash(*digit)).collect::<Vec<_>>();
    let containers = json!([
        {"name": "app", "layers": layers(&['a', 'b', 'c']), "command": ["containers := [", "# no comment"]},
        {"name": "side", "layers": layers(&['a', 'd'])},
    ]);
    format!(
        "package policy\n\n# containers := []\napi_version := \"0.10.0\"\ncontainers := {containers}\nallow := true\n"
    )
}

fn kata_policy() -> String {
    let hashes = format!("{}:{}", hash('b'), hash('a'));
    let overlay =
        json!({"driver": "overlayfs", "fstype": "fuse3.kata-overlay", "options": ["x:y", hashes]});
    let blk = json!({"driver": "blk", "fstype": "tar", "options": ["$(hash0)"]});
    let annotations = json!({"io.kubernetes.cri.container-name": "web"});
    let data =
        json!({"containers": [{"OCI": {"Annotations": annotations}, "storages": [blk, overlay]}]});
    format!(
        "package agent_policy\n\ndefault AllowRequestsFailingPolicy := false\n\npolicy_data := {data:#}\n"
    )
}

fn temporary(name: &str, content: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("podseal-guest-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

/// Runs over a listing.
fn listing(name: &str, policy: &str, table: &str, more: &[&str]) -> Done {
    let policy = temporary(&format!("{name}.rego"), policy.as_bytes());
    let table = temporary(&format!("{name}.table"), table.as_bytes());
    let own = [
        "layers",
        "--json",
        "--policy",
        policy.to_str().unwrap(),
        "--dm-table",
        table.to_str().unwrap(),
    ];
    let done = run(&own
        .iter()
        .chain(more)
        .map(|text| (*text).to_owned())
        .collect::<Vec<_>>());
    std::fs::remove_file(policy).unwrap();
    std::fs::remove_file(table).unwrap();
    done
}

fn line(name: &str, root: &str) -> String {
    format!("{name}: 0 552 verity {}\n", parameters(root))
}

fn assert_verdict(done: &Done, reason: Option<&str>, what: &str) {
    let verdict = done.json();
    let exit = if reason.is_some() { 10 } else { 0 };
    assert_eq!(
        (done.exit, &verdict["reason"]),
        (exit, &json!(reason)),
        "{what}: {verdict:#}"
    );
}

/// Arguments of a run over the devices of the guest's device mapper.
fn asked_mapper(guest: &Guest) -> [String; 6] {
    let policy = guest.file("policy.rego", aci_policy().as_bytes());
    [
        "layers",
        "--json",
        "--policy",
        &policy,
        "--dm-control",
        &guest.place("dm-control"),
    ]
    .map(str::to_owned)
}

#[test]
fn the_device_mapper_is_asked() {
    let devices = vec![mapped("layer0", &hash('a')), mapped("layer1", &hash('d'))];
    let Some(guest) = guest(FakeGuest {
        mapped: devices,
        ..launched()
    }) else {
        return;
    };
    let args = asked_mapper(&guest);
    let done = run(&args);
    assert_verdict(&done, None, "known devices");
    let verdict = done.json();
    let names: Vec<&Value> = verdict["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["name"])
        .collect();
    assert_eq!(names, ["layer0", "layer1"]);
    assert_eq!(verdict["containers"][1]["state"], "complete");

    guest.kernel.lock().unwrap().mapped[1].2 = "C".to_owned();
    assert_verdict(
        &run(&args),
        Some("E_LAYER_CORRUPT"),
        "a device with wrong data",
    );
    guest.kernel.lock().unwrap().mapped[1] = mapped("layer1", &hash('e'));
    assert_verdict(&run(&args), Some("E_LAYER_UNKNOWN"), "a device of nobody");
    guest.kernel.lock().unwrap().mapped.clear();
    assert_verdict(&run(&args), Some("E_LAYER_NONE"), "no device");
}

#[test]
fn many_devices_need_a_larger_buffer() {
    let devices =
        (0..3000).map(|number| mapped(&format!("a-device-with-a-long-name-{number}"), &hash('a')));
    let mut devices: Vec<Mapped> = devices.collect();
    devices.push(mapped("last", &hash('d')));
    let Some(guest) = guest(FakeGuest {
        mapped: devices,
        ..launched()
    }) else {
        return;
    };
    let args = asked_mapper(&guest);
    assert_eq!(run(&args).json()["devices"].as_array().unwrap().len(), 3001);
}

#[test]
fn no_device_mapper_is_no_verdict() {
    let policy = temporary("absent.rego", aci_policy().as_bytes());
    let args = [
        "layers",
        "--json",
        "--policy",
        policy.to_str().unwrap(),
        "--dm-control",
        "/nowhere",
    ]
    .map(str::to_owned);
    let done = run(&args);
    assert_eq!(
        (done.exit, &done.failure()["code"]),
        (4, &json!("DEVICE_ABSENT"))
    );
    std::fs::remove_file(policy).unwrap();
}

#[test]
fn containers_are_complete_or_absent() {
    let [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(hash);
    let table = |hashes: &[&String]| {
        hashes
            .iter()
            .enumerate()
            .map(|(index, root)| line(&index.to_string(), root))
            .collect::<String>()
    };
    let missing = Some("E_LAYER_MISSING");
    let further = format!("--known-layer={e}");
    for (what, hashes, more, reason) in [
        ("all", vec![&a, &b, &c, &d], vec![], None),
        ("one container", vec![&d, &a], vec![], None),
        ("a layer twice", vec![&a, &a, &d], vec![], None),
        ("shared layer alone", vec![&a], vec![], missing),
        ("one layer short", vec![&a, &b, &d], vec![], missing),
        (
            "one that must run",
            vec![&a, &d],
            vec!["--running=app"],
            missing,
        ),
        (
            "both that must run",
            vec![&a, &b, &c, &d],
            vec!["--running=app", "--running=side"],
            None,
        ),
        (
            "of a fragment",
            vec![&a, &d, &e],
            vec![further.as_str()],
            None,
        ),
        (
            "of nobody",
            vec![&a, &d, &e],
            vec![],
            Some("E_LAYER_UNKNOWN"),
        ),
        ("nothing", vec![], vec![], Some("E_LAYER_NONE")),
    ] {
        let name = what.replace(' ', "-");
        assert_verdict(
            &listing(&name, &aci_policy(), &table(&hashes), &more),
            reason,
            what,
        );
    }
}

#[test]
fn kata_policies_name_root_hashes_in_the_overlay() {
    let table = format!("{}{}", line("x", &hash('a')), line("y", &hash('b')));
    let done = listing("kata", &kata_policy(), &table, &["--running=web"]);
    assert_verdict(&done, None, "both layers");
    let done = listing("kata-short", &kata_policy(), &line("x", &hash('a')), &[]);
    assert_verdict(&done, Some("E_LAYER_MISSING"), "one layer");
}

#[test]
fn only_strict_devices_count() {
    let good = line("x", &hash('a'));
    let weak = Some("E_LAYER_PARAMETERS");
    let policy =
        "package policy\ncontainers := [{\"layers\": [\"X\"],},]\n".replace('X', &hash('a'));
    let with_options = |options: &str| format!("{} {options}\n", good.trim_end());
    for (what, table, reason) in [
        ("as the guests have it", good.clone(), None),
        (
            "strict options",
            with_options("2 restart_on_corruption ignore_zero_blocks"),
            None,
        ),
        (
            "ignores corruption",
            with_options("1 ignore_corruption"),
            weak,
        ),
        (
            "checks once only",
            with_options("1 check_at_most_once"),
            weak,
        ),
        (
            "options that do not add up",
            with_options("2 restart_on_corruption"),
            weak,
        ),
        ("another salt", good.replace(SALT, &hash('1')), weak),
        ("no salt", good.replace(SALT, "-"), weak),
        ("small blocks", good.replace("4096 4096", "1024 4096"), weak),
        ("another algorithm", good.replace("sha256", "sha1"), weak),
        (
            "another version",
            good.replace("verity 1", "verity 0"),
            weak,
        ),
        ("a longer device", good.replace("0 552", "0 560"), weak),
        (
            "two targets",
            format!("{good}x: 552 8 linear 7:0 0\n"),
            weak,
        ),
    ] {
        let name = what.replace(' ', "-");
        assert_verdict(&listing(&name, &policy, &table, &[]), reason, what);
    }
}

#[test]
fn other_devices_are_listed_and_not_judged() {
    let table = format!(
        "scratch: 0 8 crypt aes-xts-plain64 x 0 7:2 0\n{}{}empty: \n",
        line("x", &hash('a')),
        line("y", &hash('d'))
    );
    let done = listing("others", &aci_policy(), &table, &[]);
    assert_verdict(&done, None, "a scratch device");
    assert_eq!(done.json()["others"], json!(["scratch", "empty"]));
}

#[test]
fn what_cannot_be_read_is_no_verdict() {
    let hash = hash('a');
    let table = line("x", &hash);
    for (what, policy, table) in [
        ("no-policy", "hello".to_owned(), table.as_str()),
        (
            "no-containers",
            "package policy\nallow := true\n".to_owned(),
            &table,
        ),
        (
            "computed",
            format!(
                "package policy\ncontainers := [{{\"layers\": [concat(\"\", [\"{hash}\"])]}}]\n"
            ),
            &table,
        ),
        (
            "joined",
            format!("package policy\ncontainers := [{{\"layers\": [\"{hash}\"]}}] | []\n"),
            &table,
        ),
        (
            "twice",
            format!("{}containers := []\n", aci_policy()),
            &table,
        ),
        (
            "conditional",
            "package policy\ncontainers := [] if { true }\n".to_owned(),
            &table,
        ),
        (
            "default",
            "package policy\ndefault containers := []\n".to_owned(),
            &table,
        ),
        (
            "short-hash",
            "package policy\ncontainers := [{\"layers\": [\"ab\"]}]\n".to_owned(),
            &table,
        ),
        (
            "guest-pull",
            "package agent_policy\npolicy_data := {\"containers\": [{\"storages\": []}]}\n"
                .to_owned(),
            &table,
        ),
        ("bad-table", aci_policy(), "x: 0 eight verity\n"),
        (
            "interleaved",
            aci_policy(),
            "x: 0 8 linear a\ny: 0 8 linear a\nx: 8 8 linear a\n",
        ),
    ] {
        let done = listing(what, &policy, table, &[]);
        assert_eq!(
            (done.exit, &done.failure()["code"]),
            (3, &json!("INPUT_UNREADABLE")),
            "{what}"
        );
    }
    let done = listing(
        "unknown-container",
        &aci_policy(),
        &table,
        &["--running=nobody"],
    );
    assert_eq!((done.exit, &done.failure()["code"]), (2, &json!("USAGE")));
}
