//! Revocation lists (RFC 5280, CertificateList), as AMD's ARKs sign them.

use crate::der::{Der, integer, only, tag};
use crate::limits::CRL_BYTES;
use crate::time::Seconds;
use crate::x509::{Name, Signed, read_extensions, read_time};

/// A revocation list, borrowed from its DER bytes.
#[derive(Clone, Debug)]
pub(crate) struct RevocationList<'a> {
    pub(crate) signed: Signed<'a>,
    pub(crate) issuer: Name<'a>,
    pub(crate) this_update: Seconds,
    pub(crate) next_update: Option<Seconds>,
    /// Serial numbers, as INTEGER contents.
    pub(crate) revoked: Vec<&'a [u8]>,
}

fn no_critical(extensions: &[u8]) -> Option<()> {
    let extensions = read_extensions(only(extensions, tag::SEQUENCE)?)?;
    (!extensions.iter().any(|extension| extension.critical)).then_some(())
}

fn entries(list: &[u8]) -> Option<Vec<&[u8]>> {
    let mut list = Der::new(list);
    let mut serials = Vec::new();
    while !list.is_empty() {
        let mut entry = Der::new(list.take(tag::SEQUENCE)?);
        serials.push(integer(&mut entry)?);
        read_time(&mut entry)?;
        if let Some(extensions) = entry.optional(tag::SEQUENCE)? {
            let critical = read_extensions(extensions)?.iter().any(|one| one.critical);
            (!critical).then_some(())?;
        }
        entry.end()?;
    }
    Some(serials)
}

impl<'a> RevocationList<'a> {
    /// Reads one list of version 2 (or 1, without a version) and nothing behind it. Critical extensions are refused.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        (der.len() <= CRL_BYTES).then_some(())?;
        let (signed, mut body) = Signed::read(der)?;
        let version = body.optional(tag::INTEGER)?;
        version.is_none_or(|version| version == [1]).then_some(())?;
        (body.element(tag::SEQUENCE)?.whole == signed.algorithm).then_some(())?;
        let issuer = Name::read(&mut body)?;
        let this_update = read_time(&mut body)?;
        let mut next_update = None;
        let mut ahead = body;
        if ahead
            .any()
            .is_some_and(|next| [tag::UTC_TIME, tag::GENERALIZED_TIME].contains(&next.tag))
        {
            next_update = Some(read_time(&mut body)?);
        }
        let revoked = body
            .optional(tag::SEQUENCE)?
            .map_or_else(|| Some(Vec::new()), entries)?;
        if let Some(extensions) = body.optional(tag::context(0))? {
            version?;
            no_critical(extensions)?;
        }
        body.end()?;
        Some(Self {
            signed,
            issuer,
            this_update,
            next_update,
            revoked,
        })
    }
}
