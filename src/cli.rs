//! The command line: one file per command, with its arguments and what it does.

#[macro_use]
mod examples;

pub mod api;
pub mod auth;
mod command_names;
pub mod completion;
pub mod config;
pub mod console;
pub mod context;
pub mod credential;
pub mod env;
pub mod environment;
pub mod error;
pub mod exec;
pub mod exit;
pub mod format;
pub mod global;
pub mod helper;
pub mod lock;
pub mod mistake;
pub mod recipient;
mod removal;
pub mod report;
pub mod settings;
pub mod size;
pub mod time_span;
pub mod ui;
pub mod unlock;
mod usage;
pub mod vault;
pub mod whoami;

use std::mem::ManuallyDrop;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::console::Console;
use self::environment::TokenVariable;
use self::error::{Error, LockError};
use self::exit::Exit;
use self::global::GlobalArgs;
use self::report::Report;
use self::settings::Settings;
use crate::interrupt;
use crate::keeper::agent;

/// Log in to the Cloudeka cloud and keep the credential in one encrypted, portable file
#[derive(Parser, Debug)]
#[command(
    name = "cldkctl",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    args_override_self = true // the last one counts, as in the original, so that an alias can be overridden
)]
#[command(after_long_help = examples!(
    "cldkctl auth                        # log in",
    "cldkctl unlock                      # later, once for many commands",
    "cldkctl exec -- ./deploy            # a program with the token in its environment",
    "cldkctl api /core/user/profile      # an authenticated call";
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not logged in, 4 vault locked, \
    5 wrong passphrase, 6 vault damaged, 7 API unreachable, 8 API error, \
    126 exec cannot run the program, 127 exec finds no such program, 130 interrupted."
))]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(visible_alias = "login")]
    Auth(auth::AuthArgs),
    #[command(after_long_help = examples!(
        "cldkctl logout --context work",
        "cldkctl logout",
        "cldkctl logout --all"
    ))]
    Logout(auth::logout::LogoutArgs),
    Whoami(whoami::WhoamiArgs),
    Unlock(unlock::UnlockArgs),
    Lock(lock::LockArgs),
    Context(context::ContextArgs),
    Exec(exec::ExecArgs),
    Env(env::EnvArgs),
    Api(api::ApiArgs),
    Vault(vault::VaultArgs),
    Credential(credential::CredentialArgs),
    Helper(helper::HelperArgs),
    Completion(completion::CompletionArgs),
}

/// Parses the process's arguments.
///
/// `cldkctl auth token` alone is what scripts and prompts run again and again, and there is
/// nothing to parse in it: with clap it takes a fifth longer.
fn parse() -> Result<Cli, clap::Error> {
    if std::env::args_os().skip(1).eq(["auth", "token"]) {
        let (global, command) = (
            GlobalArgs::default(),
            Command::Auth(auth::AuthArgs::token()),
        );
        return Ok(Cli { global, command });
    }
    // Never freed: thousands of small pieces, none of them a secret, would each be wiped, which
    // takes 0.1 of the 1.4 ms of a short command.
    let mut definitions = ManuallyDrop::new(Cli::command());
    let matches = definitions.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches)
}

/// Parses the process's arguments, runs the command, and says what went wrong.
#[must_use]
pub fn main() -> Exit {
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(word) if word == agent::COMMAND => {
            return hold_keys(words.next().is_some_and(|word| word == agent::SERVE));
        }
        Some(word) if word == completion::COMMAND => return completion::answer(words.next()),
        Some(word) if word == interrupt::GUARD => {
            interrupt::guard_terminal();
            return Exit::Success;
        }
        _ => {}
    }
    interrupt::outlive_a_kill();
    let token = environment::take_tokens();
    if let Some(exit) = helper::asked_at_once(&token) {
        return exit;
    }
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return usage::explain(error),
    };
    if let Command::Auth(args) = &cli.command {
        args.hide_token();
    }
    let console = cli.global.console();
    if let Some(color) = cli.global.color() {
        global::set_color(color);
    }
    if let Command::Helper(args) = &cli.command
        && let Some(ask) = args.ask()
    {
        return helper::answer(ask, cli.global, &token);
    }
    match run(cli, &token) {
        Ok(()) => Exit::Success,
        Err(error) => {
            let report = Report::from(&error);
            console.report(&report);
            report.exit
        }
    }
}

/// Starts the agent, or is it. Not a command of clap's, which would offer it to whoever
/// completes a word.
fn hold_keys(serve: bool) -> Exit {
    let done = if serve {
        agent::server::serve()
    } else {
        agent::start().map_err(|error| error.to_string())
    };
    match done {
        Ok(()) => Exit::Success,
        Err(error) => {
            let report = Report::from(&Error::from(LockError::Agent(error)));
            Console::default().report(&report);
            report.exit
        }
    }
}

fn run(cli: Cli, token: &TokenVariable) -> Result<(), Error> {
    let settings = Settings::new(cli.global, token)?;
    let result = match cli.command {
        Command::Auth(args) => args.run(&settings),
        Command::Logout(args) => args.run(&settings),
        Command::Whoami(args) => args.run(&settings),
        Command::Unlock(args) => args.run(&settings),
        Command::Lock(args) => args.run(&settings),
        Command::Context(args) => args.run(&settings),
        Command::Exec(args) => args.run(&settings),
        Command::Env(args) => args.run(&settings),
        Command::Api(args) => args.run(&settings),
        Command::Vault(args) => args.run(&settings),
        Command::Credential(args) => args.run(&settings),
        Command::Helper(args) => args.run(&settings),
        Command::Completion(args) => args.run(),
    };
    // The terminal's echo comes back before the last word is said.
    settings.asker.finish();
    result
}
