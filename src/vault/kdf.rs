//! From passphrase to key: Argon2id (RFC 9106), its cost and the bounds of it.

mod salt;

pub use salt::Salt;

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::Serialize;

use crate::platform::{self, Argon2Memory};
use crate::secret::{Key, Passphrase};

/// How much work it is to try one passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Memory in KiB (`m` of RFC 9106), at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory (`t`), at least 1.
    pub iterations: u32,
    /// Lanes that can be computed side by side (`p`), at least 1.
    pub lanes: u32,
}

/// One MiB in KiB.
pub const MIB: u32 = 1024;

impl Cost {
    /// What a new vault gets: 256 MiB, 3 passes, 4 lanes.
    pub const DEFAULT: Self = Self {
        memory_kib: 256 * MIB,
        iterations: 3,
        lanes: 4,
    };

    /// Whether these are parameters that Argon2 has (RFC 9106 section 3.1).
    #[must_use]
    pub fn is_valid(&self) -> bool {
        // 2^24 - 1 lanes is the RFC's own limit.
        (1..=0x00ff_ffff).contains(&self.lanes)
            && self.iterations >= 1
            && u64::from(self.memory_kib) >= 8 * u64::from(self.lanes)
    }

    /// The memory that is moved, in KiB: what an attempt costs an attacker.
    #[must_use]
    pub fn work(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.iterations)
    }

    /// Checks that the limits on this process leave the memory: the kernel would kill it while it
    /// derives, without a word.
    ///
    /// # Errors
    /// When they do not.
    pub fn check_memory(&self) -> Result<(), KdfError> {
        /// Page tables, and what else comes with it.
        const BESIDES: u64 = 64;
        let needed = u64::from(self.memory_kib);
        match platform::memory_left().map(|bytes| bytes / 1024) {
            Some(left_kib) if left_kib < needed + needed / BESIDES => Err(KdfError::Limit {
                needed_kib: self.memory_kib,
                left_kib,
            }),
            _ => Ok(()),
        }
    }

    /// Whether a vault may be made with this cost: at least what OWASP's Password Storage
    /// Cheat Sheet asks for, 19 MiB with 2 passes or 46 MiB with 1.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.is_valid()
            && (self.memory_kib >= 19 * MIB && self.iterations >= 2 || self.memory_kib >= 46 * MIB)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.memory_kib.is_multiple_of(MIB) {
            write!(f, "{} MiB", self.memory_kib / MIB)?;
        } else {
            write!(f, "{} KiB", self.memory_kib)?;
        }
        let (passes, lanes) = (self.iterations, self.lanes);
        write!(
            f,
            ", {passes} {}, {lanes} {}",
            if passes == 1 { "pass" } else { "passes" },
            if lanes == 1 { "lane" } else { "lanes" }
        )
    }
}

/// The most that a vault's header may ask for before anything is allocated.
///
/// The header is not authenticated until the key is there, so without a ceiling anybody who
/// can write the file decides how much memory and time is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling(pub Cost);

impl Ceiling {
    /// 4 GiB, 64 passes, 64 lanes.
    pub const DEFAULT: Self = Self(Cost {
        memory_kib: 4 * 1024 * MIB,
        iterations: 64,
        lanes: 64,
    });

    /// Whether `cost` stays within.
    #[must_use]
    pub fn allows(&self, cost: &Cost) -> bool {
        cost.memory_kib <= self.0.memory_kib
            && cost.iterations <= self.0.iterations
            && cost.lanes <= self.0.lanes
    }
}

/// Everything but the passphrase that the key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kdf {
    /// The salt, new with each passphrase.
    pub salt: Salt,
    /// The cost.
    pub cost: Cost,
}

/// Why no key could be derived.
#[derive(Debug, thiserror::Error)]
pub enum KdfError {
    /// The system did not give the memory.
    #[error("the system does not give {0} KiB of memory for the key derivation")]
    Memory(u32),
    /// The limit of a control group leaves less than it takes.
    #[error(
        "the key derivation takes {} MiB of memory, and the limit on this process (cgroup) leaves {} MiB",
        .needed_kib.div_ceil(MIB),
        .left_kib / u64::from(MIB)
    )]
    Limit {
        /// What it takes, in KiB.
        needed_kib: u32,
        /// What is left, in KiB.
        left_kib: u64,
    },
    /// The system gives no thread.
    #[error("the system gives no thread for the key derivation")]
    Threads,
    /// Argon2 has no such parameters.
    #[error("Argon2 has no such parameters: {0}")]
    Parameters(argon2::Error),
}

