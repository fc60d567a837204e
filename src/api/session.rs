//! When the session that a token was exchanged for ends.

use jiff::Timestamp;

use super::jwt;
use crate::secret::Token;
use crate::vault::Session;

/// The session of the bearer token `token`, which was received at `now`. Its end is taken from
/// its claim `exp` if it has one, within 30 days; otherwise it is 24 hours from `now`.
#[must_use]
pub fn session(token: Token, now: Timestamp) -> Session {
    let expires_at = jwt::expiry(&token, now);
    Session::new(token, expires_at)
}
