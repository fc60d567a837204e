//! `cldkctl context`: several accounts or environments in one vault.

mod current;
mod delete;
mod list;
mod rename;
mod select;
mod show;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::console::{minute, table};
use super::error::Error;
use super::settings::Settings;
use crate::printable::{printable, printable_start};
use crate::vault::{Contents, Context, Defaults, Time};

/// The most characters of a server's words that a table shows.
const MOST_SHOWN: usize = 200;

/// Work with several logins in one vault
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl context list",
    "cldkctl context use work"
))]
pub struct ContextArgs {
    #[command(subcommand)]
    command: ContextCommand,
}

#[derive(Subcommand, Debug)]
enum ContextCommand {
    List(list::ListArgs),
    Current(current::CurrentArgs),
    Show(show::ShowArgs),
    Use(select::UseArgs),
    Rename(rename::RenameArgs),
    #[command(visible_alias = "remove")]
    Delete(delete::DeleteArgs),
}

impl ContextArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        match self.command {
            ContextCommand::List(args) => args.run(settings),
            ContextCommand::Current(args) => args.run(settings),
            ContextCommand::Show(args) => args.run(settings),
            ContextCommand::Use(args) => args.run(settings),
            ContextCommand::Rename(args) => args.run(settings),
            ContextCommand::Delete(args) => args.run(settings),
        }
    }
}

/// A context as it is shown: all of it but its secrets.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) name: String,
    current: bool,
    base_url: String,
    account: serde_json::Map<String, serde_json::Value>,
    verified_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Defaults::is_empty")]
    defaults: Defaults,
}

impl Shown {
    pub(super) fn new(context: &Context, contents: &Contents) -> Self {
        Self {
            name: context.name.to_string(),
            current: contents.current_context.as_ref() == Some(&context.name),
            base_url: context.base_url.to_string(),
            account: context.account.clone(),
            verified_at: context.verified_at.to_the_second(),
            session_expires_at: context
                .session
                .as_ref()
                .map(|session| session.expires_at.to_the_second()),
            defaults: context.defaults.clone(),
        }
    }

    pub(super) fn all(contents: &Contents) -> Vec<Self> {
        contents
            .contexts
            .iter()
            .map(|context| Self::new(context, contents))
            .collect()
    }

    /// For a person: the account facts that matter to one; scripts get all of them.
    pub(super) fn table(&self) -> String {
        let current = if self.current { " (current)" } else { "" };
        let mut rows = vec![("  API", self.base_url.clone())];
        for (key, title) in [
            ("name", "  Name"),
            ("email", "  Email"),
            ("role", "  Role"),
            ("organization_id", "  Organization"),
        ] {
            if let Some(value) = self.account.get(key) {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned);
                // A server's words, and a line is for a glance; scripts get them whole.
                rows.push((title, printable_start(&value, MOST_SHOWN).to_string()));
            }
        }
        rows.push(("  Verified", minute(self.verified_at)));
        if let Some(ends) = self.session_expires_at {
            rows.push(("  Session until", minute(ends)));
        }
        let Defaults {
            namespace,
            project,
            registry,
            organization,
            editor,
            ..
        } = &self.defaults;
        for (title, value) in [
            ("  Default namespace", namespace),
            ("  Default project", project),
            ("  Default registry", registry),
            ("  Default organization", organization),
            ("  Editor", editor),
        ] {
            if let Some(value) = value {
                rows.push((title, printable(value).to_string()));
            }
        }
        format!("{}{current}\n{}", self.name, table(&rows))
    }
}
