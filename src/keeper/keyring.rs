//! The kernel keyring, keyrings(7): memory that the kernel keeps and never swaps, and that
//! it forgets by itself when the time is over, even while a process is stopped.
//!
//! - *Session*: a key in the session keyring, session-keyring(7). It takes the session and the
//!   user id to read it. A login without a session keyring of its own uses the user-session
//!   keyring, which the user's other such logins share.
//! - *User*: a key in the user keyring, user-keyring(7), that this user id may read from
//!   any login, whatever its session keyring links to.
//!
//! The kernel adds a key's permissions up: whoever possesses it (finds it from a keyring of
//! the process) has the possessor's bits and, if it is the owner, the user's. One set alone
//! does not keep a key of a session from everybody it should: a session keyring is inherited
//! by other user ids (`su`, `sudo` without `pam_keyinit`), and the owner's other logins know
//! the serial number. But to possess a key takes SEARCH on it, and its possessor may read it,
//! keyctl(2). So SEARCH is the user's alone, and everything else the possessor's:
//!
//! - Another user id in the session lacks SEARCH, does not possess the key, and has no bits.
//! - The owner in another login has SEARCH and does not possess the key, nor can it link it
//!   somewhere to possess it. SEARCH without possession is good for ending the key, which
//!   `cldkctl lock` makes use of, and, with AF_ALG, for computing a MAC with it.
//!
//! That is as strong as the session keyring: one that the user id may link, search or change
//! (the user-session keyring, or a named one, `keyctl session NAME`) lets in all its logins.

use std::fs;
use std::time::Duration;

use linux_keyutils::{
    Key as KernelKey, KeyError, KeyPermissions, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier,
    KeySerialId, Permission,
};
use rustix::io::Errno;

use super::{
    CachedKey, Description, Forgotten, Found, Keeper, KeeperError, Reach, Scope, Slot, Touch,
};
use crate::platform::LockedMemory;
use crate::vault::Salt;

/// The kernel as a keeper.
#[derive(Debug)]
pub struct Keyring;

/// A key of ours that was found in the kernel.
struct Entry {
    kernel_key: KernelKey,
    held: CachedKey,
}

impl Keeper for Keyring {
    fn put(&self, slot: &Slot, held: &CachedKey, scope: Scope) -> Result<(), KeeperError> {
        let Some(left) = held.left() else {
            return Ok(());
        };
        put(slot, held, scope, timeout(held.idle, left)).map_err(not_taken)
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

    fn forget(&self, slot: &Slot, reach: Reach) -> Result<Forgotten, KeeperError> {
        forget(slot, reach, None)
    }

    fn forget_others(&self, slot: &Slot, given: Scope) -> Result<Forgotten, KeeperError> {
        forget(slot, Reach::Login, Some(given))
    }

    fn name(&self) -> &'static str {
        "kernel keyring"
    }

    fn tells_logins_apart(&self) -> bool {
        has_private_session()
    }

