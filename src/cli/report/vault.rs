//! The vault and the files around it.

use std::path::Path;

use super::Report;
use super::secrets;
use crate::cli::error::VaultError;
use crate::cli::exit::Exit;
use crate::vault::{Change, ContentsError, PluginError, SealError, stanza::StanzaError};

const AROUND: &str = "remove what is around it: keep the lines from -----BEGIN to -----END, and \
                      nothing in front of them";

/// How to have the file as it was.
fn unchange(change: Change) -> &'static str {
    match change {
        Change::Utf16 => {
            "nothing is lost: write it anew with `iconv -f UTF-16 -t UTF-8 FILE > NEW`, and use NEW"
        }
        Change::QuotedPrintable => {
            "nothing is lost: write it anew with `python3 -m quopri -d FILE > NEW`, and use NEW"
        }
        Change::Blanks | Change::BlankLines | Change::Wrapped => {
            r"nothing is lost: write it anew with `tr -d '[:space:]' < FILE | sed 's/.*FILE-----\(.*\)-----END.*/\1/' | base64 -d > NEW`, and use NEW"
        }
    }
}

/// The vault cannot be read or opened.
pub(super) fn unusable(path: &Path, error: &SealError) -> Report {
    unusable_file("vault", path, error)
}

/// The same of a file that is called this: the vault, or a backup of one.
pub(super) fn unusable_file(what: &str, path: &Path, error: &SealError) -> Report {
    let path_shown = path.display();
    let bad = |hint: &str| {
        Report::new(
            Exit::BadVault,
            format!("cannot open the {what} {path_shown}: {error}"),
        )
        .hint(hint)
    };
    match error {
        SealError::NoMatch => secrets::wrong_key(what, path),
        SealError::Identity(_) => Report::new(
            Exit::WrongPassphrase,
            format!("cannot open the {what} {path_shown}: {error}"),
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
        SealError::Plugin(error) => plugin(what, path, error),
        SealError::TooCostly { .. } => bad(
            "if you trust the file, raise the limit with --kdf-ceiling MEMORY[,ITERATIONS[,LANES]]",
        ),
        SealError::NotAge | SealError::Scrypt | SealError::Contents(ContentsError::NotAVault) => {
            bad("it is not a vault: check --vault")
        }
        SealError::Around => bad(AROUND),
        SealError::Changed(change, _) => bad(unchange(*change)),
        SealError::Contents(ContentsError::LastRevision) => unsaved(path, error),
        // Of sealing alone.
        SealError::Recipient | SealError::Seal(_) | SealError::Mixed | SealError::TooMany => {
            unsaved(path, error)
        }
        SealError::Disagrees => Report {
            what: format!("cannot save the vault {path_shown}: {error}"),
            ..bad(
                "it can be read; to save it again, set its passphrase with `cldkctl vault passphrase`",
            )
        },
        SealError::NewerStanza => Report {
            what: format!("cannot save the vault {path_shown}: {error}"),
            ..bad("it can be read; a newer cldkctl wrote it; install that version to change it")
        },
        SealError::Mac => bad(
            "put a backup in its place; if you used a plugin's identity, check first that it opens the backup",
        ),
        SealError::LongHeader
        | SealError::ManyStanzas
        | SealError::Stanza(_)
        | SealError::Damaged(_)
        | SealError::Contents(_) => bad("put a backup in its place"),
    }
}

/// A plugin failed. The vault may be sound, so no advice is given that changes it.
fn plugin(what: &str, path: &Path, error: &PluginError) -> Report {
    let (exit, hint) = match error {
        PluginError::Missing(_) => (
            Exit::Failure,
            "install the plugin, or name another identity with --identity",
        ),
        PluginError::Failed { .. } => (
            Exit::Failure,
            "check the plugin and its device, or name another identity with --identity",
        ),
        PluginError::Unanswered(_) => (
            Exit::Locked,
            "run this on a terminal without --no-input, or name another identity with --identity",
        ),
        PluginError::Refused(_) => (
            Exit::WrongPassphrase,
            "try again, or name another identity with --identity",
        ),
    };
    let path = path.display();
    Report::new(exit, format!("cannot open the {what} {path}: {error}")).hint(hint)
}

/// The vault cannot be sealed again, and is as it was.
pub(super) fn unsaved(path: &Path, error: &SealError) -> Report {
    let path = path.display();
    let (why, hint) = match error {
        SealError::Contents(ContentsError::Damaged(why)) => (
            format!("its contents could not be read again: {why}"),
            "make a smaller change, or remove a context with `cldkctl auth logout`; ",
        ),
        SealError::Contents(ContentsError::LastRevision) => (
            error.to_string(),
            "it can still be read; log in to a new vault with `cldkctl auth --vault FILE`; ",
        ),
        SealError::Plugin(_) => (
            error.to_string(),
            "check the plugin and its device, or remove its recipient with `cldkctl vault recipients remove`; ",
        ),
        SealError::Mixed | SealError::TooMany => (error.to_string(), "leave a recipient out; "),
        SealError::Recipient => (
            error.to_string(),
            "remove it with `cldkctl vault recipients remove`; ",
        ),
        _ => (error.to_string(), ""),
    };
    Report::new(
        Exit::Failure,
        format!("cannot save the vault {path}: {why}"),
    )
    .hint(format!("{hint}the vault is unchanged"))
}

/// Another command is changing the vault and does not finish.
pub(super) fn busy(path: &Path) -> Report {
    let path = path.display();
    Report::new(
        Exit::Failure,
        format!("another cldkctl has been changing the vault {path} for 30 seconds"),
    )
    .hint("end the other command and try again; the vault is unchanged")
}

/// Of changes to the passphrase, the cost and the memory of revisions.
pub(super) fn change(error: &VaultError) -> Report {
    match error {
        VaultError::NoPassphrase(path) => Report::new(
            Exit::Usage,
            format!("the vault {} has no passphrase", path.display()),
        )
        .hint("see `cldkctl vault recipients list`"),
        VaultError::PassphraseAlone(path) => Report::new(
            Exit::Usage,
            format!(
                "only its passphrase opens the vault {}, so it cannot be removed",
                path.display()
            ),
        )
        .hint("add another recipient first with `cldkctl vault recipients add`"),
        VaultError::NoCost(path) => Report {
            exit: Exit::Usage,
            ..secrets::no_passphrase("vault", path)
        },
        VaultError::IdentityDerives => Report::new(
            Exit::Usage,
            "an identity cannot derive the key of the passphrase",
        )
        .hint("supply the passphrase itself"),
        VaultError::NotAccepted(error) => Report::new(
            Exit::Failure,
            format!("cannot note that the vault is accepted: {error}"),
        )
        .hint("check what is there, or move it away; the vault is unchanged"),
    }
}
