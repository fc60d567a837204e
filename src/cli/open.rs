//! Opening the vault for a command: where the key comes from.

use std::sync::Arc;

use age::Identity;

use super::failure::Failure;
use super::global::Settings;
use super::{seen, sources};
use crate::exit::Exit;
use crate::keeper::{
    Choice, Description, Found, Held, Keepers, KeepersError, Limits, Reach, Scope, Slot, Touch,
};
use crate::secret::{Key, Passphrase};
use crate::vault::{
    Contents, Context, ContextName, Cost, Kdf, PassphraseIdentity, RecipientEntry, Salt, Sealed,
    Store,
};

/// What is asked of whoever opens the vault.
pub(super) const QUESTION: &str = "Vault passphrase:";

/// What opens a vault, again and again while a command runs.
pub enum Opener {
    /// A key that was derived from a passphrase.
    Key(Kdf, Key),
    /// Other identities.
    Identities(Vec<Box<dyn Identity>>),
}

impl Opener {
    /// Opens a vault with it.
    ///
    /// # Errors
    /// When it does not fit, or the vault is damaged.
    pub fn open(&self, sealed: &Sealed, store: &Store) -> Result<Contents, Failure> {
        match self {
            Self::Key(kdf, key) => {
                let identity = PassphraseIdentity::new(kdf.clone(), key);
                sealed.open(std::iter::once(&identity as &dyn Identity))
            }
            Self::Identities(identities) => sealed.open(
                identities
                    .iter()
                    .map(|identity| &**identity as &dyn Identity),
            ),
        }
        .map_err(|error| Failure::vault(error, store))
    }

    /// The recipient of a derived identity.
    #[must_use]
    pub fn derived_recipient(&self) -> Option<String> {
        match self {
            Self::Key(kdf, key) => {
                let identity = PassphraseIdentity::new(kdf.clone(), key);
                Some(identity.recipient().to_string())
            }
            Self::Identities(_) => None,
        }
    }
}

/// Reads the vault's header, if there is a vault.
///
/// # Errors
/// When it cannot be read or is no vault.
pub fn peek(settings: &Settings) -> Result<Option<Sealed>, Failure> {
    parse(settings.store.read()?, &settings.store)
}

pub(super) fn parse(bytes: Option<Vec<u8>>, store: &Store) -> Result<Option<Sealed>, Failure> {
    bytes
        .map(Sealed::try_from)
        .transpose()
        .map_err(|error| Failure::vault(error, store))
}

/// How the vault's key is derived from a passphrase, if one opens it.
///
/// # Errors
/// When the header's stanza cannot be used.
pub fn kdf<'a>(settings: &Settings, sealed: &'a Sealed) -> Result<Option<&'a Kdf>, Failure> {
    sealed
        .kdf(settings.ceiling)
        .map_err(|error| Failure::vault(error, &settings.store))
}

/// The cost to show of a vault that is `open` or not: a stanza that cannot be used is no
/// obstacle to one that an identity opened.
///
/// # Errors
/// As [`kdf`], when it is not open.
pub fn shown_cost(
    settings: &Settings,
    sealed: &Sealed,
    open: bool,
) -> Result<Option<Cost>, Failure> {
    match kdf(settings, sealed) {
        Err(_) if open => Ok(None),
        kdf => Ok(kdf?.map(|kdf| kdf.cost)),
    }
}

/// Where it came from what opened a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// From a flag, the environment, the settings or systemd.
    HandedOver,
    /// From a keeper: an earlier command unlocked the vault.
    Kept,
    /// From a person, just now.
    Asked,
}

/// The vault, open.
pub struct OpenVault {
    /// What opened it.
    pub opener: Opener,
    /// Where that came from.
    pub source: KeySource,
    /// What is in it.
    pub contents: Contents,
    /// The file that the contents came out of, while they are unchanged.
    pub(super) file: Option<Arc<Vec<u8>>>,
}

/// Opens the vault, asking for the passphrase if nothing else opens it. Who was asked is not
/// asked again by the next command: the vault stays unlocked.
///
/// # Errors
/// When there is no vault, or it cannot be opened.
pub fn open(settings: &Settings, touch: Touch) -> Result<OpenVault, Failure> {
    let sealed = peek(settings)?.ok_or_else(|| no_vault(settings))?;
    let vault = unseal(settings, &sealed, touch)?;
    if vault.source == KeySource::Asked {
        keep(settings, &vault.opener, settings.limits, settings.scope);
    }
    Ok(vault)
}

