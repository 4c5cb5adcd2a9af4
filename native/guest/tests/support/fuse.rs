//! A small FUSE server (`linux/fuse.h`, protocol 7.31): directories, files that are read and written whole, and ioctls,
//! for which it sees the caller's argument address and process.

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

pub const EPERM: i32 = 1;
pub const ENOENT: i32 = 2;
pub const EIO: i32 = 5;
pub const ENXIO: i32 = 6;
pub const EAGAIN: i32 = 11;
pub const EACCES: i32 = 13;
pub const EBUSY: i32 = 16;
pub const EEXIST: i32 = 17;
pub const EINVAL: i32 = 22;
pub const ENOTTY: i32 = 25;
pub const ENOSPC: i32 = 28;
const ENOSYS: i32 = 38;

/// An ioctl as the kernel would see it.
pub struct Call {
    pub command: u32,
    /// The argument, which is copied back.
    pub argument: Vec<u8>,
    /// Where the caller has it.
    pub address: u64,
    pid: u32,
}

impl Call {
    /// Memory of the calling process.
    pub fn read_memory(&self, address: u64, length: usize) -> Vec<u8> {
        use std::os::unix::fs::FileExt;
        let memory = File::open(format!("/proc/{}/mem", self.pid)).unwrap();
        let mut bytes = vec![0; length];
        memory.read_exact_at(&mut bytes, address).unwrap();
        bytes
    }

    pub fn write_memory(&self, address: u64, bytes: &[u8]) {
        use std::os::unix::fs::FileExt;
        let memory = OpenOptions::new()
            .write(true)
            .open(format!("/proc/{}/mem", self.pid))
            .unwrap();
        memory.write_all_at(bytes, address).unwrap();
    }

    pub fn long(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.argument[at..at + 8].try_into().unwrap())
    }
}

/// The kernel that the server plays. Paths are relative to the mount point; errors are numbers of errno.
pub trait FakeKernel: Send + 'static {
    /// Whether there is something, and whether it is a directory.
    fn lookup(&mut self, path: &Path) -> Option<bool>;
    fn make_directory(&mut self, path: &Path) -> Result<(), i32>;
    fn remove_directory(&mut self, path: &Path) -> Result<(), i32>;
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, i32>;
    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), i32>;
    /// Gives the errno of the call, 0 if it succeeds; the argument is copied back in any case.
    fn ioctl(&mut self, path: &Path, call: &mut Call) -> i32;
}

/// A mounted server; unmounted when dropped.
pub struct Mount {
    pub path: PathBuf,
    server: Option<JoinHandle<()>>,
}

static COUNT: AtomicU64 = AtomicU64::new(0);

impl Mount {
    /// Mounts a kernel. None where this machine does not allow it.
    pub fn new(kernel: Arc<Mutex<dyn FakeKernel>>) -> Option<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("podseal-guest-{}-{number}", std::process::id()));
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .ok()?;
        fs::create_dir(&path).ok()?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let options = CString::new(options).unwrap();
        if mount(
            "podseal-test",
            &path,
            "fuse",
            MountFlags::NOSUID,
            options.as_c_str(),
        )
        .is_err()
        {
            fs::remove_dir(&path).unwrap();
            return None;
        }
        let server = thread::spawn(move || {
            Server {
                device,
                kernel,
                nodes: BTreeMap::new(),
            }
            .serve()
        });
        Some(Self {
            path,
            server: Some(server),
        })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let result = unmount(&self.path, UnmountFlags::DETACH);
        let server = self.server.take().map(JoinHandle::join);
        drop(fs::remove_dir(&self.path));
        if !thread::panicking() {
            result.unwrap();
            assert!(
                server.is_some_and(|ended| ended.is_ok()),
                "the fake kernel failed"
            );
        }
    }
}

const ROOT: u64 = 1;
const BUFFER_BYTES: usize = 256 * 1024;

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const MKDIR: u32 = 9;
const RMDIR: u32 = 11;
const OPEN: u32 = 14;
const READ: u32 = 15;
const WRITE: u32 = 16;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const RELEASEDIR: u32 = 29;
const DESTROY: u32 = 38;
const IOCTL: u32 = 39;
const BATCH_FORGET: u32 = 42;
const OPEN_DIRECT_IO: u32 = 1;

struct Server {
    device: File,
    kernel: Arc<Mutex<dyn FakeKernel>>,
    nodes: BTreeMap<u64, PathBuf>,
}

struct Request<'a> {
    opcode: u32,
    node: u64,
    pid: u32,
    body: &'a [u8],
}

impl Request<'_> {
    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.body[at..at + 4].try_into().unwrap())
    }

    fn long(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.body[at..at + 8].try_into().unwrap())
    }

    fn name(&self, at: usize) -> String {
        let name = &self.body[at..];
        let end = name.iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(name[..end].to_vec()).unwrap()
    }
}

