//! The certificate table of an extended report (GHCB): entries of GUID, offset and length, then the blobs.

use crate::limits::TABLE_ENTRIES;

/// Bytes of an entry.
const ENTRY_BYTES: usize = 24;

/// GUIDs in the byte order of RFC 4122 text.
pub(crate) mod guid {
    pub(crate) type Guid = [u8; 16];
    const fn of(number: u128) -> Guid {
        number.to_be_bytes()
    }
    pub(crate) const VCEK: Guid = of(0x63da_758d_e664_4564_adc5_f4b9_3be8_accd);
    pub(crate) const VLEK: Guid = of(0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1);
    /// ASK or ASVK.
    pub(crate) const ASK: Guid = of(0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782);
    pub(crate) const ARK: Guid = of(0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae);
    pub(crate) const CRL: Guid = of(0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea);
}

/// One entry and its blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) guid: guid::Guid,
    pub(crate) blob: &'a [u8],
}

/// A table whose every entry lies where it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table<'a>(pub(crate) Vec<Entry<'a>>);

/// GUID, offset and length of an entry; `None` at the end of the bytes.
fn header(bytes: &[u8]) -> Option<(guid::Guid, u64, u64)> {
    let (guid, rest) = bytes.split_first_chunk::<16>()?;
    let (offset, rest) = rest.split_first_chunk::<4>()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    Some((
        *guid,
        u32::from_le_bytes(*offset).into(),
        u32::from_le_bytes(*length).into(),
    ))
}

fn headers(bytes: &[u8]) -> Result<Vec<(guid::Guid, u64, u64)>, &'static str> {
    let mut found = Vec::new();
    let mut rest = bytes;
    loop {
        let entry = header(rest).ok_or("the terminating entry is missing")?;
        if entry == ([0; 16], 0, 0) {
            return Ok(found);
        }
        if found.len() == TABLE_ENTRIES {
            return Err("there are more than 64 entries");
        }
        found.push(entry);
        rest = rest.get(ENTRY_BYTES..).unwrap_or_default();
    }
}

impl<'a> Table<'a> {
    /// Reads a table. Padding behind the last blob is fine.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let headers = headers(bytes)?;
        let header_bytes =
            u64::try_from(headers.len().saturating_add(1).saturating_mul(ENTRY_BYTES))
                .map_err(|_| "there are too many entries")?;
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut used: Vec<(u64, u64)> = Vec::new();
        for (guid, offset, length) in headers {
            let end = offset.saturating_add(length);
            if length == 0 {
                return Err("a blob is empty");
            }
            if offset < header_bytes {
                return Err("a blob lies in the header");
            }
            if used.iter().any(|(from, to)| offset < *to && *from < end) {
                return Err("blobs overlap");
            }
            if entries.iter().any(|entry| entry.guid == guid) {
                return Err("a GUID stands twice");
            }
            let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
            let blob = range.and_then(|(from, to)| bytes.get(from..to));
            entries.push(Entry {
                guid,
                blob: blob.ok_or("a blob ends behind the table")?,
            });
            used.push((offset, end));
        }
        Ok(Self(entries))
    }

    /// The blob of a GUID.
    pub(crate) fn blob(&self, guid: guid::Guid) -> Option<&'a [u8]> {
        self.0
            .iter()
            .find(|entry| entry.guid == guid)
            .map(|entry| entry.blob)
    }
}
