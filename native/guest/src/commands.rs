//! One function per command: options in, what is printed and the exit status out.

mod certificates;
mod layers;
mod report;
mod verify;

use crate::failure::{EXIT_OK, Failure};
use crate::options::{Invocation, Task};
use crate::print;
use podseal_verify::Seconds;
use std::ffi::OsString;
use std::path::PathBuf;
pub(crate) use verify::Judgement;

/// What a command needs of the process around it.
#[derive(Debug)]
pub struct World {
    /// Value of `UVM_SECURITY_CONTEXT_DIR`.
    pub context_variable: Option<OsString>,
    /// Where security-context directories are searched for, usually `/`.
    pub root: PathBuf,
    /// The time of the clock.
    pub now: Seconds,
}

/// What is printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// Standard output.
    pub product: Vec<u8>,
    /// Standard error.
    pub story: String,
    /// Exit status.
    pub exit: u8,
}

impl Done {
    fn ok(product: impl Into<Vec<u8>>) -> Self {
        Self {
            product: product.into(),
            story: String::new(),
            exit: EXIT_OK,
        }
    }
}

/// Runs a command. A failure is anything but a verdict.
pub fn run(invocation: &Invocation, world: &World) -> Result<Done, Failure> {
    let json = invocation.json;
    match &invocation.task {
        Task::Help => Ok(Done::ok(print::HELP)),
        Task::Version => Ok(Done::ok(concat!(
            "podseal-guest ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        ))),
        Task::Verify(options) => verify::run(options, json, world),
        Task::Report(options) => report::run(options, json),
        Task::Layers(options) => layers::run(options, json, world),
    }
}
