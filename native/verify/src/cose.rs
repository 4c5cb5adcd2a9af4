//! COSE_Sign1 envelopes with their certificate chain in the protected header (RFC 9052, RFC 9360), read strictly: one item,
//! definite lengths, no repeated map keys.

use crate::crypto::{Hash, Scheme};
use crate::limits::{CBOR_DEPTH, CHAIN_CERTIFICATES, ENDORSEMENT_BYTES};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Labels of the protected header.
mod label {
    use super::Label;
    pub(super) const ALGORITHM: Label<'static> = Label::Number(1);
    pub(super) const CRITICAL: Label<'static> = Label::Number(2);
    pub(super) const CONTENT_TYPE: Label<'static> = Label::Number(3);
    pub(super) const CLAIMS: Label<'static> = Label::Number(15);
    pub(super) const CHAIN: Label<'static> = Label::Number(33);
    pub(super) const ISSUER: Label<'static> = Label::Text("iss");
    pub(super) const FEED: Label<'static> = Label::Text("feed");
    /// Issuer and subject inside the claims.
    pub(super) const CLAIM_ISSUER: Label<'static> = Label::Number(1);
    pub(super) const CLAIM_SUBJECT: Label<'static> = Label::Number(2);
}

/// A label of a header map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label<'a> {
    Number(i128),
    Text(&'a str),
}

/// An envelope, borrowed from its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Envelope<'a> {
    protected: &'a [u8],
    pub(crate) payload: &'a [u8],
    signature: &'a [u8],
    algorithm: i128,
    /// DER certificates, leaf first.
    pub(crate) chain: Vec<&'a [u8]>,
    /// Empty if there is none.
    pub(crate) issuer: String,
    /// Empty if there is none.
    pub(crate) feed: String,
}

/// A key of any map, for finding repeated ones: equal for equal values, however long their encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key<'a> {
    Label(Label<'a>),
    Bytes(&'a [u8]),
    Other(&'a [u8]),
}

/// Walks over one item and gives its bytes.
fn item<'a>(decoder: &mut Decoder<'a>, depth: u8) -> Option<&'a [u8]> {
    let input = decoder.input();
    let start = decoder.position();
    let depth = depth.checked_sub(1)?;
    match decoder.datatype().ok()? {
        Type::Array => {
            for _ in 0..decoder.array().ok()?? {
                item(decoder, depth)?;
            }
        }
        Type::Map => {
            pairs(decoder, depth)?;
        }
        Type::Tag => {
            decoder.tag().ok()?;
            item(decoder, depth)?;
        }
        Type::Bytes => {
            decoder.bytes().ok()?;
        }
        Type::String => {
            decoder.str().ok()?;
        }
        Type::ArrayIndef
        | Type::MapIndef
        | Type::BytesIndef
        | Type::StringIndef
        | Type::Break
        | Type::Unknown(_) => return None,
        _ => decoder.skip().ok()?,
    }
    input.get(start..decoder.position())
}

fn label<'a>(decoder: &mut Decoder<'a>) -> Option<Label<'a>> {
    match decoder.datatype().ok()? {
        Type::String => decoder.str().ok().map(Label::Text),
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => decoder
            .int()
            .ok()
            .map(|number| Label::Number(number.into())),
        _ => None,
    }
}

fn key<'a>(encoded: &'a [u8]) -> Key<'a> {
    let read = label(&mut Decoder::new(encoded)).map(Key::Label);
    let bytes = || Decoder::new(encoded).bytes().ok().map(Key::Bytes);
    read.or_else(bytes).unwrap_or(Key::Other(encoded))
}

/// The pairs of a map, as bytes. No key stands twice.
fn pairs<'a>(decoder: &mut Decoder<'a>, depth: u8) -> Option<Vec<(Key<'a>, &'a [u8])>> {
    let mut found: Vec<(Key<'a>, &'a [u8])> = Vec::new();
    for _ in 0..decoder.map().ok()?? {
        let key = key(item(decoder, depth)?);
        if found.iter().any(|(seen, _)| *seen == key) {
            return None;
        }
        found.push((key, item(decoder, depth)?));
    }
    Some(found)
}

/// A header or claims map: labels are numbers or texts.
struct Labels<'a>(Vec<(Label<'a>, &'a [u8])>);

impl<'a> Labels<'a> {
    fn read(decoder: &mut Decoder<'a>) -> Option<Self> {
        let labelled = |(key, value)| match key {
            Key::Label(label) => Some((label, value)),
            _ => None,
        };
        pairs(decoder, CBOR_DEPTH)?
            .into_iter()
            .map(labelled)
            .collect::<Option<_>>()
            .map(Self)
    }

