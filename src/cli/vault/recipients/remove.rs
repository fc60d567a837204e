//! `cldkctl vault recipients remove`: one key less, and the passphrase's own key anew.

use clap::Args;

use crate::app::{KeySource, OpenVault, similar};
use crate::cli::completion::RECIPIENT;
use crate::cli::error::{Error, RecipientError};
use crate::cli::recipient::find;
use crate::cli::settings::Settings;
use crate::interrupt;
use crate::keeper::Touch;
use crate::secret::Passphrase;
use crate::vault::{Contents, Sealed};

/// Seal the vault to one key less
///
/// The passphrase's key is derived anew, with a new salt, which takes the passphrase: who
/// could open the vault knows the recipient of the old one, and could make a file that opens
/// under it. Copies of the vault made before still open with the removed key.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault recipients remove machine",
    "cldkctl vault recipients remove \"$(cat machine.pub)\""
))]
pub(super) struct RemoveArgs {
    /// Its label, or the recipient itself, as `list` shows them
    #[arg(value_name = RECIPIENT)]
    name: String,
}

impl RemoveArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let sealed = settings.vault.sealed()?;
        let (mut vault, passphrase) = open_with_passphrase(settings, &sealed)?;
        // Before a key is derived, and once more under the lock.
        removable(&vault.contents, &self.name)?;
        let rederived = match (passphrase, vault.contents.kdf()) {
            (Some(passphrase), Some(old)) => {
                Some(settings.vault.unlocker.derive_new(old.cost, &passphrase)?)
            }
            _ => None,
        };

        let removed = vault.update(|contents| -> Result<_, Error> {
            let place = removable(contents, &self.name)?;
            let removed = contents.recipients.remove(place);
            if let Some((_, new)) = &rederived {
                contents
                    .passphrase_mut()
                    .ok_or(RecipientError::PassphraseGone)?
                    .rederive(new);
            }
            Ok(removed.name())
        })?;

        let console = settings.console;
        let keeps_its_key = vault.contents.kdf().is_some() && rederived.is_none();
        if let Some((key, _)) = &rederived
            && !settings.vault.unlocker.keep_instead(&sealed, key)
            && vault.source == KeySource::Typed
        {
            settings.vault.unlocker.keep(key);
        }
        console.note(&format!("Removed {removed}: it opens no later save"));
        console.warn(
            "copies of the vault made until now still open with the removed key; if it is in wrong hands, \
             delete the tokens in the portal and log in with new ones",
        );
        if keeps_its_key {
            console.warn(
                "an identity opened the vault, so the passphrase has the key it had: the holder of the removed key \
                 can still make a file that opens under your passphrase; \
                 `cldkctl vault passphrase` ends that, with a new one",
            );
        }
        Ok(())
    }
}

/// Opens the vault with its passphrase, so that it is known, even where the vault is unlocked;
/// or else with the identity that was supplied.
fn open_with_passphrase<'a>(
    settings: &'a Settings,
    sealed: &Sealed,
) -> Result<(OpenVault<'a>, Option<Passphrase>), Error> {
    let vault = &settings.vault;
    match vault.unlocker.passphrase_of_owner(sealed)? {
        Some((key, source, passphrase)) => {
            Ok((vault.open_with(key, source, sealed)?, Some(passphrase)))
        }
        None => Ok((vault.unseal(sealed, Touch::Use)?, None)),
    }
}

/// The place of the recipient of that name, if it can be removed.
fn removable(contents: &Contents, name: &str) -> Result<usize, RecipientError> {
    let place = match find(contents, name)[..] {
        [place] => place,
        [] => {
            let labels = contents
                .recipients
                .iter()
                .filter_map(|entry| entry.label.as_deref());
            let like = similar(name, labels).map(ToOwned::to_owned);
            return Err(RecipientError::NotFound(like));
        }
        _ => return Err(RecipientError::Ambiguous),
    };
    if contents.recipients.len() == 1 {
        return Err(RecipientError::Last);
    }
    if contents.recipients[place].kdf().is_some() {
        return Err(RecipientError::Passphrase);
    }
    Ok(place)
}
