//! `cldkctl unlock`: the passphrase once, then every command works.

use clap::Args;

use super::error::{Error, LockError};
use super::settings::Settings;
use super::time_span::{TimeSpan, in_words};
use crate::app;
use crate::interrupt;
use crate::keeper::{Keepers, Limits, Scope};

/// Unlock the vault: further commands need no passphrase for a while
///
/// The key is held by the kernel, or else by a small agent; the tokens stay encrypted in
/// the vault. The session ends earlier with `cldkctl lock`, or with the login.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl unlock",
    "cldkctl unlock --idle 1h --lifetime 12h",
    "cldkctl unlock --scope user"
))]
pub struct UnlockArgs {
    /// Lock again when unused for this long [default: 15m]
    #[arg(long, value_name = "TIME")]
    idle: Option<TimeSpan>,

    /// Lock again after this long, used or not [default: 8h]
    #[arg(long, value_name = "TIME")]
    lifetime: Option<TimeSpan>,

    /// Unlock for this login session alone, or for all logins of this user [default: session]
    #[arg(long, value_enum, value_name = "SCOPE")]
    scope: Option<Scope>,
}

impl UnlockArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let path = settings.vault.path().display();
        let sealed = settings.vault.sealed()?;
        if settings.vault.unlocker.identity.is_some() {
            return Err(LockError::IdentityNotKept.into());
        }
        let keepers = self.keepers(settings)?;
        // Also when it is unlocked already: else whoever sits down at an open terminal
        // could keep it so for ever.
        let key = settings.vault.unseal_by_owner(&sealed)?.key;
        let limits = Limits {
            idle: self
                .idle
                .map_or(settings.vault.unlocker.limits.idle, |span| span.0),
            lifetime: self
                .lifetime
                .map_or(settings.vault.unlocker.limits.lifetime, |span| span.0),
        };
        let scope = self.scope.unwrap_or(settings.vault.unlocker.scope);
        let unlocker = &settings.vault.unlocker;
        let held = unlocker
            .try_keep(&keepers, &key, limits, scope)
            .map_err(|error| app::Error::NotKept(settings.vault.path().to_owned(), error))?;
        // Only now: an attempt that fails locks nothing.
        if let Some(held) = held {
            unlocker.forget_others(&held);
        }
        let (idle, lifetime) = (
            in_words(limits.idle.as_secs()),
            in_words(limits.lifetime.as_secs()),
        );
        settings.console.note(&format!(
            "Unlocked the vault {path} for {lifetime}, or until it is unused for {idle}"
        ));
        Ok(())
    }

    /// Who may hold the key. A script that asks for the session gets nothing less: nobody reads
    /// there that all logins share the vault.
    fn keepers(&self, settings: &Settings) -> Result<Keepers, Error> {
        if self.scope != Some(Scope::Session) || settings.asker.has_terminal() {
            return Ok(settings.vault.unlocker.keepers.clone());
        }
        let keepers = settings.vault.unlocker.keepers.that_tell_logins_apart();
        if keepers.is_empty() {
            return Err(LockError::LoginsNotTold(settings.vault.path().to_owned()).into());
        }
        Ok(keepers)
    }
}
