//! `cldkctl vault recipients`: to whom the vault is sealed.

mod add;
mod list;
mod remove;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::vault::contents::PASSPHRASE;
use crate::vault::{Contents, Cost, PublicRecipient, RecipientEntry};

/// See and change who can open the vault besides the passphrase
///
/// Whoever opens the vault with any one of its recipients' keys has all of it, can save it,
/// and can change its recipients.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault recipients list",
    "cldkctl vault recipients add --recipients-file ~/.ssh/id_ed25519.pub"
))]
pub(super) struct RecipientsArgs {
    #[command(subcommand)]
    command: RecipientsCommand,
}

#[derive(Subcommand, Debug)]
enum RecipientsCommand {
    List(list::ListArgs),
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
}

impl RecipientsArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        match self.command {
            RecipientsCommand::List(args) => args.run(settings),
            RecipientsCommand::Add(args) => args.run(settings),
            RecipientsCommand::Remove(args) => args.run(settings),
        }
    }
}

/// A recipient as it is shown.
#[derive(Serialize)]
pub(super) struct Shown {
    /// For a person.
    #[serde(skip)]
    pub(super) name: String,
    label: Option<String>,
    kind: String,
    passphrase: bool,
    /// None of the passphrase's own, which stays inside the vault: whoever knows it can make
    /// files that open under the passphrase (`vault-format.md`, section 9).
    recipient: Option<String>,
    /// What the passphrase's key costs.
    kdf: Option<Cost>,
}

impl Shown {
    pub(super) fn all(contents: &Contents) -> Vec<Self> {
        contents.recipients.iter().map(Self::new).collect()
    }

    fn new(entry: &RecipientEntry) -> Self {
        let kdf = entry.kdf();
        let kind = match entry.recipient.parse::<PublicRecipient>() {
            _ if kdf.is_some() => PASSPHRASE.to_owned(),
            Ok(recipient) => recipient.kind(),
            Err(_) => "unknown".to_owned(),
        };
        Self {
            label: entry.label.clone(),
            kind,
            passphrase: kdf.is_some(),
            name: entry.name(),
            recipient: kdf.is_none().then(|| entry.recipient.clone()),
            kdf: kdf.map(|kdf| kdf.cost),
        }
    }
}
