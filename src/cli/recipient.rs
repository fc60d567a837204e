//! Recipients as they stand on the command line and in files.

use std::path::Path;

use super::error::RecipientError;
use crate::prompt::source::{self, Holds};
use crate::vault::contents::{PASSPHRASE, is_label, short};
use crate::vault::public::find_plugin;
use crate::vault::{Contents, PublicRecipient, RecipientEntry};

/// A recipient that somebody wants to seal to.
pub struct NewRecipient {
    recipient: PublicRecipient,
    /// The comment of an SSH public key.
    comment: Option<String>,
}

impl NewRecipient {
    /// Reads one from `text`, which is in `place`, such as `--recipient`.
    ///
    /// # Errors
    /// Exit 2 when it is none; exit 1 when its plugin is not installed.
    pub fn parse(text: &str, place: &str) -> Result<Self, RecipientError> {
        let text = in_words(text);
        let recipient: PublicRecipient = text.parse().map_err(|error| {
            let place = match public_text(&text) {
                Some(text) => format!("{place} ({text})"),
                None => place.to_owned(),
            };
            RecipientError::Unusable(place, error)
        })?;
        find_plugin(&recipient).map_err(|error| RecipientError::Plugin(place.to_owned(), error))?;
        let comment = match &recipient {
            PublicRecipient::Ssh(_) => comment(&text),
            _ => None,
        };
        Ok(Self { recipient, comment })
    }

    /// Reads those in a file, one on each line, as `age -R` does: empty lines and lines that
    /// begin with `#` say nothing.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when the file cannot be read or holds none.
    pub fn parse_file(path: &Path) -> Result<Vec<Self>, RecipientError> {
        let shown = path.display();
        let text = source::read_file(path, Holds::Key)
            .map_err(RecipientError::File)?
            .content;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut found = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if !line.trim().is_empty() && !line.starts_with('#') {
                found.push(Self::parse(
                    line,
                    &format!("line {} of {shown}", number + 1),
                )?);
            }
        }
        if found.is_empty() {
            return Err(RecipientError::NoneIn(path.to_owned()));
        }
        Ok(found)
    }

    /// The text that is stored.
    #[must_use]
    pub fn text(&self) -> String {
        self.recipient.to_string()
    }

    /// What a vault that is sealed to it calls it.
    #[must_use]
    pub fn name_in(&self, contents: &Contents) -> Option<String> {
        let there = find(contents, &self.text());
        there
            .first()
            .map(|place| contents.recipients[*place].name())
    }

    /// Adds it to those that a vault is sealed to; gives the label it has then. Without a
    /// `label` that is the comment of an SSH key, if it has one.
    ///
    /// # Errors
    /// When it is there already, or the label is taken or none.
    pub fn add_to(
        self,
        contents: &mut Contents,
        label: Option<&str>,
    ) -> Result<Option<String>, RecipientError> {
        if let Some(name) = self.name_in(contents) {
            return Err(RecipientError::Exists(name));
        }
        let label = match label {
            Some(label) => Some(checked_label(contents, label)?),
            None => self
                .comment
                .as_deref()
                .filter(|comment| is_label(comment) && *comment != PASSPHRASE)
                .map(|comment| contents.free_label(comment)),
        };
        contents
            .recipients
            .push(RecipientEntry::public(self.text(), label.clone()));
        Ok(label)
    }
}

fn checked_label(contents: &Contents, label: &str) -> Result<String, RecipientError> {
    if !is_label(label) {
        return Err(RecipientError::Label);
    }
    if label == PASSPHRASE || contents.has_label(label) {
        return Err(RecipientError::LabelTaken);
    }
    Ok(label.to_owned())
}

/// `text` with one blank where there are several, or tabs, as in a file of SSH keys (sshd(8)).
fn in_words(text: &str) -> String {
    let words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// `text` if it can be shown: what begins like a recipient of age and has nothing else in it is
/// public, whatever is wrong with it.
fn public_text(text: &str) -> Option<String> {
    let text = text.trim();
    let is_public = text.get(..4)?.eq_ignore_ascii_case("age1")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_public.then(|| short(text))
}

/// The third word of an SSH public key and what follows: `sari@laptop`.
fn comment(text: &str) -> Option<String> {
    let mut words = text.trim().splitn(3, ' ');
    let comment = words.nth(2)?.trim();
    (!comment.is_empty()).then(|| comment.to_owned())
}

/// The places of the recipients that `name` may stand for: a label, a recipient however it is
/// spelt, or the short form of one.
#[must_use]
pub fn find(contents: &Contents, name: &str) -> Vec<usize> {
    let spelt = |text: &str| {
        text.parse::<PublicRecipient>()
            .map_or_else(|_| text.to_owned(), |recipient| recipient.to_string())
    };
    let wanted = spelt(&in_words(name));
    let fits = |entry: &RecipientEntry| {
        entry.label.as_deref() == Some(name)
            || match entry.kdf() {
                Some(_) => name == PASSPHRASE,
                None => spelt(&entry.recipient) == wanted || short(&entry.recipient) == name,
            }
    };
    let all = contents.recipients.iter().enumerate();
    all.filter(|(_, entry)| fits(entry))
        .map(|(place, _)| place)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_of_an_ssh_key_is_all_behind_the_key() {
        assert_eq!(comment("ssh-rsa AAAA"), None);
        assert_eq!(comment("ssh-rsa AAAA  "), None);
        assert_eq!(
            comment("ssh-rsa AAAA sari on her laptop\n").as_deref(),
            Some("sari on her laptop")
        );
    }
}