/// How the vault's key is held between commands, if it is.
#[must_use]
pub fn held(settings: &Settings, sealed: &Sealed) -> Option<Description> {
    let kdf = kdf(settings, sealed).ok()??;
    settings.keepers.describe(&settings.slot(), &kdf.salt)
}

/// There is nothing to open.
#[must_use]
pub fn no_vault(settings: &Settings) -> Failure {
    let path = settings.store.path().display();
    Failure::not_logged_in(format!("not logged in: there is no vault at {path}"))
}

/// The context that a command works in: the one that was named, or the current one.
///
/// # Errors
/// When there is none, or it was verified at another address than the one that was asked for.
pub fn context<'a>(settings: &Settings, contents: &'a Contents) -> Result<&'a Context, Failure> {
    let context = named_context(settings, contents, settings.context.as_ref())?;
    let name = &context.name;
    match &settings.base_url {
        // The path as well: a host may have several APIs, behind a gateway.
        Some(asked) if *asked != context.base_url => Err(Failure::not_logged_in(format!(
            "the context {name} was verified at {}, and its token goes nowhere else, not to {asked}",
            context.base_url
        ))
        .hint(format!(
            "log in there with `cldkctl auth --base-url {asked}`"
        ))),
        _ => Ok(context),
    }
}

/// The context of that name, or the current one.
///
/// # Errors
/// When there is none.
pub fn named_context<'a>(
    settings: &Settings,
    contents: &'a Contents,
    name: Option<&ContextName>,
) -> Result<&'a Context, Failure> {
    let path = settings.store.path().display();
    let Some(name) = name.or(contents.current_context.as_ref()) else {
        return Err(if contents.contexts.is_empty() {
            Failure::not_logged_in(format!(
                "not logged in: the vault {path} has no login in it"
            ))
        } else {
            Failure::not_logged_in(format!("no context of the vault {path} is the current one"))
                .hint("choose one with `cldkctl context use`, or name it with --context")
        });
    };
    contents.context(name).ok_or_else(|| {
        Failure::not_logged_in(format!("the vault {path} has no context {name}"))
            .hint("see `cldkctl context list`, or log in with `cldkctl auth --context`")
    })
}

/// Opens a vault whose header was read, asking for the passphrase if nothing else opens it.
///
/// The order is that of the design: an identity, a passphrase that is handed over, the
/// keeper, a person.
///
/// # Errors
/// When nothing opens it.
pub fn unseal(settings: &Settings, sealed: &Sealed, touch: Touch) -> Result<OpenVault, Failure> {
    if let Some(vault) = unseal_handed_over(settings, sealed)? {
        return Ok(vault);
    }
    let Some(kdf) = kdf(settings, sealed)? else {
        return Err(no_passphrase(settings, Exit::Locked));
    };
    let mut found = settings.keepers.get(&settings.slot(), &kdf.salt, touch);
    // It may have unlocked the vault.
    if matches!(found, Found::Nothing) && settings.asker.waits_for_another() {
        found = settings.keepers.get(&settings.slot(), &kdf.salt, touch);
    }
    match found {
        Found::Key(key) => {
            let opener = Opener::Key(kdf.clone(), key);
            return OpenVault::new(opener, KeySource::Kept, sealed, settings);
        }
        Found::Rekeyed => settings.console.warn(
            "the passphrase or the cost of the vault was changed since it was unlocked, so it is locked again",
        ),
        Found::Nothing => {}
    }
    unseal_asking(settings, sealed, kdf, QUESTION)
}

/// Opens a vault with what is handed over or typed now: being unlocked is not enough for
/// what the owner alone may do.
///
/// # Errors
/// As [`unseal`].
pub fn unseal_unheld(settings: &Settings, sealed: &Sealed) -> Result<OpenVault, Failure> {
    unseal_unheld_asking(settings, sealed, QUESTION)
}

