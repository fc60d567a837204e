//! `cldkctl lock`: forget the key at once, wherever it is held.

use clap::Args;

use super::failure::Failure;
use super::global::Settings;
use crate::cli::exit::Exit;
use crate::keeper::{Choice, Keepers, Reach};

/// Lock the vault: the next command asks for the passphrase again
///
/// Reaches the kernel keyrings of all your logins, and the agent.
#[derive(Args, Debug)]
pub struct LockArgs {}

impl LockArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let path = settings.vault.path().display();
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
                let what = format!("the vault {path} may still be unlocked: {error}");
                return Err(Failure::new(Exit::Failure, what).hint(
                    "a key that an agent has is gone with its process, `cldkctl __agent`; \
                         one in the kernel when its time is over, as `cldkctl auth status` says",
                ));
            }
        }
        Ok(())
    }
}
