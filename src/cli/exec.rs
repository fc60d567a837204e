//! `cldkctl exec -- CMD …`: run a command with the credential in its environment.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::{Args, ValueHint};

use super::environment::variables;
use super::error::{Error, ExecError};
use super::settings::Settings;
use crate::keeper::Touch;
use crate::platform;
use crate::printable::printable;

/// Run a command with the token in its environment
///
/// The command sees CLDKCTL_TOKEN, CLDKCTL_BASE_URL and, where a project is known,
/// CLDKCTL_DEFAULT_PROJECT_ID. It takes the place of this process: signals reach it, and
/// its exit status is what the caller gets. If it cannot be run, that is 126, and 127 if
/// there is no such command.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl exec -- ./deploy --verbose",
    "cldkctl exec --session --context work -- ./deploy",
    "cldkctl exec -- sh -c 'echo \"$CLDKCTL_BASE_URL\"'"
))]
pub struct ExecArgs {
    /// Also set CLDKCTL_SESSION_TOKEN, to a session that is not due
    #[arg(long)]
    session: bool,

    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

impl ExecArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let mut credential = settings.credentials()?.find(Touch::Use)?;
        let mut words = self.command.into_iter();
        let program = words.next().expect("clap requires one");
        let mut command = Command::new(&program);
        command.args(words);
        for (name, value) in variables(&mut credential, self.session)? {
            match value {
                Some(value) => command.env(name, &*value),
                None => command.env_remove(name),
            };
        }
        settings.asker.finish();
        platform::soften();
        platform::pass_ignored_signals_on(&mut command);
        // Returns only when it fails.
        let error = command.exec();
        let program = printable(&program.to_string_lossy()).to_string();
        Err(match error.kind() {
            io::ErrorKind::NotFound => ExecError::NotFound(program, error),
            _ => ExecError::NotRun(program, error),
        }
        .into())
    }
}
