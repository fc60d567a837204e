//! Credentials of other services: where each belongs, and the programs that ask for them.
//!
//! ```text
//! docker, git, an S3 tool ─▶ its protocol ─▶ a place ─▶ the vault
//! ```
//! A credential is given for the place that it was stored for, and for no other. Nothing here
//! knows the network: what asks, sends.

pub mod aws;
pub mod docker;
pub mod docker_config;
mod error;
pub mod git;
pub mod git_config;
mod json_text;
pub mod link;
pub mod place;

pub use error::{ConfigFault, GateError, GitFault};
pub use place::{Kind, PlaceError};

use super::error::Error;
use super::vault::{OpenVault, Vault};
use crate::keeper::Touch;
use crate::vault::{Contents, Credential};

/// The largest question of a program, in bytes: a secret of 1 MiB, each character of it escaped.
pub const MAX_REQUEST_BYTES: u64 = 8 * 1024 * 1024;

/// Opens the vault for a program that asks; `None` where there is none, so nothing is stored.
///
/// # Errors
/// When it cannot be read or opened.
pub fn open(vault: &Vault) -> Result<Option<OpenVault<'_>>, Error> {
    match vault.find()? {
        Some(_) => vault.open(Touch::Use).map(Some),
        None => Ok(None),
    }
}

/// Stores a credential in place of those that it `replaces`. The vault is saved only if that
/// changes something: git stores a credential after each use.
///
/// # Errors
/// When the vault cannot be saved.
pub fn store(
    vault: &mut OpenVault<'_>,
    new: Credential,
    replaces: impl Fn(&Credential) -> bool,
) -> Result<(), Error> {
    let gone = |it: &Credential| replaces(it) && !it.is_for_the_same(&new);
    let same = vault.contents.credential_like(&new);
    let is_there = same.is_some_and(|old| old.has_the_same_secret(&new));
    if is_there && !vault.contents.credentials.iter().any(gone) {
        return Ok(());
    }
    vault.update(|contents| {
        contents.credentials.retain(|it| !gone(it));
        contents.store_credential(new.clone());
        Ok(())
    })
}

/// Removes the credentials that are `meant`; how many. The vault is saved only if there are any.
///
/// # Errors
/// When the vault cannot be saved.
pub fn remove(
    vault: &mut OpenVault<'_>,
    meant: impl Fn(&Credential) -> bool,
) -> Result<usize, Error> {
    if !vault.contents.credentials.iter().any(&meant) {
        return Ok(0);
    }
    vault.update(|contents| {
        let before = contents.credentials.len();
        contents.credentials.retain(|it| !meant(it));
        Ok(before - contents.credentials.len())
    })
}

/// The one credential that is meant by its kind, its place and, where there are several, its
/// user name.
///
/// # Errors
/// When there is none, or several.
pub fn named<'a>(
    contents: &'a Contents,
    kind: &str,
    place: &str,
    username: Option<&str>,
) -> Result<&'a Credential, GateError> {
    let mut found = contents
        .credentials_of(kind)
        .filter(|it| it.place == place && username.is_none_or(|name| it.username == name));
    let (kind, place) = (kind.to_owned(), place.to_owned());
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(GateError::NotFound(kind, place)),
        (Some(_), Some(_)) => Err(GateError::Several(kind, place)),
    }
}
