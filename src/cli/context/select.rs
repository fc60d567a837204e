//! `cldkctl context use`.

use clap::Args;

use crate::app::named_context;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::vault::ContextName;

/// Make a context the current one
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl context use work"
))]
pub(super) struct UseArgs {
    /// The context
    #[arg(value_name = "NAME")]
    name: ContextName,
}

impl UseArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let Self { name } = self;
        settings
            .vault
            .open(Touch::Use)?
            .update(|contents| -> Result<_, Error> {
                named_context(contents, Some(&name), settings.vault.path())?;
                contents.current_context = Some(name.clone());
                Ok(())
            })?;
        settings
            .console
            .note(&format!("The current context is {name}"));
        Ok(())
    }
}
