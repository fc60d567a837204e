//! `cldkctl vault`: the file itself.

mod info;
mod path;
mod recipients;
mod recovery_key;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::global::Settings;

/// Look after the vault file
#[derive(Args, Debug)]
pub struct VaultArgs {
    #[command(subcommand)]
    command: VaultCommand,
}

#[derive(Subcommand, Debug)]
enum VaultCommand {
    Path(path::PathArgs),
    Info(info::InfoArgs),
    Recipients(recipients::RecipientsArgs),
    RecoveryKey(recovery_key::RecoveryKeyArgs),
}

impl VaultArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            VaultCommand::Path(args) => args.run(settings),
            VaultCommand::Info(args) => args.run(settings),
            VaultCommand::Recipients(args) => args.run(settings),
            VaultCommand::RecoveryKey(args) => args.run(settings),
        }
    }
}
