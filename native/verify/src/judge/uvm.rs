//! The endorsement of the VM image.

use crate::code::{Check, Code};
use crate::cose::Envelope;
use crate::crypto::{PublicKey, is_signed};
use crate::did;
use crate::expectation::UvmExpectation;
use crate::hex::hex;
use crate::uvm::{Statement, chain_fault, read_statement};
use crate::verdict::{Fault, Outcome, Rows};
use crate::x509::Certificate;

/// The checks of this file.
pub(super) const CHECKS: [Check; 8] = [
    Check::UvmFormat,
    Check::UvmChain,
    Check::UvmSignature,
    Check::UvmIssuer,
    Check::UvmFeed,
    Check::UvmPayload,
    Check::UvmSvn,
    Check::UvmMeasurement,
];

/// The launch measurements that an endorsement may be for.
pub(super) enum Launch<'a> {
    /// Nothing to compare with: the layout of the report is unknown, or nothing is expected.
    Unknown,
    /// Any of these.
    AnyOf(&'a [[u8; 48]]),
}

type Opened<'a> = (Envelope<'a>, Vec<Certificate<'a>>);

fn open(endorsement: Option<&[u8]>) -> Result<Opened<'_>, Fault> {
    let fault = |detail: &str| Fault::new(Code::UvmFormat, detail);
    let bytes = endorsement.ok_or_else(|| fault("there is no endorsement"))?;
    let envelope = Envelope::parse(bytes)
        .ok_or_else(|| fault("the endorsement is not one COSE_Sign1 with its chain protected"))?;
    let chain: Option<Vec<_>> = envelope
        .chain
        .iter()
        .map(|der| Certificate::parse(der))
        .collect();
    let chain = chain.ok_or_else(|| fault("a certificate of the chain is not one in DER"))?;
    Ok((envelope, chain))
}

fn chain_holds(chain: &[Certificate<'_>]) -> Result<(), Fault> {
    chain_fault(chain).map_or(Ok(()), |detail| Err(Fault::new(Code::UvmChain, detail)))
}

fn signature((envelope, chain): &Opened<'_>) -> Result<(), Fault> {
    let fault = |detail: &str| Fault::new(Code::UvmSignature, detail);
    let scheme = envelope
        .scheme()
        .ok_or_else(|| fault("the algorithm is not accepted"))?;
    let key = chain.first().and_then(|leaf| PublicKey::read(leaf.key));
    let (message, signature) = envelope.signed();
    if key.is_some_and(|key| is_signed(key, scheme, &message, signature)) {
        return Ok(());
    }
    Err(fault(
        "the endorsement is not signed by the key of its leaf",
    ))
}

fn issuer((envelope, chain): &Opened<'_>, want: &str) -> Result<(), Fault> {
    if envelope.issuer != want {
        return Err(Fault::differs(Code::UvmIssuer, want, &envelope.issuer));
    }
    if did::resolves(want, chain) {
        return Ok(());
    }
    Err(Fault::new(
        Code::UvmIssuer,
        "the issuer does not resolve against the chain",
    ))
}

fn feed(envelope: &Envelope<'_>, want: &str) -> Result<(), Fault> {
    if envelope.feed == want {
        return Ok(());
    }
    Err(Fault::differs(Code::UvmFeed, want, &envelope.feed))
}

fn statement(envelope: &Envelope<'_>) -> Result<Statement, Fault> {
    read_statement(envelope.payload)
        .ok_or_else(|| Fault::new(Code::UvmPayload, "the payload is no statement of an image"))
}

fn svn(statement: &Statement, minimum: u64) -> Result<(), Fault> {
    if statement.svn >= u128::from(minimum) {
        return Ok(());
    }
    let want = format!("at least {minimum}");
    Err(Fault::differs(
        Code::UvmSvn,
        want,
        statement.svn.to_string(),
    ))
}

fn measurement(statement: &Statement, allowed: &[[u8; 48]]) -> Result<(), Fault> {
    if allowed.contains(&statement.launch_measurement) {
        return Ok(());
    }
    let want: Vec<String> = allowed.iter().map(|bytes| hex(bytes)).collect();
    let got = hex(&statement.launch_measurement);
    Err(Fault::differs(Code::UvmMeasurement, want.join(" or "), got))
}

/// Judges an endorsement; without an expectation nothing of it is asked.
pub(super) fn judge(
    rows: &mut Rows,
    endorsement: Option<&[u8]>,
    expected: Option<&UvmExpectation>,
    launch: &Launch<'_>,
) -> Option<()> {
    let Some(expected) = expected else {
        for check in CHECKS {
            rows.mark(check, Outcome::NotAsked);
        }
        return Some(());
    };
    let opened = rows.judge(Check::UvmFormat, open(endorsement))?;
    rows.judge(Check::UvmChain, chain_holds(&opened.1))?;
    rows.judge(Check::UvmSignature, signature(&opened))?;
    rows.judge(Check::UvmIssuer, issuer(&opened, &expected.issuer));
    rows.judge(Check::UvmFeed, feed(&opened.0, &expected.feed));
    let statement = rows.judge(Check::UvmPayload, statement(&opened.0))?;
    rows.judge(Check::UvmSvn, svn(&statement, expected.minimum_svn));
    match launch {
        Launch::Unknown => None,
        Launch::AnyOf(allowed) => {
            rows.judge(Check::UvmMeasurement, measurement(&statement, allowed))
        }
    }
}
