//! The vault and the files around it.

use std::io::ErrorKind;
use std::path::Path;

use super::Report;
use super::secrets;
use crate::app::KeyError;
use crate::cli::error::{BackupError, RecoveryKeyError, RestoreError, VaultError};
use crate::cli::exit::Exit;
use crate::files::StoreError;
use crate::secret::shown_path;
use crate::vault::{Change, Class, ContentsError, PluginError, SealError, stanza::StanzaError};

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
fn unusable_file(what: &str, path: &Path, error: &SealError) -> Report {
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

pub(super) fn store(error: &StoreError) -> Report {
    let (exit, hint) = match error {
        StoreError::NoHome => (Exit::Failure, "name the vault with --vault, or set HOME"),
        // A home that is no folder, or may not be entered.
        StoreError::Io {
            action: "use the folder" | "check what leads to",
            source,
            ..
        } if matches!(
            source.kind(),
            ErrorKind::NotADirectory | ErrorKind::PermissionDenied
        ) =>
        {
            (
                Exit::Failure,
                "name the vault with --vault, or set HOME to your home folder",
            )
        }
        StoreError::Io { .. } => (
            Exit::Failure,
            "check the disk and the permissions; the vault is unchanged",
        ),
        StoreError::Unconfirmed {
            done: "removed", ..
        } => (
            Exit::Failure,
            "check the disk, and after a restart check that it is still gone",
        ),
        StoreError::Unconfirmed { .. } => (
            Exit::Failure,
            "check the disk, and make a backup on another one; what was saved is in effect",
        ),
        StoreError::NotOurs { .. } => (
            Exit::Failure,
            "name a vault of your own with --vault, or have its owner run `chown`",
        ),
        StoreError::ReadOnly { .. } => (
            Exit::Failure,
            "change it where it comes from, or name another with --vault; the vault is unchanged",
        ),
        StoreError::Unmapped { .. } => (
            Exit::Failure,
            "keep the vault below your home folder, or run cldkctl where that user has an id",
        ),
        StoreError::OpenFolder { .. } | StoreError::OpenFile { .. } => (
            Exit::Failure,
            "take the permission away with `chmod go-w` (a stick: mount it with umask=077), or use another \
             folder with --vault",
        ),
        StoreError::NoLocks { .. } => (
            Exit::Failure,
            "name a vault on a local disk with --vault, or start the lock service of the network's \
             file system; the vault is unchanged",
        ),
        StoreError::Exists { .. } => (
            Exit::Failure,
            "choose another name, or replace it with --force",
        ),
        StoreError::NotAFile { .. }
        | StoreError::NotAFileOrPipe { .. }
        | StoreError::TooLarge { .. } => (Exit::BadVault, "check --vault, or move it away"),
    };
    Report::new(exit, error.to_string()).hint(hint)
}

pub(super) fn backup(error: &BackupError) -> Report {
    match error {
        BackupError::Terminal => Report::new(Exit::Usage, "a backup is binary, and standard output is a terminal")
            .hint("name a file, or write it as text with --armor"),
        BackupError::NotRead => Report::new(
            Exit::Failure,
            "the program that reads the backup from standard output stopped early",
        )
        .hint("check that program and try again; there is no backup"),
        BackupError::ReplacesVault => {
            Report::new(Exit::Usage, "the backup would replace the vault itself")
                .hint("name another file")
        }
        BackupError::NotAFile(path) => Report::new(
            Exit::Failure,
            format!("{} is not a regular file", path.display()),
        )
        .hint("name a file to write, or - for standard output"),
        BackupError::Unwritten(error @ StoreError::Io { source, .. })
            if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            store(error).hint("create its folder first, or name a file in another one; the vault is unchanged")
        }
        BackupError::Unwritten(error @ StoreError::Io { .. }) => store(error).hint(
            "check the disk and the permissions; the vault is unchanged, and so is the file, if there was one",
        ),
        BackupError::Unwritten(error) => store(error),
        BackupError::Armor(why) => {
            Report::new(Exit::Failure, format!("cannot armor the vault: {why}"))
                .hint("make a backup without --armor")
        }
    }
}

