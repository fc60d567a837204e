//! Where the key of a vault comes from, in its order: an identity, a passphrase that was
//! supplied, the keeper, a person.

mod keep;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::error::{Error, IdentityKind, KeyError};
use super::passphrase_source::{PassphraseSource, read_identity, read_passphrase};
use super::tries::{another_may_do, tries};
use super::ui::{Notice, Step, Task, Ui};
use super::vault_key::VaultKey;
use crate::keeper::{Description, Found, Keepers, Limits, Scope, Slot, Touch};
use crate::prompt::identity::{self, Identities};
use crate::prompt::passphrase::Flaw;
use crate::secret::Passphrase;
use crate::vault::{Ceiling, Cost, Kdf, RecipientEntry, Salt, SealError, Sealed};

/// What a person is asked for the vault's passphrase with.
const QUESTION: &str = "Vault passphrase:";

/// Where a [`VaultKey`] came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A flag, the environment, the settings or systemd.
    Supplied,
    /// A keeper: an earlier command unlocked the vault.
    Keeper,
    /// A person, just now.
    Typed,
}

/// Finds the key of one vault, and hands it to a keeper.
#[derive(Clone)]
pub struct Unlocker {
    /// The file to open, which messages name.
    pub path: PathBuf,
    /// The vault whose key a keeper may hold: the same file, or that which it is a copy of.
    pub kept_for: PathBuf,
    /// An identity file to open the vault with.
    pub identity: Option<PathBuf>,
    /// Where the passphrase is supplied.
    pub passphrase: Option<PassphraseSource>,
    /// Who holds the key between commands.
    pub keepers: Keepers,
    /// How long.
    pub limits: Limits,
    /// For whom.
    pub scope: Scope,
    /// The most that a derivation may cost.
    pub ceiling: Ceiling,
    /// Who is told and asked.
    pub ui: Rc<dyn Ui>,
}

impl Unlocker {
    /// What the keepers know the vault by.
    #[must_use]
    pub fn slot(&self) -> Slot {
        Slot::of(&self.kept_for)
    }

