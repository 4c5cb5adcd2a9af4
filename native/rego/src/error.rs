//! What the caller did wrong. A policy that fails while it runs is an outcome, not an error.

use std::fmt;

/// Why a policy could not be loaded or asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The policy text is not valid in its dialect; the engine's message.
    Policy(String),
    /// The data document is not a JSON object; the engine's message.
    Data(String),
    /// The input is not JSON; the engine's message.
    Input(String),
    /// Not the path of a rule; the path, cut if very long.
    Rule(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(cause) => write!(formatter, "policy text cannot be read: {cause}"),
            Self::Data(cause) => write!(formatter, "data document cannot be read: {cause}"),
            Self::Input(cause) => write!(formatter, "input cannot be read: {cause}"),
            Self::Rule(path) => write!(formatter, "{path:?} is not the path of a rule"),
        }
    }
}

impl std::error::Error for Error {}
