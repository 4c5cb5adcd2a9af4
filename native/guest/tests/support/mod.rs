//! What the tests of the guest verifier share: a fake guest whose kernel is played by a FUSE server, so that the real
//! program makes its real system calls; and its firmware, which signs with a throw-away chain.

pub mod firmware;
pub mod fuse;
pub mod kernel;
pub mod program;
pub mod verdict;
