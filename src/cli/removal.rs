//! Removing a login: asking first, and saying what remains.

use std::io::{self, IsTerminal};

use clap::Args;

use super::error::Error;
use super::settings::Settings;
use crate::app::account::describe;
use crate::app::{OpenVault, named_context};
use crate::vault::ContextName;

/// Where tokens are deleted.
pub(super) const PORTAL: &str = "the portal (profile, API, Token)";

#[derive(Args, Debug)]
pub(super) struct Consent {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Consent {
    /// Asks a person at a terminal; a script meant what it says.
    ///
    /// # Errors
    /// When the answer is anything but yes.
    pub(super) fn ask(&self, settings: &Settings, question: &str) -> Result<(), Error> {
        if self.yes || !io::stdin().is_terminal() {
            return Ok(());
        }
        match settings.asker.ask_shown(&format!("{question} [y/N]")) {
            Ok(answer) if is_yes(&answer) => Ok(()),
            Ok(_) => Err(Error::Declined),
            Err(error) if error.is_silence() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether an answer agrees.
pub(super) fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&&*answer.trim().to_lowercase())
}

/// Asks whether a context is to be removed, whose login it is being said.
///
/// # Errors
/// When it is not there, or the answer is not yes.
pub(super) fn ask_about(
    settings: &Settings,
    consent: &Consent,
    vault: &OpenVault<'_>,
    name: &ContextName,
) -> Result<(), Error> {
    let context = vault.context(Some(name))?;
    let who = describe(&context.account).unwrap_or_else(|| "an unknown account".to_owned());
    let question = format!(
        "Remove the context {name}, the login as {who} at {}?",
        context.base_url
    );
    consent.ask(settings, &question)
}

/// Removes a context from the vault, and says what it was.
///
/// # Errors
/// When it is not there, or the vault cannot be saved.
pub(super) fn remove(
    settings: &Settings,
    vault: &mut OpenVault<'_>,
    name: &ContextName,
) -> Result<(), Error> {
    let (origin, next) = vault.update(|contents| -> Result<_, Error> {
        let context = named_context(contents, Some(name), settings.vault.path())?;
        let origin = context.base_url.origin();
        let before = contents.current_context.clone();
        contents.log_out(name);
        let next = contents.current_context.clone();
        Ok((origin, next.filter(|next| Some(next) != before.as_ref())))
    })?;
    let (console, path) = (settings.console, settings.vault.path().display());
    console.note(&format!("Removed the context {name} from the vault {path}"));
    console.note(&format!(
        "Its token stays valid at {origin} until it expires or you delete it in {PORTAL}"
    ));
    if let Some(next) = next {
        console.note(&format!("The current context is now {next}"));
    }
    Ok(())
}
