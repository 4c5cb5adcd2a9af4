//! The guest verifier: a fresh SEV-SNP report of this machine against the policy that it should enforce, and its
//! dm-verity devices against the layers of that policy. README.md of the native part has examples; the laws of the
//! verdict are those of `podseal-verify`.

#![forbid(unsafe_code)]

pub mod commands;
pub mod context_dir;
pub mod device;
pub mod dm;
pub mod expected;
pub mod failure;
pub mod fetch;
pub mod files;
pub mod initdata;
pub mod options;
pub mod policy;
pub mod print;
pub mod random;
