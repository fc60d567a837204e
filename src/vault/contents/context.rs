//! One login: its token, its session, and what goes with it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::strict::{bare_base_url, bare_token, present};
use super::{ContextName, Time};
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
    pub verified_at: Time,
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
    pub expires_at: Time,
    /// Also [`CLOCK_BEHIND`], where it was.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// A field of a session beyond the format: by how many seconds the clock of the machine that got
/// it was behind the server's. Whoever saves the vault keeps it, and nobody need know it.
const CLOCK_BEHIND: &str = "clock_behind";

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
            verified_at: verified_at.into(),
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
            expires_at: expires_at.into(),
            extra: Map::new(),
        }
    }

    /// Notes that the server's clock was `ahead` of that of the machine that got the session,
    /// which may still be so when its end is judged. A clock that was ahead judges it too early,
    /// which does no harm.
    #[must_use]
    pub fn got_by_a_clock_behind(mut self, ahead: SignedDuration) -> Self {
        if ahead >= MARGIN {
            self.extra
                .insert(CLOCK_BEHIND.to_owned(), ahead.as_secs().into());
        }
        self
    }

    /// Whether a new session should be fetched before the next call at `now`: less than a minute
    /// of this one is left, or the clock is wrong, since it was `verified_at` before.
    #[must_use]
    pub fn is_due(&self, now: Timestamp, verified_at: Timestamp) -> bool {
        let behind = self.extra.get(CLOCK_BEHIND).and_then(Value::as_u64);
        let behind = i64::try_from(behind.unwrap_or(0)).unwrap_or(i64::MAX);
        let now = now
            .checked_add(SignedDuration::from_secs(behind))
            .unwrap_or(Timestamp::MAX);
        self.expires_at.timestamp().duration_since(now) < MARGIN
            || verified_at.duration_since(now) > MARGIN
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
        let begun = before(24 * 3600);
        assert!(!session.is_due(begun, begun));
        assert!(!session.is_due(before(60), begun));
        assert!(session.is_due(before(59), begun));
        assert!(session.is_due(Timestamp::MAX, begun));
    }

    #[test]
    fn a_clock_that_is_behind_is_not_believed() {
        let end: Timestamp = "2026-01-02T00:00:00Z".parse().expect("a time");
        let before = |seconds| end - SignedDuration::from_secs(seconds);
        let session = |ahead| {
            Session::new(Token::parse("opaque").expect("a token"), end)
                .got_by_a_clock_behind(SignedDuration::from_secs(ahead))
        };
        // It is earlier than it was.
        assert!(session(0).is_due(before(3600), before(3500)));
        assert!(!session(0).is_due(before(3600), before(3540)));
        assert!(session(0).is_due(Timestamp::MIN, before(3600)));
        // It was two hours behind, and still is.
        assert!(!session(7200).is_due(before(7200 + 60), before(3600)));
        assert!(session(7200).is_due(before(7200 + 59), before(3600)));
        assert!(session(i64::MAX).is_due(before(3600), before(3600)));
        // It was ahead.
        assert!(!session(-7200).is_due(before(60), before(3600)));
        let text = serde_json::to_string(&session(-7200)).expect("JSON");
        assert!(!text.contains(CLOCK_BEHIND), "{text}");
    }
}
