//! `cldkctl auth logout [--all]`: forget a credential, or the vault.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::cli::vault::REPLACED;
use crate::files::is_done;
use crate::interrupt;
use crate::keeper::{Reach, Touch};

/// Remove a context's credential from the vault, or the vault itself
///
/// The token stays valid at the API until it expires or is deleted in the portal.
#[derive(Args, Debug)]
pub(super) struct LogoutArgs {
    /// Remove the whole vault, with all contexts; this needs no passphrase
    #[arg(long)]
    all: bool,
}

impl LogoutArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let path = settings.vault.path().display();
        if self.all {
            if settings.vault.store.find()?.is_none() {
                return Err(settings.vault.missing().into());
            }
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
                name_copies(settings, &copies);
            }
            removed?;
            return Ok(());
        }
        let credentials = settings.stored_credentials();
        let mut vault = settings.vault.open(Touch::Use)?;
        let name = vault.update(|contents| -> Result<_, Error> {
            let name = credentials.context_of(contents)?.name.clone();
            contents.log_out(&name);
            Ok(name)
        })?;
        settings
            .console
            .note(&format!("Removed the context {name} from the vault {path}"));
        Ok(())
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
