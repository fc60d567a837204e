//! Passphrases, keys, identities and recipients.

use std::path::Path;

use super::Report;
use crate::app::{IdentityKind, Input, KeyError, NewPassphraseError};
use crate::cli::error::RecipientError;
use crate::exit::Exit;
use crate::keeper::KeepersError;
use crate::prompt::PromptError;
use crate::prompt::identity::IdentityError;
use crate::prompt::passphrase::Weak;
use crate::prompt::source::SourceError;
use crate::vault::{KdfError, PublicRecipientError};

const ALTERED: &str =
    "the same answer comes when the part of the file that holds its key was altered";

pub(super) fn key(error: &KeyError) -> Report {
    match error {
        KeyError::Locked(path, why) => Report::new(
            Exit::Locked,
            format!("the vault {} is locked, and {why}", path.display()),
        )
        .hint("run `cldkctl unlock` on a terminal, or hand the passphrase over with --passphrase-file or --passphrase-stdin, or an identity with --identity"),
        KeyError::NeedsIdentity(path) => Report {
            exit: Exit::Locked,
            ..no_passphrase(path)
        },
        KeyError::NoPassphrase(path) => no_passphrase(path),
        KeyError::Wrong(path) => wrong_key(path),
        KeyError::WrongCached(path) => Report::new(
            Exit::WrongPassphrase,
            format!(
                "the key that is held for the vault {} does not open it",
                path.display()
            ),
        )
        .hint(format!(
            "forget it with `cldkctl lock`, and try again; {ALTERED}"
        )),
        KeyError::NothingTyped => {
            Report::new(Exit::Usage, "no passphrase was typed").hint("try again")
        }
        KeyError::Empty(Input::Stdin) => {
            Report::new(Exit::Usage, "the passphrase in standard input is empty")
                .hint("check what is piped in")
        }
        KeyError::Empty(Input::File(path)) => Report::new(
            Exit::Usage,
            format!("the passphrase in {} is empty", path.display()),
        )
        .hint("it should hold the passphrase on one line, and nothing else"),
        KeyError::Identity(path, kind, error) => identity(path, *kind, error),
    }
}

/// Only identities open the vault.
pub(super) fn no_passphrase(path: &Path) -> Report {
    Report::new(
        Exit::WrongPassphrase,
        format!("no passphrase opens the vault {}", path.display()),
    )
    .hint("name one of its identities with --identity; if a passphrase opened it before, it was altered: put a backup in its place")
}

pub(super) fn wrong_key(path: &Path) -> Report {
    Report::new(
        Exit::WrongPassphrase,
        format!(
            "the passphrase or identity does not open the vault {}",
            path.display()
        ),
    )
    .hint(format!("try again; {ALTERED}"))
}

pub(super) fn new_passphrase(error: &NewPassphraseError) -> Report {
    match error {
        NewPassphraseError::Missing { path, why, flags } => Report::new(
            Exit::Locked,
            format!(
                "there is no new passphrase for the vault {}, and {why}",
                path.display()
            ),
        )
        .hint(format!("hand it over with {flags}; nothing was written")),
        NewPassphraseError::Lines => {
            Report::new(Exit::Usage, "this passphrase has more than one line")
                .hint("take one that can be typed at a prompt; nothing was written")
        }
        NewPassphraseError::Weak(weak) => too_weak(weak),
        NewPassphraseError::Differ => Report::new(Exit::Usage, "the two passphrases differ")
            .hint("start again; nothing was written"),
    }
}

fn too_weak(weak: &Weak) -> Report {
    let mut what = format!(
        "this passphrase is too easy to guess (strength {} of 4)",
        weak.score
    );
    if !weak.advice.is_empty() {
        what = format!("{what}. {}", weak.advice.trim_end_matches('.'));
    }
    Report::new(Exit::Usage, what).hint(
        "take several words that do not belong together, answer with Enter alone to be given some, \
         or insist with --allow-weak-passphrase; nothing was written",
    )
}

fn identity(path: &Path, kind: IdentityKind, error: &IdentityError) -> Report {
    let name = path.display();
    let (kind, check) = match kind {
        IdentityKind::Ssh => (
            "SSH key",
            "; `ssh-keygen -y -f` with the file tells whether it is the right one",
        ),
        IdentityKind::Age => ("identity file", ""),
    };
    match error {
        IdentityError::Unanswered(why) if why.is_silence() => Report::new(
            Exit::Locked,
            format!("the {kind} {name} has a passphrase, and {why}"),
        )
        .hint("run this on a terminal and without --no-input, or name one without a passphrase with --identity"),
        IdentityError::Unanswered(why) => prompt(why),
        IdentityError::WrongPassphrase => Report::new(
            Exit::WrongPassphrase,
            format!("wrong passphrase for the {kind} {name}"),
        )
        .hint(format!("try again with the passphrase of that {kind}, which is not the vault's{check}")),
        error => Report::new(
            Exit::WrongPassphrase,
            format!("cannot use the identity file {name}: {error}"),
        )
        .hint("name an age identity file or an SSH private key with --identity"),
    }
}

