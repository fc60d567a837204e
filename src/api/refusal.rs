//! Whether a call was refused because its session ended.
//!
//! Not every server says so with a 401. Some answer 400, 403 or a status of their own, and gateways
//! answer 200 with the 401 or the failure in the body. In doubt it is none: a new session would be
//! asked for at every call.

use serde_json::{Map, Value};

use super::said::Said;
use super::verdict::{TROUBLE, codes, says_failure};

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
const NO_SESSION: [&str; 12] = [
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
    // What libraries for JWT say of one, which name the part that they check.
    "signature has expired",
    "signature expired",
];

/// How a page says it. What is in front of the API keeps a session and knows no token; and in a
/// long page words that belong together stand together.
const IN_A_PAGE: [&str; 9] = [
    "session expired",
    "session has expired",
    "session is expired",
    "session ended",
    "session has ended",
    "session timeout",
    "session timed out",
    "session has timed",
    "sesi telah berakhir",
];

/// Whether a call was refused because its session ended, and so was not carried out.
///
/// A 401 says so by itself, as do the 440 of IIS and the 498 of ArcGIS, which stand for nothing
/// else. Other refusals and a success say it in words, or with a 401 in their body or their header
/// (RFC 6750 section 3.1).
pub(super) fn refuses_session(status: u16, challenge: Option<&str>, body: &[u8]) -> bool {
    /// What says no more than this is not the data that was asked for.
    const LONGEST_REFUSAL: usize = 64 * 1024;
    if matches!(status, 401 | 440 | 498) {
        return true;
    }
    let is_success = matches!(status, 200..=299);
    if !is_success && !may_refuse(status.into()) || body.len() > LONGEST_REFUSAL {
        return false;
    }
    let said = Said::read(None, body, &[]);
    if said.markup {
        let text = said.text.to_lowercase();
        return !is_success && has_one_of(&text, &IN_A_PAGE);
    }
    let in_words = says_session_ended(&said.text);
    let fields = serde_json::from_slice::<Map<String, Value>>(body).unwrap_or_default();
    let has_401 = codes(&fields).any(|code| code == 401);
    if is_success {
        return has_401 && (in_words || !fields.contains_key("data"))
            || in_words && is_bare_failure(&fields);
    }
    in_words || has_401 || challenge.is_some_and(|challenge| challenge.contains("invalid_token"))
}

/// The statuses that an ended session is refused with where it is said in words: 419 is that of
/// Laravel, 422 that of Flask.
fn may_refuse(status: u64) -> bool {
    matches!(status, 400 | 401 | 403 | 419 | 422 | 440 | 498)
}

/// Whether a body says that the call failed, and is not the description of something that did.
fn is_bare_failure(fields: &Map<String, Value>) -> bool {
    says_failure(fields)
        && codes(fields).all(|code| code < 400 || may_refuse(code))
        && fields.get("data").is_none_or(Value::is_null)
        && !fields.contains_key("id")
        && !fields.contains_key("name")
}

/// Whether a body says with a 401, and in words, that the token was refused; one that gives a
/// session beside it says nothing.
pub(super) fn refuses_token(body: &Map<String, Value>, said: &Said) -> bool {
    let given = body.get("data").and_then(|data| data.get("token"));
    codes(body).any(|code| code == 401)
        && given.is_none()
        && says_session_ended(&said.text)
        && has_one_of(&said.text.to_lowercase(), &SESSION)
}

fn has_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

fn says_session_ended(text: &str) -> bool {
    let text = text.to_lowercase();
    // The time of a session may be over; that of a look-up of one is trouble.
    let of_time = ["timeout", "timed out"];
    let of_a_session = has_one_of(
        &text,
        &["session timeout", "session timed out", "session has timed"],
    );
    let is_trouble =
        |word: &&str| text.contains(*word) && !(of_a_session && of_time.contains(word));
    !TROUBLE.iter().any(is_trouble)
        && (has_one_of(&text, &NO_SESSION)
            || has_one_of(&text, &SESSION) && has_one_of(&text, &ENDED))
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
            (403, r#"{"detail":"Signature has expired."}"#, true),
            (403, "<html>Session timed out</html>", true),
            (419, r#"{"message":"Session expired"}"#, true),
            (422, "Signature has expired", true),
            (422, r#"{"msg":"Token has been revoked"}"#, true),
            (440, "", true),
            (498, "invalid token", true),
            (200, r#"{"success":false,"message":"jwt expired"}"#, true),
            (200, r#"{"error":"token expired","data":null}"#, true),
            (200, r#"{"status":"error","message":"session ended"}"#, true),
            (200, r#"{"code":403,"message":"invalid token"}"#, true),
            (419, "<html><title>Page Expired</title>", false),
            (422, r#"{"message":"name is invalid"}"#, false),
            (403, r#"{"message":"signature does not match"}"#, false),
            (200, "<html>Session timed out</html>", false),
            (
                200,
                r#"{"success":false,"message":"voucher expired"}"#,
                false,
            ),
            (200, r#"{"success":true,"message":"jwt expired"}"#, false),
            (200, r#"{"code":500,"message":"invalid token"}"#, false),
            (
                200,
                r#"{"id":7,"status":"failed","reason":"token expired"}"#,
                false,
            ),
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
