//! The Node addon: every function that JavaScript calls, and nothing else. A panic inside becomes an exception.

// The macros of napi-derive register functions through C entry points; no unsafe code of our own is in this crate.
#![allow(unsafe_code)]

use std::time::Duration;

use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi::{Env, Error, Result, Task};
use napi_derive::napi;
use podseal_blocks::{BLOCK_BYTES, hash_blocks};
use podseal_rego::{Dialect, Module, Outcome, Policy};

/// Version of this interface. The loader refuses any other than its own.
const ABI: u32 = 2;

/// Version of this interface.
#[napi]
pub fn abi() -> u32 {
    ABI
}

/// From now on the kernel writes no core file of this process, not even one of its registers, and lets no other process
/// of the same user look into its memory (PR_SET_DUMPABLE, prctl(2)). An error where the system has no such thing.
#[napi(js_name = "hideMemory", catch_unwind)]
pub fn hide_memory() -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|cause| Error::from_reason(cause.to_string()))
    }
    #[cfg(not(target_os = "linux"))]
    Err(Error::from_reason("this system is not Linux"))
}

/// Hashes `blocks` on a thread of the pool of libuv.
pub struct HashBlocks {
    blocks: Uint8Array,
    count: usize,
}

#[napi]
impl Task for HashBlocks {
    type Output = Vec<u8>;
    type JsValue = Uint8Array;

    fn compute(&mut self) -> Result<Self::Output> {
        self.count
            .checked_mul(BLOCK_BYTES)
            .and_then(|length| self.blocks.get(..length))
            .and_then(hash_blocks)
            .ok_or_else(|| {
                Error::from_reason(format!("buffer holds less than {} blocks", self.count))
            })
    }

    fn resolve(&mut self, _env: Env, hashes: Self::Output) -> Result<Self::JsValue> {
        Ok(Uint8Array::new(hashes))
    }
}

/// Hashes of the first `count` blocks of 4096 bytes, 32 bytes each: SHA-256(32 zero bytes || block). The buffer must
/// not change before the promise is settled.
#[napi(js_name = "hashBlocks", catch_unwind)]
pub fn hash_blocks_async(blocks: Uint8Array, count: u32) -> Result<AsyncTask<HashBlocks>> {
    let count = usize::try_from(count).map_err(|cause| Error::from_reason(cause.to_string()))?;
    Ok(AsyncTask::new(HashBlocks { blocks, count }))
}

/// One file of a policy.
#[napi(object)]
pub struct RegoModule {
    /// Name in messages.
    pub name: String,
    /// Rego text.
    pub text: String,
}

/// How a policy is read and run.
#[napi(object)]
pub struct RegoOptions {
    /// Read the text as Rego version 0.
    pub v0: bool,
    /// Longest time of one evaluation in milliseconds.
    pub time_limit_ms: u32,
}

/// What a rule gave: exactly one of `value` and `error`, or neither if it is undefined.
#[napi(object)]
pub struct RegoEvaluation {
    /// Value of the rule as JSON text.
    pub value: Option<String>,
    /// Why the evaluation failed.
    pub error: Option<String>,
    /// Lines that the rules printed.
    pub prints: Vec<String>,
}

/// A loaded policy.
#[napi]
pub struct RegoPolicy {
    /// Absent after a panic: what the engine then holds is not known.
    policy: Option<Policy>,
}

#[napi]
impl RegoPolicy {
    /// Parses the modules. Throws if one is not valid.
    #[napi(constructor, catch_unwind)]
    pub fn new(modules: Vec<RegoModule>, options: RegoOptions) -> Result<Self> {
        let texts: Vec<Module<'_>> = modules
            .iter()
            .map(|module| Module {
                name: &module.name,
                text: &module.text,
            })
            .collect();
        let dialect = if options.v0 { Dialect::V0 } else { Dialect::V1 };
        let time_limit = Duration::from_millis(options.time_limit_ms.into());
        let policy = Policy::compile(&texts, dialect, time_limit).map_err(refused)?;
        Ok(Self {
            policy: Some(policy),
        })
    }

    /// Replaces the data document by this JSON object.
    #[napi(catch_unwind)]
    pub fn set_data(&mut self, json: String) -> Result<()> {
        self.with_policy(|policy| policy.set_data(&json).map_err(refused))
    }

    /// Evaluates the rule of that path, such as `data.agent_policy.CreateContainerRequest`.
    #[napi(catch_unwind)]
    pub fn evaluate(&mut self, rule: String, input_json: String) -> Result<RegoEvaluation> {
        let evaluation =
            self.with_policy(|policy| policy.evaluate(&rule, &input_json).map_err(refused))?;
        let (value, error) = match evaluation.outcome {
            Outcome::Value(json) => (Some(json), None),
            Outcome::Undefined => (None, None),
            Outcome::Failed(message) => (None, Some(message)),
        };
        Ok(RegoEvaluation {
            value,
            error,
            prints: evaluation.prints,
        })
    }

    fn with_policy<T>(&mut self, work: impl FnOnce(&mut Policy) -> Result<T>) -> Result<T> {
        let mut policy = self.policy.take().ok_or_else(|| {
            Error::from_reason("policy cannot be used after a crash of its engine")
        })?;
        let result = work(&mut policy);
        self.policy = Some(policy);
        result
    }
}

fn refused(cause: podseal_rego::Error) -> Error {
    Error::from_reason(cause.to_string())
}
