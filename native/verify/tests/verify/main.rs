//! Tests of the verification through its public interface.

// The lint configuration allows these in tests, but takes only functions with an attribute for tests.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod chain;
mod container;
mod curves;
mod document;
mod endorsement;
mod issuer;
mod mutation;
mod near_miss;
mod report;
mod skip;
mod support;
mod vectors;
