//! Opening a vault, and saving it under its lock from what it holds by then.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::rollback::Rollback;
use super::ui::{Notice, Step, Ui};
use super::unlock::{KeySource, Unlocker, VaultKey};
use crate::files::{Locked, Store, is_done};
use crate::interrupt;
use crate::keeper::Touch;
use crate::vault::{Contents, Context, ContextName, Cost, RecipientEntry, SealError, Sealed, seal};

/// How long a command waits for another that is changing the vault.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
/// After how long it says that it waits.
const SILENT_WAIT: Duration = Duration::from_secs(1);

/// One vault, open or not.
#[derive(Clone)]
pub struct Vault {
    /// Its file.
    pub store: Store,
    /// Where its key comes from.
    pub unlocker: Unlocker,
    /// What was seen of it on this machine.
    pub rollback: Rollback,
    /// Who is told and asked.
    pub ui: Rc<dyn Ui>,
}

/// A vault that was opened.
pub struct OpenVault<'a> {
    vault: &'a Vault,
    /// What opened it.
    pub key: VaultKey,
    /// Where that came from.
    pub source: KeySource,
    /// What is in it.
    pub contents: Contents,
    /// The file that the contents came from, while they are unchanged.
    file: Option<Arc<Vec<u8>>>,
}

impl Vault {
    /// The file's path, as the user named it, made absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// A copy of this vault in another file: the same keys may open it, and it being older is
    /// no surprise.
    #[must_use]
    pub fn copy_in(&self, store: Store) -> Self {
        let unlocker = Unlocker {
            path: store.path().to_owned(),
            ..self.unlocker.clone()
        };
        Self {
            store,
            unlocker,
            rollback: Rollback::forgetful(),
            ui: Rc::clone(&self.ui),
        }
    }

    /// Reads the header of the vault, if there is a vault.
    ///
    /// # Errors
    /// When it cannot be read or is not a vault.
    pub fn find(&self) -> Result<Option<Sealed>, Error> {
        self.parse(self.store.read()?)
    }

    /// Reads the header of the vault.
    ///
    /// # Errors
    /// As [`find`](Self::find), and when there is no vault.
    pub fn sealed(&self) -> Result<Sealed, Error> {
        self.find()?.ok_or_else(|| self.missing())
    }

    /// There is no vault.
    #[must_use]
    pub fn missing(&self) -> Error {
        Error::NoVault(self.path().to_owned())
    }

    fn parse(&self, bytes: Option<Vec<u8>>) -> Result<Option<Sealed>, Error> {
        bytes
            .map(Sealed::try_from)
            .transpose()
            .map_err(|error| self.unusable(error))
    }

    /// The vault cannot be read or opened.
    pub fn unusable(&self, error: SealError) -> Error {
        let path = self.path().to_owned();
        match error {
            SealError::NoMatch => Error::WrongKey(path),
            error => Error::Vault(path, error),
        }
    }

    /// The cost to show of a vault that is `open` or not: a stanza that cannot be used does not
    /// matter where an identity opened it.
    ///
    /// # Errors
    /// When the stanza cannot be used, and the vault is not open.
    pub fn cost(&self, sealed: &Sealed, open: bool) -> Result<Option<Cost>, Error> {
        match self.unlocker.kdf(sealed) {
            Err(_) if open => Ok(None),
            kdf => Ok(kdf?.map(|kdf| kdf.cost)),
        }
    }

