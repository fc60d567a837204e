//! Errors as a person sees them: what happened, to which file or host, what to do next;
//! and as a script sees them: the exit code.

use crate::exit::Exit;
use crate::prompt::PromptError;
use crate::prompt::source::SourceError;
use crate::vault::{
    ContentsError, KdfError, PluginError, SealError, Store, StoreError, stanza::StanzaError,
};

/// A command that did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What happened, to which file or host: one sentence without a full stop.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with no advice yet.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            hint: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// There is no vault, or nothing in it to use.
    pub fn not_logged_in(what: impl Into<String>) -> Self {
        Self::new(Exit::NotLoggedIn, what).hint("log in with `cldkctl auth`")
    }

    /// The vault in `store` cannot be read or opened.
    pub fn vault(error: SealError, store: &Store) -> Self {
        let path = store.path().display();
        let bad = |hint: &str| {
            Self::new(
                Exit::BadVault,
                format!("cannot open the vault {path}: {error}"),
            )
            .hint(hint)
        };
        match &error {
            SealError::NoMatch => Self::new(
                Exit::WrongPassphrase,
                format!("the passphrase or identity does not open the vault {path}"),
            )
            .hint("try again; the same answer comes when the part of the file that holds its key was altered"),
            SealError::Identity(_) => Self::new(
                Exit::WrongPassphrase,
                format!("cannot open the vault {path}: {error}"),
            )
            .hint("check the identity file that --identity names"),
            SealError::NewerAge
            | SealError::Stanza(StanzaError::Newer)
            | SealError::Contents(ContentsError::Newer(_)) => {
                bad("a newer cldkctl wrote it; install that version")
            }
            SealError::PerhapsNewer => bad(
                "try the passphrase again; if it is the right one, a newer cldkctl wrote the file: install that version",
            ),
            // The vault may be sound, so no advice is given that changes it.
            SealError::Plugin(plugin) => {
                let (exit, hint) = match plugin {
                    PluginError::Missing(_) => (
                        Exit::Failure,
                        "install the plugin, or name another identity with --identity",
                    ),
                    PluginError::Failed { .. } => (
                        Exit::Failure,
                        "check the plugin and its device, or name another identity with --identity",
                    ),
                    PluginError::Refused(_) => (
                        Exit::WrongPassphrase,
                        "try again, or name another identity with --identity",
                    ),
                };
                Self::new(exit, format!("cannot open the vault {path}: {error}")).hint(hint)
            }
            SealError::TooCostly { .. } => {
                bad("if you trust the file, raise the limit with --kdf-ceiling MEMORY[,PASSES[,LANES]]")
            }
            SealError::NotAge | SealError::Scrypt => {
                bad("it is no vault: check --vault, or move the file away and log in again")
            }
            // Of sealing alone.
            SealError::Recipient
            | SealError::Seal(_)
            | SealError::Mixed
            | SealError::TooMany => Self::unsaved(&error, store),
            SealError::Disagrees => bad(
                "it can be read but not saved, which would lock the passphrase out; put a backup in its place",
            ),
            SealError::Mac => bad(
                "put a backup in its place; if a plugin's identity was used, see first whether that opens a backup",
            ),
            SealError::LongHeader
            | SealError::ManyStanzas
            | SealError::Stanza(_)
            | SealError::Damaged(_)
            | SealError::Contents(_) => {
                bad("put a backup in its place, or move it away and log in again")
            }
        }
    }

    /// The vault in `store` cannot be sealed again, and is as it was.
    pub fn unsaved(error: &SealError, store: &Store) -> Self {
        let path = store.path().display();
        let (why, hint) = match error {
            SealError::Contents(ContentsError::Damaged(why)) => (
                format!("its contents could not be read again: {why}"),
                "make the change smaller, or take something out, as with `cldkctl auth logout`; ",
            ),
            SealError::Plugin(_) => (
                error.to_string(),
                "each save seals to every recipient: check the plugin and what it needs, or take its recipient out with `cldkctl vault recipients remove`; ",
            ),
            SealError::Mixed | SealError::TooMany => (error.to_string(), "leave a recipient out; "),
            _ => (error.to_string(), ""),
        };
        Self::new(
            Exit::Failure,
            format!("cannot save the vault {path}: {why}"),
        )
        .hint(format!("{hint}the vault is as it was"))
    }

    /// No passphrase, and no way to ask for it.
    pub fn locked(store: &Store, why: &PromptError) -> Self {
        let path = store.path().display();
        Self::new(Exit::Locked, format!("the vault {path} is locked, and {why}"))
            .hint("run `cldkctl unlock` on a terminal, or hand the passphrase over with --passphrase-file or --passphrase-stdin, or an identity with --identity")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, hint) = match &error {
            StoreError::Io { .. } => (
                Exit::Failure,
                "the vault is as it was; check the disk and the permissions",
            ),
            StoreError::Unconfirmed {
                done: "removed", ..
            } => (
                Exit::Failure,
                "it is gone now; check the disk, and look again after the next start of the machine",
            ),
            StoreError::Unconfirmed { .. } => (
                Exit::Failure,
                "what was saved counts from now on; check the disk, and make a backup on another one",
            ),
            StoreError::NotOurs { .. } => (
                Exit::Failure,
                "use a vault of your own with --vault, or have its owner give it to you with chown",
            ),
            StoreError::Unmapped { .. } => (
                Exit::Failure,
                "keep the vault below your home folder, or run cldkctl where that user has an id",
            ),
            StoreError::OpenFolder { .. } => (
                Exit::Failure,
                "take their permission with `chmod go-w`, or use another folder with --vault",
            ),
            StoreError::Exists { .. } => (
                Exit::Failure,
                "take another name, or replace it with --force",
            ),
            StoreError::NotAFile { .. } | StoreError::TooLarge { .. } => {
                (Exit::BadVault, "check --vault, or move it away")
            }
        };
        Self::new(exit, error.to_string()).hint(hint)
    }
}

