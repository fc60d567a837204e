//! `cldkctl auth token`: the stored token, alone on stdout.

use clap::Args;

use crate::cli::console::print_secret;
use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::open;

/// Print the stored token, alone, on standard output
#[derive(Args, Debug)]
pub(super) struct TokenArgs {}

impl TokenArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let vault = open::open(settings)?;
        let context = open::context(settings, &vault.contents)?;
        print_secret(context.token.expose())
    }
}
