//! `cldkctl context rename`.

use clap::Args;

use crate::app::named_context;
use crate::cli::completion::NEW;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::vault::ContextName;

/// Rename a context
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl context rename default home"
))]
pub(super) struct RenameArgs {
    /// Its name
    #[arg(value_name = "OLD")]
    old: ContextName,
    /// Its new name
    #[arg(value_name = NEW)]
    new: ContextName,
}

impl RenameArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let Self { old, new } = self;
        settings.vault.open(Touch::Use)?.update(|contents| {
            named_context(contents, Some(&old), settings.vault.path())?;
            if contents.context(&new).is_some() {
                return Err(Error::ContextExists(new.to_string()));
            }
            contents.rename(&old, &new);
            Ok(())
        })?;
        settings
            .console
            .note(&format!("The context {old} is now {new}"));
        Ok(())
    }
}