impl From<KdfError> for Failure {
    fn from(error: KdfError) -> Self {
        Self::new(Exit::Failure, error.to_string())
            .hint("free some memory, or open the vault on a machine that has more")
    }
}

impl From<PromptError> for Failure {
    fn from(error: PromptError) -> Self {
        let exit = match error {
            PromptError::Ended | PromptError::TooLong | PromptError::Characters => Exit::Usage,
            PromptError::NoTerminal | PromptError::Forbidden | PromptError::Io(_) => Exit::Failure,
        };
        Self::new(exit, error.to_string())
            .hint("type it again, or hand it over on standard input or in a file")
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let exit = match error {
            // Nothing else will be tried, so the vault stays locked.
            SourceError::Io { .. } => Exit::Locked,
            SourceError::TooLong(_) | SourceError::NotText(_) | SourceError::NotAFile(_) => {
                Exit::Usage
            }
        };
        Self::new(exit, error.to_string())
            .hint("name a readable file or pipe that holds it and nothing else")
    }
}

impl From<getrandom::Error> for Failure {
    fn from(error: getrandom::Error) -> Self {
        Self::new(
            Exit::Failure,
            format!("the system gives no random bytes: {error}"),
        )
        .hint("nothing was written; try again once the system has started up")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_vault_that_is_not_saved_is_as_it_was_and_needs_no_backup() {
        let store = Store::at(Path::new("/vault.age")).expect("a path");
        for (error, says) in [
            (
                ContentsError::Damaged("they have grown beyond 32 MiB").into(),
                "beyond 32 MiB",
            ),
            (SealError::TooMany, "so many recipients"),
            (SealError::Recipient, "of a kind"),
        ] {
            let failure = Failure::unsaved(&error, &store);
            assert_eq!(failure.exit, Exit::Failure);
            assert!(
                failure
                    .what
                    .starts_with("cannot save the vault /vault.age: ")
            );
            assert!(failure.what.contains(says), "{}", failure.what);
            let hint = failure.hint.expect("a hint");
            assert!(hint.ends_with("the vault is as it was"), "{hint}");
            assert!(!hint.contains("backup"), "{hint}");
        }
    }
}
