//! What the file system has against a file.

use std::io::ErrorKind;

use super::Report;
use crate::cli::exit::Exit;
use crate::files::StoreError;

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
