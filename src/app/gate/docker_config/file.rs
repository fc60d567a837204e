//! The file of docker's settings, and the copy of it from before we were asked.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::DockerConfig;
use crate::app::gate::error::{ConfigFault, GateError};
use crate::files::{Existing, Store, StoreError, input, make_folder, write_whole};

/// Larger than any, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// What the name of the copy has behind that of the settings.
const COPY: &str = ".before-cldkctl";

/// The file of docker's settings.
pub struct ConfigFile {
    /// As it is named.
    path: PathBuf,
    /// What a link leads to: a link stays one.
    target: PathBuf,
    mode: Option<u32>,
    bytes: Vec<u8>,
}

impl ConfigFile {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is not ours to change.
    pub fn read(path: &Path) -> Result<Self, GateError> {
        let fault = |fault| GateError::Config(path.to_owned(), fault);
        let store = |error: StoreError| fault(ConfigFault::Store(error));
        let target = Store::at(path).and_then(|it| it.resolve_wherever());
        let target = target.map_err(store)?;
        let metadata = match fs::metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path: path.to_owned(),
                    target,
                    mode: None,
                    bytes: Vec::new(),
                });
            }
            Err(source) => {
                return Err(store(StoreError::Io {
                    action: "read",
                    path: target,
                    source,
                }));
            }
        };
        if !metadata.is_file() {
            return Err(store(StoreError::NotAFile { path: target }));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(fault(ConfigFault::NotOurs(metadata.uid())));
        }
        if metadata.mode() & 0o200 == 0 {
            return Err(fault(ConfigFault::ReadOnly));
        }
        let mut file = input::open(&target).map_err(store)?;
        let bytes = file.read_at_most(MAX_BYTES).map_err(|source| {
            store(StoreError::Io {
                action: "read",
                path: target.clone(),
                source,
            })
        })?;
        Ok(Self {
            path: path.to_owned(),
            target,
            mode: Some(metadata.mode() & 0o7777),
            bytes: bytes.ok_or_else(|| fault(ConfigFault::TooLarge))?,
        })
    }

    /// As it is named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.mode.is_some()
    }

    /// What it says.
    ///
    /// # Errors
    /// When it is not what docker writes.
    pub fn config(&self) -> Result<DockerConfig, GateError> {
        DockerConfig::parse(&self.bytes)
            .map_err(|fault| GateError::Config(self.path.clone(), fault))
    }

    /// The copy from before we were asked, if there is one that can be read.
    #[must_use]
    pub fn before(&self) -> Option<DockerConfig> {
        let bytes = fs::read(self.copy()).ok()?;
        DockerConfig::parse(&bytes).ok()
    }

    /// Where that copy is.
    #[must_use]
    pub fn copy(&self) -> PathBuf {
        let mut name = self.target.as_os_str().to_owned();
        name.push(COPY);
        name.into()
    }

    /// Keeps a copy of what the file said.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, old: &DockerConfig) -> Result<(), GateError> {
        self.put(&self.copy(), old.text().as_bytes())
    }

    /// Removes the copy.
    pub fn discard_copy(&self) {
        let _ = fs::remove_file(self.copy());
    }

    /// Replaces the file, which keeps its mode.
    ///
    /// # Errors
    /// When it cannot be written. It is then as it was.
    pub fn write(&self, new: &DockerConfig) -> Result<(), GateError> {
        self.put(&self.target, new.text().as_bytes())?;
        if let Some(mode) = self.mode.filter(|mode| *mode != 0o600) {
            // It was written as 0600: closed to others is no harm where this fails.
            let _ = fs::set_permissions(&self.target, Permissions::from_mode(mode));
        }
        Ok(())
    }

    /// Removes the file, which was not there before.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove(&self) -> Result<(), GateError> {
        fs::remove_file(&self.target).map_err(|source| {
            let path = self.target.clone();
            let action = "remove";
            self.fault(StoreError::Io {
                action,
                path,
                source,
            })
        })
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), GateError> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        make_folder(folder)
            .and_then(|()| write_whole(path, bytes, Existing::Replace))
            .map_err(|error| self.fault(error))
    }

    fn fault(&self, error: StoreError) -> GateError {
        GateError::Config(self.path.clone(), ConfigFault::Store(error))
    }
}
