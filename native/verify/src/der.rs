//! Strict DER: tags of one byte, definite and minimal lengths of at most four length bytes.

use crate::limits::OID_BYTES;

/// Tags of the types that certificates use.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0C;
    pub(crate) const NUMERIC_STRING: u8 = 0x12;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    pub(crate) const TELETEX_STRING: u8 = 0x14;
    pub(crate) const VISIBLE_STRING: u8 = 0x1A;
    pub(crate) const UNIVERSAL_STRING: u8 = 0x1C;
    pub(crate) const BMP_STRING: u8 = 0x1E;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    /// `[n]`, constructed.
    pub(crate) const fn context(number: u8) -> u8 {
        0xA0 | number
    }
}

/// One element: its tag, its contents and all of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Takes elements off the front of a byte string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a>(&'a [u8]);

/// The length that stands at the front, and the bytes behind it.
fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let count = usize::from(*first & 0x7F);
    if !(1..=4).contains(&count) {
        return None;
    }
    let (length, rest) = rest.split_at_checked(count)?;
    if length.first() == Some(&0) {
        return None;
    }
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().rev().zip(length.iter().rev()) {
        *to = *from;
    }
    let length = usize::try_from(u64::from_be_bytes(wide)).ok()?;
    if length < 0x80 {
        None
    } else {
        Some((length, rest))
    }
}

impl<'a> Der<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever its tag.
    pub(crate) fn any(&mut self) -> Option<Element<'a>> {
        let (tag, rest) = self.0.split_first()?;
        if *tag & 0x1F == 0x1F {
            return None;
        }
        let (length, rest) = read_length(rest)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        let (whole, _) = self
            .0
            .split_at_checked(self.0.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some(Element {
            tag: *tag,
            contents,
            whole,
        })
    }

    /// The next element, which must have this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        self.any().filter(|element| element.tag == tag)
    }

    /// The contents of the next element, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element(tag).map(|element| element.contents)
    }

    /// The contents of the next element if it has this tag; else nothing is taken.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) {
            self.take(tag).map(Some)
        } else {
            Some(None)
        }
    }

    /// Whether nothing is left.
    pub(crate) fn end(&self) -> Option<()> {
        self.is_empty().then_some(())
    }
}

/// The contents of the only element of a byte string.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut der = Der::new(bytes);
    let contents = der.take(tag)?;
    der.end()?;
    Some(contents)
}

/// The bytes of an INTEGER in minimal form.
pub(crate) fn integer<'a>(der: &mut Der<'a>) -> Option<&'a [u8]> {
    let contents = der.take(tag::INTEGER)?;
    match contents {
        [] => None,
        [0, second, ..] if *second < 0x80 => None,
        [0xFF, second, ..] if *second >= 0x80 => None,
        minimal => Some(minimal),
    }
}

/// An object identifier whose arcs are minimal.
pub(crate) fn object_id<'a>(der: &mut Der<'a>) -> Option<&'a [u8]> {
    let contents = der.take(tag::OID)?;
    let ends = contents.last().is_some_and(|byte| *byte < 0x80) && contents.len() <= OID_BYTES;
    let mut starts = true;
    for byte in contents {
        if starts && *byte == 0x80 {
            return None;
        }
        starts = *byte < 0x80;
    }
    ends.then_some(contents)
}

/// The bytes of a BIT STRING without unused bits.
pub(crate) fn whole_bits<'a>(der: &mut Der<'a>) -> Option<&'a [u8]> {
    der.take(tag::BIT_STRING)?.strip_prefix(&[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal_and_definite() {
        for (bytes, length) in [
            (&[0x04, 0x00][..], Some(0)),
            (&[0x04, 0x01, 9], Some(1)),
            (&[0x04, 0x81, 0x01, 9], None),
            (&[0x04, 0x80, 0, 0], None),
            (&[0x04, 0x82, 0x00, 0x80], None),
            (&[0x04, 0x85, 0, 0, 0, 0, 1, 9], None),
            (&[0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], None),
            (&[0x1F, 0x01, 9], None),
            (&[0x04], None),
            (&[], None),
        ] {
            let read = Der::new(bytes).any().map(|element| element.contents.len());
            assert_eq!(read, length, "{bytes:x?}");
        }
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(
            Der::new(&long).any().map(|element| element.whole.len()),
            Some(131)
        );
    }

    #[test]
    fn integers_are_minimal() {
        for (bytes, value) in [
            (&[2, 1, 0][..], Some(&[0][..])),
            (&[2, 2, 0, 0x80], Some(&[0, 0x80])),
            (&[2, 2, 0, 0x7F], None),
            (&[2, 2, 0xFF, 0x80], None),
            (&[2, 1, 0xFF], Some(&[0xFF])),
            (&[2, 0], None),
        ] {
            assert_eq!(integer(&mut Der::new(bytes)), value, "{bytes:x?}");
        }
    }

    #[test]
    fn only_one_element_and_whole_bits() {
        assert_eq!(only(&[4, 1, 9], tag::OCTET_STRING), Some(&[9][..]));
        assert_eq!(only(&[4, 1, 9, 0], tag::OCTET_STRING), None);
        assert_eq!(whole_bits(&mut Der::new(&[3, 2, 0, 9])), Some(&[9][..]));
        assert_eq!(whole_bits(&mut Der::new(&[3, 2, 1, 8])), None);
    }
}
