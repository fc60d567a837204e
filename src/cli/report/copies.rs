//! Backups, their restoring, and recovery keys.

use std::io::ErrorKind;

use super::Report;
use super::files::store;
use super::secrets;
use super::vault::unusable_file;
use crate::app::KeyError;
use crate::cli::error::{BackupError, RecoveryKeyError, RestoreError};
use crate::cli::exit::Exit;
use crate::files::StoreError;
use crate::secret::shown_path;
use crate::vault::{Class, SealError};

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
