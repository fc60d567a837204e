//! What goes over the agent's socket: one short request and one short reply a connection.
//!
//! ```text
//! request: version 1 │ operation │ slot length u16 │ slot │ held key (put alone)
//! reply:   version 1 │ result │ held key (where there is one)
//! ```

use super::super::{CachedKey, Slot, Touch};
use crate::platform::LockedMemory;

const VERSION: u8 = 1;

/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 4 + Slot::MAX_LEN + CachedKey::LEN;
/// The longest reply, in bytes.
pub const MAX_REPLY: usize = 2 + CachedKey::LEN;

/// What a client asks for.
#[derive(Debug)]
pub enum Request {
    /// Keep this key.
    Put(Slot, CachedKey),
    /// Give the key of this vault.
    Get(Slot, Touch),
    /// Forget the key of this vault.
    Forget(Slot),
}

/// What the agent answers.
#[derive(Debug)]
pub enum Reply {
    /// The key was put, or there is none to give or to forget.
    Nothing,
    /// The key that was asked for.
    CachedKey(CachedKey),
    /// There was a key, and it is forgotten.
    Forgotten,
}

/// How far a request has been received.
#[derive(Debug)]
pub enum Received {
    /// It is whole.
    Whole(Request),
    /// There is more to come.
    Part,
    /// These bytes are not a request.
    Nonsense,
}

impl Request {
    /// The bytes of this request.
    #[must_use]
    pub fn to_bytes(&self) -> LockedMemory {
        let (operation, slot, held) = match self {
            Self::Put(slot, held) => (0, slot, Some(held.to_bytes())),
            Self::Get(slot, Touch::Use) => (1, slot, None),
            Self::Get(slot, Touch::Look) => (2, slot, None),
            Self::Forget(slot) => (3, slot, None),
        };
        let slot = slot.as_str().as_bytes();
        let held = held.as_deref().unwrap_or_default();
        let mut bytes = LockedMemory::new(4 + slot.len() + held.len());
        bytes[..2].copy_from_slice(&[VERSION, operation]);
        let length = u16::try_from(slot.len()).expect("a slot is short");
        bytes[2..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..4 + slot.len()].copy_from_slice(slot);
        bytes[4 + slot.len()..].copy_from_slice(held);
        bytes
    }

    /// Reads a request from what has been received so far.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Received {
        match Self::try_read(bytes) {
            Ok(Some(request)) => Received::Whole(request),
            Ok(None) => Received::Part,
            Err(()) => Received::Nonsense,
        }
    }

    fn try_read(bytes: &[u8]) -> Result<Option<Self>, ()> {
        let Some((&[version, operation, low, high], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_le_bytes([low, high]));
        if version != VERSION || operation > 3 || length > Slot::MAX_LEN {
            return Err(());
        }
        let whole = length + if operation == 0 { CachedKey::LEN } else { 0 };
        if rest.len() < whole {
            return Ok(None);
        }
        if rest.len() > whole {
            return Err(());
        }
        let (slot, held) = rest.split_at(length);
        let slot = Slot::received(std::str::from_utf8(slot).map_err(|_| ())?).ok_or(())?;
        Ok(Some(match operation {
            0 => Self::Put(slot, CachedKey::from_bytes(held).ok_or(())?),
            1 => Self::Get(slot, Touch::Use),
            2 => Self::Get(slot, Touch::Look),
            _ => Self::Forget(slot),
        }))
    }
}

impl Reply {
    /// The bytes of this reply.
    #[must_use]
    pub fn to_bytes(&self) -> LockedMemory {
        let (result, held) = match self {
            Self::Nothing => (0, None),
            Self::CachedKey(held) => (1, Some(held.to_bytes())),
            Self::Forgotten => (2, None),
        };
        let held = held.as_deref().unwrap_or_default();
        let mut bytes = LockedMemory::new(2 + held.len());
        bytes[..2].copy_from_slice(&[VERSION, result]);
        bytes[2..].copy_from_slice(held);
        bytes
    }

    /// Reads a whole reply; `None` for anything else.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [VERSION, 0] => Some(Self::Nothing),
            [VERSION, 1, held @ ..] => CachedKey::from_bytes(held).map(Self::CachedKey),
            [VERSION, 2] => Some(Self::Forgotten),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::keeper::{Limits, Scope};
    use crate::secret::Key;
    use crate::vault::Salt;

    fn put() -> Request {
        let salt = Salt::generate().expect("random bytes");
        let held = CachedKey::new(
            salt,
            Key::copied_from(&[7; 32]),
            Scope::Session,
            Limits::DEFAULT,
        );
        Request::Put(Slot::of(Path::new("/vault.age")), held)
    }

    #[test]
    fn a_request_is_read_when_it_is_whole_and_not_before_or_beyond() {
        let slot = Slot::of(Path::new("/vault.age"));
        for request in [
            put(),
            Request::Get(slot.clone(), Touch::Use),
            Request::Get(slot.clone(), Touch::Look),
            Request::Forget(slot),
        ] {
            let bytes = request.to_bytes();
            assert!(bytes.len() <= MAX_REQUEST);
            let Received::Whole(read) = Request::read(&bytes) else {
                panic!("{request:?}")
            };
            assert_eq!(read.to_bytes()[..], bytes[..]);
            for cut in 0..bytes.len() {
                assert!(
                    matches!(Request::read(&bytes[..cut]), Received::Part),
                    "{cut}"
                );
            }
            let mut longer = bytes.to_vec();
            longer.push(0);
            assert!(matches!(Request::read(&longer), Received::Nonsense));
        }
    }

    #[test]
    fn no_altered_byte_makes_the_reader_panic() {
        let bytes = put().to_bytes().to_vec();
        for place in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut altered = bytes.clone();
                altered[place] = value;
                let _ = Request::read(&altered);
                let _ = Reply::read(&altered);
            }
        }
    }
}
