//! Where a command gets the vault's passphrase or identity from, besides the keeper.

use std::path::Path;

use age::Identity;
use zeroize::Zeroizing;

use super::console::Console;
use super::failure::Failure;
use super::global::{Handover, Settings};
use crate::exit::Exit;
use crate::prompt::identity::{self, IdentityError};
use crate::prompt::source::{self, FromFile};
use crate::secret::Passphrase;

/// The passphrase, if it is handed over without asking.
///
/// # Errors
/// When it cannot be read.
pub fn handed_over(
    settings: &Settings,
    handover: Option<&Handover>,
) -> Result<Option<Passphrase>, Failure> {
    let Some(handover) = handover else {
        return Ok(None);
    };
    let text = match handover {
        Handover::Stdin => source::read_stdin()?,
        Handover::File(path) => read_private(&settings.console, path)?,
        // systemd keeps it private; its mode may be 0440.
        Handover::SystemdCredential(path) => source::read_secret_file(path)?.text,
    };
    let passphrase = Passphrase::new(&text);
    if passphrase.is_empty() {
        let (place, advice) = match handover {
            Handover::Stdin => ("standard input".to_owned(), "check what is piped in"),
            Handover::File(path) | Handover::SystemdCredential(path) => (
                path.display().to_string(),
                "it should hold the passphrase on one line, and nothing else",
            ),
        };
        return Err(
            Failure::new(Exit::Usage, format!("the passphrase in {place} is empty")).hint(advice),
        );
    }
    Ok(Some(passphrase))
}

/// Asks for a passphrase.
///
/// # Errors
/// Exit 4 when there is nobody to ask.
pub fn ask(settings: &Settings, question: &str) -> Result<Passphrase, Failure> {
    match settings.asker.ask_hidden(question) {
        Ok(text) if text.is_empty() => {
            Err(Failure::new(Exit::Usage, "no passphrase was typed").hint("try again"))
        }
        Ok(text) => Ok(Passphrase::new(&text)),
        Err(error) if error.is_silence() => Err(Failure::locked(&settings.store, &error)),
        Err(error) => Err(error.into()),
    }
}

/// The identities in the file that `--identity` names.
///
/// # Errors
/// When it cannot be read or holds none; exit 4 when there is nobody to ask for its passphrase.
pub fn identities(settings: &Settings, path: &Path) -> Result<Vec<Box<dyn Identity>>, Failure> {
    let text = read_private(&settings.console, path)?;
    let name = path.display().to_string();
    // An SSH key, or age's own file.
    let (kind, check) = if text.contains("PRIVATE KEY-----") {
        (
            "SSH key",
            "; `ssh-keygen -y -f` with the file tells whether it is the right one",
        )
    } else {
        ("identity file", "")
    };
    identity::parse(&text, &name, &settings.asker).map_err(|error| match error {
        IdentityError::Unanswered(why) if why.is_silence() => Failure::new(
            Exit::Locked,
            format!("the {kind} {name} has a passphrase, and {why}"),
        )
        .hint("run this on a terminal and without --no-input, or name one without a passphrase with --identity"),
        IdentityError::Unanswered(why) => why.into(),
        IdentityError::WrongPassphrase => Failure::new(
            Exit::WrongPassphrase,
            format!("wrong passphrase for the {kind} {name}"),
        )
        .hint(format!("try again with the passphrase of that {kind}, which is not the vault's{check}")),
        error => Failure::new(
            Exit::WrongPassphrase,
            format!("cannot use the identity file {name}: {error}"),
        )
        .hint("name an age identity file or an SSH private key with --identity"),
    })
}

fn read_private(console: &Console, path: &Path) -> Result<Zeroizing<String>, Failure> {
    let FromFile {
        text,
        others_can_read,
    } = source::read_secret_file(path)?;
    if others_can_read {
        let path = path.display();
        console.warn(&format!(
            "other users can read {path}; take that from them with `chmod 600`"
        ));
    }
    Ok(text)
}
