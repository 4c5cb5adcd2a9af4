//! The program: arguments and environment in, streams and exit status out.

#![forbid(unsafe_code)]

use podseal_guest::commands::{Done, World, run};
use podseal_guest::failure::Failure;
use podseal_guest::{context_dir, options, print};
use podseal_verify::Seconds;
use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

/// Exit status where the output cannot be written.
const EXIT_BUG: u8 = 1;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let done = work(arguments).unwrap_or_else(|failure| Done {
        product: Vec::new(),
        story: if wants_json {
            print::failure_json(&failure)
        } else {
            print::failure_text(&failure)
        },
        exit: failure.code.exit(),
    });
    match write(&done) {
        Ok(()) => ExitCode::from(done.exit),
        Err(_) => ExitCode::from(EXIT_BUG),
    }
}

fn work(arguments: Vec<OsString>) -> Result<Done, Failure> {
    let invocation = options::parse(arguments)?;
    let world = World {
        context_variable: env::var_os(context_dir::VARIABLE),
        root: PathBuf::from("/"),
        now: now(),
    };
    run(&invocation, &world)
}

/// The clock; a time before 1970 is one at which no certificate is valid.
fn now() -> Seconds {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn write(done: &Done) -> io::Result<()> {
    io::stderr().write_all(done.story.as_bytes())?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&done.product)?;
    stdout.flush()
}