/// The same with another question, for a file that is not the vault.
///
/// # Errors
/// As [`unseal`].
pub fn unseal_unheld_asking(
    settings: &Settings,
    sealed: &Sealed,
    question: &str,
) -> Result<OpenVault, Failure> {
    if let Some(vault) = unseal_handed_over(settings, sealed)? {
        return Ok(vault);
    }
    match kdf(settings, sealed)? {
        Some(kdf) => unseal_asking(settings, sealed, kdf, question),
        None => Err(no_passphrase(settings, Exit::Locked)),
    }
}

fn unseal_asking(
    settings: &Settings,
    sealed: &Sealed,
    kdf: &Kdf,
    question: &str,
) -> Result<OpenVault, Failure> {
    let passphrase = sources::ask(settings, question)?;
    let opener = derive(settings, kdf.clone(), &passphrase)?;
    OpenVault::new(opener, KeySource::Asked, sealed, settings)
}

/// Nobody was asked, so it is no wrong answer.
fn held_in_vain(settings: &Settings) -> Failure {
    let path = settings.store.path().display();
    Failure::new(
        Exit::WrongPassphrase,
        format!("the key that is held for the vault {path} does not open it"),
    )
    .hint("forget it with `cldkctl lock`, and try again; the same answer comes when the part of the file that holds its key was altered")
}

/// The vault is one for identities alone.
#[must_use]
pub fn no_passphrase(settings: &Settings, exit: Exit) -> Failure {
    let path = settings.store.path().display();
    Failure::new(exit, format!("no passphrase opens the vault {path}"))
        .hint("name one of its identities with --identity; if a passphrase opened it before, it was altered: put a backup in its place")
}

/// Opens the vault with the identity or the passphrase that was handed over, if one was.
fn unseal_handed_over(settings: &Settings, sealed: &Sealed) -> Result<Option<OpenVault>, Failure> {
    let opener = if let Some(path) = &settings.identity {
        Opener::Identities(sources::identities(settings, path)?)
    } else if let Some(passphrase) = sources::handed_over(settings, settings.handover.as_ref())? {
        let Some(kdf) = kdf(settings, sealed)? else {
            return Err(no_passphrase(settings, Exit::WrongPassphrase));
        };
        derive(settings, kdf.clone(), &passphrase)?
    } else {
        return Ok(None);
    };
    OpenVault::new(opener, KeySource::HandedOver, sealed, settings).map(Some)
}

/// Opens the vault if that takes no asking: `None` when it is locked. Looking at it this
/// way is no use of it, and does not keep it unlocked for longer.
///
/// # Errors
/// When what was handed over does not open it, or the vault is damaged.
pub fn unseal_unasked(settings: &Settings, sealed: &Sealed) -> Result<Option<OpenVault>, Failure> {
    if let Some(vault) = unseal_handed_over(settings, sealed)? {
        return Ok(Some(vault));
    }
    let Some(kdf) = kdf(settings, sealed)? else {
        return Ok(None);
    };
    match settings
        .keepers
        .get(&settings.slot(), &kdf.salt, Touch::Look)
    {
        Found::Key(key) => {
            let opener = Opener::Key(kdf.clone(), key);
            OpenVault::new(opener, KeySource::Kept, sealed, settings).map(Some)
        }
        Found::Rekeyed | Found::Nothing => Ok(None),
    }
}

/// Makes every keeper forget the key, whatever `--keeper` says. That one cannot be reached is
/// no failure of the command that is running.
pub fn forget(settings: &Settings, slot: &Slot, reach: Reach) {
    if let Err(error) = Keepers::new(Choice::Auto).forget(slot, reach) {
        settings
            .console
            .warn(&format!("the vault may still be unlocked: {error}"));
    }
}

/// Leaves the vault unlocked for the next commands. That it cannot be is no failure of the
/// command that is running: the next one asks.
pub fn keep(settings: &Settings, opener: &Opener, limits: Limits, scope: Scope) {
    if let Err(error) = try_keep(settings, &settings.keepers, opener, limits, scope) {
        settings
            .console
            .warn(&format!("the vault stays locked: {error}"));
    }
}

