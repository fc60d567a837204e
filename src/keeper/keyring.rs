//! The kernel keyring, keyrings(7): memory that the kernel keeps and never swaps, and that
//! it forgets by itself when the time is over, even while a process is stopped.
//!
//! - *Session*: a key in the session keyring, session-keyring(7), that its possessor alone
//!   may read: the processes of this login. A login without a session keyring of its own
//!   uses the user-session keyring, which the user's other such logins share.
//! - *User*: a key in the user keyring, user-keyring(7), that this user id may read from
//!   any login, whatever its session keyring links to.

use linux_keyutils::{
    Key as KernelKey, KeyError, KeyPermissions, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier,
    Permission,
};

use super::{Description, Found, Held, Keeper, KeeperError, Scope, Slot, Touch};
use crate::platform::LockedMemory;
use crate::vault::Salt;

/// The kernel as a keeper.
#[derive(Debug)]
pub struct Keyring;

/// A key of ours that was found in the kernel.
struct Entry {
    kernel_key: KernelKey,
    held: Held,
}

impl Keeper for Keyring {
    fn put(&self, slot: &Slot, held: &Held, scope: Scope) -> Result<(), KeeperError> {
        let Some(seconds) = held.seconds_left() else {
            return Ok(());
        };
        put(slot, held, scope, seconds).map_err(unavailable)
    }

    fn get(&self, slot: &Slot, salt: &Salt, touch: Touch) -> Result<Found, KeeperError> {
        let mut rekeyed = false;
        for scope in [Scope::Session, Scope::User] {
            let Some(Entry { kernel_key, held }) = find(slot, scope)? else {
                continue;
            };
            if held.salt != *salt {
                rekeyed = true;
                continue;
            }
            let Some(seconds) = held.seconds_left() else {
                continue;
            };
            if touch == Touch::Use {
                // Failing to start the time again only means to be asked earlier.
                let _ = kernel_key.set_timeout(timeout(seconds));
            }
            return Ok(Found::Key(held.key));
        }
        Ok(if rekeyed {
            Found::Rekeyed
        } else {
            Found::Nothing
        })
    }

    fn forget(&self, slot: &Slot) -> Result<bool, KeeperError> {
        let mut any = false;
        for scope in [Scope::Session, Scope::User] {
            let ring = ring(scope).map_err(unavailable)?;
            // More than one when a key lies in a keyring that this one links to.
            for _ in 0..8 {
                let Ok(kernel_key) = ring.search(slot.as_str()) else {
                    break;
                };
                // Invalidated, it is gone at once. Revoked, it could be read no more, but
                // would count against the quota for minutes, and be past invalidating.
                if kernel_key.invalidate().is_err() && kernel_key.revoke().is_err() {
                    break;
                }
                any = true;
            }
        }
        Ok(any)
    }

    fn describe(&self, slot: &Slot, salt: &Salt) -> Result<Option<Description>, KeeperError> {
        for scope in [Scope::Session, Scope::User] {
            match find(slot, scope)? {
                // The kernel's seconds may have begun later than those of the lifetime.
                Some(Entry { held, .. }) if held.salt == *salt && held.seconds_left().is_some() => {
                    return Ok(Some(Description {
                        keeper: "kernel keyring",
                        scope: held.scope,
                        shared: held.scope == Scope::Session && !has_own_session(),
                        idle_seconds: held.idle,
                        remaining_seconds: held.ends.saturating_sub(super::uptime().as_secs()),
                    }));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The key is made in the keyring of this process, where nobody else sees it, and linked to
/// where it belongs only when its permissions and its time are set. Linking replaces a key
/// of the same description.
fn put(slot: &Slot, held: &Held, scope: Scope, seconds: u64) -> Result<(), KeyError> {
    let ours = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
    let kernel_key = ours.add_key(slot.as_str(), &held.to_bytes()[..])?;
    let ready = kernel_key
        .set_perms(permissions(scope))
        .and_then(|()| kernel_key.set_timeout(timeout(seconds)))
        .and_then(|()| ring(scope)?.link_key(kernel_key));
    let _ = ours.unlink_key(kernel_key);
    ready
}

/// Who may do what: the possessor of the keyring that it lies in, or the user id.
fn permissions(scope: Scope) -> KeyPermissions {
    // SETATTR starts the time again; SEARCH finds and invalidates, WRITE revokes.
    // LINK, to put it where it belongs.
    let possessor = KeyPermissionsBuilder::builder().posessor(Permission::ALL);
    match scope {
        Scope::Session => possessor,
        Scope::User => possessor.user(
            Permission::VIEW
                | Permission::READ
                | Permission::WRITE
                | Permission::SEARCH
                | Permission::SETATTR,
        ),
    }
    .build()
}

/// The key in that scope's keyring, if it is there, is ours and can be read.
fn find(slot: &Slot, scope: Scope) -> Result<Option<Entry>, KeeperError> {
    let kernel_key = match ring(scope).and_then(|ring| ring.search(slot.as_str())) {
        Ok(kernel_key) => kernel_key,
        Err(error) if is_absence(error) => return Ok(None),
        Err(error) => return Err(unavailable(error)),
    };
    let mut bytes = LockedMemory::new(Held::LEN);
    match kernel_key.read(&mut bytes) {
        Ok(Held::LEN) => {}
        // Expired or revoked between the two calls, or somebody else's.
        _ => return Ok(None),
    }
    // A session keyring is inherited by whatever is started, also under another user id.
    let uid = rustix::process::geteuid().as_raw();
    if kernel_key
        .metadata()
        .map_or(true, |metadata| metadata.get_uid() != uid)
    {
        return Ok(None);
    }
    Ok(Held::from_bytes(&bytes).map(|held| Entry { kernel_key, held }))
}

fn ring(scope: Scope) -> Result<KeyRing, KeyError> {
    let id = match scope {
        Scope::Session => KeyRingIdentifier::Session,
        Scope::User => KeyRingIdentifier::User,
    };
    // Not to be created: a session keyring made here would end with this process.
    KeyRing::from_special_id(id, false)
}

/// Whether this login has a session keyring of its own, and not the user-session keyring.
fn has_own_session() -> bool {
    ring(Scope::Session)
        .and_then(|ring| ring.metadata())
        .is_ok_and(|metadata| !metadata.get_description().starts_with("_uid_ses."))
}

fn is_absence(error: KeyError) -> bool {
    matches!(
        error,
        KeyError::KeyDoesNotExist
            | KeyError::KeyExpired
            | KeyError::KeyRevoked
            | KeyError::AccessDenied
            | KeyError::KeyringDoesNotExist
    )
}

/// keyctl_set_timeout(3): seconds, where 0 would mean for ever.
fn timeout(seconds: u64) -> usize {
    usize::try_from(seconds.clamp(1, u64::from(u32::MAX))).unwrap_or(1)
}

fn unavailable(error: KeyError) -> KeeperError {
    let reason = match error {
        KeyError::Unknown(code) => std::io::Error::from_raw_os_error(code).to_string(),
        KeyError::PermissionDenied => "it is refused, as in many containers".to_owned(),
        KeyError::QuotaExceeded => "the quota of keys is used up".to_owned(),
        error => error.to_string(),
    };
    KeeperError::NoKeyring(reason)
}
