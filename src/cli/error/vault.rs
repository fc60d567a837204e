//! What can go wrong in the commands of the vault file.

use std::io;
use std::path::PathBuf;

use crate::app;
use crate::files::StoreError;
use crate::vault::SealError;

/// Why there is no backup.
#[derive(Debug)]
pub enum BackupError {
    /// Standard output is a terminal.
    Terminal,
    /// Nobody read it to its end.
    NotRead,
    /// It would replace the vault itself.
    ReplacesVault,
    /// Something else than a file is there.
    NotAFile(PathBuf),
    /// It could not be written.
    Unwritten(StoreError),
    /// It could not be armored.
    Armor(String),
}

/// Why nothing was restored.
#[derive(Debug)]
pub enum RestoreError {
    /// Standard input is wanted twice.
    StdinTwice,
    /// There is a vault already.
    Exists(PathBuf),
    /// There is no such file.
    NoBackup(PathBuf),
    /// A pipe ended before anything came out of it.
    Empty(String),
    /// The file cannot be read.
    Unreadable(StoreError),
    /// It is not a vault, or is damaged or of a newer version.
    Unusable(PathBuf, SealError),
    /// Standard input cannot be read.
    Stdin(io::Error),
    /// What was typed or supplied does not open the backup, or cannot be used.
    Key(app::KeyError),
    /// Nothing opens the backup, and there is no one to ask.
    Locked(app::KeyError),
}

/// Why there is no recovery key, or no sheet of one.
#[derive(Debug)]
pub enum RecoveryKeyError {
    /// There is no terminal to show it on.
    NoTerminal,
    /// `--no-input` forbids to use the terminal.
    Forbidden,
    /// The file's name has another ending.
    Ending,
    /// The file is there already.
    Exists(PathBuf),
    /// The file cannot be written.
    Unwritten(PathBuf, io::Error),
    /// The vault has the key, and its sheet has another name than was asked for.
    Unnamed(PathBuf, io::Error, PathBuf),
    /// The vault has the key, and nobody else has.
    Lost(PathBuf, io::Error),
    /// The key was shown, and the vault could not be saved.
    ShownUnsaved(Box<app::Error>),
    /// Standard output is a terminal.
    Terminal,
    /// Standard output is closed, or leads nowhere.
    Nowhere,
    /// Nobody read the sheet to its end.
    NotRead,
    /// The sheet cannot be written to standard output.
    Output(io::Error),
    /// The sheet was written to standard output, and the vault could not be saved.
    WrittenUnsaved(Box<app::Error>),
}

/// Why the vault's passphrase, cost or memory was not changed.
#[derive(Debug)]
pub enum VaultError {
    /// It has no passphrase to remove.
    NoPassphrase(PathBuf),
    /// Nothing but the passphrase opens it.
    PassphraseAlone(PathBuf),
    /// No passphrase opens it, so it has no cost.
    NoCost(PathBuf),
    /// An identity cannot derive the passphrase's key.
    IdentityDerives,
    /// The accepted revision cannot be noted.
    NotAccepted(app::MemoryError),
}