/// Leaves the vault unlocked for the next commands, and says so if that is for more logins than
/// it is meant for. An identity is not kept.
///
/// # Errors
/// When no keeper can hold the key.
pub fn try_keep(
    settings: &Settings,
    keepers: &Keepers,
    opener: &Opener,
    limits: Limits,
    scope: Scope,
) -> Result<(), KeepersError> {
    let Opener::Key(kdf, key) = opener else {
        return Ok(());
    };
    let held = Held::new(
        kdf.salt.clone(),
        Key::copied_from(key.expose()),
        scope,
        limits,
    );
    if keepers.put(&settings.slot(), &held, scope)? {
        settings
            .console
            .note("All your logins on this machine share the unlocked vault: they cannot be told apart here");
    }
    Ok(())
}

/// A new derivation of a passphrase at `cost`, with a salt of its own: what opens by it, and
/// the recipient to seal to.
///
/// # Errors
/// When the memory is not to be had, or the system gives no random bytes.
pub fn derive_new(
    settings: &Settings,
    cost: Cost,
    passphrase: &Passphrase,
) -> Result<(Opener, RecipientEntry), Failure> {
    let kdf = Kdf {
        salt: Salt::generate()?,
        cost,
    };
    let opener = derive(settings, kdf.clone(), passphrase)?;
    let recipient = opener.derived_recipient().expect("a key was derived");
    Ok((opener, RecipientEntry::passphrase(recipient, kdf)))
}

/// Derives the key, with a sign of life.
///
/// # Errors
/// When the memory is not to be had.
pub fn derive(settings: &Settings, kdf: Kdf, passphrase: &Passphrase) -> Result<Opener, Failure> {
    settings.console.detail(&format!(
        "deriving the vault key with Argon2id: {}",
        kdf.cost
    ));
    let _spinner = settings.console.spinner("Deriving the vault key…");
    let key = kdf.derive(passphrase)?;
    Ok(Opener::Key(kdf, key))
}

impl OpenVault {
    /// Opens `sealed`, which was read from the settings' vault, and says so if that is an older
    /// copy.
    ///
    /// # Errors
    /// When the opener does not fit, or the vault is damaged.
    pub fn new(
        opener: Opener,
        source: KeySource,
        sealed: &Sealed,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let contents = opener.open(sealed, &settings.store).map_err(|failure| {
            match (failure.exit, source) {
                (Exit::WrongPassphrase, KeySource::Kept) => held_in_vain(settings),
                _ => failure,
            }
        })?;
        let vault = Self {
            opener,
            source,
            contents,
            file: Some(sealed.shared_bytes()),
        };
        seen::notice(settings, &vault);
        Ok(vault)
    }

    /// Checks that header and contents agree about the passphrase, so that saving the vault
    /// locks nobody out.
    ///
    /// # Errors
    /// Exit 6 when they do not.
    pub fn check_agrees(&self, settings: &Settings, sealed: &Sealed) -> Result<(), Failure> {
        sealed
            .check_agrees(&self.contents, self.opener.derived_recipient())
            .map_err(|error| Failure::vault(error, &settings.store))
    }

    /// Reads the vault again: another command may have changed it.
    ///
    /// # Errors
    /// When it is gone or does not open any more.
    pub fn reread(&mut self, settings: &Settings) -> Result<(), Failure> {
        let sealed = peek(settings)?.ok_or_else(|| no_vault(settings))?;
        self.open_again(settings, &sealed)
    }

    /// Opens the vault as it is by now. One that nobody changed is not opened twice: that
    /// could mean to ask for a PIN or a touch again.
    pub(super) fn open_again(
        &mut self,
        settings: &Settings,
        sealed: &Sealed,
    ) -> Result<(), Failure> {
        if !self.is_of(sealed) {
            self.contents = self.opener.open(sealed, &settings.store)?;
            self.file = Some(sealed.shared_bytes());
            seen::notice(settings, self);
        }
        Ok(())
    }

    /// The revision that the vault has by now: another command may have saved it.
    ///
    /// # Errors
    /// As [`Self::reread`].
    pub(super) fn revision_by_now(&self, settings: &Settings) -> Result<u64, Failure> {
        let sealed = peek(settings)?.ok_or_else(|| no_vault(settings))?;
        if self.is_of(&sealed) {
            return Ok(self.contents.revision);
        }
        Ok(self.opener.open(&sealed, &settings.store)?.revision)
    }

    /// Whether the contents are those of this file, and unchanged.
    fn is_of(&self, sealed: &Sealed) -> bool {
        self.file
            .as_ref()
            .is_some_and(|file| **file == sealed.bytes())
    }
}
