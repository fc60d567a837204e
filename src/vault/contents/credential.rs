//! A credential of another service: whose it is, where it belongs, its secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::strict::present;
use super::{Contents, Time};
use crate::secret::Secret;

/// The longest kind, in characters.
const MAX_KIND_CHARACTERS: usize = 64;
/// The longest place, and the longest user name, in characters.
const MAX_TEXT_CHARACTERS: usize = 2048;

/// A credential of another service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credential {
    /// What takes it, such as `docker`. One that is unknown here is kept.
    pub kind: String,
    /// Where it belongs, in the form that its kind has for that: it goes nowhere else.
    #[serde(rename = "where")]
    pub place: String,
    /// Whose it is; empty where there are no user names.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// The secret.
    pub secret: Secret,
    /// A secret that goes with it: a session token, a refresh token.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub second_secret: Option<Secret>,
    /// When it was stored.
    pub stored_at: Time,
    /// When it ends, where that is known.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<Time>,
    /// What other programs added.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Credential {
    /// A credential that does not end.
    #[must_use]
    pub fn new(
        kind: &str,
        place: String,
        username: String,
        secret: Secret,
        stored_at: Timestamp,
    ) -> Self {
        Self {
            kind: kind.to_owned(),
            place,
            username,
            secret,
            second_secret: None,
            stored_at: stored_at.into(),
            expires_at: None,
            extra: Map::new(),
        }
    }

    /// Whether this can be a user name: at most 2,048 characters, none of them a control character.
    #[must_use]
    pub fn is_username(text: &str) -> bool {
        fits(text)
    }

    /// Whether it is over at `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end.timestamp() <= now)
    }

    /// Whether the other one is for the same thing: there is one of them in a vault.
    #[must_use]
    pub fn is_for_the_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Whether the other one has the same secrets, for as long.
    #[must_use]
    pub fn has_the_same_secret(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.second_secret.clone(), it.expires_at);
        self.secret == other.secret && of(self) == of(other)
    }

    fn key(&self) -> (&str, &str, &str) {
        (&self.kind, &self.place, &self.username)
    }
}

/// What became of another vault's credentials.
#[derive(Debug, Default)]
pub struct Merged {
    /// Added.
    pub taken: Vec<String>,
    /// There already.
    pub left: Vec<String>,
    /// There already, with another secret; not added.
    pub others: Vec<String>,
}

impl Contents {
    /// The credentials of a kind.
    pub fn credentials_of(&self, kind: &str) -> impl Iterator<Item = &Credential> {
        self.credentials.iter().filter(move |it| it.kind == kind)
    }

    /// The credential that is for the same as `other`.
    #[must_use]
    pub fn credential_like(&self, other: &Credential) -> Option<&Credential> {
        self.credentials.iter().find(|it| it.is_for_the_same(other))
    }

    /// Stores a credential, in place of one that is for the same. What others added to that one
    /// stays.
    pub fn store_credential(&mut self, new: Credential) {
        let same = |it: &&mut Credential| it.is_for_the_same(&new);
        match self.credentials.iter_mut().find(same) {
            Some(old) => {
                let extra = std::mem::take(&mut old.extra);
                *old = Credential { extra, ..new };
            }
            None => self.credentials.push(new),
        }
    }

    /// Adds the credentials of `other` that are not here. One with another secret is not
    /// replaced.
    pub fn merge_credentials(&mut self, other: &Self) -> Merged {
        let mut merged = Merged::default();
        for theirs in &other.credentials {
            let name = theirs.name();
            match self.credential_like(theirs) {
                None => {
                    self.credentials.push(theirs.clone());
                    merged.taken.push(name);
                }
                Some(ours) => {
                    if !ours.has_the_same_secret(theirs) {
                        merged.others.push(name.clone());
                    }
                    merged.left.push(name);
                }
            }
        }
        merged
    }
}

impl Credential {
    /// What to call it in a sentence: `docker registry.example (sari)`.
    #[must_use]
    pub fn name(&self) -> String {
        let Self {
            kind,
            place,
            username,
            ..
        } = self;
        match username.as_str() {
            "" => format!("{kind} {place}"),
            username => format!("{kind} {place} ({username})"),
        }
    }
}

fn fits(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT_CHARACTERS && !text.contains(char::is_control)
}

/// The rules of `vault-format.md`, section 7.6, that types alone do not express.
pub(super) fn check(credentials: &[Credential]) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_kind =
        |kind: &str| (1..=MAX_KIND_CHARACTERS).contains(&kind.len()) && kind.bytes().all(allowed);
    for credential in credentials {
        if !is_kind(&credential.kind) {
            return Err("the kind of a credential has other characters than a-z 0-9 -");
        }
        if credential.place.is_empty() || !fits(&credential.place) {
            return Err(
                "where a credential belongs is empty, too long, or has a control character",
            );
        }
        if !fits(&credential.username) {
            return Err("the user name of a credential is too long or has a control character");
        }
    }
    let mut keys: Vec<_> = credentials.iter().map(Credential::key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two credentials are for the same place and user");
    }
    Ok(())
}
