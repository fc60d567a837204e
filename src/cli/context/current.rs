//! `cldkctl context current`.

use clap::Args;

use crate::cli::console::print;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;

/// Print the name of the context that commands use, alone, on standard output
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl context current"
))]
pub(super) struct CurrentArgs {}

impl CurrentArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let vault = settings.vault.open(Touch::Use)?;
        let context = vault.context(settings.context.as_ref())?;
        print(context.name.as_str())
    }
}
