//! Regular expressions as agents have them. Later engines refuse a pattern of more than 100 KiB once it is compiled, such
//! as `^\w{1,63}$`, by failing the whole evaluation; the engines of agents take what the `regex` crate takes, and what it
//! refuses is undefined.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use regex::Regex;
use regorus::{Engine, Value};

/// Compiled patterns that are kept.
const MAX_KEPT: usize = 256;

/// Patterns of one engine, and when its evaluation has to end.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    compiled: HashMap<String, Option<Regex>>,
    deadline: Option<Instant>,
}

/// The evaluation has lasted too long.
struct TooLate;

impl Patterns {
    /// Puts the functions that rules of agents call in the place of the engine's own. Fails with the engine's message.
    pub fn install(&self, engine: &mut Engine) -> Result<(), String> {
        let patterns = self.clone();
        let is_match = move |args: Vec<Value>| match patterns.matches(&args) {
            Ok(value) => Ok(value),
            Err(TooLate) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        let patterns = self.clone();
        let find_all = move |args: Vec<Value>| match patterns.find_all(&args) {
            Ok(value) => Ok(value),
            Err(TooLate) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        engine
            .add_extension("regex.match".to_owned(), 2, Box::new(is_match))
            .map_err(|cause| cause.to_string())?;
        let name = "regex.find_all_string_submatch_n".to_owned();
        engine
            .add_extension(name, 3, Box::new(find_all))
            .map_err(|cause| cause.to_string())
    }

    /// After this time no further pattern is tried.
    pub fn stop_at(&self, deadline: Option<Instant>) {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .deadline = deadline;
    }

    /// `regex.match(pattern, text)`: found anywhere in the text.
    fn matches(&self, args: &[Value]) -> Result<Value, TooLate> {
        let [Value::String(pattern), Value::String(text)] = args else {
            return Ok(Value::Undefined);
        };
        Ok(match self.compile(pattern)? {
            Some(found) => Value::Bool(found.is_match(text)),
            None => Value::Undefined,
        })
    }

    /// `regex.find_all_string_submatch_n(pattern, text, n)`: the first n matches with their groups, all if n is negative.
    fn find_all(&self, args: &[Value]) -> Result<Value, TooLate> {
        let [
            Value::String(pattern),
            Value::String(text),
            Value::Number(most),
        ] = args
        else {
            return Ok(Value::Undefined);
        };
        let Some(most) = most.as_i64() else {
            return Ok(Value::Undefined);
        };
        let Some(found) = self.compile(pattern)? else {
            return Ok(Value::Undefined);
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let matches = found.captures_iter(text).take(most).map(|captures| {
            let groups = captures
                .iter()
                .map(|group| Value::from(group.map_or("", |part| part.as_str())));
            Value::from(groups.collect::<Vec<_>>())
        });
        Ok(Value::from(matches.collect::<Vec<_>>()))
    }

    fn compile(&self, pattern: &str) -> Result<Option<Regex>, TooLate> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.deadline.is_some_and(|end| Instant::now() > end) {
            return Err(TooLate);
        }
        if let Some(known) = shared.compiled.get(pattern) {
            return Ok(known.clone());
        }
        let made = Regex::new(pattern).ok();
        if shared.compiled.len() >= MAX_KEPT {
            shared.compiled.clear();
        }
        shared.compiled.insert(pattern.to_owned(), made.clone());
        Ok(made)
    }
}
