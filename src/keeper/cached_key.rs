//! What is held: a key, its salt, and for how long, in 68 bytes.
//!
//! ```text
//! version 1 │ scope │ idle u32 │ ends u64 │ salt, 22 characters │ key, 32 bytes
//! ```
//! Numbers are little-endian: `idle` in seconds, `ends` in milliseconds since the start of
//! the machine.

use std::time::Duration;

use super::{Scope, uptime};
use crate::platform::LockedMemory;
use crate::secret::Key;
use crate::vault::Salt;

/// How long a key is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Without use; each use starts it again.
    pub idle: Duration,
    /// In any case.
    pub lifetime: Duration,
}

impl Limits {
    /// 15 minutes without use, 8 hours in any case.
    pub const DEFAULT: Self = Self {
        idle: Duration::from_secs(15 * 60),
        lifetime: Duration::from_secs(8 * 3600),
    };
}

/// A key with the salt it belongs to, and its limits.
#[derive(Debug)]
pub struct CachedKey {
    /// The salt that the key was derived with.
    pub salt: Salt,
    /// The key.
    pub key: Key,
    /// Who may use it.
    pub scope: Scope,
    /// How long it may be unused, in whole seconds.
    pub idle: Duration,
    /// When it is forgotten in any case, since the machine started, in whole milliseconds.
    pub ends: Duration,
}

const SALT_LEN: usize = 22;

impl CachedKey {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 1 + 1 + 4 + 8 + SALT_LEN + Key::LEN;

    /// A key to be held from now on.
    #[must_use]
    pub fn new(salt: Salt, key: Key, scope: Scope, limits: Limits) -> Self {
        let ends = uptime().saturating_add(limits.lifetime);
        let ends = Duration::from_millis(u64::try_from(ends.as_millis()).unwrap_or(u64::MAX));
        let idle = Duration::from_secs(limits.idle.as_secs().min(u64::from(u32::MAX)));
        Self {
            salt,
            key,
            scope,
            idle,
            ends,
        }
    }

    /// A second one, for whoever asked.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let Self {
            ref salt,
            ref key,
            scope,
            idle,
            ends,
        } = *self;
        Self {
            salt: salt.clone(),
            key: Key::copied_from(key.expose()),
            scope,
            idle,
            ends,
        }
    }

    /// How long until it is forgotten in any case; `None` when that time has come.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let left = self.ends.saturating_sub(uptime());
        (!left.is_zero()).then_some(left)
    }

    /// The encoding, in memory of its own that is wiped.
    #[must_use]
    pub fn to_bytes(&self) -> LockedMemory {
        let mut bytes = LockedMemory::new(Self::LEN);
        let parts: [&[u8]; 6] = [
            &[1],
            &[match self.scope {
                Scope::Session => 0,
                Scope::User => 1,
            }],
            &u32::try_from(self.idle.as_secs())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
            &u64::try_from(self.ends.as_millis())
                .unwrap_or(u64::MAX)
                .to_le_bytes(),
            self.salt.as_str().as_bytes(),
            self.key.expose(),
        ];
        let mut rest = &mut bytes[..];
        for part in parts {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        }
        bytes
    }

    /// Reads the encoding; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[1, scope], rest) = bytes.split_first_chunk::<2>()? else {
            return None;
        };
        let (idle, rest) = rest.split_first_chunk::<4>()?;
        let (ends, rest) = rest.split_first_chunk::<8>()?;
        let (salt, rest) = rest.split_first_chunk::<SALT_LEN>()?;
        let key: &[u8; Key::LEN] = rest.try_into().ok()?;
        Some(Self {
            salt: Salt::parse(std::str::from_utf8(salt).ok()?)?,
            key: Key::copied_from(key),
            scope: match scope {
                0 => Scope::Session,
                1 => Scope::User,
                _ => return None,
            },
            idle: Duration::from_secs(u64::from(u32::from_le_bytes(*idle))),
            ends: Duration::from_millis(u64::from_le_bytes(*ends)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_and_nothing_else() {
        let salt = Salt::generate().expect("random bytes");
        let held = CachedKey::new(
            salt.clone(),
            Key::copied_from(&[7; 32]),
            Scope::User,
            Limits::DEFAULT,
        );
        let bytes = held.to_bytes();
        let read = CachedKey::from_bytes(&bytes).expect("read");
        assert_eq!((read.salt, read.key.expose()), (salt, &[7; 32]));
        assert_eq!(
            (read.scope, read.idle, read.ends),
            (Scope::User, Duration::from_secs(900), held.ends)
        );

        assert!(CachedKey::from_bytes(&bytes[1..]).is_none());
        assert!(CachedKey::from_bytes(&[]).is_none());
        for place in [0, 1, 14] {
            let mut wrong = bytes.to_vec();
            wrong[place] = 0xff;
            assert!(CachedKey::from_bytes(&wrong).is_none(), "byte {place}");
        }
    }

    #[test]
    fn a_lifetime_comes_to_its_end() {
        let left = |lifetime| {
            let limits = Limits {
                lifetime,
                ..Limits::DEFAULT
            };
            let salt = Salt::generate().expect("random bytes");
            CachedKey::new(salt, Key::copied_from(&[7; 32]), Scope::Session, limits).left()
        };
        let minute = Duration::from_secs(60);
        let left_of_it = left(minute).expect("some is left");
        assert!(left_of_it <= minute && left_of_it > minute - Duration::from_secs(1));
        assert_eq!(left(Duration::ZERO), None);
    }
}
