//! Opening a vault, and saving it under its lock from what it holds by then.

mod open;

pub use open::{OpenVault, named_context};

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::error::{Error, KeyError, LoginError};
use super::rollback::Rollback;
use super::ui::{Notice, Step, Ui};
use super::unlock::{KeySource, Unlocker};
use super::vault_key::VaultKey;
use crate::files::{Locked, Store, is_done};
use crate::interrupt;
use crate::keeper::Touch;
use crate::vault::{Contents, Cost, SealError, Sealed, seal};

/// How long a command waits for another that is changing the vault.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
/// After how long it says that it waits.
const SILENT_WAIT: Duration = Duration::from_secs(1);

/// One vault, open or not.
#[derive(Clone)]
pub struct Vault {
    /// Its file.
    pub store: Store,
    /// Whether it is another than the default one.
    pub is_named: bool,
    /// Where its key comes from.
    pub unlocker: Unlocker,
    /// What was seen of it on this machine.
    pub rollback: Rollback,
    /// Whether it was said that others can read it: once is enough.
    pub is_warned: Cell<bool>,
    /// Who is told and asked.
    pub ui: Rc<dyn Ui>,
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
            is_named: true,
            unlocker,
            rollback: Rollback::forgetful(),
            is_warned: Cell::default(),
            ui: Rc::clone(&self.ui),
        }
    }

    /// Reads the header of the vault, if there is a vault.
    ///
    /// # Errors
    /// When it cannot be read or is not a vault.
    pub fn find(&self) -> Result<Option<Sealed>, Error> {
        let found = self.store.find()?;
        if found.as_ref().is_some_and(|found| found.is_exposed) && !self.is_warned.replace(true) {
            self.ui.tell(&Notice::VaultExposed(self.path()));
        }
        self.parse(found.map(|found| found.bytes))
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
        let path = self.path().to_owned();
        match self.is_named {
            true => LoginError::NoNamedVault(path).into(),
            false => LoginError::NoVault(path).into(),
        }
    }

    fn parse(&self, bytes: Option<Vec<u8>>) -> Result<Option<Sealed>, Error> {
        bytes
            .map(Sealed::try_from)
            .transpose()
            .map_err(|error| self.unusable(error))
    }

    /// The vault cannot be read.
    pub fn unusable(&self, error: SealError) -> Error {
        Error::Vault(self.path().to_owned(), error)
    }

    /// The vault cannot be opened with `key`.
    fn unopened(&self, error: SealError, key: &VaultKey, source: KeySource) -> Error {
        let SealError::NoMatch = error else {
            return self.unusable(error);
        };
        let vault = self.path().to_owned();
        let unlocker = &self.unlocker;
        let error = match (key, source) {
            (_, KeySource::Keeper) => KeyError::WrongCached(vault),
            (VaultKey::Identities(identities), _) => KeyError::Misfit {
                vault,
                file: unlocker.identity.clone().unwrap_or_default(),
                public: identities.public().to_vec(),
            },
            (VaultKey::Derived(_, _, Some(flaw)), KeySource::Supplied) => {
                match &unlocker.passphrase {
                    Some(from) => KeyError::Flawed {
                        vault,
                        input: from.input(),
                        flaw: *flaw,
                    },
                    None => KeyError::Wrong(vault),
                }
            }
            _ => KeyError::Wrong(vault),
        };
        error.into()
    }

    /// The cost to show of a vault. Where an identity opened it and the stanza cannot be used,
    /// as above the ceiling, the `contents` say it.
    ///
    /// # Errors
    /// When the stanza cannot be used, and the vault is not open.
    pub fn cost(
        &self,
        sealed: &Sealed,
        contents: Option<&Contents>,
    ) -> Result<Option<Cost>, Error> {
        match (self.unlocker.kdf(sealed), contents) {
            (Err(_), Some(contents)) => Ok(contents.kdf().map(|kdf| kdf.cost)),
            (kdf, _) => Ok(kdf?.map(|kdf| kdf.cost)),
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
            .map_err(|error| self.unopened(error, &key, source))?;
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
