//! `cldkctl auth token [--session]`: a token, alone on stdout.

use clap::Args;

use crate::cli::console::print;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::interrupt;
use crate::keeper::Touch;

/// Print the stored token, alone, on standard output
#[derive(Args, Debug, Default)]
#[command(after_long_help = examples!(
    "token=$(cldkctl auth token)",
    "cldkctl auth token --session",
    "cldkctl auth token --context work"
))]
pub(super) struct TokenArgs {
    /// Print the short-lived session token instead, renewed if it is due
    #[arg(long)]
    session: bool,
}

impl TokenArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let mut credential = settings.credentials()?.find(Touch::Use)?;
        if !self.session {
            return print(credential.token.expose());
        }
        interrupt::watch();
        let client = credential.client()?;
        print(credential.session(&client)?.expose())
    }
}
