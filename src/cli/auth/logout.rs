//! `cldkctl auth logout [--all]`: forget a credential, or the vault.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::{open, save};
use crate::interrupt;
use crate::keeper::Touch;

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
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let path = settings.store.path().display();
        if self.all {
            if settings.store.read()?.is_none() {
                return Err(open::no_vault(settings));
            }
            // Found out while the vault is there: its path may lead over links.
            let slot = settings.slot();
            let locked = save::lock(settings)?;
            let _hold = interrupt::hold();
            locked.remove()?;
            open::forget(settings, &slot);
            settings.console.note(&format!("Removed the vault {path}"));
            return Ok(());
        }
        let mut vault = open::open(settings, Touch::Use)?;
        let name = vault.update(settings, |contents| {
            let name = open::context(settings, contents)?.name.clone();
            contents.log_out(&name);
            Ok(name)
        })?;
        settings
            .console
            .note(&format!("Removed the context {name} from the vault {path}"));
        Ok(())
    }
}
