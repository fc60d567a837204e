//! Whether a call was refused because its session ended.
//!
//! Not every server says so with a 401. Some answer 400 or 403, and gateways answer 200 with the
//! 401 in the body. In doubt it is none: a new session would be asked for at every call.

use serde_json::{Map, Value};

use super::said::Said;
use super::verdict::{TROUBLE, codes};

/// What a session is called, in lower case, in English and the language of the service's home.
const SESSION: [&str; 6] = ["token", "session", "jwt", "bearer", "login", "sesi"];

/// What becomes of one.
const ENDED: [&str; 16] = [
    "expire",
    "invalid",
    "not valid",
    "no longer",
    "revoked",
    "ended",
    "malformed",
    "terminated",
    "inactive",
    "timed out",
    "timeout",
    "tidak valid",
    "kedaluwarsa",
    "kadaluarsa",
    "berakhir",
    "habis",
];

/// Words that say by themselves that a session is wanted.
const NO_SESSION: [&str; 10] = [
    "unauthorized",
    "unauthorised",
    "unauthenticated",
    "not authenticated",
    "not logged in",
    "log in again",
    "login again",
    "authentication required",
    "authentication failed",
    "login kembali",
];

/// Whether a call was refused because its session ended, and so was not carried out.
///
/// A 401 says so by itself. A 400, a 403 and a success say it in words, or with a 401 in their
/// body or their header (RFC 6750 section 3.1).
pub(super) fn refuses_session(status: u16, challenge: Option<&str>, body: &[u8]) -> bool {
    /// What says no more than this is not the data that was asked for.
    const LONGEST_REFUSAL: usize = 64 * 1024;
    if status == 401 {
        return true;
    }
    if !matches!(status, 200..=299 | 400 | 403) || body.len() > LONGEST_REFUSAL {
        return false;
    }
    let said = Said::read(None, body, &[]);
    if said.markup {
        return false;
    }
    let in_words = says_session_ended(&said.text);
    let fields = serde_json::from_slice::<Map<String, Value>>(body).unwrap_or_default();
    let has_401 = codes(&fields).any(|code| code == 401);
    match status {
        400 | 403 => {
            in_words
                || has_401
                || challenge.is_some_and(|challenge| challenge.contains("invalid_token"))
        }
        _ => has_401 && (in_words || !fields.contains_key("data")),
    }
}

fn says_session_ended(text: &str) -> bool {
    let text = text.to_lowercase();
    let has_one_of = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // The time of a session may be over; that of a look-up of one is trouble.
    let of_time = ["timeout", "timed out"];
    let of_a_session = has_one_of(&["session timeout", "session timed out", "session has timed"]);
    let is_trouble =
        |word: &&str| text.contains(*word) && !(of_a_session && of_time.contains(word));
    !TROUBLE.iter().any(is_trouble)
        && (has_one_of(&NO_SESSION) || has_one_of(&SESSION) && has_one_of(&ENDED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_session_is_told_from_other_answers() {
        for (status, body, refused) in [
            (401, "", true),
            (401, "<html>", true),
            (403, r#"{"message":"Token is expired"}"#, true),
            (403, r#"{"error":"TOKEN_EXPIRED"}"#, true),
            (403, "Unauthorized", true),
            (400, r#"{"message":"invalid or expired jwt"}"#, true),
            (400, r#"{"message":"your session has ended"}"#, true),
            (400, r#"{"message":"Session timeout"}"#, true),
            (403, r#"{"message":"Sesi telah berakhir"}"#, true),
            (403, r#"{"message":"please log in again"}"#, true),
            (400, r#"{"code":401}"#, true),
            (403, r#"{"error":{"code":"401"}}"#, true),
            (200, r#"{"code":401,"message":"token expired"}"#, true),
            (
                200,
                r#"{"status":401,"data":null,"error":"unauthorized"}"#,
                true,
            ),
            (200, r#"{"meta":{"code":401}}"#, true),
            (403, "", false),
            (403, r#"{"message":"Forbidden"}"#, false),
            (403, r#"{"message":"you may not do this"}"#, false),
            (403, "<html>token expired</html>", false),
            (400, r#"{"message":"voucher expired"}"#, false),
            (400, r#"{"message":"name is invalid"}"#, false),
            (400, r#"pq: relation "sessions": invalid"#, false),
            (400, r#"{"message":"session lookup: i/o timeout"}"#, false),
            (404, r#"{"message":"token expired"}"#, false),
            (409, r#"{"message":"token expired"}"#, false),
            (500, r#"{"message":"token expired"}"#, false),
            (200, r#"{"message":"token expired"}"#, false),
            (
                200,
                r#"{"data":[{"status":401,"message":"token expired"}]}"#,
                false,
            ),
            (
                200,
                r#"{"status":401,"data":{"name":"a log entry"}}"#,
                false,
            ),
            (200, r#"["unauthorized",401]"#, false),
            (302, r#"{"code":401}"#, false),
        ] {
            let found = refuses_session(status, None, body.as_bytes());
            assert_eq!(found, refused, "{status} {body}");
        }
        let challenge = Some(r#"Bearer realm="x", error="invalid_token""#);
        assert!(refuses_session(403, challenge, b""));
        assert!(!refuses_session(
            403,
            Some(r#"Bearer error="insufficient_scope""#),
            b""
        ));
        let long = format!(r#"{{"code":401,"message":"{}"}}"#, "x".repeat(1 << 20));
        assert!(!refuses_session(200, None, long.as_bytes()));
    }
}
