//! The fake kernel: `tsm` is a configfs-tsm directory, `sev-guest` and `sev` are the devices, `dm-control` is the device
//! mapper. How they behave is set by the test.

use super::firmware::{Launch, certificate_table};
use super::fuse::{
    Call, EAGAIN, EBUSY, EEXIST, EINVAL, EIO, ENOENT, ENOSPC, ENOTTY, ENXIO, FakeKernel,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a device does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// It is not there.
    Absent,
    /// The call fails with this errno.
    Errno(i32),
    /// The firmware answers with this status.
    Status(u32),
    /// The hypervisor or the kernel says busy so many times.
    Busy(u32),
    /// It gives so many bytes only.
    Short(usize),
}

/// One mapped device: name, parameters of its verity target, state.
pub type Mapped = (String, String, String);

pub struct FakeGuest {
    pub launch: Launch,
    pub configfs: Mood,
    pub sev_guest: Mood,
    pub sev: Mood,
    pub provider: String,
    pub privlevel_floor: u32,
    /// The host hands out its certificates.
    pub has_certificates: bool,
    /// Someone else writes to each configfs request, so many times.
    pub intruders: u32,
    pub mapped: Vec<Mapped>,
    /// Given whatever is asked.
    pub recorded: Option<Vec<u8>>,
    /// Requests of configfs by directory: privilege level, inblob, generation.
    pub entries: BTreeMap<PathBuf, Entry>,
    /// Directories that were made, and those removed.
    pub made: u32,
    pub removed: u32,
}

#[derive(Default)]
pub struct Entry {
    privlevel: u32,
    inblob: Vec<u8>,
    generation: u32,
}

const ATTRIBUTES: [&str; 7] = [
    "privlevel",
    "inblob",
    "generation",
    "outblob",
    "auxblob",
    "provider",
    "privlevel_floor",
];

impl FakeGuest {
    pub fn new(launch: Launch) -> Self {
        Self {
            launch,
            configfs: Mood::Good,
            sev_guest: Mood::Good,
            sev: Mood::Good,
            provider: "sev_guest\n".to_owned(),
            privlevel_floor: 0,
            has_certificates: true,
            intruders: 0,
            mapped: Vec::new(),
            recorded: None,
            entries: BTreeMap::new(),
            made: 0,
            removed: 0,
        }
    }

    fn table(&self) -> Vec<u8> {
        if self.has_certificates {
            certificate_table()
        } else {
            Vec::new()
        }
    }

    fn sign(&self, inblob: &[u8], level: u32) -> Vec<u8> {
        self.recorded
            .clone()
            .unwrap_or_else(|| self.launch.report(inblob.try_into().unwrap(), level))
    }