    fn describe(&self, slot: &Slot, salt: &Salt) -> Result<Option<Description>, KeeperError> {
        for scope in [Scope::Session, Scope::User] {
            match find(slot, scope)? {
                // The kernel may forget it up to a second after the end of its lifetime.
                Some(Entry { held, .. }) if held.salt == *salt && held.left().is_some() => {
                    return Ok(Some(Description {
                        keeper: self.name(),
                        scope: held.scope,
                        shared: held.scope == Scope::Session && !has_private_session(),
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

/// The key is made in the keyring of this process, where nobody else possesses it, and linked
/// to where it belongs only when its permissions and its time are set. Linking replaces a key
/// of the same description.
fn put(slot: &Slot, held: &CachedKey, scope: Scope, timeout: usize) -> Result<(), KeyError> {
    let ours = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
    let kernel_key = ours.add_key(slot.as_str(), &held.to_bytes()[..])?;
    let ready = kernel_key
        .set_timeout(timeout)
        .and_then(|()| kernel_key.set_perms(permissions(scope)))
        .and_then(|()| ring(scope)?.link_key(kernel_key));
    let _ = ours.unlink_key(kernel_key);
    ready
}

/// Who may do what. VIEW shows a key to `lock` in another login; SETATTR starts the time again;
/// LINK puts the key where it belongs. The module says why SEARCH is never the possessor's.
/// Nor is WRITE: add_key(2) asks for it without asking for SEARCH.
fn permissions(scope: Scope) -> KeyPermissions {
    let builder = KeyPermissionsBuilder::builder();
    match scope {
        Scope::Session => builder
            .posessor(Permission::READ | Permission::LINK | Permission::SETATTR)
            .user(Permission::VIEW | Permission::SEARCH),
        Scope::User => builder.user(Permission::ALL),
    }
    .build()
}

/// Forgets the keys of a vault, but for the one that was just given for a scope, if one was.
fn forget(slot: &Slot, reach: Reach, given: Option<Scope>) -> Result<Forgotten, KeeperError> {
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
        // More than one when a key lies in a keyring that this one links to.
        for _ in 0..8 {
            let Ok(kernel_key) = ring.search(slot.as_str()) else {
                break;
            };
            if given.is_some() && entry(kernel_key).map(|found| found.held.scope) == given {
                break;
            }
            match end(kernel_key) {
                Ok(true) => any = true,
                Ok(false) => break,
                Err(error) => {
                    kept = Some(error);
                    break;
                }
            }
        }
    }
    let listed = match reach {
        Reach::Login => Some(Vec::new()),
        Reach::Everywhere => listed(slot),
    };
    for kernel_key in listed.iter().flatten() {
        match end(*kernel_key) {
            Ok(ended) => any |= ended,
            Err(error) => kept = Some(error),
        }
    }
    match (kept, refused) {
        (Some(error), _) => Err(error),
        (None, Some(error)) if !any => Err(error),
        _ => Ok(Forgotten {
            any,
            unseen: listed.is_none(),
        }),
    }
}

/// Makes the kernel forget a key. Says whether it did: one that is somebody else's, or of no
/// use any more, may stay.
///
/// # Errors
/// When it is ours and not over yet.
fn end(kernel_key: KernelKey) -> Result<bool, KeeperError> {
    let is_ours = is_ours(kernel_key);
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

/// The keys of this vault in all logins of this user, as proc_keys(5) lists them; `None` where
/// it does not, as in containers that hide it.
fn listed(slot: &Slot) -> Option<Vec<KernelKey>> {
    let list = fs::read("/proc/keys")
        .ok()
        .filter(|list| !list.is_empty())?;
    let list = String::from_utf8_lossy(&list);
    let keys = list.lines().filter_map(|line| {
        // `3d2c1b0a I--Q--- 1 15m 32090000 1000 1000 user cldkctl:/a/vault.age: 68`
        let (fields, _length) = line.rsplit_once(": ")?;
        fields.strip_suffix(slot.as_str())?.strip_suffix(' ')?;
        let id = i32::from_str_radix(line.get(..8)?, 16).ok()?;
        Some(KernelKey::from_id(KeySerialId::new(id)))
    });
    Some(keys.filter(|key| is_ours(*key)).collect())
}

/// The key in that scope's keyring, if it is there, is ours and can be read.
fn find(slot: &Slot, scope: Scope) -> Result<Option<Entry>, KeeperError> {
    match ring(scope).and_then(|ring| ring.search(slot.as_str())) {
        Ok(kernel_key) => Ok(entry(kernel_key)),
        Err(error) if is_absence(error) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

/// What is in a key that was found, if it is ours and can be read.
fn entry(kernel_key: KernelKey) -> Option<Entry> {
    let mut bytes = LockedMemory::new(CachedKey::LEN);
    match kernel_key.read(&mut bytes) {
        Ok(CachedKey::LEN) => {}
        // Expired or revoked between the two calls, or somebody else's.
        _ => return None,
    }
    let held = CachedKey::from_bytes(&bytes)?;
    is_ours(kernel_key).then_some(Entry { kernel_key, held })
}

/// Whether it belongs to this user: others may share our session keyring, and put theirs there.
fn is_ours(kernel_key: KernelKey) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    kernel_key
        .metadata()
        .is_ok_and(|metadata| metadata.get_uid() == uid)
}

fn ring(scope: Scope) -> Result<KeyRing, KeyError> {
    let id = match scope {
        Scope::Session => KeyRingIdentifier::Session,
        Scope::User => KeyRingIdentifier::User,
    };
    // Not to be created: a session keyring made here would end with this process.
    KeyRing::from_special_id(id, false)
}

/// Whether this login has a session keyring that no other login of the user can get at: not the
/// user-session keyring, nor one that was made to be joined.
fn has_private_session() -> bool {
    let open = Permission::SEARCH | Permission::LINK | Permission::SETATTR;
    ring(Scope::Session)
        .and_then(|ring| ring.metadata())
        .is_ok_and(|metadata| metadata.get_perms().bits() & u32::from(open.bits()) << 16 == 0)
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

/// Why a key was not put: there are no keyrings for us, or they do not take this one.
fn not_taken(error: KeyError) -> KeeperError {
    match error {
        KeyError::PermissionDenied | KeyError::OperationNotSupported => unavailable(error),
        KeyError::Unknown(code) if code == Errno::NOSYS.raw_os_error() => unavailable(error),
        error => KeeperError::NotTaken(reason(error)),
    }
}

fn reason(error: KeyError) -> String {
    match error {
        KeyError::Unknown(code) => std::io::Error::from_raw_os_error(code).to_string(),
        KeyError::PermissionDenied => "it is refused, as in many containers".to_owned(),
        KeyError::QuotaExceeded => "the quota of keys is used up".to_owned(),
        error => error.to_string(),
    }
}
