//! The rules of the contents that types alone do not express: `vault-format.md`, section 7.

use super::{Contents, RecipientEntry, credential};
use crate::vault::public;

/// The largest revision: the largest integer that every JSON reader holds exactly.
pub(super) const MAX_REVISION: u64 = (1 << 53) - 1;
/// The longest recipient, in characters.
const MAX_RECIPIENT_CHARACTERS: usize = 65_536;

impl Contents {
    /// The rules that types alone do not express.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if self.id.len() != 32 || !self.id.bytes().all(hex) {
            return Err("the vault id is not 32 hexadecimal digits");
        }
        if !(1..=MAX_REVISION).contains(&self.revision) {
            return Err("the revision is out of range");
        }
        let mut names: Vec<&str> = self
            .contexts
            .iter()
            .map(|context| context.name.as_str())
            .collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two contexts have the same name");
        }
        match &self.current_context {
            Some(name) if self.context(name).is_none() => {
                return Err("the current context is not among the contexts");
            }
            _ => {}
        }
        credential::check(&self.credentials)?;
        if self.recipients.is_empty() {
            return Err("they name no recipient");
        }
        let fits = |entry: &RecipientEntry| {
            (1..=MAX_RECIPIENT_CHARACTERS).contains(&entry.recipient.chars().count())
                && !entry.recipient.contains(char::is_control)
        };
        if !self.recipients.iter().all(fits) {
            return Err("a recipient is empty, too long, or has a control character");
        }
        if (self.recipients.iter()).any(|entry| public::protects_nothing(&entry.recipient)) {
            return Err("a recipient is a key that protects nothing, so anybody can open the file");
        }
        let mut derived = self.recipients.iter().filter_map(RecipientEntry::kdf);
        if derived.next().is_some_and(|kdf| !kdf.cost.is_valid()) {
            return Err("the cost of the passphrase is out of range");
        }
        if derived.next().is_some() {
            return Err("they name more than one passphrase");
        }
        Ok(())
    }
}
