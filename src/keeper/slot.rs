//! What the keepers know a vault by.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Which vault a key is for: its path, as a short text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot(String);

impl Slot {
    /// The longest path that is written out. The kernel shows descriptions of keys in
    /// /proc/keys, where a person recognises a path; what reads them is limited.
    const LONGEST_PATH: usize = 200;
    /// The longest slot, in bytes.
    pub const MAX_LEN: usize = Self::LONGEST_PATH + 16;

    /// The slot of the vault at `path`; links are followed, so that one vault has one slot, also
    /// while it is out of reach.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let path = real_path(path, MOST_LINKS);
        match path.to_str() {
            Some(text) if text.len() <= Self::LONGEST_PATH && !text.contains(char::is_control) => {
                Self(format!("cldkctl:{text}"))
            }
            _ => {
                // Only has to tell the paths of one user apart; the salt is what decides.
                let hash = fnv_1a(path.as_os_str().as_bytes());
                Self(format!("cldkctl:#{hash:016x}"))
            }
        }
    }

    /// A slot that another process of ours sent.
    #[must_use]
    pub fn received(text: &str) -> Option<Self> {
        (text.len() <= Self::MAX_LEN).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As many links as Linux itself follows, path_resolution(7).
const MOST_LINKS: u32 = 40;

/// Where `path` leads, as far as it is there: the medium that the rest lies on may have been
/// taken out.
fn real_path(path: &Path, links: u32) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return path.to_owned();
    };
    match fs::read_link(path) {
        Ok(target) if links > 0 => real_path(&folder.join(target), links - 1),
        _ => real_path(folder, links).join(name),
    }
}

/// FNV-1a of 64 bits. Not the hasher of `std`, which may be another in the next release: a key
/// has to be found by each build that is to forget it.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_has_the_same_slot_in_every_build() {
        // draft-eastlake-fnv, appendix C.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
        let path = format!("/{}", "a".repeat(300));
        let slot = Slot::of(Path::new(&path));
        let hash = fnv_1a(path.as_bytes());
        assert_eq!(slot.as_str(), format!("cldkctl:#{hash:016x}"));
    }
}
