//! What is held: a key, its salt, and for how long, in 68 bytes.
//!
//! ```text
//! version 1 │ scope │ idle u32 │ ends u64 │ salt, 22 characters │ key, 32 bytes
//! ```
//! Numbers are little-endian seconds; `ends` counts from the start of the machine.

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
pub struct Held {
    /// The salt that the key was derived with.
    pub salt: Salt,
    /// The key.
    pub key: Key,
    /// Who may use it.
    pub scope: Scope,
    /// Seconds without use after which it is forgotten.
    pub idle: u64,
    /// When it is forgotten in any case, in seconds since the machine started.
    pub ends: u64,
}

const SALT_LEN: usize = 22;

impl Held {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 1 + 1 + 4 + 8 + SALT_LEN + Key::LEN;

    /// A key to be held from now on.
    #[must_use]
    pub fn new(salt: Salt, key: Key, scope: Scope, limits: Limits) -> Self {
        let ends = uptime().saturating_add(limits.lifetime).as_secs();
        let idle = limits.idle.as_secs().min(u64::from(u32::MAX));
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

    /// Seconds until it is to be forgotten if it is used now and not again; `None` when its
    /// time is over.
    #[must_use]
    pub fn seconds_left(&self) -> Option<u64> {
        let left = self.ends.saturating_sub(uptime().as_secs()).min(self.idle);
        (left > 0).then_some(left)
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
            &u32::try_from(self.idle).unwrap_or(u32::MAX).to_le_bytes(),
            &self.ends.to_le_bytes(),
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
            idle: u64::from(u32::from_le_bytes(*idle)),
            ends: u64::from_le_bytes(*ends),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_and_nothing_else() {
        let salt = Salt::generate().expect("random bytes");
        let held = Held::new(
            salt.clone(),
            Key::copied_from(&[7; 32]),
            Scope::User,
            Limits::DEFAULT,
        );
        let bytes = held.to_bytes();
        let read = Held::from_bytes(&bytes).expect("read");
        assert_eq!((read.salt, read.key.expose()), (salt, &[7; 32]));
        assert_eq!(
            (read.scope, read.idle, read.ends),
            (Scope::User, 900, held.ends)
        );

        assert!(Held::from_bytes(&bytes[1..]).is_none());
        assert!(Held::from_bytes(&[]).is_none());
        for place in [0, 1, 14] {
            let mut wrong = bytes.to_vec();
            wrong[place] = 0xff;
            assert!(Held::from_bytes(&wrong).is_none(), "byte {place}");
        }
    }

    #[test]
    fn the_lifetime_bounds_the_idle_time() {
        let held = |idle, lifetime| {
            let limits = Limits {
                idle: Duration::from_secs(idle),
                lifetime: Duration::from_secs(lifetime),
            };
            let salt = Salt::generate().expect("random bytes");
            Held::new(salt, Key::copied_from(&[7; 32]), Scope::Session, limits).seconds_left()
        };
        assert_eq!(held(900, 28_800), Some(900));
        assert!(matches!(held(900, 60), Some(59..=60)));
        assert_eq!(held(900, 0), None);
        assert_eq!(held(0, 900), None);
    }
}
