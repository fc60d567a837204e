//! `cldkctl auth status [--check]`: what is stored and whether it is locked.

use clap::Args;
use serde::Serialize;

use crate::cli::api::{call_in_session, rejected, unsuccessful};
use crate::cli::console::{Format, show, table};
use crate::cli::context::Shown;
use crate::cli::credential::{Credential, TOKEN_VARIABLE, token_from_environment};
use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::open::OpenVault;
use crate::cli::period::spoken;
use crate::cli::{online, open, seen};
use crate::cloudeka::{Method, Request};
use crate::interrupt;
use crate::keeper::{Description, Scope, Touch};
use crate::printable::printable;

/// The cheapest call that every account may make.
const PROFILE: &str = "/core/user/profile";

/// Show what is stored and whether it is locked; asks for no passphrase
///
/// While the vault is locked nothing in it can be shown, since all of it is encrypted.
/// Looking does not keep it unlocked for longer.
#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    /// Ask the API, too, whether it still accepts the token; this needs an unlocked vault
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
    #[serde(skip_serializing_if = "Option::is_none")]
    kdf: Option<String>,
    /// There when the vault could be opened without asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    contexts: Option<Vec<Shown>>,
    /// There with `--check`: whether the API accepts the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
}

impl StatusArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let (check, vault) = match self.check.then(|| check(settings)) {
            Some((check, vault)) => (Some(check), vault),
            None => (None, None),
        };
        let sealed = open::peek(settings)?;
        // What opened the vault for the check is not read, asked for or derived again.
        let mut opened = match (vault, &sealed, &check) {
            (None, Some(sealed), None | Some(Ok(()))) => open::unseal_unasked(settings, sealed)?,
            (vault, ..) => vault,
        };
        let (held, cost) = match &sealed {
            Some(sealed) => (
                open::held(settings, sealed),
                open::shown_cost(settings, sealed, opened.is_some())?,
            ),
            None => (None, None),
        };
        if let Some(vault) = &mut opened {
            seen::notice(settings, vault);
        }
        let status = Status {
            vault: settings.store.path().display().to_string(),
            exists: sealed.is_some(),
            locked: sealed.is_some() && held.is_none(),
            token_from_environment: token_from_environment()?.is_some(),
            unlocked_by: held,
            kdf: cost.map(|cost| cost.to_string()),
            contexts: opened.map(|vault| Shown::all(&vault.contents)),
            accepted: check.as_ref().map(Result::is_ok),
        };
        let nothing = !status.exists && !status.token_from_environment;
        if !nothing || settings.output != Format::Table {
            show(settings.output, &status, as_table)?;
        }
        check.transpose()?;
        if nothing {
            Err(open::no_vault(settings))
        } else {
            Ok(())
        }
    }
}

/// Whether the API accepts the credential, and the vault that this one is from.
fn check(settings: &Settings) -> (Result<(), Failure>, Option<OpenVault>) {
    interrupt::watch();
    match Credential::find(settings, Touch::Look) {
        Ok(mut credential) => (ask(settings, &mut credential), credential.into_vault()),
        Err(failure) => (Err(failure), None),
    }
}

fn ask(settings: &Settings, credential: &mut Credential) -> Result<(), Failure> {
    let client = online::client(settings, credential.base_url.clone())?;
    let request = Request {
        method: Method::Get,
        path: PROFILE.to_owned(),
        query: Vec::new(),
        body: None,
    };
    let answer = call_in_session(settings, credential, &client, &request)?;
    match answer.status {
        200..=299 => Ok(()),
        401 => Err(rejected(credential)),
        status => Err(unsuccessful(credential, status)
            .hint("this says nothing about the token; try again later, and check --base-url")),
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
        let cost = status.kdf.clone();
        rows.push(("Vault", printable(&status.vault).to_string()));
        rows.push(("State", state));
        rows.push((
            "Key derivation",
            cost.unwrap_or_else(|| "none; opened by identities".to_owned()),
        ));
    }
    match status.accepted {
        Some(true) => rows.push(("Check", "the API accepts the token".to_owned())),
        Some(false) => rows.push(("Check", "failed".to_owned())),
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
    let (lifetime, idle) = (spoken(held.remaining_seconds), spoken(held.idle_seconds));
    format!(
        "unlocked {whose} by the {}; locks in {lifetime}, or when unused for {idle}",
        held.keeper
    )
}
