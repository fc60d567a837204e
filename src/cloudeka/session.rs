//! The short-lived credential that a token is exchanged for.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::jwt;
use crate::secret::Token;

/// How long before its end a session is no longer used: clocks differ, and calls take time.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// What authorises calls for a day or so.
///
/// Written in clear by serde, so only ever into something that is sealed next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The bearer token of the calls.
    pub token: Token,
    /// When it ends, as far as is known: the server may end it earlier.
    pub expires_at: Timestamp,
}

impl Session {
    /// The session of `token`, which was received at `now`. Its end is taken from its claim
    /// `exp` if it has one, within 30 days; otherwise it is 24 hours from `now`.
    #[must_use]
    pub fn received(token: Token, now: Timestamp) -> Self {
        let expires_at = jwt::expiry(&token, now);
        Self { token, expires_at }
    }

    /// Whether a new session should be fetched before the next call: less than a minute of
    /// this one is left at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) < MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_due_a_minute_before_its_end() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let session = Session::received(Token::parse("opaque").expect("a token"), now);
        let later = |seconds| now + SignedDuration::from_secs(seconds);
        assert!(!session.is_due(now));
        assert!(!session.is_due(later(24 * 3600 - 60)));
        assert!(session.is_due(later(24 * 3600 - 59)));
        assert!(session.is_due(Timestamp::MAX));
        assert!(!session.is_due(Timestamp::MIN));
    }

    #[test]
    fn debug_shows_no_secret() {
        let session = Session::received(
            Token::parse("opaque").expect("a token"),
            Timestamp::UNIX_EPOCH,
        );
        assert!(!format!("{session:?}").contains("opaque"));
    }
}
