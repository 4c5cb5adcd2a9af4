//! Every cap on untrusted input, with its reason. The TypeScript side has the same.

/// A certificate: real ones have at most a few KiB.
pub(crate) const CERTIFICATE_BYTES: usize = 64 * 1024;
/// A revocation list: AMD's has a few KiB.
pub(crate) const CRL_BYTES: usize = 1024 * 1024;
/// An endorsement of a VM image: real ones have 11 KiB.
pub(crate) const ENDORSEMENT_BYTES: usize = 256 * 1024;
/// Certificates of the chain of an endorsement: the guest's checker refuses more.
pub(crate) const CHAIN_CERTIFICATES: usize = 100;
/// Nesting of CBOR: what the guest's decoder allows.
pub(crate) const CBOR_DEPTH: u8 = 32;
/// Entries of a certificate table: real ones have at most six.
pub(crate) const TABLE_ENTRIES: usize = 64;
/// Values of one list of an expectation: a fleet of chips.
pub(crate) const EXPECTATION_VALUES: usize = 10_000;
/// Bytes of an object identifier: real ones have at most 20.
pub(crate) const OID_BYTES: usize = 128;
/// Digits of an endorsed security version.
pub(crate) const SVN_DIGITS: usize = 20;
