//! The dm-verity devices of a machine against the root hashes of a policy: each device known and strict, and each
//! container that has a layer here complete.

mod control;
mod judge;
mod table;

pub use control::read_control;
pub use judge::{ContainerState, DeviceRow, LayersVerdict, Reason, judge_layers};
pub use table::parse_table;

/// Most devices of one machine; a pod with a hundred containers of a hundred layers has fewer.
pub const DEVICES_MAX: usize = 16_384;

/// One target of a mapped device, as `dmsetup table` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// First sector (512 bytes).
    pub start: u64,
    /// Length in sectors.
    pub length: u64,
    /// Kind: `verity`, `crypt`, ...
    pub kind: String,
    /// The rest of the line.
    pub parameters: String,
    /// The status line of the target, where it was asked for: `V` or `C` for verity.
    pub status: Option<String>,
}

/// One mapped device with its live table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its targets, in order.
    pub targets: Vec<Target>,
}