pub(super) fn restore(error: &RestoreError) -> Report {
    match error {
        RestoreError::StdinTwice => Report::new(
            Exit::Usage,
            "standard input cannot be the backup and the passphrase at once",
        )
        .hint("supply the passphrase with --passphrase-file"),
        RestoreError::Exists(path) => Report::new(
            Exit::Failure,
            format!("there is already a vault at {}", path.display()),
        )
        .hint("add the missing contexts with --merge, or replace the vault with --force, which keeps a copy"),
        RestoreError::Empty(from) => Report::new(
            Exit::BadVault,
            format!("nothing arrived on {from}"),
        )
        .hint("check the command that writes the backup; nothing was changed"),
        RestoreError::NoBackup(path) => Report::new(
            Exit::Usage,
            format!("there is no backup {}", shown_path(path)),
        )
        .hint("name a file that `cldkctl vault backup` made"),
        RestoreError::Unusable(path, error) => {
            let report = unusable_file("backup", path, error);
            match (error, error.class()) {
                (
                    SealError::Around | SealError::Changed(..) | SealError::TooCostly { .. },
                    _,
                ) => report,
                // What to do about a vault does not help with a backup.
                (_, Some(Class::Damaged | Class::Foreign)) => {
                    report.hint("name another file that `cldkctl vault backup` made")
                }
                _ => report,
            }
        }
        RestoreError::Unreadable(error) => store(error)
            .hint("name a file that `cldkctl vault backup` made, or - for standard input"),
        RestoreError::Stdin(error) => Report::new(
            Exit::Failure,
            format!("cannot read standard input: {error}"),
        )
        .hint("check what is piped in; nothing was changed"),
        RestoreError::Key(error) => {
            let report = secrets::key_of("backup", error);
            match error {
                KeyError::Misfit { .. } => report.hint(
                    "name an identity that the vault had when the backup was made, or another backup",
                ),
                KeyError::Wrong(_) => report.hint(
                    "use the passphrase or identity that the vault had when the backup was made, or another backup",
                ),
                KeyError::NoPassphrase(_) => report.hint("name an identity with --identity, or another backup"),
                _ => report,
            }
        }
        RestoreError::Locked(error) => secrets::key_of("backup", error).hint(
            "supply its passphrase with --passphrase-file or --passphrase-stdin, or an identity with --identity",
        ),
    }
}

pub(super) fn recovery_key(error: &RecoveryKeyError) -> Report {
    const TO_A_FILE: &str =
        "write it to a sheet with --kit FILE.svg or --kit FILE.txt; the vault is unchanged";
    match error {
        RecoveryKeyError::NoTerminal => {
            Report::new(Exit::Usage, "there is no terminal to show the key on").hint(TO_A_FILE)
        }
        RecoveryKeyError::Forbidden => Report::new(
            Exit::Usage,
            "--no-input forbids showing the key on the terminal",
        )
        .hint(TO_A_FILE),
        RecoveryKeyError::Ending => {
            Report::new(Exit::Usage, "the name of a kit ends in .svg or .txt")
                .hint("choose .svg to print one page from a browser; the vault is unchanged")
        }
        RecoveryKeyError::Exists(path) => Report::new(
            Exit::Failure,
            format!("{} exists already", path.display()),
        )
        .hint("choose another name, or replace it with --force; the vault is unchanged"),
        RecoveryKeyError::Unwritten(path, error) => Report::new(
            Exit::Failure,
            format!("cannot write {}: {error}", path.display()),
        )
        .hint("check the folder; the vault is unchanged"),
        RecoveryKeyError::Unnamed(path, error, kept) => Report::new(
            Exit::Failure,
            format!("cannot write {}: {error}", path.display()),
        )
        .hint(format!(
            "the key is in the vault, and its sheet is {}: rename it",
            kept.display()
        )),
        RecoveryKeyError::Lost(path, error) => Report::new(
            Exit::Failure,
            format!("cannot write {}: {error}", path.display()),
        )
        .hint("the vault has a key that nobody holds: remove it with `cldkctl vault recipients remove`, and try again"),
        RecoveryKeyError::ShownUnsaved(error) => opens_nothing("the key above", error),
        RecoveryKeyError::WrittenUnsaved(error) => opens_nothing("the key on the sheet", error),
        RecoveryKeyError::Terminal => Report::new(
            Exit::Usage,
            "a sheet is for paper, and standard output is a terminal",
        )
        .hint("pipe it to a printer or `gpg`, or leave --kit out to see the key; the vault is unchanged"),
        RecoveryKeyError::Nowhere => Report::new(
            Exit::Failure,
            "standard output is closed or /dev/null, where the key would be lost",
        )
        .hint("pipe it to a printer or `gpg`, or name a file; the vault is unchanged"),
        RecoveryKeyError::NotRead => Report::new(
            Exit::Failure,
            "the program that reads the sheet from standard output stopped early",
        )
        .hint("check that program and try again; the vault is unchanged"),
        RecoveryKeyError::Output(error) => Report::new(
            Exit::Failure,
            format!("cannot write the sheet to standard output: {error}"),
        )
        .hint("check where it goes; the vault is unchanged"),
    }
}

/// The vault could not be saved with a key that somebody has by now.
fn opens_nothing(key: &str, error: &crate::app::Error) -> Report {
    let report = Report::from(error);
    let what = format!("{}; {key} opens nothing", report.what);
    Report { what, ..report }
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
