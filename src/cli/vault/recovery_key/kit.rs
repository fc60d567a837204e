//! The file that the sheet of a recovery key goes to.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, PersistError};

use super::sheet::Form;
use crate::cli::error::RecoveryKeyError;
use crate::cli::settings::Settings;
use crate::files::{Existing, give_name, make_temporary, names_in, sync_folder};

/// What the name of a sheet begins with until the vault has its key.
const DRAFT: &str = ".cldkctl-recovery-";

/// The file that a sheet goes to.
pub(super) struct Kit {
    pub(super) path: PathBuf,
    pub(super) form: Form,
    overwrite: bool,
}

impl Kit {
    pub(super) fn new(path: PathBuf, overwrite: bool) -> Result<Self, RecoveryKeyError> {
        let extension = path.extension().map(|end| end.to_ascii_lowercase());
        let form = match extension.as_ref().and_then(|end| end.to_str()) {
            Some("svg") => Form::Svg,
            Some("txt") => Form::Text,
            _ => return Err(RecoveryKeyError::Ending),
        };
        let kit = Self {
            path,
            form,
            overwrite,
        };
        if !overwrite && fs::symlink_metadata(&kit.path).is_ok() {
            return Err(kit.exists());
        }
        Ok(kit)
    }

    fn exists(&self) -> RecoveryKeyError {
        RecoveryKeyError::Exists(self.path.clone())
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn unwritable(&self, error: io::Error) -> RecoveryKeyError {
        RecoveryKeyError::Unwritten(self.path.clone(), error)
    }

    /// Says which drafts are in the folder: of a run that was killed, or that goes on at the
    /// moment. Each has a key on it that perhaps nobody else has, so none is removed.
    pub(super) fn name_drafts(&self, settings: &Settings) {
        for name in names_in(self.folder()) {
            let path = self.folder().join(&name);
            let name = name.to_string_lossy();
            if name.starts_with(DRAFT) && name.ends_with(".tmp") {
                settings.console.warn(&format!(
                    "{} is the sheet of a run that did not finish; print it if `cldkctl vault recipients \
                     list` has the recipient on it, and delete it",
                    path.display()
                ));
            }
        }
    }

    /// The sheet on disk, mode 0600, under a name of its own that nobody had (`O_EXCL`). It is
    /// gone again when this is dropped. And its folder, open.
    pub(super) fn draft(&self, sheet: &str) -> Result<(NamedTempFile, File), RecoveryKeyError> {
        let write = || {
            let folder = File::open(self.folder())?;
            let mut file = make_temporary(self.folder(), DRAFT)?;
            file.as_file_mut().write_all(sheet.as_bytes())?;
            file.as_file().sync_all()?;
            sync_folder(&folder)?;
            Ok((file, folder))
        };
        write().map_err(|error: io::Error| self.unwritable(error))
    }

    /// Gives the sheet its name. If that fails the sheet stays where it is: the vault has its
    /// key by now.
    pub(super) fn publish(
        &self,
        draft: NamedTempFile,
        folder: &File,
    ) -> Result<(), RecoveryKeyError> {
        let existing = match self.overwrite {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        match give_name(draft, &self.path, existing) {
            // On disk it is already, if perhaps under its first name.
            Ok(()) => {
                let _ = sync_folder(folder);
                Ok(())
            }
            Err(PersistError { error, file }) => {
                let path = self.path.clone();
                Err(match file.keep() {
                    Ok((_, kept)) => RecoveryKeyError::Unnamed(path, error, kept),
                    Err(_) => RecoveryKeyError::Lost(path, error),
                })
            }
        }
    }
}
