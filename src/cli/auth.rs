//! `cldkctl auth`: log in.

mod login;
mod logout;
mod status;
mod token;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::global::Settings;

/// Log in: verify a token and seal it in the vault
///
/// Asks for a token made in the Cloudeka portal (profile, API, Token), verifies it at the
/// API, then asks for the vault's passphrase and seals the token in the vault. Nothing is
/// written unless the API accepted the token.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuthArgs {
    #[command(subcommand)]
    command: Option<AuthCommand>,
    #[command(flatten)]
    login: login::LoginArgs,
}

#[derive(Subcommand, Debug)]
enum AuthCommand {
    Status(status::StatusArgs),
    Token(token::TokenArgs),
    Logout(logout::LogoutArgs),
}

impl AuthArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            None => self.login.run(settings),
            Some(AuthCommand::Status(args)) => args.run(settings),
            Some(AuthCommand::Token(args)) => args.run(settings),
            Some(AuthCommand::Logout(args)) => args.run(settings),
        }
    }
}
