//! `cldkctl vault`: the file itself.

mod backup;
mod info;
mod passphrase;
mod path;
mod recipients;
mod recovery_key;
mod restore;
mod tune;
mod verify;

use clap::{Args, Subcommand};

use super::error::Error;
use super::settings::Settings;

/// What a vault that was replaced is called behind its own name; the date follows.
pub(super) const REPLACED: &str = ".replaced-";

/// Look after the vault file
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault info",
    "cldkctl vault backup ~/backup.age"
))]
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
    Verify(verify::VerifyArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Passphrase(passphrase::PassphraseArgs),
    Tune(tune::TuneArgs),
}

impl VaultArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        match self.command {
            VaultCommand::Path(args) => args.run(settings),
            VaultCommand::Info(args) => args.run(settings),
            VaultCommand::Recipients(args) => args.run(settings),
            VaultCommand::RecoveryKey(args) => args.run(settings),
            VaultCommand::Verify(args) => args.run(settings),
            VaultCommand::Backup(args) => args.run(settings),
            VaultCommand::Restore(args) => args.run(settings),
            VaultCommand::Passphrase(args) => args.run(settings),
            VaultCommand::Tune(args) => args.run(settings),
        }
    }
}
