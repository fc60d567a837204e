//! `cldkctl vault`: the file itself.

mod info;
mod path;

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
}

impl VaultArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            VaultCommand::Path(args) => args.run(settings),
            VaultCommand::Info(args) => args.run(settings),
        }
    }
}