    /// How the key is derived from a passphrase, if one opens the vault.
    ///
    /// # Errors
    /// When the header's stanza cannot be used.
    pub fn kdf<'a>(&self, sealed: &'a Sealed) -> Result<Option<&'a Kdf>, Error> {
        sealed
            .kdf(self.ceiling)
            .map_err(|error| Error::Vault(self.path.clone(), error))
    }

    /// The key, from the first place that has one.
    ///
    /// # Errors
    /// When there is none, or what was supplied cannot be used.
    pub fn key(&self, sealed: &Sealed, touch: Touch) -> Result<(VaultKey, KeySource), Error> {
        if let Some(key) = self.supplied(sealed)? {
            return Ok((key, KeySource::Supplied));
        }
        let Some(kdf) = self.kdf(sealed)? else {
            return Err(KeyError::NeedsIdentity(self.path.clone()).into());
        };
        let mut found = self.keepers.get(&self.slot(), &kdf.salt, touch);
        // The command that it waited for may have unlocked the vault.
        if matches!(found, Found::Nothing) && self.ui.asker().waits_for_another() {
            found = self.keepers.get(&self.slot(), &kdf.salt, touch);
        }
        match found {
            Found::Key(key) => {
                return Ok((VaultKey::Derived(kdf.clone(), key, None), KeySource::Keeper));
            }
            Found::Rekeyed => self.ui.tell(&Notice::Rekeyed),
            Found::Nothing => {}
        }
        let (key, _) = self.ask(sealed, kdf, QUESTION)?;
        Ok((key, KeySource::Typed))
    }

    /// The key, if that takes no asking; looking for it does not keep the vault unlocked.
    ///
    /// # Errors
    /// When what was supplied cannot be used.
    pub fn key_unasked(&self, sealed: &Sealed) -> Result<Option<(VaultKey, KeySource)>, Error> {
        if let Some(key) = self.supplied(sealed)? {
            return Ok(Some((key, KeySource::Supplied)));
        }
        let Some(kdf) = self.kdf(sealed)? else {
            return Ok(None);
        };
        let key = self.kept(kdf, Touch::Look);
        Ok(key.map(|key| (key, KeySource::Keeper)))
    }

    /// Whether [`key`](Self::key) has to ask.
    #[must_use]
    pub fn will_ask(&self, sealed: &Sealed) -> bool {
        let is_supplied = self.identity.is_some() || self.passphrase.is_some();
        let kdf = self.kdf(sealed).ok().flatten();
        !is_supplied && kdf.is_some_and(|kdf| self.kept(kdf, Touch::Look).is_none())
    }

    /// The key, supplied or typed now: an unlocked vault is not enough for what its owner
    /// alone may do.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn key_of_owner(&self, sealed: &Sealed) -> Result<(VaultKey, KeySource), Error> {
        if let Some(key) = self.supplied(sealed)? {
            return Ok((key, KeySource::Supplied));
        }
        match self.kdf(sealed)? {
            Some(kdf) => Ok((self.ask_owner(sealed, kdf)?.0, KeySource::Typed)),
            None => Err(KeyError::NeedsIdentity(self.path.clone()).into()),
        }
    }

    /// The same, with the passphrase itself; `None` in its place where an identity opens the
    /// vault.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn passphrase_of_owner(
        &self,
        sealed: &Sealed,
    ) -> Result<Option<(VaultKey, KeySource, Passphrase)>, Error> {
        let kdf = match self.identity {
            Some(_) => None,
            None => self.kdf(sealed)?,
        };
        let Some(kdf) = kdf else {
            return Ok(None);
        };
        if let Some(passphrase) = self.supplied_passphrase()? {
            let key = self.derive(kdf.clone(), &passphrase)?;
            return Ok(Some((key, KeySource::Supplied, passphrase)));
        }
        let (key, passphrase) = self.ask_owner(sealed, kdf)?;
        Ok(Some((key, KeySource::Typed, passphrase)))
    }

    /// Asks for what an unlocked vault does not replace.
    fn ask_owner(&self, sealed: &Sealed, kdf: &Kdf) -> Result<(VaultKey, Passphrase), Error> {
        self.ask(sealed, kdf, QUESTION)
            .map_err(|error| match error {
                Error::Key(KeyError::Locked(path, why)) => {
                    KeyError::NeedsPassphrase(path, why).into()
                }
                error => error,
            })
    }

    /// Asks for the passphrase, and derives the key; again when it does not open the vault.
    ///
    /// # Errors
    /// When there is no one to ask, or no answer opens it.
    pub fn ask(
        &self,
        sealed: &Sealed,
        kdf: &Kdf,
        question: &str,
    ) -> Result<(VaultKey, Passphrase), Error> {
        let ask = || {
            let (key, passphrase) = self.ask_once(kdf, question)?;
            match key.open(sealed) {
                Err(SealError::NoMatch) => Err(KeyError::Wrong(self.path.clone()).into()),
                // Whoever opens it says what else there is.
                _ => Ok((key, passphrase)),
            }
        };
        tries(&*self.ui, ask, another_may_do)
    }

    fn ask_once(&self, kdf: &Kdf, question: &str) -> Result<(VaultKey, Passphrase), Error> {
        // Better known before anything is typed.
        kdf.cost.check_memory()?;
        let answer = self.ui.ask_hidden(question).map_err(|error| {
            if error.is_silence() {
                KeyError::Locked(self.path.clone(), error).into()
            } else {
                Error::from(error)
            }
        })?;
        if answer.is_empty() {
            return Err(KeyError::NothingTyped.into());
        }
        let passphrase = Passphrase::new(&answer);
        let key = self.derive(kdf.clone(), &passphrase)?;
        Ok((key, passphrase))
    }

    /// The key that a keeper holds for this derivation.
    #[must_use]
    pub fn kept(&self, kdf: &Kdf, touch: Touch) -> Option<VaultKey> {
        match self.keepers.get(&self.slot(), &kdf.salt, touch) {
            Found::Key(key) => Some(VaultKey::Derived(kdf.clone(), key, None)),
            Found::Rekeyed | Found::Nothing => None,
        }
    }

    /// How a keeper holds the key, if one does.
    #[must_use]
    pub fn describe(&self, sealed: &Sealed) -> Option<Description> {
        let kdf = self.kdf(sealed).ok()??;
        self.keepers.describe(&self.slot(), &kdf.salt)
    }

    /// The key of the identity or the passphrase that was supplied, if one was.
    fn supplied(&self, sealed: &Sealed) -> Result<Option<VaultKey>, Error> {
        if let Some(path) = &self.identity {
            return Ok(Some(VaultKey::Identities(self.identities(path)?)));
        }
        match self.supplied_passphrase()? {
            Some(passphrase) => self.derive_from(sealed, &passphrase).map(Some),
            None => Ok(None),
        }
    }

    /// The key that `passphrase` derives for this vault.
    ///
    /// # Errors
    /// When no passphrase opens the vault, or the memory is not to be had.
    pub fn derive_from(&self, sealed: &Sealed, passphrase: &Passphrase) -> Result<VaultKey, Error> {
        match self.kdf(sealed)? {
            Some(kdf) => self.derive(kdf.clone(), passphrase),
            None => Err(KeyError::NoPassphrase(self.path.clone()).into()),
        }
    }

    /// The passphrase that was supplied, if one was. A pipe has it once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn supplied_passphrase(&self) -> Result<Option<Passphrase>, Error> {
        self.passphrase
            .as_ref()
            .map(|source| read_passphrase(source, &*self.ui))
            .transpose()
    }

    fn identities(&self, path: &Path) -> Result<Identities, Error> {
        let file = read_identity(path, &*self.ui)?;
        let name = path.display().to_string();
        let text = std::str::from_utf8(&file).unwrap_or_default();
        let kind = match text.contains("PRIVATE KEY-----") {
            true => IdentityKind::Ssh,
            false => IdentityKind::Age,
        };
        let parse = || {
            let identities = identity::read(&file, &name, self.ui.asker());
            Ok(identities.map_err(|error| KeyError::Identity(path.to_owned(), kind, error))?)
        };
        tries(&*self.ui, parse, another_may_do)
    }

    /// Derives the key of a passphrase, and shows that it takes a while.
    ///
    /// # Errors
    /// When the memory is not to be had.
    pub fn derive(&self, kdf: Kdf, passphrase: &Passphrase) -> Result<VaultKey, Error> {
        self.ui.detail(&Step::Deriving(kdf.cost));
        let _progress = self.ui.progress(Task::Derive);
        let key = kdf.derive(passphrase)?;
        Ok(VaultKey::Derived(kdf, key, Flaw::of(passphrase)))
    }

    /// Derives a passphrase's key anew at `cost`, with a new salt: the key, and the recipient
    /// to seal to.
    ///
    /// # Errors
    /// When the memory is not to be had, or the system gives no random bytes.
    pub fn derive_new(
        &self,
        cost: Cost,
        passphrase: &Passphrase,
    ) -> Result<(VaultKey, RecipientEntry), Error> {
        let kdf = Kdf {
            salt: Salt::generate()?,
            cost,
        };
        let key = self.derive(kdf.clone(), passphrase)?;
        let recipient = key.derived_recipient().expect("a key was derived");
        Ok((key, RecipientEntry::passphrase(recipient, kdf)))
    }
}
