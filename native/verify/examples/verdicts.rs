//! JSON lines with evidence and expectation in, one verdict per line out (README.md, differential hook).

#![forbid(unsafe_code)]

use podseal_verify::{
    Anchors, Candidate, CandidateKind, Context, Evidence, Expectation, InitdataAlgorithm, Line,
    Refusal, Seconds, Verdict, verify, verify_chain, verify_hcl, verify_table, verify_uvm,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::{BufRead, BufWriter, Write};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(default)]
    kind: Kind,
    #[serde(borrow)]
    evidence: &'a RawValue,
    #[serde(borrow)]
    expectation: Option<&'a RawValue>,
    time: Option<String>,
    anchors: Option<BTreeMap<String, String>>,
    #[serde(default)]
    candidates: Vec<CandidateDocument>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Report,
    Chain,
    Uvm,
    CertificateTable,
    Hcl,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateDocument {
    name: String,
    kind: String,
    text: String,
    algorithm: Option<String>,
    policy: Option<String>,
}

fn refusal(message: impl ToString) -> Refusal {
    Refusal {
        message: message.to_string(),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, Refusal> {
    data_encoding::BASE64
        .decode(text.as_bytes())
        .map_err(refusal)
}

impl CandidateDocument {
    fn read(self) -> Result<Candidate, Refusal> {
        let kind = match (self.kind.as_str(), self.algorithm, self.policy) {
            ("policy", None, None) => CandidateKind::Policy,
            ("initdata", Some(name), policy) => CandidateKind::Initdata {
                algorithm: InitdataAlgorithm::of_name(&name)
                    .ok_or_else(|| refusal("candidates: unknown algorithm"))?,
                policy: policy.as_deref().map(base64).transpose()?,
            },
            _ => return Err(refusal("candidates: neither a policy nor an initdata")),
        };
        Ok(Candidate {
            name: self.name,
            kind,
            text: base64(&self.text)?,
        })
    }
}

fn anchors(documents: Option<BTreeMap<String, String>>) -> Result<Anchors, Refusal> {
    let Some(documents) = documents else {
        return Ok(Anchors::amd());
    };
    let read = |(name, digest): (String, String)| {
        let line = Line::ALL.into_iter().find(|line| line.name() == name);
        let bytes = data_encoding::HEXLOWER_PERMISSIVE
            .decode(digest.as_bytes())
            .ok();
        let digest = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        line.zip(digest)
            .ok_or_else(|| refusal("anchors: neither line nor SHA-256"))
    };
    documents
        .into_iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map(Anchors::replaced)
}

fn judge(line: &str) -> Result<Verdict, Refusal> {
    let request: Request = serde_json::from_str(line).map_err(refusal)?;
    let evidence = Evidence::from_json(request.evidence.get().as_bytes())?;
    match request.kind {
        Kind::CertificateTable => return Ok(verify_table(&evidence)),
        Kind::Hcl => return Ok(verify_hcl(&evidence)),
        _ => {}
    }
    let expectation = request
        .expectation
        .ok_or_else(|| refusal("expectation is missing"))?;
    let expectation = Expectation::from_json(expectation.get().as_bytes())?;
    if matches!(request.kind, Kind::Uvm) {
        return verify_uvm(&evidence, &expectation);
    }
    let time = request.time.as_deref().and_then(Seconds::parse);
    let candidates = request.candidates.into_iter().map(CandidateDocument::read);
    let context = Context {
        time: time.ok_or_else(|| refusal("time is missing or not YYYY-MM-DDTHH:MM:SSZ"))?,
        anchors: &anchors(request.anchors)?,
        candidates: &candidates.collect::<Result<Vec<_>, _>>()?,
    };
    Ok(match request.kind {
        Kind::Chain => verify_chain(&evidence, &expectation, &context),
        _ => verify(&evidence, &expectation, &context),
    })
}

fn main() -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let verdict = match judge(&line?) {
            Ok(verdict) => verdict.to_json(),
            Err(refusal) => refusal.to_json(),
        };
        writeln!(out, "{verdict}")?;
    }
    out.flush()
}
