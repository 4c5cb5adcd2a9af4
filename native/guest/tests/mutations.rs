//! Everything that reads untrusted bytes, over 10,000 seeded mutations of good input: no panic, and nothing that is
//! damaged is taken for something else than it is. The functions are plain, so that a fuzzer can call them as well.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use podseal_guest::{dm, initdata, policy};
use std::io::Write;

const MUTATIONS: u64 = 10_000;
const SEED: u64 = 0xc0de;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// A few bytes flipped, removed, doubled, or replaced by what parsers trip over.
fn mutate(good: &[u8], random: &mut Random) -> Vec<u8> {
    const TOKENS: [&[u8]; 12] = [
        b"\"", b"[", b"]", b"{", b"}", b",", b":", b"#", b"\n", b"\\", b"\xff", b"`",
    ];
    let mut bytes = good.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(5) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
            3 => bytes.truncate(at),
            _ => {
                let token = TOKENS[random.below(TOKENS.len())];
                drop(bytes.splice(at..at, token.iter().copied()));
            }
        }
    }
    bytes
}

fn each_mutation(good: &[u8], mut read: impl FnMut(&[u8])) {
    read(good);
    let mut random = Random(SEED);
    for _ in 0..MUTATIONS {
        read(&mutate(good, &mut random));
    }
}

const HASH: &str = "16b514057a06ad665f92c02863aca074fd5976c755d26bff16365299169e8415";

#[test]
fn policies_of_aci() {
    let good = format!(
        "package policy\n\n# comment\nimport future.keywords.in\ncontainers := [{{\"name\":\"a\",\"layers\":[\"{HASH}\"],\"env_rules\":[{{\"pattern\":\"A=\\\"\\u0041\",\"required\":false}}],\"n\":-1.5e3}},]\nmount_device := data.framework.mount_device\n"
    );
    let hash = policy::parse_root_hash(HASH).unwrap();
    let mut found = 0;
    each_mutation(good.as_bytes(), |bytes| {
        if let Ok(containers) = policy::read_containers(bytes, "text") {
            let layers: Vec<_> = containers.iter().flat_map(|one| &one.layers).collect();
            found += usize::from(layers == [&hash]);
            // A digest that is read stands in the text.
            let text = str::from_utf8(bytes).unwrap();
            assert!(
                layers
                    .iter()
                    .all(|layer| text.contains(&policy::print_root_hash(layer)))
            );
        }
    });
    assert!(found > 100, "most harmless mutations are read");
}

#[test]
fn policies_of_kata() {
    let storages = format!(
        r#"[{{"driver": "overlayfs", "fstype": "fuse3.kata-overlay", "options": ["x", "{HASH}:{HASH}"]}}]"#
    );
    let good = format!(
        "package agent_policy\n\ndefault A := false\n\nallow if {{\n  input.x == `raw \" text`\n}}\n\npolicy_data := {{\n  \"containers\": [\n    {{\"OCI\": {{\"Annotations\": {{}}}}, \"storages\": {storages}}}\n  ]\n}}\n"
    );
    assert_eq!(
        policy::read_containers(good.as_bytes(), "text").unwrap()[0]
            .layers
            .len(),
        2
    );
    each_mutation(good.as_bytes(), |bytes| {
        drop(policy::read_containers(bytes, "text"))
    });
}

#[test]
fn listings_of_dmsetup() {
    let line = format!(
        "layer: 0 552 verity 1 7:0 7:1 4096 4096 69 0 sha256 {HASH} {:064}\nscratch: 0 8 crypt x\nempty: \n",
        0
    );
    let container = policy::Container {
        name: "a".to_owned(),
        layers: vec![policy::parse_root_hash(HASH).unwrap()],
    };
    each_mutation(line.as_bytes(), |bytes| {
        if let Ok(devices) = dm::parse_table(bytes, "table") {
            let verdict = dm::judge_layers(
                &devices,
                std::slice::from_ref(&container),
                &[],
                &Default::default(),
            );
            // Allowed means: that very root hash, in a table with the strict words.
            let text = str::from_utf8(bytes).unwrap();
            assert!(
                verdict.reason().is_some()
                    || text.contains(&format!("4096 4096 69 0 sha256 {HASH}"))
                    || text.contains(HASH)
            );
        }
    });
}

#[test]
fn initdata_in_all_forms() {
    let toml = b"version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n\"policy.rego\" = '''\npackage agent_policy\n'''\n\"aa.toml\" = \"x = 1\"\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(toml).unwrap();
    let gzip = encoder.finish().unwrap();
    let disk = [
        b"initdata",
        &(gzip.len() as u64).to_le_bytes()[..],
        &gzip,
        &[0; 64],
    ]
    .concat();
    for good in [
        toml.to_vec(),
        data_encoding::BASE64.encode(&gzip).into_bytes(),
        gzip,
        disk,
    ] {
        assert_eq!(initdata::read(&good, "text").unwrap().text, toml);
        each_mutation(&good, |bytes| drop(initdata::read(bytes, "text")));
    }
}

#[test]
fn limits_hold() {
    let deep = |depth: usize| {
        format!(
            "package policy\ncontainers := {}{}\n",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let why = |text: &str| policy::read_containers(text.as_bytes(), "text").unwrap_err();
    assert!(!why(&deep(64)).message.contains("too deeply"));
    assert!(why(&deep(65)).message.contains("too deeply"));
    let containers = |count: usize| {
        format!(
            "package policy\ncontainers := [{}]\n",
            "{\"layers\":[]},".repeat(count)
        )
    };
    assert_eq!(
        policy::read_containers(containers(1000).as_bytes(), "text")
            .unwrap()
            .len(),
        1000
    );
    assert_eq!(why(&containers(1001)).code.as_str(), "LIMIT_EXCEEDED");
    let layers = |count: usize| {
        format!(
            "package policy\ncontainers := [{{\"layers\":[{}]}}]\n",
            format!("\"{HASH}\",").repeat(count)
        )
    };
    assert_eq!(
        policy::read_containers(layers(512).as_bytes(), "text").unwrap()[0]
            .layers
            .len(),
        512
    );
    assert_eq!(why(&layers(513)).code.as_str(), "LIMIT_EXCEEDED");
    let padded = |bytes: usize| {
        let text = "package policy\ncontainers := []\n";
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    assert!(policy::read_containers(padded(policy::POLICY_BYTES_MAX).as_bytes(), "text").is_ok());
    assert_eq!(
        why(&padded(policy::POLICY_BYTES_MAX + 1)).code.as_str(),
        "LIMIT_EXCEEDED"
    );
    let values = |count: usize| format!("package policy\ncontainers := [{}]\n", "1,".repeat(count));
    assert!(why(&values(1_000_000)).message.contains("too many values"));
    let devices = |count: usize| {
        (0..count)
            .map(|number| format!("{number}: 0 8 linear x\n"))
            .collect::<String>()
    };
    assert_eq!(
        dm::parse_table(devices(dm::DEVICES_MAX).as_bytes(), "table")
            .unwrap()
            .len(),
        dm::DEVICES_MAX
    );
    assert!(dm::parse_table(devices(dm::DEVICES_MAX + 1).as_bytes(), "table").is_err());
}