    /// The only map of a byte string.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut decoder = Decoder::new(bytes);
        let labels = Self::read(&mut decoder)?;
        (decoder.position() == bytes.len()).then_some(labels)
    }

    fn get(&self, label: Label<'_>) -> Option<Decoder<'a>> {
        self.0
            .iter()
            .find(|(key, _)| *key == label)
            .map(|(_, value)| Decoder::new(value))
    }

    /// A text; empty if absent or of another type.
    fn text(&self, label: Label<'_>) -> String {
        let text = self.get(label).and_then(|mut value| value.str().ok());
        text.unwrap_or_default().to_owned()
    }
}

/// `crit`: a non-empty array of labels that are all there.
fn critical(header: &Labels<'_>) -> Option<()> {
    let Some(mut value) = header.get(label::CRITICAL) else {
        return Some(());
    };
    let count = value.array().ok()??;
    (count > 0).then_some(())?;
    for _ in 0..count {
        header.get(label(&mut value)?)?;
    }
    Some(())
}

/// Content type: a number, or `type/subtype`.
fn content_type(header: &Labels<'_>) -> Option<()> {
    let Some(mut value) = header.get(label::CONTENT_TYPE) else {
        return Some(());
    };
    match label(&mut value)? {
        Label::Number(number) => (number >= 0).then_some(()),
        Label::Text(text) => {
            let trimmed = !text.starts_with(' ') && !text.ends_with(' ');
            (trimmed && text.matches('/').count() == 1).then_some(())
        }
    }
}

/// x5chain: an array of 2 to 100 byte strings.
fn chain<'a>(header: &Labels<'a>) -> Option<Vec<&'a [u8]>> {
    let mut value = header.get(label::CHAIN)?;
    let count = usize::try_from(value.array().ok()??).ok()?;
    (2..=CHAIN_CERTIFICATES).contains(&count).then_some(())?;
    (0..count).map(|_| value.bytes().ok()).collect()
}

impl<'a> Envelope<'a> {
    /// Reads an envelope: tag 18 or none, four elements, nothing behind them.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() <= ENDORSEMENT_BYTES).then_some(())?;
        let array = bytes.strip_prefix(&[0xD2]).unwrap_or(bytes);
        let mut decoder = Decoder::new(array.strip_prefix(&[0x84])?);
        let protected = decoder.bytes().ok()?;
        Labels::read(&mut decoder)?;
        let payload = decoder.bytes().ok()?;
        let signature = decoder.bytes().ok()?;
        (decoder.position() == decoder.input().len()).then_some(())?;
        let header = Labels::parse(protected)?;
        let Label::Number(algorithm) = label(&mut header.get(label::ALGORITHM)?)? else {
            return None;
        };
        critical(&header)?;
        content_type(&header)?;
        let (issuer, feed) = match header.get(label::CLAIMS) {
            Some(mut claims) => {
                let claims = Labels::read(&mut claims)?;
                (
                    claims.text(label::CLAIM_ISSUER),
                    claims.text(label::CLAIM_SUBJECT),
                )
            }
            None => (header.text(label::ISSUER), header.text(label::FEED)),
        };
        let chain = chain(&header)?;
        Some(Self {
            protected,
            payload,
            signature,
            algorithm,
            chain,
            issuer,
            feed,
        })
    }

    /// How the envelope says that it is signed. None for what is not accepted.
    pub(crate) const fn scheme(&self) -> Option<Scheme> {
        match self.algorithm {
            -7 => Some(Scheme::EcdsaFixed(Hash::Sha256)),
            -35 => Some(Scheme::EcdsaFixed(Hash::Sha384)),
            -36 => Some(Scheme::EcdsaFixed(Hash::Sha512)),
            -37 => Some(Scheme::Pss(Hash::Sha256)),
            -38 => Some(Scheme::Pss(Hash::Sha384)),
            -39 => Some(Scheme::Pss(Hash::Sha512)),
            _ => None,
        }
    }

    /// The signature, and the bytes that it is over (`Sig_structure`, no external data).
    pub(crate) fn signed(&self) -> (Vec<u8>, &'a [u8]) {
        let mut out = Encoder::new(Vec::new());
        // Writing into memory does not fail.
        let _ = out
            .array(4)
            .and_then(|out| out.str("Signature1"))
            .and_then(|out| out.bytes(self.protected))
            .and_then(|out| out.bytes(&[]))
            .and_then(|out| out.bytes(self.payload));
        (out.into_writer(), self.signature)
    }
}
