//! `cldkctl credential remove`.

use clap::Args;

use super::Named;
use crate::app::gate;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;

/// Remove a credential from the vault
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl credential remove docker registry.example"
))]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    named: Named,
}

impl RemoveArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let place = self.named.place()?;
        let Named { kind, username, .. } = &self.named;
        let mut vault = settings.vault.open(Touch::Use)?;
        // Before the vault is changed, which would give it another revision.
        gate::named(&vault.contents, kind, &place, username.as_deref())?;
        let name = vault.update(|contents| -> Result<_, Error> {
            let found = gate::named(contents, kind, &place, username.as_deref())?.clone();
            contents
                .credentials
                .retain(|it| !it.is_for_the_same(&found));
            Ok(found.name())
        })?;
        settings.console.note(&format!("Removed {name}"));
        Ok(())
    }
}
