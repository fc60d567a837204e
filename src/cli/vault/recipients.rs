//! `cldkctl vault recipients`: to whom the vault is sealed.

mod add;
mod list;
mod remove;

use clap::{Args, Subcommand};

use crate::cli::error::Error;
use crate::cli::settings::Settings;

/// See and change who can open the vault besides the passphrase
///
/// Whoever opens the vault with any one of its recipients' keys has all of it, can save it,
/// and can change its recipients.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault recipients list",
    "cldkctl vault recipients add --recipients-file ~/.ssh/id_ed25519.pub"
))]
pub(super) struct RecipientsArgs {
    #[command(subcommand)]
    command: RecipientsCommand,
}

#[derive(Subcommand, Debug)]
enum RecipientsCommand {
    List(list::ListArgs),
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
}

impl RecipientsArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        match self.command {
            RecipientsCommand::List(args) => args.run(settings),
            RecipientsCommand::Add(args) => args.run(settings),
            RecipientsCommand::Remove(args) => args.run(settings),
        }
    }
}
