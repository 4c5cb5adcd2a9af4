//! Randomness of the kernel: the nonce that binds a report to this run, and names of our own.

use crate::failure::{Code, Failure};

/// A fresh nonce that fills the report data.
pub fn nonce() -> Result<[u8; 64], Failure> {
    let mut bytes = [0; 64];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// 16 hex digits.
pub fn name() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|error| {
        Failure::new(
            Code::DeviceAbsent,
            format!("the kernel gives no randomness: {error}"),
        )
    })
}
