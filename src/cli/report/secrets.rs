//! Passphrases, keys, identities and recipients.

use std::path::Path;

use super::Report;
use super::identity::{self, ALTERED};
use crate::app::{Input, KeyError, NewPassphraseError};
use crate::cli::error::RecipientError;
use crate::cli::exit::Exit;
use crate::keeper::KeepersError;
use crate::prompt::PromptError;
use crate::prompt::identity::IdentityError;
use crate::prompt::passphrase::{Flaw, Weak};
use crate::prompt::source::SourceError;
use crate::vault::{KdfError, PublicRecipientError};

pub(super) fn key(error: &KeyError) -> Report {
    key_of("vault", error)
}

/// The same of a file that is called this: the vault, or a backup of one.
pub(super) fn key_of(what: &str, error: &KeyError) -> Report {
    match error {
        KeyError::Locked(path, why) => Report::new(
            Exit::Locked,
            format!("the {what} {} is locked, and {why}", path.display()),
        )
        .hint("run `cldkctl unlock` on a terminal, or use --passphrase-file, --passphrase-stdin or --identity"),
        KeyError::NeedsPassphrase(path, why) => Report::new(
            Exit::Locked,
            format!(
                "this needs the passphrase of the vault {} itself, unlocked or not, and {why}",
                path.display()
            ),
        )
        .hint("run it on a terminal, or supply the passphrase with --passphrase-file or --passphrase-stdin"),
        KeyError::NeedsIdentity(path) => Report {
            exit: Exit::Locked,
            ..no_passphrase(what, path)
        },
        KeyError::NoPassphrase(path) => no_passphrase(what, path),
        KeyError::Wrong(path) => wrong_key(what, path),
        KeyError::Flawed { vault, input, flaw } => flawed(what, vault, input, *flaw),
        KeyError::Misfit {
            vault,
            file,
            public,
        } => identity::misfit(what, vault, file, public),
        KeyError::WrongCached(path) => Report::new(
            Exit::WrongPassphrase,
            format!(
                "the cached key of the {what} {} does not open it",
                path.display()
            ),
        )
        .hint(format!(
            "run `cldkctl lock` and try again; {ALTERED}"
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
        KeyError::Identity(_, _, IdentityError::Unanswered(why)) if !why.is_silence() => prompt(why),
        KeyError::Identity(path, kind, error) => identity::unusable(path, *kind, error),
    }
}

/// Only identities open the vault.
pub(super) fn no_passphrase(what: &str, path: &Path) -> Report {
    Report::new(
        Exit::WrongPassphrase,
        format!("no passphrase opens the {what} {}", path.display()),
    )
    .hint("name an identity with --identity; if a passphrase opened it before, it was altered: put a backup in its place")
}

pub(super) fn wrong_key(what: &str, path: &Path) -> Report {
    Report::new(
        Exit::WrongPassphrase,
        format!(
            "the passphrase or identity does not open the {what} {}",
            path.display()
        ),
    )
    .hint(format!("try again; {ALTERED}"))
}

/// A supplied passphrase that does not open the vault is perhaps not what its owner sees in it.
fn flawed(what: &str, vault: &Path, input: &Input, flaw: Flaw) -> Report {
    let input = match input {
        Input::Stdin => "standard input".to_owned(),
        Input::File(path) => path.display().to_string(),
    };
    Report::new(
        Exit::WrongPassphrase,
        format!(
            "the passphrase in {input} does not open the {what} {}",
            vault.display()
        ),
    )
    .hint(format!(
        "it {}: supply the passphrase on one line, and nothing else",
        has(flaw)
    ))
}

/// What a passphrase has.
fn has(flaw: Flaw) -> String {
    let has = match flaw {
        Flaw::ByteOrderMark => "has a byte order mark (U+FEFF)",
        Flaw::Lines => "has more than one line",
        Flaw::LineBreak => "has an extra line break",
        Flaw::Nul => "has NUL characters, as UTF-16 text has",
        Flaw::Control => "has a control character, such as a tab",
        Flaw::Untypable(c) => return has_untypable(c),
        Flaw::Blanks => "begins or ends with a blank",
    };
    has.to_owned()
}

fn has_untypable(c: char) -> String {
    let code = u32::from(c);
    match c {
        '\u{a0}' | '\u{202f}' | '\u{2007}' => format!("has a no-break space (U+{code:04X})"),
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' => {
            format!("has a character that no keyboard has (U+{code:04X})")
        }
        _ => format!("has an invisible character (U+{code:04X})"),
    }
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
        .hint(format!("supply it with {flags}; nothing was written")),
        NewPassphraseError::Untypable(flaw) => {
            Report::new(Exit::Usage, format!("this passphrase {}", has(*flaw)))
                .hint("choose one that can be typed at a prompt; nothing was written")
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
        "choose several unrelated words, press Enter alone to have some chosen for you, \
         or insist with --allow-weak-passphrase; nothing was written",
    )
}

pub(super) fn kdf(error: &KdfError) -> Report {
    let hint = match error {
        KdfError::Limit { .. } => {
            "raise that limit, or run `cldkctl vault tune --memory` where it does not hold, so that the \
             vault takes less; a new one does with --kdf-memory of `cldkctl auth`"
        }
        _ => "free some memory, raise the limit (`ulimit -v`), or use a machine that has more",
    };
    Report::new(Exit::Failure, error.to_string()).hint(hint)
}

pub(super) fn prompt(error: &PromptError) -> Report {
    let exit = match error {
        PromptError::NoTerminal
        | PromptError::Background
        | PromptError::Forbidden
        | PromptError::Io(_) => Exit::Failure,
        _ => Exit::Usage,
    };
    Report::new(exit, error.to_string())
        .hint("type it again, or supply it on standard input or in a file")
}

pub(super) fn source(error: &SourceError) -> Report {
    let exit = match error {
        // Nothing else will be tried, so the vault stays locked.
        SourceError::Io { .. } => Exit::Locked,
        SourceError::TooLong(_)
        | SourceError::NotText(_)
        | SourceError::Utf16(_)
        | SourceError::NotAFile(_) => Exit::Usage,
    };
    let hint = match error {
        SourceError::Utf16(_) => "save it as UTF-8 without a byte order mark",
        _ => "name a readable file or pipe that holds it and nothing else",
    };
    Report::new(exit, error.to_string()).hint(hint)
}

pub(super) fn not_kept(path: &Path, error: &KeepersError) -> Report {
    Report::new(
        Exit::Failure,
        format!(
            "the vault {} cannot be kept unlocked: {error}",
            path.display()
        ),
    )
    .hint("use --passphrase-file or --identity with each command")
}

pub(super) fn random(error: &getrandom::Error) -> Report {
    Report::new(
        Exit::Failure,
        format!("the system gives no random bytes: {error}"),
    )
    .hint("try again once the system has started up; nothing was written")
}

pub(super) fn recipient(error: &RecipientError) -> Report {
    const LIST: &str = "`cldkctl vault recipients list` shows the names; the vault is unchanged";
    const ANOTHER_LABEL: &str = "choose another with --label; the vault is unchanged";
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
                .hint("put one on each line: age1…, or an SSH public key");
        }
        RecipientError::Exists(name) => {
            let what = format!("the vault is sealed to this recipient already: {name}");
            return Report::new(Exit::Failure, what)
                .hint("see `cldkctl vault recipients list`; the vault is unchanged");
        }
        RecipientError::Label => (
            Exit::Usage,
            "a label has 1 to 100 characters, no control characters, and no spaces at its ends",
            ANOTHER_LABEL,
        ),
        RecipientError::LabelTaken => (
            Exit::Usage,
            "another recipient has this label",
            ANOTHER_LABEL,
        ),
        RecipientError::NotFound(None) => {
            (Exit::Usage, "the vault has no recipient of this name", LIST)
        }
        RecipientError::NotFound(Some(like)) => {
            return Report::new(Exit::Usage, "the vault has no recipient of this name")
                .hint(format!("did you mean {like:?}? {LIST}"));
        }
        RecipientError::Ambiguous => (
            Exit::Usage,
            "several recipients of the vault have this name",
            "name the recipient itself, as `cldkctl vault recipients list -o json` shows it",
        ),
        RecipientError::Last => (
            Exit::Failure,
            "this is the last recipient, and nobody could open the vault without it",
            "add another first with `cldkctl vault recipients add` or `cldkctl vault passphrase`",
        ),
        RecipientError::Passphrase => (
            Exit::Usage,
            "this is the passphrase's own recipient",
            "remove the passphrase with `cldkctl vault passphrase --remove`",
        ),
        RecipientError::PassphraseGone => (
            Exit::Failure,
            "another command has just removed the passphrase",
            "try again; the vault is unchanged",
        ),
    };
    Report::new(exit, what).hint(hint)
}

fn unusable_recipient(place: &str, error: PublicRecipientError) -> Report {
    let hint = match error {
        PublicRecipientError::Secret => {
            "use its public half, from `age-keygen -y FILE` or the .pub file; others may have seen this one on the command line"
        }
        PublicRecipientError::PostQuantum => "use an age key from `age-keygen`, or an SSH key",
        PublicRecipientError::RsaSmall
        | PublicRecipientError::RsaLarge
        | PublicRecipientError::UnsupportedSsh => "make a key with `ssh-keygen -t ed25519`",
        PublicRecipientError::Worthless => "ask its owner for the right key",
        PublicRecipientError::DamagedSsh
        | PublicRecipientError::Characters
        | PublicRecipientError::Unknown => {
            "give the key itself, whole and in quotes, such as \"$(cat ~/.ssh/id_ed25519.pub)\""
        }
    };
    Report::new(Exit::Usage, format!("{place} cannot be used: {error}")).hint(hint)
}