    /// The buffer of both devices: status, size, report at 32.
    fn response(&self, request: &[u8], mood: &Mood, size: usize) -> Vec<u8> {
        let level = u32::from_le_bytes(request[64..68].try_into().unwrap());
        let mut response = vec![0; size];
        if let Mood::Status(status) = mood {
            response[..4].copy_from_slice(&status.to_le_bytes());
            return response;
        }
        let report = self.sign(&request[..64], level);
        let length = if let Mood::Short(length) = mood {
            *length
        } else {
            report.len()
        };
        response[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        response[32..32 + length].copy_from_slice(&report[..length]);
        response
    }

    fn sev_guest_call(&mut self, call: &mut Call) -> i32 {
        const VMM_TOO_SMALL: u64 = 1 << 32;
        const VMM_BUSY: u64 = 2 << 32;
        let is_extended = match call.command {
            0xc020_5300 => false,
            0xc020_5302 => true,
            _ => return ENOTTY,
        };
        let (req, resp) = (call.long(8), call.long(16));
        let set_exit_info = |call: &mut Call, info: u64| {
            call.argument[24..32].copy_from_slice(&info.to_le_bytes());
        };
        match &mut self.sev_guest {
            Mood::Errno(errno) => return *errno,
            Mood::Busy(0) => self.sev_guest = Mood::Good,
            Mood::Busy(times) => {
                *times -= 1;
                set_exit_info(call, VMM_BUSY);
                return EIO;
            }
            _ => {}
        }
        let request = call.read_memory(req, if is_extended { 112 } else { 96 });
        assert_eq!(request[68..96], [0; 28], "reserved bytes of the request");
        if is_extended {
            let table = self.table();
            let address = u64::from_le_bytes(request[96..104].try_into().unwrap());
            let length = u32::from_le_bytes(request[104..108].try_into().unwrap());
            if (length as usize) < table.len() {
                call.write_memory(
                    req + 104,
                    &u32::try_from(table.len()).unwrap().to_le_bytes(),
                );
                set_exit_info(call, VMM_TOO_SMALL);
                return ENOSPC;
            }
            call.write_memory(address, &table);
        }
        call.write_memory(resp, &self.response(&request, &self.sev_guest, 4000));
        0
    }

    fn sev_call(&mut self, call: &mut Call) -> i32 {
        if call.command != 0xc028_5301 {
            return ENOTTY;
        }
        match &mut self.sev {
            Mood::Errno(errno) => return *errno,
            Mood::Busy(0) => self.sev = Mood::Good,
            Mood::Busy(times) => {
                *times -= 1;
                return EBUSY;
            }
            _ => {}
        }
        assert_eq!(call.argument[..3], [5, 6, 1], "message types and version");
        assert_eq!(call.argument[4..6], 96_u16.to_le_bytes());
        assert_eq!(call.argument[16..18], 1280_u16.to_le_bytes());
        let request = call.read_memory(call.long(8), 96);
        call.write_memory(call.long(24), &self.response(&request, &self.sev, 1280));
        0
    }

    /// `DM_LIST_DEVICES` and `DM_TABLE_STATUS`.
    fn dm_call(&self, call: &mut Call) -> i32 {
        let header = call.read_memory(call.address, 312);
        let size = u32::from_le_bytes(header[12..16].try_into().unwrap()) as usize;
        let flags = u32::from_le_bytes(header[28..32].try_into().unwrap());
        let name: Vec<u8> = header[48..]
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .collect();
        let (count, data) = match call.command & 0xff {
            2 => (0, self.dm_names()),
            12 => match self
                .mapped
                .iter()
                .find(|(known, ..)| known.as_bytes() == name)
            {
                Some(device) => (1, dm_target(device, flags & 16 != 0)),
                None => return ENXIO,
            },
            _ => return ENOTTY,
        };
        assert_eq!(call.command & !0xff, 0xc138_fd00);
        let full = 312 + data.len() > size;
        let out_flags = if full { flags | 1 << 8 } else { flags };
        call.argument[20..24].copy_from_slice(&u32::to_le_bytes(count));
        call.argument[28..32].copy_from_slice(&out_flags.to_le_bytes());
        if !full {
            call.write_memory(call.address + 312, &data);
        }
        0
    }

    fn dm_names(&self) -> Vec<u8> {
        let mut data = vec![0; 16];
        for (index, (name, ..)) in self.mapped.iter().enumerate() {
            if index == 0 {
                data.clear();
            }
            let mut entry = vec![0; 12];
            entry[..8].copy_from_slice(&(0xfd00 + index as u64).to_le_bytes());
            entry.extend_from_slice(name.as_bytes());
            entry.push(0);
            entry.resize(entry.len().next_multiple_of(8), 0);
            if index + 1 < self.mapped.len() {
                let length = u32::try_from(entry.len()).unwrap();
                entry[8..12].copy_from_slice(&length.to_le_bytes());
            }
            data.extend(entry);
        }
        data
    }
}

fn dm_target((_, parameters, status): &Mapped, wants_table: bool) -> Vec<u8> {
    let blocks: u64 = parameters.split(' ').nth(5).unwrap().parse().unwrap();
    let mut data = vec![0; 40];
    data[8..16].copy_from_slice(&(blocks * 8).to_le_bytes());
    data[24..30].copy_from_slice(b"verity");
    data.extend_from_slice(if wants_table { parameters } else { status }.as_bytes());
    data.push(0);
    data.resize(data.len().next_multiple_of(8), 0);
    let next = u32::try_from(data.len()).unwrap();
    data[20..24].copy_from_slice(&next.to_le_bytes());
    data
}

impl FakeKernel for FakeGuest {
    fn lookup(&mut self, path: &Path) -> Option<bool> {
        let is_there = |mood: &Mood, is_directory| (*mood != Mood::Absent).then_some(is_directory);
        match path.to_str()? {
            "tsm" => is_there(&self.configfs, true),
            "sev-guest" => is_there(&self.sev_guest, false),
            "sev" => is_there(&self.sev, false),
            "dm-control" => Some(false),
            _ if self.entries.contains_key(path) => Some(true),
            _ => {
                let is_attribute = ATTRIBUTES.contains(&path.file_name()?.to_str()?);
                (is_attribute && self.entries.contains_key(path.parent()?)).then_some(false)
            }
        }
    }

