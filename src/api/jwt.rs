//! When a session was issued and when it ends, as far as its own text tells.
//!
//! The session is reported to be a JSON Web Token (RFC 7519). Its claims are read and not
//! verified: we hold no key, and the one who would be deceived is the server, which checks
//! for itself. What is read only decides when a new session is fetched.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::secret::Token;
use crate::vault::Session;

/// How long a session is taken to last when it does not say: the reported lifetime.
const DEFAULT_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The longest lifetime that is believed. A session that ends earlier than we thought costs
/// one refused call; a claim in milliseconds, believed, would keep a dead one for ages.
const LONGEST_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The session of the bearer token `token`, which was received at `now`. It ends when its claim
/// `exp` says (RFC 7519 section 4.1.4), even if that is past, and at most 30 days after `now`;
/// without such a claim it ends 24 hours after `now`.
#[must_use]
pub fn session(token: Token, now: Timestamp) -> Session {
    let after = |lifetime| now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let expires_at = match claim(&token, "exp") {
        Some(claim) => claim.min(after(LONGEST_LIFETIME)),
        None => after(DEFAULT_LIFETIME),
    };
    Session::new(token, expires_at)
}

/// When `session` says that it was issued: its claim `iat` (section 4.1.6).
pub(super) fn issued_at(session: &Token) -> Option<Timestamp> {
    claim(session, "iat")
}

/// A claim that is a time: seconds since 1970, in whatever numbers the server likes. One that
/// cannot be written is brought to the nearest that can.
fn claim(session: &Token, name: &str) -> Option<Timestamp> {
    const YEAR_1: i64 = -62_135_596_800;
    let seconds = claims(session.expose())?.get(name)?.as_f64()?;
    // A cast saturates.
    let seconds = (seconds as i64).clamp(YEAR_1, Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).ok()
}

/// The claims of a JWT in its compact form, `header.claims.signature`.
fn claims(jwt: &str) -> Option<Map<String, Value>> {
    let mut parts = jwt.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    // RFC 7515 section 2 forbids the padding that some servers add all the same.
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?);
    serde_json::from_slice(&claims).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }

    /// Seconds from now to the expiry of a JWT with these claims.
    fn lifetime(claims: &str) -> i64 {
        let jwt = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        seconds_left(&jwt)
    }

    fn seconds_left(session: &str) -> i64 {
        let session = Token::parse(session).expect("a token");
        super::session(session, now())
            .expires_at
            .timestamp()
            .duration_since(now())
            .as_secs()
    }

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn the_claim_is_believed_within_reason() {
        let at = |seconds: i64| format!(r#"{{"sub":"x","exp":{}}}"#, now().as_second() + seconds);
        assert_eq!(lifetime(&at(3600)), 3600);
        assert_eq!(lifetime(&at(29 * DAY)), 29 * DAY);
        assert_eq!(
            lifetime(&format!(r#"{{"exp":{}.75}}"#, now().as_second() + 60)),
            60
        );
        // What is past is past, whatever this machine's clock says.
        assert_eq!(lifetime(&at(0)), 0);
        assert_eq!(lifetime(&at(-1)), -1);
        assert_eq!(lifetime(&at(-400 * DAY)), -400 * DAY);
        assert_eq!(lifetime(r#"{"exp":0}"#), -now().as_second());
        assert!(lifetime(r#"{"exp":-1e300}"#) < -2000 * 365 * DAY);
        for far in [
            at(31 * DAY),
            at(4000 * DAY),
            r#"{"exp":1767312000000}"#.into(),
            r#"{"exp":18446744073709551615}"#.into(),
            r#"{"exp":1e300}"#.into(),
        ] {
            assert_eq!(lifetime(&far), 30 * DAY, "{far}");
        }
    }

    #[test]
    fn what_cannot_be_read_lasts_a_day() {
        for claims in [
            r#"{"exp":"1767312000"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":NaN}"#,
            r#"{"exp":1e999}"#,
            "{}",
            "[]",
            "[1]",
            r#"[{"exp":1}]"#,
            "7",
            "",
            "{",
            "\u{1}",
        ] {
            assert_eq!(lifetime(claims), DAY, "{claims}");
        }
        for session in [
            "opaque",
            "a.b",
            "a.b.c.d",
            "..",
            "!.!.!",
            "e30.e30=.x",
            "a.////.c",
        ] {
            assert_eq!(seconds_left(session), DAY, "{session}");
        }
    }

    #[test]
    fn padding_is_tolerated() {
        let claims = format!(r#"{{"exp": {}}}"#, now().as_second() + 7);
        let padded = base64::engine::general_purpose::URL_SAFE.encode(claims);
        assert!(padded.ends_with('='), "this test needs padding to test it");
        assert_eq!(seconds_left(&format!("e30.{padded}.c2ln")), 7);
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let session = Token::parse("opaque").expect("a token");
        assert_eq!(
            super::session(session, Timestamp::MAX).expires_at,
            Timestamp::MAX.into()
        );
        let jwt = Token::parse(&format!(
            "a.{}.c",
            URL_SAFE_NO_PAD.encode(r#"{"exp":9e18}"#)
        ))
        .expect("a token");
        assert!(super::session(jwt, Timestamp::MIN).expires_at.timestamp() > Timestamp::MIN);
    }
}
