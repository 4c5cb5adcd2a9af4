//! Runs the real program in a fake guest.

use super::fuse::Mount;
use super::kernel::FakeGuest;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// The flag that makes the program trust the throw-away root.
pub const TRUST: &str = "--trust-root-i-know-this-defeats-attestation";

/// A fake guest that is mounted, and a folder for files.
pub struct Guest {
    pub kernel: Arc<Mutex<FakeGuest>>,
    mount: Mount,
    pub folder: PathBuf,
}

impl Drop for Guest {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Mounts a fake guest. None, and a line that says so, where this machine has no FUSE; a panic where that is demanded.
pub fn guest(kernel: FakeGuest) -> Option<Guest> {
    let kernel = Arc::new(Mutex::new(kernel));
    let Some(mount) = Mount::new(kernel.clone()) else {
        assert!(
            std::env::var_os("PODSEAL_REQUIRE_FUSE").is_none(),
            "FUSE is demanded and cannot be mounted"
        );
        // Not captured, unlike what the print macros write.
        drop(writeln!(
            std::io::stderr(),
            "left out: this machine does not let FUSE be mounted"
        ));
        return None;
    };
    let folder = mount.path.with_extension("files");
    fs::create_dir_all(&folder).unwrap();
    Some(Guest {
        kernel,
        mount,
        folder,
    })
}

impl Guest {
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn place(&self, name: &str) -> String {
        self.mount.path.join(name).to_str().unwrap().to_owned()
    }

    /// The three sources in the usual order, within the fake guest.
    pub fn sources(&self) -> Vec<String> {
        ["configfs=tsm", "sev-guest=sev-guest", "sev=sev"]
            .iter()
            .map(|source| self.source(source))
            .collect()
    }

    /// `--device=KIND=PATH` for `KIND=NAME`.
    pub fn source(&self, source: &str) -> String {
        let (kind, name) = source.split_once('=').unwrap();
        format!("--device={kind}={}", self.place(name))
    }

    pub fn run(&self, args: &[String]) -> Done {
        run(args)
    }
}

/// How the program ended.
pub struct Done {
    pub exit: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Done {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {}", self.stderr))
    }

    /// The error object on stderr.
    pub fn failure(&self) -> Value {
        assert!(self.stdout.is_empty(), "a failure prints no product");
        serde_json::from_str(&self.stderr).unwrap_or_else(|_| panic!("no JSON: {}", self.stderr))
    }
}

/// Runs the program with a small environment.
pub fn run(args: &[String]) -> Done {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_podseal-guest"))
        .args(args)
        .env_clear()
        .output()
        .unwrap();
    Done {
        exit: status.code().unwrap(),
        stdout,
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
