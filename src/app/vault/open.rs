//! A vault that was opened: what is in it, and how it is changed.

use std::path::Path;
use std::sync::Arc;

use super::Vault;
use crate::app::error::{Error, LoginError};
use crate::app::similar::similar;
use crate::app::unlock::KeySource;
use crate::app::vault_key::VaultKey;
use crate::vault::{Contents, Context, ContextName, RecipientEntry, SealError, Sealed};

/// A vault that was opened.
pub struct OpenVault<'a> {
    pub(super) vault: &'a Vault,
    /// What opened it.
    pub key: VaultKey,
    /// Where that came from.
    pub source: KeySource,
    /// What is in it.
    pub contents: Contents,
    /// The file that the contents came from, while they are unchanged.
    pub(super) file: Option<Arc<Vec<u8>>>,
}

impl OpenVault<'_> {
    /// The context of that name, or the current one.
    ///
    /// # Errors
    /// When there is none.
    pub fn context(&self, name: Option<&ContextName>) -> Result<&Context, Error> {
        Ok(named_context(&self.contents, name, self.vault.path())?)
    }

    /// Checks that header and contents agree about the passphrase, so that a save locks nobody
    /// out.
    ///
    /// # Errors
    /// When they do not.
    pub fn check_agrees(&self, sealed: &Sealed) -> Result<(), Error> {
        sealed
            .check_agrees(&self.contents, self.key.derived_recipient())
            .map_err(|error| self.vault.unusable(error))
    }

    /// Why the vault, as it was read from `sealed`, could not be saved by any command but one that
    /// changes the passphrase; `None` if it could. Reading it is another matter.
    #[must_use]
    pub fn unsavable(&self, sealed: &Sealed) -> Option<SealError> {
        let agrees = sealed.check_agrees(&self.contents, self.key.derived_recipient());
        let next = || Ok(self.contents.check_next_revision()?);
        agrees.and_then(|()| next()).err()
    }

    /// Changes the vault: takes its lock, reads it again, applies `change`, saves.
    ///
    /// # Errors
    /// What `change` returns, or when the vault cannot be saved. It is then as it was, unless
    /// the error says otherwise.
    pub fn update<T, E: From<Error>>(
        &mut self,
        change: impl FnOnce(&mut Contents) -> Result<T, E>,
    ) -> Result<T, E> {
        self.change(Self::check_agrees, change, |_, replace| Ok(replace()?))
    }

    /// The same, with something to be done right before and after the vault is replaced, which
    /// `around` gets along with what `change` returned.
    ///
    /// # Errors
    /// What `change` or `around` returns, or when the vault cannot be saved.
    pub fn update_around<T, E: From<Error>>(
        &mut self,
        change: impl FnOnce(&mut Contents) -> Result<T, E>,
        around: impl FnOnce(&T, &dyn Fn() -> Result<(), Error>) -> Result<(), E>,
    ) -> Result<T, E> {
        self.change(Self::check_agrees, change, around)
    }

    /// Changes the passphrase itself, which mends a vault whose header and contents disagree
    /// about it.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_passphrase(&mut self, entry: Option<RecipientEntry>) -> Result<(), Error> {
        self.change(
            |open, sealed| {
                let known = sealed.check_known();
                known.map_err(|error| open.vault.unusable(error))
            },
            |contents| {
                contents.set_passphrase(entry);
                Ok(())
            },
            |(), replace| replace(),
        )
    }

    fn change<T, E: From<Error>>(
        &mut self,
        check: impl FnOnce(&Self, &Sealed) -> Result<(), Error>,
        change: impl FnOnce(&mut Contents) -> Result<T, E>,
        around: impl FnOnce(&T, &dyn Fn() -> Result<(), Error>) -> Result<(), E>,
    ) -> Result<T, E> {
        let vault = self.vault;
        let locked = vault.lock()?;
        let bytes = locked.read().map_err(Error::from)?;
        let sealed = vault
            .parse(bytes)?
            .ok_or_else(|| Error::from(LoginError::Removed(vault.path().to_owned())))?;
        self.open_again(&sealed)?;
        check(self, &sealed)?;
        self.file = None;
        let result = change(&mut self.contents)?;
        vault.save(&locked, &mut self.contents, |replace| {
            around(&result, replace)
        })?;
        Ok(result)
    }

    /// Reads the vault again: another command may have changed it.
    ///
    /// # Errors
    /// When it is gone or does not open any more.
    pub fn reread(&mut self) -> Result<(), Error> {
        let sealed = self.vault.sealed()?;
        self.open_again(&sealed)
    }

    /// Opens the vault as it is by now. One that nobody changed is not opened twice: that could
    /// ask for a PIN or a touch again.
    fn open_again(&mut self, sealed: &Sealed) -> Result<(), Error> {
        if !self.came_from(sealed) {
            self.contents = self.opened(sealed)?;
            self.file = Some(sealed.shared_bytes());
            self.look_for_rollback();
        }
        Ok(())
    }

    fn opened(&self, sealed: &Sealed) -> Result<Contents, Error> {
        self.key
            .open(sealed)
            .map_err(|error| self.vault.unopened(error, &self.key, self.source))
    }

    /// Whether the contents are those of this file, and unchanged.
    fn came_from(&self, sealed: &Sealed) -> bool {
        self.file
            .as_ref()
            .is_some_and(|file| **file == sealed.bytes())
    }

    pub(super) fn look_for_rollback(&self) {
        let path = self.vault.path();
        self.vault
            .rollback
            .notice(&self.contents, path, || self.revision_by_now().ok());
    }

    /// The revision that the vault has by now: another command may have saved it.
    fn revision_by_now(&self) -> Result<u64, Error> {
        let sealed = self.vault.sealed()?;
        if self.came_from(&sealed) {
            return Ok(self.contents.revision);
        }
        Ok(self.opened(&sealed)?.revision)
    }
}

/// The context of that name, or the current one.
///
/// # Errors
/// When there is none; `path` is the vault's.
pub fn named_context<'a>(
    contents: &'a Contents,
    name: Option<&ContextName>,
    path: &Path,
) -> Result<&'a Context, LoginError> {
    let path = || path.to_owned();
    let Some(name) = name.or(contents.current_context.as_ref()) else {
        return Err(match contents.contexts.is_empty() {
            true => LoginError::Empty(path()),
            false => LoginError::NoCurrent(path()),
        });
    };
    contents.context(name).ok_or_else(|| {
        let all = contents.contexts.iter().map(|context| &context.name);
        let like = similar(name.as_str(), all.clone().map(ContextName::as_str));
        let like = all.into_iter().find(|it| Some(it.as_str()) == like);
        LoginError::NoContext(path(), name.clone(), like.cloned())
    })
}
