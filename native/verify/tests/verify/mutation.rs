//! Ten thousand seeded mutations of good input for each target: nothing panics, nothing hangs.

use crate::support::endorsement::{Endorsement, payload};
use crate::support::{Bytes, Chain, crl, issuers, vcek, vlek};
use podseal_verify::{Line, targets};

const ROUNDS: u32 = 10_000;
const SEED: u64 = 0xC0DE;

/// Numbers that are the same in each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Values at which lengths, tags and counts turn.
const EDGES: [u8; 12] = [
    0, 1, 0x20, 0x30, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x9F, 0xBF, 0xFF,
];

/// One to four changes: a bit, an edge, a removed or doubled range, a cut, a random insert.
fn mutate(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(3) {
        let place = numbers.below(bytes.len());
        let end = (place + 1 + numbers.below(16)).min(bytes.len());
        match numbers.below(7) {
            _ if bytes.is_empty() => bytes.push(numbers.next() as u8),
            0 | 1 => bytes[place] ^= 1 << numbers.below(8),
            2 | 3 => bytes[place] = EDGES[numbers.below(EDGES.len())],
            4 => drop(bytes.drain(place..end)),
            5 => bytes
                .splice(place..place, seed[..end.min(seed.len())].to_vec())
                .for_each(drop),
            _ => bytes.truncate(place),
        }
    }
    bytes
}

fn run(target: fn(&[u8]), seeds: &[Vec<u8>]) {
    let mut numbers = Numbers(SEED);
    for round in 0..ROUNDS as usize {
        target(&mutate(&seeds[round % seeds.len()], &mut numbers));
    }
}

/// A table with a leaf and its issuers.
pub fn table(entries: &[([u8; 16], &[u8])]) -> Vec<u8> {
    let mut header = Vec::new();
    let mut blobs = Vec::new();
    for (guid, blob) in entries {
        let offset = (entries.len() + 1) * 24 + blobs.len();
        header.extend_from_slice(guid);
        header.extend_from_slice(&(offset as u32).to_le_bytes());
        header.extend_from_slice(&(blob.len() as u32).to_le_bytes());
        blobs.extend_from_slice(blob);
    }
    [header, vec![0; 24], blobs].concat()
}

#[test]
fn reports() {
    let seeds = Line::ALL.map(|line| Bytes::good(line).sign().0.to_vec());
    run(targets::report, &seeds);
}

#[test]
fn certificate_tables() {
    run(
        targets::certificate_table,
        &[table(&[([1; 16], &[2; 40]), ([3; 16], &[4; 9])])],
    );
}

#[test]
fn hcl_reports() {
    run(
        targets::hcl_report,
        &[crate::container::hcl(&[0; 1184], b"{}")],
    );
}

#[test]
fn endorsements() {
    run(targets::endorsement, &[Endorsement::good().build().0]);
}

#[test]
fn certificates() {
    let leaves = [vcek(Line::Milan), vcek(Line::Turin), vlek(Line::Genoa)];
    let authorities = issuers(Line::Milan, "SEV-");
    let seeds: Vec<Vec<u8>> = leaves
        .iter()
        .chain(&authorities)
        .map(|parts| parts.with_signature(&[1; 8]))
        .collect();
    run(targets::certificate, &seeds);
}

#[test]
fn revocation_lists() {
    run(
        targets::revocation_list,
        &[crl(&[&[1], &[2, 3]], "251201000000Z", "260201000000Z")],
    );
}

#[test]
fn issuers_and_statements() {
    let did = b"did:x509:0:sha256:abc::subject:CN:a%20b:O:c::san:dns:x.y::eku:1.2.3#f";
    run(targets::issuer, &[did.to_vec()]);
    run(targets::statement, &[payload("100")]);
}

#[test]
fn certificate_texts() {
    let json = crate::container::thim(Chain::good(Line::Milan));
    run(targets::certificate_text, &[json]);
}

#[test]
fn policy_texts() {
    let text = b"package policy\r\ndefault allow := true\n".to_vec();
    let base64 = data_encoding::BASE64.encode(&text).into_bytes();
    run(targets::policy_text, &[text, base64]);
}

#[test]
fn documents() {
    let seeds = [
        crate::document::FULL.as_bytes(),
        crate::document::EVIDENCE.as_bytes(),
    ];
    run(targets::documents, &seeds.map(<[u8]>::to_vec));
}
