//! `cldkctl vault verify`: open everything, check everything.

use clap::Args;
use serde::Serialize;

use super::recipients;
use crate::app::{Rollback, Standing, Vault};
use crate::cli::console::{show, table};
use crate::cli::error::{Error, VaultError};
use crate::cli::report::notices::{older, unsavable};
use crate::cli::settings::Settings;
use crate::cli::{context, credential};
use crate::keeper::Touch;
use crate::printable::printable;
use crate::vault::Cost;

/// Open the vault and check all of it: header, encryption, contents
///
/// Exits with 0 if the vault is sound, with 5 if the passphrase or identity does not open
/// it, and with 6 if it is damaged, altered or not a vault. A copy elsewhere is checked with
/// --vault. A vault that is older than one that was seen before, or that can be read and not
/// saved, is used, and reported.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault verify",
    "cldkctl vault verify --vault ~/backup.age"
))]
pub(super) struct VerifyArgs {
    /// Take an older copy for the vault from now on
    #[arg(long)]
    accept_older: bool,
}

/// What was found. All of it is authenticated.
#[derive(Serialize)]
struct Found {
    vault: String,
    version: u64,
    id: String,
    revision: u64,
    /// The highest revision that was seen of this vault, if this is an older copy or was saved
    /// from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    newer_seen: Option<u64>,
    /// Why it can be read and not saved, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsavable: Option<String>,
    kdf: Option<Cost>,
    recipients: Vec<recipients::Shown>,
    contexts: Vec<context::Shown>,
    credentials: Vec<credential::Shown>,
}

impl VerifyArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let sealed = settings.vault.sealed()?;
        // An older copy is part of what was found, or accepted.
        let unalarmed = Vault {
            rollback: Rollback::forgetful(),
            ..settings.vault.clone()
        };
        let vault = unalarmed.unseal(&sealed, Touch::Use)?;
        let contents = &vault.contents;
        let unsaved = vault.unsavable(&sealed);
        if let Some(error) = &unsaved {
            settings
                .console
                .warn(&unsavable(settings.vault.path(), error));
        }
        if self.accept_older {
            let accepted = settings.vault.rollback.accept(contents);
            accepted.map_err(VaultError::NotAccepted)?;
        }
        let newer_seen = match settings.vault.rollback.standing(contents) {
            Standing::Older(seen) => Some(seen),
            Standing::Current => None,
        };
        let found = Found {
            vault: settings.vault.path().display().to_string(),
            version: contents.version(),
            id: contents.id.clone(),
            revision: contents.revision,
            newer_seen,
            unsavable: unsaved.map(|error| error.to_string()),
            kdf: contents.kdf().map(|kdf| kdf.cost),
            recipients: recipients::Shown::all(contents),
            contexts: context::Shown::all(contents),
            credentials: credential::Shown::all(contents),
        };
        show(settings.output, &found, as_table)
    }
}

fn as_table(found: &Found) -> String {
    let cost = found
        .kdf
        .map_or_else(|| "no passphrase".to_owned(), |cost| cost.to_string());
    let list = |names: Vec<&str>| match &names[..] {
        [] => "none".to_owned(),
        names => format!("{} ({})", names.len(), printable(&names.join(", "))),
    };
    let recipients = found.recipients.iter().map(|it| &*it.name).collect();
    let contexts = found.contexts.iter().map(|it| &*it.name).collect();
    let revision = match found.newer_seen {
        None => found.revision.to_string(),
        Some(seen) => {
            let older = older(found.revision, seen);
            format!("{}, which {older}: {seen} was seen before", found.revision)
        }
    };
    let sound = match found.unsavable {
        None => "is sound",
        Some(_) => "can be read, and not saved",
    };
    table(&[
        ("Vault", format!("{} {sound}", printable(&found.vault))),
        ("Vault id", found.id.clone()),
        ("Version", found.version.to_string()),
        ("Revision", revision),
        ("Key derivation", cost),
        ("Recipients", list(recipients)),
        ("Contexts", list(contexts)),
        ("Credentials", found.credentials.len().to_string()),
    ])
}