    /// Opens the vault, and leaves it unlocked where a person typed the passphrase.
    ///
    /// # Errors
    /// When there is no vault, or it cannot be opened.
    pub fn open(&self, touch: Touch) -> Result<OpenVault<'_>, Error> {
        let vault = self.unseal(&self.sealed()?, touch)?;
        if vault.source == KeySource::Typed {
            self.unlocker.keep(&vault.key);
        }
        Ok(vault)
    }

    /// Opens the vault whose header was read.
    ///
    /// # Errors
    /// When nothing opens it.
    pub fn unseal(&self, sealed: &Sealed, touch: Touch) -> Result<OpenVault<'_>, Error> {
        let (key, source) = self.unlocker.key(sealed, touch)?;
        self.open_with(key, source, sealed)
    }

    /// The same with what is supplied or typed now: see [`Unlocker::key_of_owner`].
    ///
    /// # Errors
    /// When nothing opens it.
    pub fn unseal_by_owner(&self, sealed: &Sealed) -> Result<OpenVault<'_>, Error> {
        let (key, source) = self.unlocker.key_of_owner(sealed)?;
        self.open_with(key, source, sealed)
    }

    /// The same if it takes no asking; `None` when the vault is locked.
    ///
    /// # Errors
    /// When what was supplied does not open it, or it is damaged.
    pub fn unseal_unasked(&self, sealed: &Sealed) -> Result<Option<OpenVault<'_>>, Error> {
        match self.unlocker.key_unasked(sealed)? {
            Some((key, source)) => self.open_with(key, source, sealed).map(Some),
            None => Ok(None),
        }
    }

    /// Opens the vault with a key, and tells if it is an older copy.
    ///
    /// # Errors
    /// When the key does not fit, or the vault is damaged.
    pub fn open_with(
        &self,
        key: VaultKey,
        source: KeySource,
        sealed: &Sealed,
    ) -> Result<OpenVault<'_>, Error> {
        let contents = key
            .open(sealed)
            .map_err(|error| match (self.unusable(error), source) {
                (Error::WrongKey(path), KeySource::Keeper) => Error::WrongCachedKey(path),
                (error, _) => error,
            })?;
        let vault = OpenVault {
            vault: self,
            key,
            source,
            contents,
            file: Some(sealed.shared_bytes()),
        };
        vault.look_for_rollback();
        Ok(vault)
    }

    /// Takes the vault's lock, waiting for another command for a while.
    ///
    /// # Errors
    /// When the other one does not come to its end.
    pub fn lock(&self) -> Result<Locked, Error> {
        let start = Instant::now();
        let mut told = false;
        loop {
            if let Some(locked) = self.store.try_lock()? {
                return Ok(locked);
            }
            if start.elapsed() > LOCK_PATIENCE {
                return Err(Error::Busy(self.path().to_owned()));
            }
            if !told && start.elapsed() > SILENT_WAIT {
                self.ui.tell(&Notice::WaitingForLock(self.path()));
                told = true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes a new vault; gives `false` if there is one by now.
    ///
    /// # Errors
    /// When it cannot be sealed or written.
    pub fn create(&self, contents: &mut Contents) -> Result<bool, Error> {
        let locked = self.lock()?;
        if locked.read()?.is_some() {
            return Ok(false);
        }
        self.save(&locked, contents, |replace| replace())?;
        Ok(true)
    }

    /// Seals `contents` and replaces the vault by them. `around` gets what replaces it, and may
    /// do something right before and after; no signal ends the process meanwhile.
    ///
    /// # Errors
    /// What `around` returns, or when the contents cannot be sealed or written. The vault is
    /// then as it was, unless the error says otherwise.
    fn save<E: From<Error>>(
        &self,
        locked: &Locked,
        contents: &mut Contents,
        around: impl FnOnce(&dyn Fn() -> Result<(), Error>) -> Result<(), E>,
    ) -> Result<(), E> {
        let base = contents.revision;
        // A plugin may ask for a PIN, which must not come between the two.
        let bytes = seal(contents, self.ui.asker())
            .map_err(|error| Error::Unsaved(self.path().to_owned(), error))?;
        let _hold = interrupt::hold();
        let before = self.rollback.before_save(contents, base);
        // A save that a power failure may undo counts all the same: what belongs to it is done,
        // such as giving the sheet of a new key its name, before the error is returned.
        let (replaced, unconfirmed) = (Cell::new(false), Cell::new(None));
        let result = around(&|| {
            let result = locked.replace(&bytes);
            replaced.set(is_done(&result));
            match result {
                Err(error) if error.is_done() => {
                    unconfirmed.set(Some(error));
                    Ok(())
                }
                result => Ok(result?),
            }
        });
        // Whatever became of what belongs to it.
        if replaced.get() {
            self.rollback.after_save(contents);
        } else if let Some(before) = before {
            self.rollback.take_back(contents, before);
        }
        result?;
        if let Some(error) = unconfirmed.take() {
            return Err(Error::from(error).into());
        }
        let (path, revision) = (self.path(), contents.revision);
        self.ui.detail(&Step::Saved { path, revision });
        Ok(())
    }
}

impl OpenVault<'_> {
    /// The context of that name, or the current one.
    ///
    /// # Errors
    /// When there is none.
    pub fn context(&self, name: Option<&ContextName>) -> Result<&Context, Error> {
        named_context(&self.contents, name, self.vault.path())
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
            |_, _| Ok(()),
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
            .ok_or_else(|| Error::Removed(vault.path().to_owned()))?;
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
            .map_err(|error| self.vault.unusable(error))
    }

    /// Whether the contents are those of this file, and unchanged.
    fn came_from(&self, sealed: &Sealed) -> bool {
        self.file
            .as_ref()
            .is_some_and(|file| **file == sealed.bytes())
    }

    fn look_for_rollback(&self) {
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
) -> Result<&'a Context, Error> {
    let path = || path.to_owned();
    let Some(name) = name.or(contents.current_context.as_ref()) else {
        return Err(match contents.contexts.is_empty() {
            true => Error::NoLogin(path()),
            false => Error::NoCurrentContext(path()),
        });
    };
    contents
        .context(name)
        .ok_or_else(|| Error::NoContext(path(), name.clone()))
}
