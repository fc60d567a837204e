//! The kernel keyring, keyrings(7): memory that the kernel keeps and never swaps, and that
//! it forgets by itself when the time is over, even while a process is stopped.
//!
//! - *Session*: a key in the session keyring, session-keyring(7), that its possessor alone
//!   may read: the processes of this login, under this user id. A login without a session keyring of its own
//!   uses the user-session keyring, which the user's other such logins share.
//! - *User*: a key in the user keyring, user-keyring(7), that this user id may read from
//!   any login, whatever its session keyring links to.

use std::ffi::CString;
use std::time::Duration;

use linux_keyutils::{
    Key as KernelKey, KeyError, KeyPermissions, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier,
    KeySerialId, Permission,
};

use super::{Description, Found, Held, Keeper, KeeperError, Scope, Slot, Touch};
use crate::platform::{self, LockedMemory};
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
        let Some(left) = held.left() else {
            return Ok(());
        };
        put(slot, held, scope, timeout(held.idle, left)).map_err(unavailable)
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
            let Some(left) = held.left() else {
                continue;
            };
            if touch == Touch::Use {
                // Failing to start the time again only means to be asked earlier.
                let _ = kernel_key.set_timeout(timeout(held.idle, left));
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
        let (mut any, mut refused, mut kept) = (false, None, None);
        for scope in [Scope::Session, Scope::User] {
            let ring = match ring(scope) {
                Ok(ring) => ring,
                // A session keyring can be revoked under us, as the end of a login does
                // under a tmux that outlives it; the user's is there all the same.
                Err(error) if is_absence(error) => continue,
                Err(error) => {
                    refused = Some(unavailable(error));
                    continue;
                }
            };
            let nest = nest(slot).filter(|_| scope == Scope::Session);
            if let Some(kernel_key) = nest.and_then(|nest| key_in(nest, slot)) {
                match end(kernel_key) {
                    Ok(ended) => any |= ended,
                    Err(error) => kept = Some(error),
                }
            }
            // More than one when a key lies in a keyring that this one links to.
            for _ in 0..8 {
                let Ok(kernel_key) = ring.search(slot.as_str()) else {
                    break;
                };
                match end(kernel_key) {
                    Ok(true) => any = true,
                    Ok(false) => break,
                    Err(error) => {
                        kept = Some(error);
                        break;
                    }
                }
            }
            // What the session's key lay in. It holds nothing any more, and is only in the way.
            if let Some(nest) = nest {
                let _ = ring.unlink_key(KernelKey::from_id(KeySerialId::new(nest)));
            }
        }
        match (kept, refused) {
            (Some(error), _) => Err(error),
            (None, Some(error)) if !any => Err(error),
            _ => Ok(any),
        }
    }

    fn describe(&self, slot: &Slot, salt: &Salt) -> Result<Option<Description>, KeeperError> {
        for scope in [Scope::Session, Scope::User] {
            match find(slot, scope)? {
                // The kernel may forget it up to a second after the end of its lifetime.
                Some(Entry { held, .. }) if held.salt == *salt && held.left().is_some() => {
                    return Ok(Some(Description {
                        keeper: "kernel keyring",
                        scope: held.scope,
                        shared: held.scope == Scope::Session && !has_own_session(),
                        idle_seconds: held.idle.as_secs(),
                        remaining_seconds: held.left().unwrap_or_default().as_secs(),
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
fn put(slot: &Slot, held: &Held, scope: Scope, timeout: usize) -> Result<(), KeyError> {
    let ours = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
    let kernel_key = ours.add_key(slot.as_str(), &held.to_bytes()[..])?;
    let ready = kernel_key
        .set_perms(permissions(scope))
        .and_then(|()| kernel_key.set_timeout(timeout))
        .and_then(|()| match scope {
            Scope::Session => link_into_session(slot, kernel_key, &ours),
            Scope::User => ring(scope)?.link_key(kernel_key),
        });
    let _ = ours.unlink_key(kernel_key);
    ready
}

/// Links the key into the session keyring, one keyring deep.
///
/// A session keyring is inherited by whatever is started, also under another user id (`su`
/// and `sudo` without pam_keyinit), and the permission bits of a key add up: what a possessor
/// may do, anybody with the session may. So the key lies in a keyring of its own that the
/// user id alone may search, and not its possessor. It takes the session to reach that
/// keyring, and the user id to look into it.
fn link_into_session(slot: &Slot, kernel_key: KernelKey, ours: &KeyRing) -> Result<(), KeyError> {
    let user = Permission::VIEW | Permission::READ | Permission::WRITE | Permission::SEARCH;
    let bits = KeyPermissionsBuilder::builder().user(user).build();
    // Until it lies in the session keyring, its possessor has to link it, and its owner, who
    // is the only one that may, to change that; nobody may search it but the user id.
    let meanwhile = KeyPermissions::from_u32(
        bits.bits() | u32::from((Permission::LINK | Permission::SETATTR).bits()) << 24,
    );
    let description = CString::new(slot.as_str()).map_err(|_| KeyError::InvalidDescription)?;
    let nest = platform::new_keyring(&description, KeyRingIdentifier::Process as i32)
        .map_err(|error| KeyError::Unknown(error.raw_os_error().unwrap_or(0)))?;
    let nest_key = KernelKey::from_id(KeySerialId::new(nest));
    let ready = platform::link_key(kernel_key.get_id().as_raw_id(), nest)
        .map_err(|error| KeyError::Unknown(error.raw_os_error().unwrap_or(0)))
        .and_then(|()| nest_key.set_perms(meanwhile))
        .and_then(|()| ring(Scope::Session)?.link_key(nest_key))
        .and_then(|()| nest_key.set_perms(bits));
    let _ = ours.unlink_key(nest_key);
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

/// Makes the kernel forget a key. Says whether it did: one that is somebody else's, or of no
/// use any more, may stay.
///
/// # Errors
/// When it is ours and could still be read before.
fn end(kernel_key: KernelKey) -> Result<bool, KeeperError> {
    let is_ours = entry(kernel_key).is_some();
    // Invalidated, it is gone at once. Revoked, it could be read no more, but would count
    // against the quota for minutes, and be past invalidating.
    match kernel_key.invalidate().or_else(|_| kernel_key.revoke()) {
        Ok(()) => Ok(true),
        // Its time was over meanwhile.
        Err(error) if is_absence(error) && error != KeyError::AccessDenied => Ok(false),
        Err(error) if is_ours => Err(KeeperError::Kept(reason(error))),
        Err(_) => Ok(false),
    }
}

/// The key in that scope's keyring, if it is there, is ours and can be read.
///
/// Where another user shares our session keyring, one of theirs may have the same description:
/// ours is looked for where we put it before anywhere else.
fn find(slot: &Slot, scope: Scope) -> Result<Option<Entry>, KeeperError> {
    let nested = nest(slot)
        .filter(|_| scope == Scope::Session)
        .and_then(|nest| key_in(nest, slot));
    if let Some(entry) = nested.and_then(entry) {
        return Ok(Some(entry));
    }
    match ring(scope).and_then(|ring| ring.search(slot.as_str())) {
        Ok(kernel_key) => Ok(entry(kernel_key)),
        Err(error) if is_absence(error) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

/// What is in a key that was found, if it is ours and can be read.
fn entry(kernel_key: KernelKey) -> Option<Entry> {
    let mut bytes = LockedMemory::new(Held::LEN);
    match kernel_key.read(&mut bytes) {
        Ok(Held::LEN) => {}
        // Expired or revoked between the two calls, or somebody else's.
        _ => return None,
    }
    // A session keyring is inherited by whatever is started, also under another user id.
    let uid = rustix::process::geteuid().as_raw();
    if kernel_key
        .metadata()
        .map_or(true, |metadata| metadata.get_uid() != uid)
    {
        return None;
    }
    Held::from_bytes(&bytes).map(|held| Entry { kernel_key, held })
}

/// The keyring in the session keyring that the key of this vault is in.
fn nest(slot: &Slot) -> Option<i32> {
    let description = CString::new(slot.as_str()).ok()?;
    platform::find_keyring(KeyRingIdentifier::Session as i32, &description)
}

fn key_in(keyring: i32, slot: &Slot) -> Option<KernelKey> {
    let description = CString::new(slot.as_str()).ok()?;
    let id = platform::find_key(keyring, &description)?;
    Some(KernelKey::from_id(KeySerialId::new(id)))
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

/// What to tell the kernel, keyctl_set_timeout(3), of a key that may be unused for `idle` and
/// has `left` of its lifetime.
///
/// The kernel counts whole seconds of the clock on the wall, the one that is running now
/// included, so that `n` of them are over after `n - 1` to `n`. The end of the lifetime is
/// watched by us, to the millisecond, and the kernel must not come before: rounded up. The
/// idle time is the kernel's alone: rounded, so that it is right to half a second.
fn timeout(idle: Duration, left: Duration) -> usize {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let begun = Duration::from_nanos(time.tv_nsec.unsigned_abs());
    let seconds = if left <= idle {
        (left + begun).as_secs() + 1
    } else {
        (idle + begun + Duration::from_millis(500)).as_secs()
    };
    // 0 would mean for ever.
    usize::try_from(seconds.clamp(1, u64::from(u32::MAX))).unwrap_or(1)
}

fn unavailable(error: KeyError) -> KeeperError {
    KeeperError::NoKeyring(reason(error))
}

fn reason(error: KeyError) -> String {
    match error {
        KeyError::Unknown(code) => std::io::Error::from_raw_os_error(code).to_string(),
        KeyError::PermissionDenied => "it is refused, as in many containers".to_owned(),
        KeyError::QuotaExceeded => "the quota of keys is used up".to_owned(),
        error => error.to_string(),
    }
}
