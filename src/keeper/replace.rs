//! A new key in place of the one that a keeper holds.

use std::time::Duration;

use super::{CachedKey, Keepers, KeepersError, Limits, Slot};
use crate::secret::Key;
use crate::vault::Salt;

impl Keepers {
    /// Holds `key` wherever that of `old` is held, within the same limits. Says whether one was.
    ///
    /// # Errors
    /// When a keeper that held the old one cannot hold the new one.
    pub fn replace(
        &self,
        slot: &Slot,
        old: &Salt,
        salt: &Salt,
        key: &Key,
    ) -> Result<bool, KeepersError> {
        let (mut any, mut reasons) = (false, Vec::new());
        for keeper in &self.0 {
            // The kernel may have one in each scope.
            let found = std::iter::repeat_with(|| keeper.describe(slot, old).ok().flatten());
            for was in found.take(2).map_while(|was| was) {
                let limits = Limits {
                    idle: Duration::from_secs(was.idle_seconds),
                    lifetime: Duration::from_secs(was.remaining_seconds),
                };
                let key = Key::copied_from(key.expose());
                let held = CachedKey::new(salt.clone(), key, was.scope, limits);
                any = true;
                if let Err(error) = keeper.put(slot, &held, was.scope) {
                    reasons.push(error);
                    break;
                }
            }
        }
        if reasons.is_empty() {
            Ok(any)
        } else {
            Err(KeepersError(reasons))
        }
    }
}
