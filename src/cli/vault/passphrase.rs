//! `cldkctl vault passphrase`: change it, set a first one, or take it away.

use std::path::PathBuf;

use clap::Args;

use crate::app::{NewPassphrase, PassphraseSource};
use crate::cli::error::{Error, VaultError};
use crate::cli::settings::Settings;
use crate::interrupt;

/// Change the vault's passphrase, set a first one, or remove it
///
/// The old one, or an identity, has to be given, also while the vault is unlocked. Copies of
/// the vault that were made before still open with the old one.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault passphrase",
    "cldkctl vault passphrase --new-passphrase-file new.txt"
))]
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
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let path = settings.vault.path().display();
        let sealed = settings.vault.sealed()?;
        if !self.remove && self.new_passphrase_file.is_none() {
            settings.asker.prepare();
        }
        let mut vault = settings.vault.unseal_by_owner(&sealed)?;
        let old = vault.contents.kdf();
        if self.remove {
            if old.is_none() {
                return Err(VaultError::NoPassphrase(settings.vault.path().to_owned()).into());
            }
            if vault.contents.recipients.len() == 1 {
                let path = settings.vault.path().to_owned();
                return Err(VaultError::PassphraseAlone(path).into());
            }
            vault.update_passphrase(None)?;
            settings
                .console
                .note(&format!("The vault {path} has no passphrase any more"));
        } else {
            // The cost stays what its owner chose.
            let cost = old.as_ref().map_or(settings.cost, |kdf| kdf.cost);
            let source = self.new_passphrase_file.map(PassphraseSource::File);
            let new = NewPassphrase {
                source: source.as_ref(),
                flags: "--new-passphrase-file",
                allow_weak: self.allow_weak_passphrase,
            };
            let new = new.choose(&settings.vault.unlocker)?;
            let (key, entry) = settings.vault.unlocker.derive_new(cost, &new)?;
            vault.update_passphrase(Some(entry))?;
            settings.vault.unlocker.keep_instead(&sealed, &key);
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
