//! `cldkctl auth logout [--all]`, or `cldkctl logout`: forget a credential, or the vault.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::removal::{self, Consent, PORTAL};
use crate::cli::settings::Settings;
use crate::cli::vault::REPLACED;
use crate::files::is_done;
use crate::interrupt;
use crate::keeper::{Reach, Touch};

/// Remove a context's credential from the vault, or the vault itself
///
/// The token stays valid at the API until it expires or is deleted in the portal.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl auth logout --context work",
    "cldkctl auth logout",
    "cldkctl auth logout --all"
))]
pub(in crate::cli) struct LogoutArgs {
    /// Remove the whole vault, with all contexts; this needs no passphrase
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    consent: Consent,
}

impl LogoutArgs {
    pub(in crate::cli) fn run(self, settings: &Settings) -> Result<(), Error> {
        let path = settings.vault.path().display();
        if self.all {
            if settings.vault.store.find()?.is_none() {
                return Err(settings.vault.missing().into());
            }
            let question = format!("Remove the vault {path}, with every login in it?");
            self.consent.ask(settings, &question)?;
            // Found out while the vault is there: its path may lead over links.
            let slot = settings.vault.unlocker.slot();
            let locked = settings.vault.lock()?;
            let _hold = interrupt::hold();
            // First, so that no key is held of a vault that is gone.
            settings.vault.unlocker.forget(&slot, Reach::Everywhere);
            let copies = locked.copies(REPLACED);
            let removed = locked.remove();
            if is_done(&removed) {
                settings.vault.rollback.clean();
                settings.console.note(&format!("Removed the vault {path}"));
                settings.console.note(&format!(
                    "The tokens in it stay valid at the API until they expire or you delete them in {PORTAL}"
                ));
                name_copies(settings, &copies);
            }
            removed?;
            return Ok(());
        }
        let mut vault = settings.vault.open(Touch::Use)?;
        let credentials = settings.stored_credentials();
        let name = credentials.context_of(&vault.contents)?.name.clone();
        removal::remove(settings, &mut vault, &name)
    }
}

/// Says which copies of earlier vaults are still there: they hold credentials, and were kept
/// so that nothing is lost. Whether they are of use is for their owner to say.
fn name_copies(settings: &Settings, copies: &[PathBuf]) {
    if copies.is_empty() {
        return;
    }
    let list: Vec<_> = copies
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    settings.console.warn(&format!(
        "`cldkctl vault restore --force` kept vaults that it replaced. They are still there, with the logins they \
         had, and open with the passphrases they had. Delete them if you do not need them: {}",
        list.join(", ")
    ));
}
