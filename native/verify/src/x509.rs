//! X.509 certificates and names, as strict as README.md says.

use crate::der::{Der, integer, object_id, only, tag, whole_bits};
use crate::limits::CERTIFICATE_BYTES;
use crate::time::Seconds;

/// Object identifiers, as DER contents.
pub(crate) mod oid {
    pub(crate) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
    pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x1E];
    pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
}

/// One extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// A certificate, borrowed from its DER bytes. `whole` fields include tag and length.
#[derive(Clone, Debug)]
pub(crate) struct Certificate<'a> {
    pub(crate) der: &'a [u8],
    pub(crate) signed: Signed<'a>,
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: Name<'a>,
    pub(crate) subject: Name<'a>,
    pub(crate) not_before: Seconds,
    pub(crate) not_after: Seconds,
    /// SubjectPublicKeyInfo, whole.
    pub(crate) key: &'a [u8],
    pub(crate) extensions: Vec<Extension<'a>>,
}

/// What is signed, by which algorithm, and the signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) message: &'a [u8],
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// A distinguished name. Two names are equal if their bytes are.
#[derive(Clone, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) whole: &'a [u8],
    /// Type (OID) and value (tag, bytes) of each attribute, in order.
    pub(crate) attributes: Vec<(&'a [u8], u8, &'a [u8])>,
    has_empty_set: bool,
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.whole == other.whole
    }
}

/// Whether a text has only the characters of its type. False for values that are no texts.
fn is_text(kind: u8, value: &[u8]) -> bool {
    match kind {
        tag::UTF8_STRING => std::str::from_utf8(value).is_ok(),
        // Issuers write * and & too.
        tag::PRINTABLE_STRING => {
            let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(byte);
            value.iter().all(fits)
        }
        tag::NUMERIC_STRING => value
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b' '),
        tag::IA5_STRING | tag::VISIBLE_STRING => value.is_ascii(),
        tag::TELETEX_STRING => true,
        tag::BMP_STRING => is_wide_text::<2>(value),
        tag::UNIVERSAL_STRING => is_wide_text::<4>(value),
        _ => false,
    }
}

/// Characters of N bytes, big-endian; none is a surrogate.
fn is_wide_text<const N: usize>(value: &[u8]) -> bool {
    let (characters, rest) = value.as_chunks::<N>();
    let is_character = |bytes: &[u8; N]| {
        let number = bytes
            .iter()
            .fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
        char::from_u32(number).is_some()
    };
    rest.is_empty() && characters.iter().all(is_character)
}

/// Types that are read as texts.
const TEXTS: [u8; 8] = [
    tag::UTF8_STRING,
    tag::PRINTABLE_STRING,
    tag::NUMERIC_STRING,
    tag::IA5_STRING,
    tag::VISIBLE_STRING,
    tag::TELETEX_STRING,
    tag::BMP_STRING,
    tag::UNIVERSAL_STRING,
];
/// Types that a common name may have.
const COMMON_NAME_TEXTS: [u8; 3] = [tag::UTF8_STRING, tag::PRINTABLE_STRING, tag::IA5_STRING];

impl<'a> Name<'a> {
    pub(crate) fn read(der: &mut Der<'a>) -> Option<Self> {
        let sequence = der.element(tag::SEQUENCE)?;
        let mut sets = Der::new(sequence.contents);
        let mut attributes = Vec::new();
        let mut has_empty_set = false;
        while !sets.is_empty() {
            let mut members = Der::new(sets.take(tag::SET)?);
            has_empty_set |= members.is_empty();
            while !members.is_empty() {
                let mut attribute = Der::new(members.take(tag::SEQUENCE)?);
                let kind = object_id(&mut attribute)?;
                let value = attribute.any()?;
                attribute.end()?;
                let named = kind == oid::COMMON_NAME && COMMON_NAME_TEXTS.contains(&value.tag);
                (!named || is_text(value.tag, value.contents)).then_some(())?;
                attributes.push((kind, value.tag, value.contents));
            }
        }
        Some(Self {
            whole: sequence.whole,
            attributes,
            has_empty_set,
        })
    }

    /// Whether no attribute has a foreign character, and no set is empty.
    fn is_sound(&self) -> bool {
        let sound =
            |(_, kind, value): &(&[u8], u8, &[u8])| !TEXTS.contains(kind) || is_text(*kind, value);
        !self.has_empty_set && self.attributes.iter().all(sound)
    }

    /// The only common name.
    pub(crate) fn common_name(&self) -> Option<&'a str> {
        let mut found = self
            .attributes
            .iter()
            .filter(|(kind, ..)| *kind == oid::COMMON_NAME);
        let (_, kind, value) = *found.next()?;
        let text = COMMON_NAME_TEXTS.contains(&kind);
        if found.next().is_some() || !text {
            None
        } else {
            std::str::from_utf8(value).ok()
        }
    }
}

/// UTCTime (1950 to 2049) or GeneralizedTime, with seconds and `Z`.
pub(crate) fn read_time(der: &mut Der<'_>) -> Option<Seconds> {
    let element = der.any()?;
    let text = std::str::from_utf8(element.contents).ok()?;
    match element.tag {
        tag::UTC_TIME => {
            let century = if text.get(0..2)? < "50" { "20" } else { "19" };
            Seconds::parse_compact(&format!("{century}{text}"))
        }
        tag::GENERALIZED_TIME => Seconds::parse_compact(text),
        _ => None,
    }
}

