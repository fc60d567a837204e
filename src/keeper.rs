//! Who holds the vault's key between commands: the kernel keyring, or else an agent.
//!
//! What is held is the 32 bytes of the derived key and the salt that they belong to, for a
//! while, and never a token: those stay sealed in the file, which remains the only copy.
//! [`Keeper`] is the interface, [`keyring`] and [`agent`] are the two who implement it.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

pub mod agent;
pub mod cached_key;
#[cfg(target_os = "linux")]
pub mod keyring;

mod replace;
mod slot;

pub use cached_key::{CachedKey, Limits};
pub use slot::Slot;

use crate::secret::Key;
use crate::vault::Salt;

/// Who else of the same user may use the key.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Deserialize,
    serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This login session alone.
    #[default]
    Session,
    /// All logins of this user.
    User,
}

/// How far forgetting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To all that this login can use.
    Login,
    /// To what the user's other logins hold, too.
    Everywhere,
}

/// What forgetting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Whether there was a key.
    pub any: bool,
    /// Whether another login may still have one: not all of them could be looked into.
    pub unseen: bool,
}

/// What a keeper has for a vault.
#[derive(Debug)]
pub enum Found {
    /// The key for this salt.
    Key(Key),
    /// A key for another salt: the vault was re-keyed since it was unlocked.
    Rekeyed,
    /// None, or one whose time is over.
    Nothing,
}

/// Whether getting a key counts as using it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// It does: the idle time starts again.
    Use,
    /// It does not: somebody only looks.
    Look,
}

/// How a key is held.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Description {
    /// `kernel keyring` or `agent`.
    pub keeper: &'static str,
    /// Who else of this user may use it.
    pub scope: Scope,
    /// Whether it is shared with all of the user's logins although the scope is the
    /// session's, because there is no session to tell apart.
    pub shared: bool,
    /// Seconds without use after which it is forgotten.
    pub idle_seconds: u64,
    /// Seconds until it is forgotten in any case.
    pub remaining_seconds: u64,
}

/// Why a keeper cannot do its work here.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The kernel has no keyrings for us, or refuses them, as containers' seccomp profiles do.
    #[error("the kernel keyring is not available here ({0})")]
    NoKeyring(String),
    /// The kernel has keyrings, and does not put this key into one.
    #[error("the kernel keyring does not take the key ({0})")]
    NotTaken(String),
    /// The agent cannot be started or reached.
    #[error("the agent is not available: {0}")]
    NoAgent(String),
    /// The kernel has a key of ours, and refuses to forget it.
    #[error("the kernel keyring does not let go of its key ({0})")]
    Kept(String),
    /// There is an agent, and it does not do as it is told: what it holds, it still holds.
    #[error("the agent at {path} does not answer: {1}", path = .0.display())]
    Silent(PathBuf, #[source] std::io::Error),
}

/// Holds keys for a while.
pub trait Keeper {
    /// Holds a key, in place of one that was held for the same vault in the same scope.
    ///
    /// # Errors
    /// When it cannot be held here; nothing is held then.
    fn put(&self, slot: &Slot, held: &CachedKey, scope: Scope) -> Result<(), KeeperError>;

    /// Gives the key that belongs to `salt`.
    ///
    /// # Errors
    /// When this keeper is not available.
    fn get(&self, slot: &Slot, salt: &Salt, touch: Touch) -> Result<Found, KeeperError>;

    /// Forgets the keys of a vault at once: all that `reach` covers.
    ///
    /// # Errors
    /// When this keeper is not available, or does not let go of one.
    fn forget(&self, slot: &Slot, reach: Reach) -> Result<Forgotten, KeeperError>;

    /// Forgets what this login can use of a vault's keys, but for the one that this keeper has just
    /// been given for this scope.
    ///
    /// # Errors
    /// As [`forget`](Self::forget).
    fn forget_others(&self, slot: &Slot, given: Scope) -> Result<Forgotten, KeeperError>;

    /// What a person knows it by.
    fn name(&self) -> &'static str;

    /// Whether a key of [`Scope::Session`] is kept from the user's other logins.
    fn tells_logins_apart(&self) -> bool;

    /// Says how the key that belongs to `salt` is held, without using it.
    ///
    /// # Errors
    /// When this keeper is not available.
    fn describe(&self, slot: &Slot, salt: &Salt) -> Result<Option<Description>, KeeperError>;
}

/// Which keeper to use: `--keeper`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The kernel keyring where there is one, else the agent
    #[default]
    Auto,
    /// The kernel keyring (Linux)
    Keyring,
    /// The agent, a background process of this program
    Agent,
}

