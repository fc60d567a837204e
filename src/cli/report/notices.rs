//! The words of what a use case says on its way.

use std::path::Path;

use jiff::SignedDuration;

use super::{Report, commands};
use crate::api::Event;
use crate::app::{self, KeyError, MemoryError, Notice, Step, Task};
use crate::base_url::Origin;
use crate::cli::time_span::in_words;
use crate::secret::{TokenError, shown_path};
use crate::vault::SealError;

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Left out with `-q`.
    Note,
    /// Something that the user should change.
    Warning,
    /// Belongs to a question, and is shown where that is asked.
    Question,
    /// The same, and says why the last answer does not do.
    Refusal,
}

/// That a vault opens and cannot be saved, and what helps.
#[must_use]
pub fn unsavable(path: &Path, error: &SealError) -> String {
    let cure = match error {
        SealError::Disagrees => "set the passphrase anew with `cldkctl vault passphrase`",
        SealError::Contents(_) => "log in to a new vault with `cldkctl auth --vault FILE`",
        _ => "install the newer cldkctl that wrote it",
    };
    format!(
        "the vault {} can be read, and not saved: {error}; {cure}",
        path.display()
    )
}

/// The words of a notice.
#[must_use]
pub fn notice(notice: &Notice<'_>) -> (Level, String) {
    let warning = |text: String| (Level::Warning, text);
    match notice {
        Notice::WaitingForLock(path) => (
            Level::Note,
            format!("Waiting for another cldkctl that is changing {} …", path.display()),
        ),
        Notice::Rekeyed => warning(
            "the vault is locked again: its passphrase or cost has changed since it was unlocked".to_owned(),
        ),
        Notice::StaysLocked(error) => warning(format!("the vault stays locked: {error}")),
        Notice::MayStayUnlocked(error) => warning(format!("the vault may still be unlocked: {error}")),
        Notice::SharedByLogins => (
            Level::Note,
            "All your logins on this machine share the unlocked vault: they cannot be told apart here".to_owned(),
        ),
        Notice::HeldByAnother(by, why) => warning(format!(
            "all your logins on this machine share the unlocked vault, since the {by} holds its key: {why}; \
             `cldkctl lock` ends that"
        )),
        Notice::OlderCopy { path, revision, seen } => warning(format!(
            "the vault {} {}: revision {revision}, where {seen} was seen before; \
             if you put it back yourself, accept it with `cldkctl vault verify --accept-older`; \
             if not, `cldkctl vault recipients list` shows who can open it",
            path.display(), older(*revision, *seen)
        )),
        Notice::RollbackUnknown(error) => warning(format!(
            "an older copy of the vault would not be noticed: {error}; {}",
            match error {
                MemoryError::NotSafe(_) => {
                    "take the permission away with `chmod go-w`, or set XDG_STATE_HOME to a folder of your own"
                }
                _ => {
                    "make it readable, or accept the vault as it is with `cldkctl vault verify --accept-older`"
                }
            }
        )),
        Notice::OthersCanRead(path) => warning(format!(
            "other users can read {}; run `chmod 600` on it", path.display()
        )),
        Notice::VaultExposed(path) => warning(format!(
            "other users can read or change the vault {}; run `chmod 600` on it, or let the next save do so", path.display()
        )),
        Notice::OthersCanChange(path) => warning(format!(
            "other users can change {}, and with it whom cldkctl trusts; run `chmod go-w` on it", path.display()
        )),
        Notice::RootsPassedOver(path, why) => warning(format!(
            "not all certificate authorities of {} are trusted: {why}", path.display()
        )),
        Notice::RootsUnread(variable, path, why) => warning(format!(
            "{variable} names {}, which cannot be read: {why}; its certificate authorities are not trusted", shown_path(path)
        )),
        Notice::ClocksDiffer(origin, server_ahead) => warning(clocks(origin, *server_ahead)),
        Notice::SessionNotSaved(error) => warning(format!(
            "the new session may not be saved: {}", Report::from(*error).what
        )),
        Notice::ContextIgnored(name) => warning(format!(
            "CLDKCTL_TOKEN is set, so the context {name} is not used; unset it to use the vault"
        )),
        Notice::TooLongForArgon2 => warning(
            "the argon2 command takes at most 127 bytes of passphrase, so it cannot recover this vault".to_owned(),
        ),
        Notice::EnterMakesOne => (
            Level::Question,
            "Press Enter alone to have seven random words chosen for you".to_owned(),
        ),
        Notice::TryAgain(app::Error::Key(KeyError::Wrong(path))) => {
            refusal(&format!("wrong passphrase for the vault {}", path.display()))
        }
        Notice::TryAgain(error) => refusal(&Report::from(*error).what),
        Notice::NotAToken(why @ (TokenError::Pasted(_) | TokenError::Unseen(_))) => {
            refusal(&format!("{why}; give {}", commands::alone(*why)))
        }
        Notice::NotAToken(why) => refusal(&why.to_string()),
    }
}

fn clocks(origin: &Origin, server_ahead: SignedDuration) -> String {
    // In whole minutes, since the server tells whole seconds.
    let seconds = (server_ahead.unsigned_abs().as_secs() + 30) / 60 * 60;
    let apart = match seconds / (24 * 60 * 60) {
        0 | 1 => in_words(seconds),
        days => format!("{days} days"),
    };
    let where_to = if server_ahead.is_negative() {
        "ahead of"
    } else {
        "behind"
    };
    format!(
        "this machine's clock is {apart} {where_to} that of {origin}; set it, or the ends of sessions are misjudged"
    )
}

/// Why an answer does not do; its question follows.
fn refusal(why: &str) -> (Level, String) {
    (Level::Refusal, format!("Try again: {why}"))
}

/// What to say of a vault that is older than one that was seen.
#[must_use]
pub fn older(revision: u64, seen: u64) -> &'static str {
    if revision < seen {
        "is an older copy"
    } else {
        "was saved from an older copy"
    }
}

/// The words of a step, for `-v`.
#[must_use]
pub fn step(step: &Step<'_>) -> String {
    match step {
        Step::Deriving(cost) => format!("deriving the vault key with Argon2id: {cost}"),
        Step::Saved { path, revision } => format!("saved {}, revision {revision}", path.display()),
        Step::RevisionNotNoted(error) => format!("the revision is not remembered: {error}"),
        Step::SessionNotSaved(error) => format!("the new session is not saved: {error}"),
        Step::Wire(Event::Sending {
            method,
            url,
            attempt,
        }) => {
            format!("{method} {url} (attempt {attempt})")
        }
        Step::Wire(Event::Answered { status }) => format!("HTTP {status}"),
        Step::Wire(Event::Waiting { pause, because }) => {
            format!("{because}; trying again in {:.1} s", pause.as_secs_f32())
        }
        Step::Wire(Event::ClocksDiffer {
            origin,
            server_ahead,
        }) => clocks(origin, *server_ahead),
    }
}

/// What is shown while something takes its time.
#[must_use]
pub fn task(task: Task) -> &'static str {
    match task {
        Task::Derive => "Deriving the vault key…",
        Task::Verify => "Verifying the token…",
        Task::Renew => "Asking for a new session…",
        Task::Check => "Asking the API…",
        Task::Call => "Waiting for the API…",
        Task::Measure => "Measuring this machine…",
    }
}
