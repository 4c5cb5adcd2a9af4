//! What else the host data of a report may be the digest of.

use crate::crypto::{fixed, sha256};
use data_encoding::BASE64;
use ring::digest;
use serde::Serialize;

/// What a candidate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// A policy text: its measurement is its SHA-256.
    Policy,
    /// An initdata document: its measurement is its digest in the algorithm that it names.
    Initdata {
        /// The algorithm that the document names.
        algorithm: InitdataAlgorithm,
        /// The policy inside, if there is one.
        policy: Option<Vec<u8>>,
    },
}

/// Digest algorithm of an initdata document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitdataAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384, cut to 32 bytes.
    Sha384,
    /// SHA-512, cut to 32 bytes.
    Sha512,
}

/// A text that the host data might have been meant to be the digest of. The first is the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How people know it: a file, or a workload of a manifest.
    pub name: String,
    /// What it is.
    pub kind: CandidateKind,
    /// Its exact bytes.
    pub text: Vec<u8>,
}

/// One explanation of differing host data (README.md, near misses).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// Which rule found it.
    pub kind: &'static str,
    /// The candidate, or empty text where no candidate is meant.
    pub name: String,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl InitdataAlgorithm {
    /// The algorithm of this name in an initdata document.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The host data that a document of this algorithm gives: its digest, cut to 32 bytes.
    #[must_use]
    pub fn host_data(self, document: &[u8]) -> [u8; 32] {
        match self {
            Self::Sha256 => fixed(&digest::SHA256, document),
            Self::Sha384 => fixed(&digest::SHA384, document),
            Self::Sha512 => fixed(&digest::SHA512, document),
        }
    }
}

impl Candidate {
    /// The host data that this text gives.
    #[must_use]
    pub fn host_data(&self) -> [u8; 32] {
        match &self.kind {
            CandidateKind::Policy => sha256(&self.text),
            CandidateKind::Initdata { algorithm, .. } => algorithm.host_data(&self.text),
        }
    }

    /// The policy text: the candidate itself, or what is inside.
    fn policy(&self) -> Option<&[u8]> {
        match &self.kind {
            CandidateKind::Policy => Some(&self.text),
            CandidateKind::Initdata { policy, .. } => policy.as_deref(),
        }
    }
}

/// The text with every line end as `end`.
fn with_line_ends(text: &[u8], end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' if bytes.peek() == Some(&b'\n') => {}
            b'\n' => out.extend_from_slice(end),
            other => out.push(other),
        }
    }
    out
}

/// Texts that people take for a policy text, by the name of the mistake.
fn variants(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let base64 = BASE64.encode(text).into_bytes();
    let mut found = vec![
        ("base64-text", base64.clone()),
        ("base64-text", [base64.as_slice(), b"\n"].concat()),
        ("newline-added", [text, b"\n"].concat()),
    ];
    if let Some(shorter) = text
        .strip_suffix(b"\r\n")
        .or_else(|| text.strip_suffix(b"\n"))
    {
        found.push(("newline-removed", shorter.to_vec()));
    }
    found.push(("crlf", with_line_ends(text, b"\r\n")));
    found.push(("lf", with_line_ends(text, b"\n")));
    let marked = text.strip_prefix(BYTE_ORDER_MARK);
    let toggled = marked.map_or_else(|| [BYTE_ORDER_MARK, text].concat(), <[u8]>::to_vec);
    found.push(("byte-order-mark", toggled));
    found
}

/// What differing host data is the digest of, in the order of the table in README.md; each kind and name once.
pub(crate) fn near_misses(
    host_data: &[u8; 32],
    expected: &[[u8; 32]],
    candidates: &[Candidate],
) -> Vec<NearMiss> {
    let mut found: Vec<NearMiss> = Vec::new();
    let mut add = |kind: &'static str, name: &str| {
        let miss = NearMiss {
            kind,
            name: name.to_owned(),
        };
        if !found.contains(&miss) {
            found.push(miss);
        }
    };
    if *host_data == [0; 32] {
        add("zero", "");
    }
    if let Some(policy) = candidates.first().and_then(Candidate::policy) {
        let name = candidates.first().map_or("", |first| first.name.as_str());
        for (kind, text) in variants(policy) {
            if text != policy && sha256(&text) == *host_data {
                add(kind, name);
            }
        }
    }
    let reversed = expected
        .iter()
        .any(|bytes| bytes.iter().rev().eq(host_data.iter()));
    if reversed && !expected.contains(host_data) {
        add("reversed", "");
    }
    let policy = candidates.first().and_then(Candidate::policy);
    for candidate in candidates {
        let matches = candidate.host_data() == *host_data;
        let is_document = matches!(candidate.kind, CandidateKind::Initdata { .. });
        if matches && is_document && policy.is_some() && candidate.policy() == policy {
            add("initdata", &candidate.name);
        }
    }
    if let Some(first) = candidates.first()
        && let CandidateKind::Initdata {
            policy: Some(inside),
            ..
        } = &first.kind
        && sha256(inside) == *host_data
    {
        add("policy-of-initdata", &first.name);
    }
    for candidate in candidates.iter().skip(1) {
        if candidate.host_data() == *host_data {
            add("other", &candidate.name);
        }
    }
    found
}