/// Who holds a key now.
#[derive(Debug)]
pub struct Held {
    /// The keeper's name.
    pub by: &'static str,
    /// For whom.
    pub scope: Scope,
    /// Whether the user's other logins share it although it is for the session.
    pub is_shared: bool,
    /// Why one who would have been better did not take it.
    pub refused: Option<KeeperError>,
}

/// The keepers of a choice, the preferred one first.
#[derive(Clone)]
pub struct Keepers(Vec<Rc<dyn Keeper>>);

impl Keepers {
    /// The keepers that `choice` allows.
    #[must_use]
    pub fn new(choice: Choice) -> Self {
        let mut keepers: Vec<Rc<dyn Keeper>> = Vec::new();
        #[cfg(target_os = "linux")]
        if choice != Choice::Agent {
            keepers.push(Rc::new(keyring::Keyring));
        }
        if choice != Choice::Keyring {
            keepers.push(Rc::new(agent::Agent::default()));
        }
        Self(keepers)
    }

    /// Those that keep a session's key from the user's other logins.
    #[must_use]
    pub fn that_tell_logins_apart(&self) -> Self {
        let keepers = self.0.iter();
        Self(
            keepers
                .filter(|keeper| keeper.tells_logins_apart())
                .cloned()
                .collect(),
        )
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds a key with the first keeper that can.
    ///
    /// # Errors
    /// When none can: the reasons of all.
    pub fn put(&self, slot: &Slot, held: &CachedKey, scope: Scope) -> Result<Held, KeepersError> {
        let mut reasons = Vec::new();
        for keeper in &self.0 {
            match keeper.put(slot, held, scope) {
                Ok(()) => {
                    let refused = |reason: &KeeperError| matches!(reason, KeeperError::NotTaken(_));
                    return Ok(Held {
                        by: keeper.name(),
                        scope,
                        is_shared: scope == Scope::Session && !keeper.tells_logins_apart(),
                        refused: reasons.into_iter().find(refused),
                    });
                }
                Err(error) => reasons.push(error),
            }
        }
        Err(KeepersError(reasons))
    }

    /// The key for `salt`, from whoever has it. A keeper that is not available has none.
    #[must_use]
    pub fn get(&self, slot: &Slot, salt: &Salt, touch: Touch) -> Found {
        let mut best = Found::Nothing;
        for keeper in &self.0 {
            match keeper.get(slot, salt, touch) {
                Ok(Found::Key(key)) => return Found::Key(key),
                Ok(Found::Rekeyed) => best = Found::Rekeyed,
                Ok(Found::Nothing) | Err(_) => {}
            }
        }
        best
    }

    /// Makes every keeper forget the vault's keys.
    ///
    /// # Errors
    /// When one may hold a key still. A keeper that is not available has none.
    pub fn forget(&self, slot: &Slot, reach: Reach) -> Result<Forgotten, KeepersError> {
        self.each(|keeper| keeper.forget(slot, reach))
    }

    /// Makes every keeper forget what this login can use of the vault's keys, but for the one that
    /// was just put.
    ///
    /// # Errors
    /// As [`forget`](Self::forget).
    pub fn forget_others(&self, slot: &Slot, held: &Held) -> Result<Forgotten, KeepersError> {
        self.each(|keeper| match keeper.name() == held.by {
            true => keeper.forget_others(slot, held.scope),
            false => keeper.forget(slot, Reach::Login),
        })
    }

    fn each(
        &self,
        forget: impl Fn(&dyn Keeper) -> Result<Forgotten, KeeperError>,
    ) -> Result<Forgotten, KeepersError> {
        let (mut all, mut kept) = (Forgotten::default(), Vec::new());
        // Each is asked, whatever the one before had.
        for keeper in &self.0 {
            match forget(&**keeper) {
                Ok(forgotten) => {
                    all.any |= forgotten.any;
                    all.unseen |= forgotten.unseen;
                }
                Err(error @ (KeeperError::Kept(_) | KeeperError::Silent(..))) => kept.push(error),
                Err(_) => {}
            }
        }
        if kept.is_empty() {
            Ok(all)
        } else {
            Err(KeepersError(kept))
        }
    }

    /// How the key for `salt` is held, if it is.
    #[must_use]
    pub fn describe(&self, slot: &Slot, salt: &Salt) -> Option<Description> {
        self.0
            .iter()
            .find_map(|keeper| keeper.describe(slot, salt).ok().flatten())
    }
}

/// Why no keeper could hold a key, or some would not let go of one.
#[derive(Debug)]
pub struct KeepersError(pub(crate) Vec<KeeperError>);

impl fmt::Display for KeepersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&reasons.join("; "))
    }
}

impl std::error::Error for KeepersError {}

/// Seconds and more since the machine started, sleep included: what deadlines are in, so
/// that setting the clock moves none.
#[must_use]
pub fn uptime() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
