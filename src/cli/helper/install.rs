//! `cldkctl helper install`: docker and git ask us from here on.

mod docker;
mod git;

use clap::{Args, Subcommand};

use crate::cli::error::Error;
use crate::cli::settings::Settings;

/// Have docker or git ask cldkctl for credentials
///
/// What was set before is kept, and --undo brings it back.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl helper install git --all",
    "cldkctl helper install docker --undo"
))]
pub(super) struct InstallArgs {
    #[command(subcommand)]
    client: Client,
}

#[derive(Subcommand, Debug)]
enum Client {
    Docker(docker::DockerArgs),
    Git(git::GitArgs),
}

impl InstallArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        match self.client {
            Client::Docker(args) => args.run(settings),
            Client::Git(args) => args.run(settings),
        }
    }
}