/// The contents of an `Extensions` sequence.
pub(crate) fn read_extensions(bytes: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut list = Der::new(bytes);
    let mut extensions = Vec::new();
    while !list.is_empty() {
        let mut extension = Der::new(list.take(tag::SEQUENCE)?);
        let oid = object_id(&mut extension)?;
        let critical = match extension.optional(tag::BOOLEAN)? {
            None | Some([0]) => false,
            Some([0xFF]) => true,
            Some(_) => return None,
        };
        let value = extension.take(tag::OCTET_STRING)?;
        extension.end()?;
        extensions.push(Extension {
            oid,
            critical,
            value,
        });
    }
    Some(extensions)
}

/// OID and at most one parameter.
fn algorithm_identifier(contents: &[u8]) -> Option<()> {
    let mut fields = Der::new(contents);
    object_id(&mut fields)?;
    if !fields.is_empty() {
        fields.any()?;
    }
    fields.end()
}

/// Algorithm and key bits, whatever they are; unused bits are zero. Gives all bytes.
fn key_info<'a>(body: &mut Der<'a>) -> Option<&'a [u8]> {
    let info = body.element(tag::SEQUENCE)?;
    let mut fields = Der::new(info.contents);
    algorithm_identifier(fields.take(tag::SEQUENCE)?)?;
    let (unused, bits) = fields.take(tag::BIT_STRING)?.split_first()?;
    fields.end()?;
    let zeros = bits.last().map_or(0, |last| last.trailing_zeros());
    (*unused <= 7 && zeros >= u32::from(*unused)).then_some(info.whole)
}

impl<'a> Signed<'a> {
    /// The three parts that certificates and revocation lists have: what is signed, algorithm, signature.
    pub(crate) fn read(der: &'a [u8]) -> Option<(Self, Der<'a>)> {
        let mut parts = Der::new(only(der, tag::SEQUENCE)?);
        let message = parts.element(tag::SEQUENCE)?;
        let algorithm = parts.element(tag::SEQUENCE)?;
        algorithm_identifier(algorithm.contents)?;
        let algorithm = algorithm.whole;
        let signature = whole_bits(&mut parts)?;
        parts.end()?;
        Some((
            Self {
                message: message.whole,
                algorithm,
                signature,
            },
            Der::new(message.contents),
        ))
    }
}

impl<'a> Certificate<'a> {
    /// Reads one certificate and nothing behind it.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        (der.len() <= CERTIFICATE_BYTES).then_some(())?;
        let (signed, mut body) = Signed::read(der)?;
        (body.take(tag::context(0))? == [tag::INTEGER, 1, 2]).then_some(())?;
        let serial = integer(&mut body)?;
        (body.element(tag::SEQUENCE)?.whole == signed.algorithm).then_some(())?;
        let issuer = Name::read(&mut body)?;
        let mut validity = Der::new(body.take(tag::SEQUENCE)?);
        let (not_before, not_after) = (read_time(&mut validity)?, read_time(&mut validity)?);
        validity.end()?;
        let subject = Name::read(&mut body)?;
        let key = key_info(&mut body)?;
        let extensions = match body.optional(tag::context(3))? {
            Some(wrapped) => read_extensions(only(wrapped, tag::SEQUENCE)?)?,
            None => Vec::new(),
        };
        body.end()?;
        Some(Self {
            der,
            signed,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key,
            extensions,
        })
    }

    /// Whether the texts of both names have only characters of their type, and no part of a name is empty.
    pub(crate) fn has_sound_names(&self) -> bool {
        self.issuer.is_sound() && self.subject.is_sound()
    }

    /// The value of an extension.
    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        self.extensions
            .iter()
            .find(|extension| extension.oid == oid)
            .map(|found| found.value)
    }

    /// Whether an extension stands twice.
    pub(crate) fn repeats_extension(&self) -> bool {
        let mut seen: Vec<&[u8]> = self
            .extensions
            .iter()
            .map(|extension| extension.oid)
            .collect();
        seen.sort_unstable();
        seen.windows(2).any(|pair| pair.first() == pair.last())
    }

    /// Whether BasicConstraints says that this is an authority.
    pub(crate) fn is_authority(&self) -> bool {
        self.basic_constraints()
            .is_some_and(|(authority, _)| authority)
    }

    /// BasicConstraints: whether an authority, and how many further authorities may follow.
    pub(crate) fn basic_constraints(&self) -> Option<(bool, Option<usize>)> {
        let mut fields = Der::new(only(
            self.extension(oid::BASIC_CONSTRAINTS)?,
            tag::SEQUENCE,
        )?);
        let authority = match fields.optional(tag::BOOLEAN)? {
            None | Some([0]) => false,
            Some([0xFF]) => true,
            Some(_) => return None,
        };
        let length = if fields.is_empty() {
            None
        } else {
            match integer(&mut fields)? {
                [length] if *length < 0x80 => Some(usize::from(*length)),
                _ => return None,
            }
        };
        fields.end()?;
        Some((authority, length))
    }

    /// Whether the certificate is valid at a time, both ends included.
    pub(crate) fn is_valid_at(&self, time: Seconds) -> bool {
        self.not_before <= time && time <= self.not_after
    }
}
