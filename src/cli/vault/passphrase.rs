//! `cldkctl vault passphrase`: change it, set a first one, or take it away.

use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::global::{Handover, Settings};
use crate::cli::{new_passphrase, open};
use crate::exit::Exit;
use crate::interrupt;

/// Change the vault's passphrase, set a first one, or remove it
///
/// The old one, or an identity, has to be given, also while the vault is unlocked. Copies of
/// the vault that were made before still open with the old one.
#[derive(Args, Debug)]
pub(super) struct PassphraseArgs {
    /// Read the new passphrase from this file
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,

    /// Accept a new passphrase that is easy to guess
    #[arg(long)]
    allow_weak_passphrase: bool,

    /// Take the passphrase away; identities alone will open the vault
    #[arg(long, conflicts_with_all = ["new_passphrase_file", "allow_weak_passphrase"])]
    remove: bool,
}

impl PassphraseArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        interrupt::watch();
        let path = settings.store.path().display();
        let sealed = open::peek(settings)?.ok_or_else(|| open::no_vault(settings))?;
        let mut vault = open::unseal_unheld(settings, &sealed)?;
        let old = vault.contents.kdf();
        if self.remove {
            if old.is_none() {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("the vault {path} has no passphrase"),
                )
                .hint("there is nothing to remove"));
            }
            if vault.contents.recipients.len() == 1 {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("the vault {path} opens with its passphrase alone, and nobody could open it then"),
                )
                .hint("add another recipient first with `cldkctl vault recipients add`"));
            }
            vault.update_passphrase(settings, None)?;
            settings
                .console
                .note(&format!("The vault {path} has no passphrase any more"));
        } else {
            // The cost stays what its owner chose.
            let cost = old.as_ref().map_or(settings.cost, |kdf| kdf.cost);
            let handover = self.new_passphrase_file.map(Handover::File);
            let new = new_passphrase::choose(
                settings,
                handover.as_ref(),
                "--new-passphrase-file",
                self.allow_weak_passphrase,
            )?;
            let (_, entry) = open::derive_new(settings, cost, &new)?;
            vault.update_passphrase(settings, Some(entry))?;
            if old.is_none() {
                settings
                    .console
                    .note(&format!("The vault {path} opens with the passphrase, too"));
                return Ok(());
            }
            settings
                .console
                .note(&format!("Changed the passphrase of the vault {path}"));
        }
        settings
            .console
            .note("Copies that were made before still open with the old one");
        Ok(())
    }
}
