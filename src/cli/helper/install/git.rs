//! `cldkctl helper install git`.

use clap::Args;

use crate::app::gate::{GateError, git_config, link};
use crate::cli::error::Error;
use crate::cli::settings::Settings;

/// Have git ask cldkctl for the passwords of these servers
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl helper install git --host git.example",
    "cldkctl helper install git --all",
    "cldkctl helper install git --undo"
))]
pub(super) struct GitArgs {
    /// A server, such as git.example or https://git.example/team; may be given several times
    #[arg(long, alias = "registry", value_name = "HOST")]
    host: Vec<String>,
    /// Every server
    #[arg(long, conflicts_with = "host")]
    all: bool,
    /// Have git ask as it did before: of these servers, or of all
    #[arg(long)]
    undo: bool,
}

impl GitArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let mut names: Vec<String> = Vec::new();
        for host in &self.host {
            names.push(git_config::setting(Some(host))?);
        }
        if self.undo {
            return undo(settings, names);
        }
        if self.all {
            names.push(git_config::setting(None)?);
        }
        if names.is_empty() {
            return Err(GateError::NothingNamed("--host").into());
        }
        let helper = git_config::helper(&link::this_program()?);
        for name in names {
            let note = match git_config::ask_us(&name, &helper)? {
                None => format!("git asks cldkctl already: {name}"),
                Some(others) if others.is_empty() => format!("git asks cldkctl: {name}"),
                Some(others) => format!(
                    "git asks cldkctl: {name}; no longer asked, until --undo: {}",
                    others.join(", ")
                ),
            };
            settings.console.note(&note);
        }
        Ok(())
    }
}

fn undo(settings: &Settings, mut names: Vec<String>) -> Result<(), Error> {
    if names.is_empty() {
        names = git_config::ours()?;
    }
    let mut gone = Vec::new();
    for name in names {
        if git_config::ask_others(&name)? {
            gone.push(name);
        }
    }
    settings.console.note(&match &gone[..] {
        [] => "git does not ask cldkctl".to_owned(),
        gone => format!("git asks as before: {}", gone.join(", ")),
    });
    Ok(())
}