impl Kdf {
    /// Derives the key: Argon2id, version 1.3, tag of 32 bytes, neither secret nor
    /// associated data. Takes the memory and time that [`Cost`] says.
    ///
    /// The working memory is ours and wiped: the `argon2` crate would free its own as it is.
    ///
    /// # Errors
    /// When the memory is not to be had or the cost is no cost that Argon2 knows.
    pub fn derive(&self, passphrase: &Passphrase) -> Result<Key, KdfError> {
        let Cost {
            memory_kib,
            iterations,
            lanes,
        } = self.cost;
        let params = Params::new(memory_kib, iterations, lanes, Some(Key::LEN))
            .map_err(KdfError::Parameters)?;
        self.cost.check_memory()?;
        let mut memory =
            Argon2Memory::new(params.block_count()).map_err(|_| KdfError::Memory(memory_kib))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        threads()?
            .install(|| {
                let key = self.hash(&argon2, passphrase, memory.blocks());
                // The thread goes on to be there, and has the key on its stack.
                platform::wipe_stack();
                key
            })
            .map_err(KdfError::Parameters)
    }

    /// In a frame of its own, so that it can be wiped.
    #[inline(never)]
    fn hash(
        &self,
        argon2: &Argon2<'_>,
        passphrase: &Passphrase,
        memory: &mut [Block],
    ) -> Result<Key, argon2::Error> {
        Key::try_fill(|key| {
            let passphrase = passphrase.expose().as_bytes();
            let salt = self.salt.as_str().as_bytes();
            argon2.hash_password_into_with_memory(passphrase, salt, key, memory)
        })
    }
}

/// Threads to compute the lanes on: as many as there are processors, or this one alone where
/// the system gives no more (`ulimit -u`). Without this, the first use of `rayon` would panic.
fn threads() -> Result<ThreadPool, KdfError> {
    ThreadPoolBuilder::new()
        .build()
        .or_else(|_| {
            ThreadPoolBuilder::new()
                .num_threads(1)
                .use_current_thread()
                .build()
        })
        .map_err(|_| KdfError::Threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(memory_mib: u32, iterations: u32) -> Cost {
        Cost {
            memory_kib: memory_mib * MIB,
            iterations,
            lanes: 1,
        }
    }

    #[test]
    fn the_floor_is_that_of_owasp() {
        assert!(Cost::DEFAULT.is_enough());
        assert!(cost(19, 2).is_enough());
        assert!(cost(46, 1).is_enough());
        assert!(!cost(19, 1).is_enough());
        assert!(!cost(45, 1).is_enough());
        assert!(!cost(18, 99).is_enough());
        let starved = Cost {
            lanes: 8192,
            ..cost(46, 3)
        };
        assert!(!starved.is_enough(), "fewer than 8 KiB a lane is no Argon2");
    }

    #[test]
    fn the_ceiling_holds_in_each_direction() {
        let most = Ceiling::DEFAULT.0;
        assert!(Ceiling::DEFAULT.allows(&most));
        for beyond in [
            Cost {
                memory_kib: most.memory_kib + 1,
                ..most
            },
            Cost {
                iterations: most.iterations + 1,
                ..most
            },
            Cost {
                lanes: most.lanes + 1,
                ..most
            },
        ] {
            assert!(!Ceiling::DEFAULT.allows(&beyond), "{beyond}");
        }
    }

    #[test]
    fn the_derivation_is_that_of_the_argon2_command() {
        // printf password | argon2 AAAAAAAAAAAAAAAAAAAAAA -id -v 13 -t 3 -k 262144 -p 4 -l 32 -r
        let kdf = Kdf {
            salt: Salt::parse("AAAAAAAAAAAAAAAAAAAAAA").expect("a salt"),
            cost: Cost::DEFAULT,
        };
        let key = kdf.derive(&Passphrase::new("password\n")).expect("a key");
        let hex: String = key
            .expose()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "f87ae258e5e20c3e1b08baba93b4c0c2ad97f5a7532f38e90121ae31aa282c97"
        );
    }
}
