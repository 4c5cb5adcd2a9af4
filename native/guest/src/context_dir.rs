//! The UVM security-context directory: what the guest of ACI and AKS leaves in each container (secure-key-release
//! section 3, aci-framework section 9). Its files may be changed by anyone in the container: they are hints, the proof is
//! the report.

use crate::failure::Failure;
use crate::files;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable that names it.
pub const VARIABLE: &str = "UVM_SECURITY_CONTEXT_DIR";
const NAME_PART: &str = "security-context-";
const AKS_DIRECTORY: &str = "/opt/confidential-containers/share/kata-containers";

/// Base64 of the policy text.
pub const POLICY_FILE: &str = "security-policy-base64";
/// Base64 of the JSON with the certificates of the host.
pub const CERTIFICATES_FILE: &str = "host-amd-cert-base64";
/// Base64 of the endorsement of the VM image.
pub const ENDORSEMENT_FILE: &str = "reference-info-base64";

/// Finds the directory: the one given, else the variable, else the first entry of `root` (usually `/`) by name that
/// contains `security-context-`, else that of AKS where it exists.
#[must_use]
pub fn find(given: Option<&Path>, variable: Option<OsString>, root: &Path) -> Option<PathBuf> {
    let named = given
        .map(Path::to_owned)
        .or_else(|| variable.filter(|text| !text.is_empty()).map(PathBuf::from));
    named.or_else(|| search(root)).or_else(|| {
        let directory = Path::new(AKS_DIRECTORY);
        directory.is_dir().then(|| directory.to_owned())
    })
}

fn search(root: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(root).ok()?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().contains(NAME_PART))
        })
        .collect();
    found.sort();
    found.into_iter().next()
}

/// A file of the directory, decoded. None where it is missing or empty. Throws FILE, `INPUT_UNREADABLE`.
pub fn read(directory: &Path, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let path = directory.join(name);
    match files::read_if_there(&path, files::FILE_BYTES_MAX)? {
        Some(text) if !text.is_empty() => {
            crate::expected::decode_base64(&text, &path.display().to_string()).map(Some)
        }
        _ => Ok(None),
    }
}
