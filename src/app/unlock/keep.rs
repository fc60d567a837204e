//! Leaving a vault unlocked, and locking it.

use super::Unlocker;
use crate::app::ui::Notice;
use crate::app::vault_key::VaultKey;
use crate::keeper::{CachedKey, Choice, Held, Keepers, KeepersError, Limits, Reach, Scope, Slot};
use crate::secret::Key;
use crate::vault::Sealed;

impl Unlocker {
    /// Leaves the vault unlocked for the next commands. That no keeper can hold the key does
    /// not fail this command: the next one asks.
    pub fn keep(&self, key: &VaultKey) {
        if let Err(error) = self.try_keep(&self.keepers, key, self.limits, self.scope) {
            self.ui.tell(&Notice::StaysLocked(&error));
        }
    }

    /// Leaves the vault unlocked for the next commands, and says so if that is for more logins
    /// than it is meant for. Gives who holds the key; an identity is not kept.
    ///
    /// # Errors
    /// When no keeper can hold the key. What was held before is still held.
    pub fn try_keep(
        &self,
        keepers: &Keepers,
        key: &VaultKey,
        limits: Limits,
        scope: Scope,
    ) -> Result<Option<Held>, KeepersError> {
        let VaultKey::Derived(kdf, key, _) = key else {
            return Ok(None);
        };
        let key = Key::copied_from(key.expose());
        let cached = CachedKey::new(kdf.salt.clone(), key, scope, limits);
        let held = keepers.put(&self.slot(), &cached, scope)?;
        match &held.refused {
            Some(why) if held.is_shared => self.ui.tell(&Notice::HeldByAnother(held.by, why)),
            None if held.is_shared => self.ui.tell(&Notice::SharedByLogins),
            _ => {}
        }
        Ok(Some(held))
    }

    /// Makes every keeper forget what it held before: with other limits, or for others. That one
    /// cannot be reached does not fail this command.
    pub fn forget_others(&self, held: &Held) {
        if let Err(error) = Keepers::new(Choice::Auto).forget_others(&self.slot(), held) {
            self.ui.tell(&Notice::MayStayUnlocked(&error));
        }
    }

    /// Leaves the vault unlocked with a new `key` if it was with that of `old`: by the same keeper,
    /// for the same logins, and no longer than it would have been. Says whether it was.
    pub fn keep_instead(&self, old: &Sealed, key: &VaultKey) -> bool {
        let (Ok(Some(old)), VaultKey::Derived(kdf, key, _)) = (self.kdf(old), key) else {
            return false;
        };
        let replaced = Keepers::new(Choice::Auto).replace(&self.slot(), &old.salt, &kdf.salt, key);
        replaced.unwrap_or_else(|error| {
            self.ui.tell(&Notice::StaysLocked(&error));
            true
        })
    }

    /// Makes every keeper forget the key, whatever `--keeper` says. That one cannot be reached
    /// does not fail this command.
    pub fn forget(&self, slot: &Slot, reach: Reach) {
        if let Err(error) = Keepers::new(Choice::Auto).forget(slot, reach) {
            self.ui.tell(&Notice::MayStayUnlocked(&error));
        }
    }
}
