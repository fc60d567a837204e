//! `cldkctl auth status`: what is stored and whether it is locked, without a passphrase.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::console::{show, table};
use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::open;
use crate::cli::period::spoken;
use crate::keeper::{Description, Scope};
use crate::printable::printable;
use crate::vault::{Contents, Context};

/// Show what is stored and whether it is locked; asks for no passphrase
///
/// While the vault is locked nothing in it can be shown, since all of it is encrypted.
#[derive(Args, Debug)]
pub(super) struct StatusArgs {}

#[derive(Serialize)]
struct Status {
    vault: String,
    exists: bool,
    locked: bool,
    #[serde(skip)]
    opened: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unlocked_by: Option<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kdf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_context: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contexts: Vec<Login>,
}

/// A context without its secrets.
#[derive(Serialize)]
struct Login {
    name: String,
    base_url: String,
    account: serde_json::Map<String, serde_json::Value>,
    verified_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_expires_at: Option<Timestamp>,
}

impl StatusArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let sealed = open::peek(settings)?;
        let contents = match &sealed {
            Some(sealed) => open::unseal_unasked(settings, sealed)?.map(|vault| vault.contents),
            None => None,
        };
        let held = sealed
            .as_ref()
            .and_then(|sealed| sealed.kdf(settings.ceiling).ok().flatten())
            .and_then(|kdf| settings.keepers.describe(&settings.slot(), &kdf.salt));
        let cost = match &sealed {
            Some(sealed) => open::shown_cost(settings, sealed, contents.is_some())?,
            None => None,
        };
        let status = Status {
            vault: settings.store.path().display().to_string(),
            exists: sealed.is_some(),
            locked: sealed.is_some() && held.is_none(),
            opened: contents.is_some(),
            unlocked_by: held,
            kdf: cost.map(|cost| cost.to_string()),
            current_context: contents
                .as_ref()
                .and_then(|contents| contents.current_context.as_ref())
                .map(ToString::to_string),
            contexts: contents.as_ref().map(logins).unwrap_or_default(),
        };
        if sealed.is_none() {
            if settings.output != crate::cli::console::Format::Table {
                show(settings.output, &status, |_| String::new())?;
            }
            return Err(open::no_vault(settings));
        }
        show(settings.output, &status, as_table)
    }
}

fn logins(contents: &Contents) -> Vec<Login> {
    let login = |context: &Context| Login {
        name: context.name.to_string(),
        base_url: context.base_url.to_string(),
        account: context.account.clone(),
        verified_at: context.verified_at,
        session_expires_at: context.session.as_ref().map(|session| session.expires_at),
    };
    contents.contexts.iter().map(login).collect()
}

fn as_table(status: &Status) -> String {
    let state = match &status.unlocked_by {
        None => "locked".to_owned(),
        Some(held) => unlocked(held),
    };
    let mut text = table(&[
        ("Vault", printable(&status.vault).to_string()),
        ("State", state),
        (
            "Key derivation",
            status
                .kdf
                .clone()
                .unwrap_or_else(|| "none; opened by identities".to_owned()),
        ),
    ]);
    for login in &status.contexts {
        let current = if status.current_context.as_ref() == Some(&login.name) {
            " (current)"
        } else {
            ""
        };
        text.push_str(&format!("\n{}{current}\n", login.name));
        let mut rows = vec![
            ("  API", login.base_url.clone()),
            (
                "  Verified",
                login.verified_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ),
        ];
        for (key, value) in &login.account {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            if let Some(title) = title(key) {
                rows.push((title, printable(&value).to_string()));
            }
        }
        text.push_str(&table(&rows));
    }
    if status.contexts.is_empty() && status.opened {
        text.push_str("\nNo login is stored. Log in with `cldkctl auth`.\n");
    }
    text
}

fn unlocked(held: &Description) -> String {
    let whose = match (held.scope, held.shared) {
        (Scope::User, _) => "for all your logins",
        (Scope::Session, false) => "for this session",
        (Scope::Session, true) => {
            "for this session and your other logins, which it cannot be told from here"
        }
    };
    format!(
        "unlocked {whose} by the {}, for {} or until unused for {}",
        held.keeper,
        spoken(held.remaining_seconds),
        spoken(held.idle_seconds)
    )
}

/// The account facts that a person wants to see; scripts get all of them.
fn title(key: &str) -> Option<&'static str> {
    match key {
        "name" => Some("  Name"),
        "email" => Some("  Email"),
        "role" => Some("  Role"),
        "organization_id" => Some("  Organization"),
        _ => None,
    }
}
