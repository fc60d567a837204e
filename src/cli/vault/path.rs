//! `cldkctl vault path`: where the vault lies.

use clap::Args;

use crate::cli::console::print_path;
use crate::cli::error::Error;
use crate::cli::settings::Settings;

/// Print the path of the vault, whether or not there is one yet
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault path",
    "ls -l \"$(cldkctl vault path)\""
))]
pub(super) struct PathArgs {}

impl PathArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        print_path(settings.vault.store.place()?)
    }
}
