//! `cldkctl credential`: credentials of other services, in the same vault.

mod add;
mod list;
mod remove;
mod show;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::console::{minute, table};
use super::error::Error;
use super::settings::Settings;
use crate::app::gate::{GateError, Kind};
use crate::platform;
use crate::printable::printable;
use crate::vault::{Contents, Credential, Time};

/// Keep credentials of docker, git and S3 tools in the vault
///
/// `cldkctl helper` gives them to these programs.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl credential list",
    "cldkctl credential show docker registry.example"
))]
pub struct CredentialArgs {
    #[command(subcommand)]
    command: CredentialCommand,
}

#[derive(Subcommand, Debug)]
enum CredentialCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
}

impl CredentialArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        match self.command {
            CredentialCommand::List(args) => args.run(settings),
            CredentialCommand::Show(args) => args.run(settings),
            CredentialCommand::Add(args) => args.run(settings),
            CredentialCommand::Remove(args) => args.run(settings),
        }
    }
}

/// Which credential.
#[derive(Args, Debug)]
struct Named {
    /// Its kind: docker, git, kube or aws
    #[arg(value_name = "KIND")]
    kind: String,
    /// Where it belongs: a registry, a git URL, a cluster, an S3 endpoint
    #[arg(value_name = "WHERE")]
    place: String,
    /// Whose it is; the access key id of an aws credential
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
}

impl Named {
    /// The place in the form of its kind; as it was given, if the kind is unknown here.
    fn place(&self) -> Result<String, GateError> {
        match Kind::named(&self.kind) {
            Some(kind) => kind.place(&self.place).map_err(GateError::Place),
            None => Ok(self.place.clone()),
        }
    }
}

/// A credential as it is shown: all of it but its secrets.
#[derive(Serialize)]
pub(super) struct Shown {
    kind: String,
    #[serde(rename = "where")]
    place: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    stored_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
}

impl Shown {
    fn new(credential: &Credential) -> Self {
        Self {
            kind: credential.kind.clone(),
            place: credential.place.clone(),
            username: credential.username.clone(),
            stored_at: credential.stored_at.to_the_second(),
            expires_at: credential.expires_at.map(Time::to_the_second),
        }
    }

    /// All of them, by kind, place and user name.
    pub(super) fn all(contents: &Contents) -> Vec<Self> {
        let mut all: Vec<_> = contents.credentials.iter().collect();
        all.sort_by_key(|it| (&it.kind, &it.place, &it.username));
        all.into_iter().map(Self::new).collect()
    }

    fn table(&self) -> String {
        let mut rows = vec![
            ("Kind", self.kind.clone()),
            ("Where", printable(&self.place).to_string()),
        ];
        if !self.username.is_empty() {
            rows.push(("User name", printable(&self.username).to_string()));
        }
        rows.push(("Stored", minute(self.stored_at)));
        if let Some(end) = self.expires_at {
            let over = if end.timestamp() <= platform::now() {
                ", expired"
            } else {
                ""
            };
            rows.push(("Expires", format!("{}{over}", minute(end))));
        }
        table(&rows)
    }
}