    fn make_directory(&mut self, path: &Path) -> Result<(), i32> {
        if let Mood::Errno(errno) = self.configfs {
            return Err(errno);
        }
        if self.entries.contains_key(path) {
            return Err(EEXIST);
        }
        self.entries.insert(path.to_owned(), Entry::default());
        self.made += 1;
        Ok(())
    }

    fn remove_directory(&mut self, path: &Path) -> Result<(), i32> {
        self.removed += 1;
        self.entries.remove(path).map(|_| ()).ok_or(ENOENT)
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, i32> {
        let directory = path.parent().unwrap();
        let entry = self.entries.get(directory).ok_or(ENOENT)?;
        let (inblob, level) = (entry.inblob.clone(), entry.privlevel);
        match path.file_name().unwrap().to_str().unwrap() {
            "generation" => {
                let generation = entry.generation;
                if self.intruders > 0 {
                    self.intruders -= 1;
                    self.entries.get_mut(directory).unwrap().generation += 1;
                }
                Ok(format!("{generation}\n").into_bytes())
            }
            "outblob" => {
                if inblob.len() != 64 {
                    return Err(EINVAL);
                }
                match &mut self.configfs {
                    Mood::Busy(0) => self.configfs = Mood::Good,
                    Mood::Busy(times) => {
                        *times -= 1;
                        return Err(EAGAIN);
                    }
                    Mood::Status(_) => return Err(EIO),
                    _ => {}
                }
                let report = self.sign(&inblob, level);
                let length = if let Mood::Short(length) = self.configfs {
                    length
                } else {
                    report.len()
                };
                Ok(report[..length].to_vec())
            }
            "auxblob" => Ok(self.table()),
            "provider" => Ok(self.provider.clone().into_bytes()),
            "privlevel_floor" => Ok(format!("{}\n", self.privlevel_floor).into_bytes()),
            _ => Err(EINVAL),
        }
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), i32> {
        let floor = self.privlevel_floor;
        let entry = self.entries.get_mut(path.parent().unwrap()).ok_or(ENOENT)?;
        match path.file_name().unwrap().to_str().unwrap() {
            "privlevel" => {
                let level: u32 = String::from_utf8_lossy(bytes)
                    .trim_end()
                    .parse()
                    .map_err(|_| EINVAL)?;
                if level < floor || level > 3 {
                    return Err(EINVAL);
                }
                entry.privlevel = level;
            }
            "inblob" if bytes.len() == 64 => entry.inblob = bytes.to_vec(),
            _ => return Err(EINVAL),
        }
        entry.generation += 1;
        Ok(())
    }

    fn ioctl(&mut self, path: &Path, call: &mut Call) -> i32 {
        match path.to_str().unwrap() {
            "sev-guest" => self.sev_guest_call(call),
            "sev" => self.sev_call(call),
            "dm-control" => self.dm_call(call),
            _ => ENOTTY,
        }
    }
}
