//! `cldkctl credential show`.

use clap::Args;

use super::{Named, Shown};
use crate::app::gate;
use crate::cli::console::{print, show};
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;

/// Show a credential, but not its secret unless --secret asks for it
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl credential show docker registry.example",
    "cldkctl credential show docker registry.example --secret"
))]
pub(super) struct ShowArgs {
    #[command(flatten)]
    named: Named,
    /// Print the secret, alone, on standard output
    #[arg(long)]
    secret: bool,
}

impl ShowArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let place = self.named.place()?;
        let vault = settings.vault.open(Touch::Use)?;
        let Named { kind, username, .. } = &self.named;
        let found = gate::named(&vault.contents, kind, &place, username.as_deref())?;
        if self.secret {
            return print(found.secret.expose());
        }
        show(settings.output, &Shown::new(found), Shown::table)
    }
}
