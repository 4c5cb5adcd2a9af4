//! Throw-away evidence shaped like AMD's: roots, leaves, reports, revocation lists and endorsements with good signatures.
//! The RSA keys in `keys/` were made for these tests and are trusted by nothing.

pub mod certificates;
pub mod endorsement;

pub use certificates::*;
use podseal_verify::{
    Anchors, Certificates, Check, Code, Context, Evidence, Expectation, Line, Outcome,
    ReportSource, Seconds, Verdict, verify,
};
use ring::rand::SystemRandom;
use std::sync::OnceLock;

/// A time at which everything here is valid.
pub const NOW: &str = "2026-01-01T00:00:00Z";
/// Host data of the reports made here.
pub const HOST_DATA: [u8; 32] = [0x5A; 32];

/// A chain, its root trusted.
#[derive(Clone)]
pub struct Chain {
    pub leaf: Vec<u8>,
    pub intermediate: Vec<u8>,
    pub root: Vec<u8>,
    pub anchors: Anchors,
}

impl Chain {
    pub fn of(line: Line, leaf: &CertificateParts, [ark, ask]: &[CertificateParts; 2]) -> Self {
        let [ark_key, ask_key] = rsa_keys();
        let root = ark.signed_by(ark_key);
        Self {
            leaf: leaf.signed_by(ask_key),
            intermediate: ask.signed_by(ark_key),
            anchors: Anchors::replaced(vec![(line, sha256(&root))]),
            root,
        }
    }

    /// A good chain for a VCEK, made once for each line.
    pub fn good(line: Line) -> &'static Self {
        static CHAINS: [OnceLock<Chain>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
        let place = Line::ALL.iter().position(|one| *one == line).unwrap();
        CHAINS[place].get_or_init(|| Self::of(line, &vcek(line), &issuers(line, "SEV-")))
    }

    /// A good chain for a VLEK of Milan.
    pub fn good_vlek() -> &'static Self {
        static CHAIN: OnceLock<Chain> = OnceLock::new();
        CHAIN.get_or_init(|| {
            Self::of(
                Line::Milan,
                &vlek(Line::Milan),
                &issuers(Line::Milan, "SEV-VLEK-"),
            )
        })
    }

    pub fn certificates(&self) -> Certificates {
        Certificates::Chain {
            leaf: self.leaf.clone(),
            chain: vec![self.intermediate.clone(), self.root.clone()],
        }
    }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}

/// TCB bytes of `LEVELS`.
pub fn tcb(line: Line) -> [u8; 8] {
    let [fmc, bl, tee, snp, ucode] = LEVELS;
    match line {
        Line::Turin => [fmc, bl, tee, snp, 0, 0, 0, ucode],
        _ => [bl, tee, 0, 0, 0, 0, snp, ucode],
    }
}

/// A report that is good by default; edit its bytes, then sign.
#[derive(Clone)]
pub struct Bytes(pub [u8; 1184]);

impl Bytes {
    pub fn good(line: Line) -> Self {
        let mut report = Self([0; 1184]);
        let (version, cpuid) = match line {
            Line::Milan => (3, [0x19, 0x01, 1]),
            Line::Genoa => (3, [0x19, 0x11, 1]),
            Line::Turin => (5, [0x1A, 0x02, 1]),
        };
        report.put(0, &[version]);
        report.put(4, &[2]);
        report.put(8, &0x3001Fu64.to_le_bytes());
        report.put(0x34, &[1]);
        for offset in [0x38, 0x180, 0x1E0, 0x1F0] {
            report.put(offset, &tcb(line));
        }
        report.put(0x40, &[0x25]);
        report.put(0x50, &[0x11; 64]);
        report.put(0x90, &[0x22; 48]);
        report.put(0xC0, &HOST_DATA);
        report.put(0x140, &[0x33; 32]);
        report.put(0x160, &[0xFF; 32]);
        report.put(0x188, &cpuid);
        report.put(0x1A0, &chip(line));
        for offset in [0x1E8, 0x1EC] {
            report.put(offset, &[21, 55, 1]);
        }
        report
    }

    pub fn put(&mut self, offset: usize, bytes: &[u8]) -> &mut Self {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn sign(&mut self) -> &mut Self {
        let signature = leaf_key()
            .sign(&SystemRandom::new(), &self.0[..0x2A0])
            .unwrap();
        let (r, s) = signature.as_ref().split_at(48);
        for (offset, half) in [(0x2A0, r), (0x2E8, s)] {
            let mut little: Vec<u8> = half.to_vec();
            little.reverse();
            self.put(offset, &little);
        }
        self
    }
}

/// Everything of one verification; each part may be changed before it is judged.
#[derive(Clone)]
pub struct Trial {
    pub report: Bytes,
    pub chain: Chain,
    pub expected: Expectation,
    pub crl: Option<Vec<u8>>,
    pub time: &'static str,
}

impl Trial {
    pub fn of(line: Line) -> Self {
        Self {
            report: Bytes::good(line),
            chain: Chain::good(line).clone(),
            expected: Expectation::of_host_data(vec![HOST_DATA]).unwrap(),
            crl: None,
            time: NOW,
        }
    }

    pub fn evidence(&self) -> Evidence {
        Evidence {
            report: ReportSource::Raw(self.report.0.to_vec()),
            certificates: self.chain.certificates(),
            crl: self.crl.clone(),
            uvm_endorsement: None,
        }
    }

    pub fn judge(&self) -> Verdict {
        self.judge_evidence(&self.evidence())
    }

    pub fn judge_evidence(&self, evidence: &Evidence) -> Verdict {
        let time = Seconds::parse(self.time).unwrap();
        let context = Context {
            time,
            anchors: &self.chain.anchors,
            candidates: &[],
        };
        verify(evidence, &self.expected, &context)
    }

    /// Signs the report as it stands, then judges.
    pub fn signed(&mut self) -> Verdict {
        self.report.sign();
        self.judge()
    }
}

pub fn assert_allowed(verdict: &Verdict) {
    assert!(verdict.allowed(), "{}", verdict.to_json());
    assert_eq!(verdict.checks.len(), Check::ALL.len());
}

/// The named check failed with the code, it is the reason, and no other check failed.
pub fn assert_denied(verdict: &Verdict, check: Check, code: Code) {
    let failed: Vec<(Check, Outcome)> = verdict
        .checks
        .iter()
        .filter(|row| matches!(row.result, Outcome::Fail(_)))
        .map(|row| (row.check, row.result))
        .collect();
    assert_eq!(
        failed,
        [(check, Outcome::Fail(code))],
        "{}",
        verdict.to_json()
    );
    assert!(!verdict.allowed());
    assert_eq!(verdict.reason(), Some(code));
}
