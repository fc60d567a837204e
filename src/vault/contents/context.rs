//! One login: its token, its session, and what goes with it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ContextName;
use super::strict::{bare_base_url, bare_token, present, utc};
use crate::base_url::BaseUrl;
use crate::secret::Token;

/// How long before its end a session is no longer used: clocks differ, and calls take time.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// One login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Context {
    /// Its name, unique in the vault.
    pub name: ContextName,
    /// Where its token was verified, and the only place it is sent to.
    #[serde(deserialize_with = "bare_base_url")]
    pub base_url: BaseUrl,
    /// The long-lived token.
    #[serde(deserialize_with = "bare_token")]
    pub token: Token,
    /// When the API last accepted the token.
    #[serde(deserialize_with = "utc")]
    pub verified_at: Timestamp,
    /// What the API said of the account.
    pub account: Map<String, Value>,
    /// The session that the token was last exchanged for.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub session: Option<Session>,
    /// Defaults given at login, such as the project.
    #[serde(default, skip_serializing_if = "Defaults::is_empty")]
    pub defaults: Defaults,
    /// What other programs added.
    #[serde(flatten)]
    pub(super) extra: Map<String, Value>,
}

/// A session of the API: short-lived, got for a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// What is sent as `Authorization: Bearer`.
    #[serde(deserialize_with = "bare_token")]
    pub token: Token,
    /// When it ends.
    #[serde(deserialize_with = "utc")]
    pub expires_at: Timestamp,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What a context uses where a command names nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// Namespace.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub namespace: Option<String>,
    /// Project id.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub project: Option<String>,
    /// Registry id.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub registry: Option<String>,
    /// Organization id.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub organization: Option<String>,
    /// Editor.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub editor: Option<String>,
    /// What other programs added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Context {
    /// A new login.
    #[must_use]
    pub fn new(name: ContextName, base_url: BaseUrl, token: Token, verified_at: Timestamp) -> Self {
        Self {
            name,
            base_url,
            token,
            verified_at,
            account: Map::new(),
            session: None,
            defaults: Defaults::default(),
            extra: Map::new(),
        }
    }
}

impl Session {
    /// A session that ends at `expires_at`.
    #[must_use]
    pub fn new(token: Token, expires_at: Timestamp) -> Self {
        Self {
            token,
            expires_at,
            extra: Map::new(),
        }
    }

    /// Whether a new session should be fetched before the next call: less than a minute of
    /// this one is left at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) < MARGIN
    }
}

impl Defaults {
    /// These, and where nothing is set, `below`.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let either = |ours: &Option<String>, theirs: &Option<String>| {
            ours.as_ref().or(theirs.as_ref()).cloned()
        };
        Self {
            namespace: either(&self.namespace, &below.namespace),
            project: either(&self.project, &below.project),
            registry: either(&self.registry, &below.registry),
            organization: either(&self.organization, &below.organization),
            editor: either(&self.editor, &below.editor),
            extra: below.extra.clone(),
        }
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_due_a_minute_before_its_end() {
        let end: Timestamp = "2026-01-02T00:00:00Z".parse().expect("a time");
        let session = Session::new(Token::parse("opaque").expect("a token"), end);
        let before = |seconds| end - SignedDuration::from_secs(seconds);
        assert!(!session.is_due(before(24 * 3600)));
        assert!(!session.is_due(before(60)));
        assert!(session.is_due(before(59)));
        assert!(session.is_due(Timestamp::MAX));
        assert!(!session.is_due(Timestamp::MIN));
    }
}