impl Server {
    /// Answers until the mount is gone.
    fn serve(mut self) {
        let mut buffer = vec![0; BUFFER_BYTES];
        while let Ok(length) = self.device.read(&mut buffer) {
            let word = |at: usize| u32::from_le_bytes(buffer[at..at + 4].try_into().unwrap());
            let long = |at: usize| u64::from_le_bytes(buffer[at..at + 8].try_into().unwrap());
            let request = Request {
                opcode: word(4),
                node: long(16),
                pid: word(32),
                body: &buffer[40..length],
            };
            let unique = long(8);
            if matches!(request.opcode, FORGET | BATCH_FORGET) {
                continue;
            }
            let (error, body) = match self.answer(&request) {
                Ok(body) => (0, body),
                Err(error) => (-error, Vec::new()),
            };
            let size = u32::try_from(16 + body.len()).unwrap();
            let reply = [
                &size.to_le_bytes()[..],
                &error.to_le_bytes(),
                &unique.to_le_bytes(),
                &body,
            ]
            .concat();
            // The caller may be gone by now.
            drop(self.device.write_all(&reply));
        }
    }

    fn path(&self, node: u64) -> PathBuf {
        if node == ROOT {
            PathBuf::new()
        } else {
            self.nodes[&node].clone()
        }
    }

    fn answer(&mut self, request: &Request<'_>) -> Result<Vec<u8>, i32> {
        let path = self.path(if request.node == 0 {
            ROOT
        } else {
            request.node
        });
        match request.opcode {
            INIT => Ok(init_reply()),
            LOOKUP => self.entry(path.join(request.name(0))),
            MKDIR => {
                let path = path.join(request.name(8));
                self.kernel.lock().unwrap().make_directory(&path)?;
                self.entry(path)
            }
            RMDIR => {
                let path = path.join(request.name(0));
                self.kernel
                    .lock()
                    .unwrap()
                    .remove_directory(&path)
                    .map(|()| Vec::new())
            }
            GETATTR => {
                let is_directory = request.node == ROOT
                    || self.kernel.lock().unwrap().lookup(&path).ok_or(ENOENT)?;
                Ok([&[0; 16][..], &attributes(request.node, is_directory)].concat())
            }
            OPEN | OPENDIR => Ok([&[0; 8][..], &OPEN_DIRECT_IO.to_le_bytes(), &[0; 4]].concat()),
            READ => {
                let bytes = self.kernel.lock().unwrap().read(&path)?;
                let start = usize::try_from(request.long(8)).unwrap().min(bytes.len());
                let end = (start + request.word(16) as usize).min(bytes.len());
                Ok(bytes[start..end].to_vec())
            }
            WRITE => {
                let data = &request.body[40..];
                self.kernel.lock().unwrap().write(&path, data)?;
                Ok([&request.word(16).to_le_bytes()[..], &[0; 4]].concat())
            }
            IOCTL => Ok(self.ioctl(&path, request)),
            RELEASE | RELEASEDIR | FLUSH | DESTROY => Ok(Vec::new()),
            _ => Err(ENOSYS),
        }
    }

    fn ioctl(&mut self, path: &Path, request: &Request<'_>) -> Vec<u8> {
        let mut call = Call {
            command: request.word(12),
            address: request.long(16),
            argument: request.body[32..].to_vec(),
            pid: request.pid,
        };
        let error = self.kernel.lock().unwrap().ioctl(path, &mut call);
        let argument = if call.argument.is_empty() {
            Vec::new()
        } else {
            call.argument
        };
        [&(-error).to_le_bytes()[..], &[0; 12], &argument].concat()
    }

    fn entry(&mut self, path: PathBuf) -> Result<Vec<u8>, i32> {
        let is_directory = self.kernel.lock().unwrap().lookup(&path).ok_or(ENOENT)?;
        let known = self
            .nodes
            .iter()
            .find(|(_, known)| **known == path)
            .map(|(node, _)| *node);
        let node = known.unwrap_or(ROOT + 1 + self.nodes.len() as u64);
        self.nodes.insert(node, path);
        Ok([
            &node.to_le_bytes()[..],
            &[0; 32],
            &attributes(node, is_directory),
        ]
        .concat())
    }
}

/// `struct fuse_init_out`.
fn init_reply() -> Vec<u8> {
    let mut reply = vec![0; 64];
    for (at, word) in [(0, 7_u32), (4, 31), (8, 65536), (20, 65536), (24, 1)] {
        reply[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    reply
}

/// `struct fuse_attr`, 88 bytes.
fn attributes(node: u64, is_directory: bool) -> Vec<u8> {
    let mode: u32 = if is_directory { 0o040_755 } else { 0o100_600 };
    let mut attributes = vec![0; 88];
    attributes[..8].copy_from_slice(&node.to_le_bytes());
    attributes[60..64].copy_from_slice(&mode.to_le_bytes());
    attributes[64..68].copy_from_slice(&1_u32.to_le_bytes());
    attributes
}
