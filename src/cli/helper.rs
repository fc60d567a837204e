//! `cldkctl helper`: what docker, git and S3 tools run to ask for a credential.
//!
//! Standard input and output belong to their protocols. A passphrase is asked for on the
//! terminal; without one the answer is a refusal, at once, and one line on standard error.

mod aws;
mod docker;
mod git;
mod install;

use std::ffi::OsString;
use std::path::Path;

use clap::{Args, Subcommand};

use super::console::{Console, print};
use super::environment::TokenVariable;
use super::error::Error;
use super::exit::Exit;
use super::global::GlobalArgs;
use super::report::Report;
use super::settings::Settings;
use crate::app::gate::docker::PROGRAM;

/// Give credentials of the vault to docker, git and S3 tools
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl helper install git --host git.example",
    "cldkctl helper aws --endpoint https://s3.example"
))]
pub struct HelperArgs {
    #[command(subcommand)]
    command: HelperCommand,
}

#[derive(Subcommand, Debug)]
enum HelperCommand {
    /// Speak the protocol of docker's credential helpers on standard input and output
    #[command(after_long_help = examples!(
        "echo registry.example | cldkctl helper docker get",
        "cldkctl helper docker list"
    ))]
    Docker {
        /// get, store, erase, list or version
        action: OsString,
    },
    /// Speak the protocol of git's credential helpers, git-credential(7)
    #[command(after_long_help = examples!(
        "echo url=https://git.example | cldkctl helper git get"
    ))]
    Git {
        /// get, store or erase
        action: OsString,
    },
    Aws(aws::AwsArgs),
    Install(install::InstallArgs),
}

/// What a program asks.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// docker, with this word.
    Docker(Option<OsString>),
    /// git, with this word.
    Git(OsString),
    /// An S3 tool.
    Aws(aws::AwsArgs),
}

impl HelperArgs {
    /// What a program asks, if a program does.
    pub(super) fn ask(&self) -> Option<Ask> {
        match &self.command {
            HelperCommand::Docker { action } => Some(Ask::Docker(Some(action.clone()))),
            HelperCommand::Git { action } => Some(Ask::Git(action.clone())),
            HelperCommand::Aws(args) => Some(Ask::Aws(args.clone())),
            HelperCommand::Install(_) => None,
        }
    }

    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        match self.command {
            HelperCommand::Install(args) => args.run(settings),
            // Answered before.
            _ => Ok(()),
        }
    }
}

/// Answers what is asked in the plain form that programs use, with nothing to be parsed; `None`
/// for any other command line.
pub(super) fn asked_at_once(token: &TokenVariable) -> Option<Exit> {
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let words: Vec<OsString> = words.take(4).collect();
    let ask = if Path::new(&name).file_name().is_some_and(|it| it == PROGRAM) {
        match &words[..] {
            [action] => Ask::Docker(Some(action.clone())),
            _ => Ask::Docker(None),
        }
    } else {
        let is_flag = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
        match &words[..] {
            [helper, ..] if helper != "helper" => return None,
            [_, kind, action] if kind == "docker" && !is_flag(action) => {
                Ask::Docker(Some(action.clone()))
            }
            [_, kind, action] if kind == "git" && !is_flag(action) => Ask::Git(action.clone()),
            [_, kind] if kind == "aws" => Ask::Aws(aws::AwsArgs::default()),
            _ => return None,
        }
    };
    Some(answer(ask, GlobalArgs::default(), token))
}

/// Answers a program; how the process ends.
pub(super) fn answer(ask: Ask, mut global: GlobalArgs, token: &TokenVariable) -> Exit {
    let console = global.console();
    // git's own way to forbid all questions, git(1).
    let silent = std::env::var_os("GIT_TERMINAL_PROMPT").is_some_and(|it| it == "0");
    if silent && matches!(ask, Ask::Git(_)) {
        global.no_input = true;
    }
    let is_docker = matches!(ask, Ask::Docker(_));
    let answered = Settings::new(global, token).and_then(|settings| {
        let answered = match ask {
            Ask::Docker(action) => docker::answer(action, &settings),
            Ask::Git(action) => git::answer(&action, &settings),
            Ask::Aws(args) => args.answer(&settings),
        };
        settings.asker.finish();
        answered
    });
    answered.unwrap_or_else(|error| refuse(console, &error, is_docker))
}

/// Says on one line why there is no answer; docker shows what stands on standard output.
fn refuse(console: Console, error: &Error, is_docker: bool) -> Exit {
    let Report { exit, what, hint } = Report::from(error);
    let hint = match exit {
        Exit::Locked => "run `cldkctl unlock` first".to_owned(),
        _ => hint,
    };
    let what = format!("{what}; {hint}");
    if is_docker {
        // Where this fails, there is standard error.
        let _ = print(&what);
    }
    console.report(&Report {
        exit,
        what,
        hint: String::new(),
    });
    exit
}
