//! `cldkctl lock`: forget the key at once, wherever it is held.

use clap::Args;

use super::failure::Failure;
use super::global::Settings;
use crate::exit::Exit;
use crate::keeper::{Choice, Keepers};

/// Lock the vault: the next command asks for the passphrase again
///
/// Reaches the kernel keyring of this login session and of the user, and the agent.
#[derive(Args, Debug)]
pub struct LockArgs {}

impl LockArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let path = settings.vault.path().display();
        // Every keeper, whatever --keeper says.
        match Keepers::new(Choice::Auto).forget(&settings.vault.unlocker.slot()) {
            Ok(true) => settings.console.note(&format!("Locked the vault {path}")),
            Ok(false) => settings
                .console
                .note(&format!("The vault {path} was not unlocked")),
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