pub(super) fn kdf(error: &KdfError) -> Report {
    Report::new(Exit::Failure, error.to_string())
        .hint("free some memory, or open the vault on a machine that has more")
}

pub(super) fn prompt(error: &PromptError) -> Report {
    let exit = match error {
        PromptError::Ended | PromptError::TooLong | PromptError::Characters => Exit::Usage,
        PromptError::NoTerminal | PromptError::Forbidden | PromptError::Io(_) => Exit::Failure,
    };
    Report::new(exit, error.to_string())
        .hint("type it again, or hand it over on standard input or in a file")
}

pub(super) fn source(error: &SourceError) -> Report {
    let exit = match error {
        // Nothing else will be tried, so the vault stays locked.
        SourceError::Io { .. } => Exit::Locked,
        SourceError::TooLong(_) | SourceError::NotText(_) | SourceError::NotAFile(_) => Exit::Usage,
    };
    Report::new(exit, error.to_string())
        .hint("name a readable file or pipe that holds it and nothing else")
}

pub(super) fn not_kept(path: &Path, error: &KeepersError) -> Report {
    Report::new(
        Exit::Failure,
        format!(
            "the vault {} cannot be kept unlocked: {error}",
            path.display()
        ),
    )
    .hint("give the passphrase to each command with --passphrase-file, or use an --identity")
}

pub(super) fn random(error: &getrandom::Error) -> Report {
    Report::new(
        Exit::Failure,
        format!("the system gives no random bytes: {error}"),
    )
    .hint("nothing was written; try again once the system has started up")
}

pub(super) fn recipient(error: &RecipientError) -> Report {
    const LIST: &str = "`cldkctl vault recipients list` shows those it has; the vault is as it was";
    const ANOTHER_LABEL: &str = "take another with --label; the vault is as it was";
    let (exit, what, hint) = match error {
        RecipientError::Unusable(place, error) => return unusable_recipient(place, *error),
        RecipientError::Plugin(place, error) => {
            return Report::new(Exit::Failure, format!("{place} cannot be used: {error}"))
                .hint("install the plugin: each save of the vault needs it");
        }
        RecipientError::File(error) => {
            return Report::new(Exit::Usage, error.to_string())
                .hint("name a file of recipients, such as ~/.ssh/id_ed25519.pub");
        }
        RecipientError::NoneIn(path) => {
            let what = format!("there is no recipient in {}", path.display());
            return Report::new(Exit::Usage, what)
                .hint("it has one on each line: age1…, or an SSH public key");
        }
        RecipientError::Exists(name) => {
            let what = format!("the vault is sealed to this recipient already: {name}");
            return Report::new(Exit::Failure, what)
                .hint("see `cldkctl vault recipients list`; the vault is as it was");
        }
        RecipientError::Label => (
            Exit::Usage,
            "a label is 1 to 100 characters, with no control character and no blank at its ends",
            ANOTHER_LABEL,
        ),
        RecipientError::LabelTaken => (
            Exit::Usage,
            "another recipient has this label",
            ANOTHER_LABEL,
        ),
        RecipientError::NotFound => (Exit::Usage, "the vault has no recipient of this name", LIST),
        RecipientError::Ambiguous => (
            Exit::Usage,
            "several recipients of the vault have this name",
            "name the recipient itself, as `cldkctl vault recipients list -o json` shows it",
        ),
        RecipientError::Last => (
            Exit::Failure,
            "it is all that opens the vault, and nobody could without it",
            "add another first, with `cldkctl vault recipients add` or `cldkctl vault passphrase`; or remove the vault with `cldkctl auth logout --all`",
        ),
        RecipientError::Passphrase => (
            Exit::Usage,
            "this is the passphrase's own recipient",
            "take the passphrase away with `cldkctl vault passphrase --remove`",
        ),
        RecipientError::PassphraseGone => (
            Exit::Failure,
            "another command took the passphrase away meanwhile",
            "try again; the vault is as it was",
        ),
    };
    Report::new(exit, what).hint(hint)
}

fn unusable_recipient(place: &str, error: PublicRecipientError) -> Report {
    let hint = match error {
        PublicRecipientError::Secret => {
            "take its public half: `age-keygen -y FILE`, or the .pub file beside an SSH key; treat a secret key that was on a command line as seen"
        }
        PublicRecipientError::PostQuantum => {
            "take a key of age's own kind (`age-keygen`) or an SSH key"
        }
        PublicRecipientError::RsaSmall
        | PublicRecipientError::RsaLarge
        | PublicRecipientError::UnsupportedSsh => {
            "make a key that age takes with `ssh-keygen -t ed25519`"
        }
        PublicRecipientError::Worthless => "ask its owner for the right key",
        PublicRecipientError::DamagedSsh
        | PublicRecipientError::Characters
        | PublicRecipientError::Unknown => {
            "give the key itself, whole and in quotes, such as \"$(cat ~/.ssh/id_ed25519.pub)\""
        }
    };
    Report::new(Exit::Usage, format!("{place} cannot be used: {error}")).hint(hint)
}
