//! `cldkctl auth status [--check]`: what is stored and whether it is locked.

use clap::Args;
use serde::Serialize;

use crate::api;
use crate::app::{self, OpenVault};
use crate::cli::console::{show, table};
use crate::cli::context::Shown;
use crate::cli::environment::TOKEN_VARIABLE;
use crate::cli::error::Error;
use crate::cli::format::Format;
use crate::cli::settings::Settings;
use crate::cli::time_span::in_words;
use crate::interrupt;
use crate::keeper::{Description, Scope, Touch};
use crate::printable::printable;
use crate::vault::Cost;

/// Show what is stored and whether it is locked, without asking for a passphrase
///
/// While the vault is locked nothing in it can be shown, since all of it is encrypted.
/// Looking does not keep it unlocked for longer.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl auth status",
    "cldkctl auth status --check",
    "cldkctl auth status -o json"
))]
pub(super) struct StatusArgs {
    /// Also ask the API whether it accepts the token; asks for the passphrase if the vault is locked
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Status {
    vault: String,
    exists: bool,
    locked: bool,
    /// Whether `CLDKCTL_TOKEN` is used in place of the vault.
    token_from_environment: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unlocked_by: Option<Description>,
    kdf: Option<Cost>,
    /// There when the vault could be opened without asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    contexts: Option<Vec<Shown>>,
    /// There with `--check`: whether the API accepts the credential; `null` where it was not
    /// asked, or gave no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<Option<bool>>,
}

impl StatusArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let (check, vault) = match self.check.then(|| check(settings)) {
            Some((check, vault)) => (Some(check), vault),
            None => (None, None),
        };
        let sealed = settings.vault.find()?;
        // What opened the vault for the check is not read, asked for or derived again.
        let opened = match (vault, &sealed, &check) {
            (None, Some(sealed), None | Some(Ok(()))) => settings.vault.unseal_unasked(sealed)?,
            (vault, ..) => vault,
        };
        let (held, cost) = match &sealed {
            Some(sealed) => (
                settings.vault.unlocker.describe(sealed),
                settings
                    .vault
                    .cost(sealed, opened.as_ref().map(|vault| &vault.contents))?,
            ),
            None => (None, None),
        };
        let status = Status {
            vault: settings.vault.path().display().to_string(),
            exists: sealed.is_some(),
            locked: sealed.is_some() && held.is_none(),
            token_from_environment: settings.token()?.is_some(),
            unlocked_by: held,
            kdf: cost,
            contexts: opened.map(|vault| Shown::all(&vault.contents)),
            accepted: check.as_ref().map(verdict),
        };
        let nothing = !status.exists && !status.token_from_environment;
        if !nothing || settings.output != Format::Table {
            show(settings.output, &status, as_table)?;
        }
        check.transpose()?;
        if nothing {
            Err(settings.vault.missing().into())
        } else {
            Ok(())
        }
    }
}

/// What the API says of the credential, if it was asked and that is what it answered.
fn verdict(check: &Result<(), Error>) -> Option<bool> {
    match check {
        Ok(()) => Some(true),
        Err(Error::App(error)) if is_rejection(error) => Some(false),
        Err(_) => None,
    }
}

fn is_rejection(error: &app::Error) -> bool {
    matches!(error, app::Error::Api(api::Error::Rejected { .. }))
}

/// Whether the API accepts the credential, and the vault that this one is from.
fn check(settings: &Settings) -> (Result<(), Error>, Option<OpenVault<'_>>) {
    interrupt::watch();
    let found = settings
        .credentials()
        .and_then(|it| Ok(it.find(Touch::Look)?));
    match found {
        Ok(mut credential) => {
            let client = credential.client();
            let check = client.and_then(|client| credential.check(&client));
            (check.map_err(Error::from), credential.into_vault())
        }
        Err(error) => (Err(error), None),
    }
}

fn as_table(status: &Status) -> String {
    let mut rows = Vec::new();
    if status.token_from_environment {
        rows.push((
            "Token",
            format!("from {TOKEN_VARIABLE}, in place of the vault's"),
        ));
    }
    if status.exists {
        let state = status
            .unlocked_by
            .as_ref()
            .map_or_else(|| "locked".to_owned(), unlocked);
        let cost = status.kdf.map(|cost| cost.to_string());
        rows.push(("Vault", printable(&status.vault).to_string()));
        rows.push(("State", state));
        rows.push((
            "Key derivation",
            cost.unwrap_or_else(|| "none; opened by identities".to_owned()),
        ));
    }
    match status.accepted {
        Some(Some(true)) => rows.push(("Check", "the API accepts the token".to_owned())),
        Some(Some(false)) => rows.push(("Check", "the API rejects the token".to_owned())),
        Some(None) => rows.push(("Check", "nothing is known of the token".to_owned())),
        None => {}
    }
    let mut text = table(&rows);
    match status.contexts.as_deref() {
        Some([]) => text.push_str("\nNo login is stored. Log in with `cldkctl auth`.\n"),
        Some(contexts) => {
            for context in contexts {
                text.push('\n');
                text.push_str(&context.table());
            }
        }
        None => {}
    }
    text
}

fn unlocked(held: &Description) -> String {
    let whose = match (held.scope, held.shared) {
        (Scope::Session, false) => "for this session",
        (Scope::Session, true) => "for all your logins, since it cannot tell this one apart,",
        (Scope::User, _) => "for all your logins",
    };
    let (lifetime, idle) = (
        in_words(held.remaining_seconds),
        in_words(held.idle_seconds),
    );
    format!(
        "unlocked {whose} by the {}; locks in {lifetime}, or when unused for {idle}",
        held.keeper
    )
}
