//! `cldkctl lock`: forget the key at once, wherever it is held.

use clap::Args;

use super::error::{Error, LockError};
use super::settings::Settings;
use crate::keeper::{Choice, Keepers, Reach};

/// Lock the vault: the next command asks for the passphrase again
///
/// Reaches the kernel keyrings of all your logins, and the agent.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl lock"
))]
pub struct LockArgs {}

impl LockArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let path = settings.vault.store.place()?.display();
        // Every keeper, whatever --keeper says.
        match Keepers::new(Choice::Auto).forget(&settings.vault.unlocker.slot(), Reach::Everywhere)
        {
            Ok(forgotten) => {
                settings.console.note(&if forgotten.any {
                    format!("Locked the vault {path}")
                } else {
                    format!("The vault {path} was not unlocked")
                });
                if forgotten.unseen {
                    settings.console.warn(
                        "other logins of yours may still have it unlocked: not all of them can be looked into from here",
                    );
                }
            }
            Err(error) => {
                let path = settings.vault.path().to_owned();
                return Err(LockError::StillUnlocked(path, error).into());
            }
        }
        Ok(())
    }
}
