//! One Rego policy with its data document, evaluated by regorus, the engine of the kata agent. Lines, size and
//! settings are those of the agent: a failing built-in function is undefined rather than an error, and the limits
//! on the policy text are the widest that any agent sets. Evaluation stops after a given time.

#![forbid(unsafe_code)]

mod error;
mod nesting;
mod patterns;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, PolicyLengthConfig};

pub use error::Error;

use patterns::Patterns;

/// Longest line, in columns, that an agent takes.
const MAX_COLUMNS: NonZeroU32 = NonZeroU32::new(65_536).unwrap();
/// Largest policy text, in bytes, that an agent takes.
const MAX_FILE_BYTES: NonZeroUsize = NonZeroUsize::new(16 * 1024 * 1024).unwrap();
/// Most lines that an agent takes.
const MAX_LINES: NonZeroUsize = NonZeroUsize::new(200_000).unwrap();
/// Evaluation steps between two looks at the clock.
const STEPS_PER_CHECK: NonZeroU32 = NonZeroU32::new(1024).unwrap();
/// Longest path of a rule, far above any real one.
const MAX_RULE_BYTES: usize = 256;

/// Version of the language that a text is written in. Engines below regorus 0.3 read version 0, later ones version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Rule bodies may stand without `if`.
    V0,
    /// Rule bodies need `if`.
    V1,
}

/// One file of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    /// Name in messages.
    pub name: &'a str,
    /// Rego text.
    pub text: &'a str,
}

/// What a rule gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its value as JSON text; a set is an array.
    Value(String),
    /// No rule of that name, or none that holds, and no default.
    Undefined,
    /// The evaluation itself failed or took too long; the message says why.
    Failed(String),
}

/// Outcome of one evaluation with the lines that the rules printed on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// What the rule gave.
    pub outcome: Outcome,
    /// Printed lines in order, each with file and line in front.
    pub prints: Vec<String>,
}

/// A loaded policy. Each evaluation stands alone; what must be remembered between two goes through `set_data`.
#[derive(Debug)]
pub struct Policy {
    engine: Engine,
    patterns: Patterns,
    time_limit: Duration,
}

impl Policy {
    /// Parses all modules. Fails with `Error::Policy` if one is not valid in the dialect or passes a limit.
    pub fn compile(
        modules: &[Module<'_>],
        dialect: Dialect,
        time_limit: Duration,
    ) -> Result<Self, Error> {
        let mut engine = Engine::new();
        engine.set_rego_v0(dialect == Dialect::V0);
        engine.set_strict_builtin_errors(false);
        engine.set_gather_prints(true);
        engine.set_policy_length_config(PolicyLengthConfig {
            max_col: MAX_COLUMNS,
            max_file_bytes: MAX_FILE_BYTES,
            max_lines: MAX_LINES,
        });
        engine.set_execution_timer_config(ExecutionTimerConfig {
            limit: time_limit,
            check_interval: STEPS_PER_CHECK,
        });
        let patterns = Patterns::default();
        patterns.install(&mut engine).map_err(Error::Policy)?;
        for module in modules {
            if nesting::is_too_deep(module.text) {
                return Err(Error::Policy(format!(
                    "brackets in {} are nested deeper than {}",
                    module.name,
                    nesting::MAX_DEPTH
                )));
            }
            engine
                .add_policy(module.name.to_owned(), module.text.to_owned())
                .map_err(|cause| Error::Policy(cause.to_string()))?;
        }
        Ok(Self {
            engine,
            patterns,
            time_limit,
        })
    }

    /// Replaces the data document. Fails with `Error::Data` if the text is not a JSON object.
    pub fn set_data(&mut self, json: &str) -> Result<(), Error> {
        self.engine.clear_data();
        self.engine
            .add_data_json(json)
            .map_err(|cause| Error::Data(cause.to_string()))
    }

    /// Evaluates the rule of that path, such as `data.agent_policy.CreateContainerRequest`. Fails with `Error::Rule`
    /// if the path is more than dotted names below `data`, and with `Error::Input` if the input is not JSON.
    pub fn evaluate(&mut self, rule: &str, input_json: &str) -> Result<Evaluation, Error> {
        if !is_rule_path(rule) {
            return Err(Error::Rule(rule.chars().take(MAX_RULE_BYTES).collect()));
        }
        self.engine
            .set_input_json(input_json)
            .map_err(|cause| Error::Input(cause.to_string()))?;
        self.patterns
            .stop_at(Instant::now().checked_add(self.time_limit));
        let outcome = match self.query(rule) {
            Ok(outcome) => outcome,
            Err(message) => Outcome::Failed(message),
        };
        let prints = match self.engine.take_prints() {
            Ok(prints) => prints,
            Err(cause) => return Err(Error::Policy(cause.to_string())),
        };
        Ok(Evaluation { outcome, prints })
    }

    fn query(&mut self, rule: &str) -> Result<Outcome, String> {
        let results = self
            .engine
            .eval_query(rule.to_owned(), false)
            .map_err(|cause| cause.to_string())?;
        let value = results
            .result
            .first()
            .and_then(|result| result.expressions.first());
        match value {
            None => Ok(Outcome::Undefined),
            Some(expression) => expression
                .value
                .to_json_str()
                .map(Outcome::Value)
                .map_err(|cause| cause.to_string()),
        }
    }
}

/// True for `data` and at least one further name, joined by dots: nothing that could be a query of its own.
fn is_rule_path(rule: &str) -> bool {
    let mut names = rule.split('.');
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name
                .chars()
                .all(|next| next.is_ascii_alphanumeric() || next == '_')
    };
    rule.len() <= MAX_RULE_BYTES
        && names.next() == Some("data")
        && rule.contains('.')
        && names.all(is_name)
}

#[cfg(test)]
mod tests;
