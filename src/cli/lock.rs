//! `cldkctl lock`: forget the key at once, wherever it is held.

use clap::Args;

use super::failure::Failure;
use super::global::Settings;
use crate::keeper::{Choice, Keepers};

/// Lock the vault: the next command asks for the passphrase again
///
/// Reaches the kernel keyring of this login session and of the user, and the agent.
#[derive(Args, Debug)]
pub struct LockArgs {}

impl LockArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let path = settings.store.path().display();
        // Every keeper, whatever --keeper says.
        if Keepers::new(Choice::Auto).forget(&settings.slot()) {
            settings.console.note(&format!("Locked the vault {path}"));
        } else {
            settings
                .console
                .note(&format!("The vault {path} was not unlocked"));
        }
        Ok(())
    }
}
