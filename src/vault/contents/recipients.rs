//! To whom a vault is sealed: adding, finding and removing.

use serde_json::Map;

use super::{Contents, RecipientEntry};

/// The longest label that is given here, in characters; the format itself has no limit.
const MAX_LABEL_CHARACTERS: usize = 100;

/// What the passphrase's recipient is called; nothing else may be.
pub const PASSPHRASE: &str = "passphrase";

/// What a person may call a recipient: 1 to 100 characters, none of them a control character.
#[must_use]
pub fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL_CHARACTERS).contains(&text.chars().count())
        && text.trim() == text
        && !text.contains(char::is_control)
}

impl RecipientEntry {
    /// A public key besides the passphrase's.
    #[must_use]
    pub fn public(recipient: String, label: Option<String>) -> Self {
        Self {
            recipient,
            label,
            argon2id: None,
            extra: Map::new(),
        }
    }

    /// Makes it the recipient of a newly derived identity. Its label stays, and what others
    /// added to it.
    pub fn rederive(&mut self, new: &Self) {
        self.argon2id.clone_from(&new.argon2id);
        self.recipient.clone_from(&new.recipient);
    }
}

/// A recipient, cut in the middle if it is long, as an RSA key is. SSH keys of one type all
/// begin alike; it is their ends that differ.
#[must_use]
pub fn short(recipient: &str) -> String {
    const LONGEST: usize = 72;
    const START: usize = 15;
    const END: usize = 20;
    let length = recipient.chars().count();
    if length <= LONGEST {
        return recipient.to_owned();
    }
    let start: String = recipient.chars().take(START).collect();
    let end: String = recipient.chars().skip(length - END).collect();
    format!("{start}…{end}")
}

impl Contents {
    /// Whether a recipient has this label.
    #[must_use]
    pub fn has_label(&self, label: &str) -> bool {
        self.recipients
            .iter()
            .any(|entry| entry.label.as_deref() == Some(label))
    }

    /// `label`, or else `label-2`, `label-3` and so on: the first that is free.
    #[must_use]
    pub fn free_label(&self, label: &str) -> String {
        std::iter::once(label.to_owned())
            .chain((2u64..).map(|n| format!("{label}-{n}")))
            .find(|label| !self.has_label(label))
            .expect("one of endlessly many is free")
    }

    /// The recipient of the passphrase, if the vault has one.
    #[must_use]
    pub fn passphrase_mut(&mut self) -> Option<&mut RecipientEntry> {
        self.recipients
            .iter_mut()
            .find(|entry| entry.argon2id.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_recipient_is_cut_where_its_kind_alike_is() {
        let rsa = format!("ssh-rsa {}0123456789abcdefghij", "A".repeat(400));
        assert_eq!(short(&rsa), "ssh-rsa AAAAAAA…0123456789abcdefghij");
        assert_eq!(short("age1short"), "age1short");
    }
}
