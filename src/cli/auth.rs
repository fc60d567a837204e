//! `cldkctl auth`: log in.

mod login;
pub(super) mod logout;
mod place;
mod refresh;
mod status;
mod token;

use clap::{Args, Subcommand};

use super::error::{AuthError, Error};
use super::settings::Settings;

/// Log in: verify a token and seal it in the vault
///
/// Asks for a token made in the Cloudeka portal (profile, API, Token), verifies it at the
/// API, then asks for the vault's passphrase and seals the token in the vault. Nothing is
/// written unless the API accepted the token. Another account's login is replaced only if you
/// agree, or, without a terminal, if --context names it.
#[derive(Args, Debug)]
// Not `args_conflicts_with_subcommands`: after any flag, `auth -q status` included, that takes
// the subcommand for a TOKEN and sends it.
#[command(after_long_help = examples!(
    "cldkctl auth                            # asks for a token and a passphrase",
    "cldkctl auth --context work             # a second login in the same vault",
    "cldkctl auth --token-stdin < token.txt  # for scripts"
))]
pub struct AuthArgs {
    #[command(subcommand)]
    command: Option<AuthCommand>,
    #[command(flatten)]
    login: login::LoginArgs,
}

#[derive(Subcommand, Debug)]
enum AuthCommand {
    /// Log in, as `cldkctl auth` alone does
    #[command(after_long_help = examples!("cldkctl auth login", "cldkctl auth login --context work"))]
    Login(Box<login::LoginArgs>),
    Status(status::StatusArgs),
    Token(token::TokenArgs),
    Refresh(refresh::RefreshArgs),
    Logout(logout::LogoutArgs),
}

impl AuthArgs {
    /// `auth token` with nothing behind it.
    pub(super) fn token() -> Self {
        Self {
            command: Some(AuthCommand::Token(token::TokenArgs::default())),
            login: login::LoginArgs::default(),
        }
    }

    /// Takes a token off the command line, which every user of the machine can list.
    pub(super) fn hide_token(&self) {
        self.login.hide_token();
        if let Some(AuthCommand::Login(login)) = &self.command {
            login.hide_token();
        }
    }

    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        if self.command.is_some() && self.login.is_given() {
            return Err(AuthError::FlagsBeforeCommand.into());
        }
        match self.command {
            None => self.login.run(settings),
            Some(AuthCommand::Login(args)) => args.run(settings),
            Some(AuthCommand::Status(args)) => args.run(settings),
            Some(AuthCommand::Token(args)) => args.run(settings),
            Some(AuthCommand::Refresh(args)) => args.run(settings),
            Some(AuthCommand::Logout(args)) => args.run(settings),
        }
    }
}
