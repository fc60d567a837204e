//! Whether an error is the API's judgement on the token, or trouble of its own; and whether a
//! success is one.
//!
//! To tell somebody that their token is bad when the server merely lost its database sends
//! them to make a new token, in vain. One such answer was seen: status 400 with
//! `pq: relation "cldkctl_tokens" does not exist`. So in doubt it is no verdict.

use serde_json::{Map, Value};

use super::said::Said;

/// Words of a server in trouble, in lower case. With one of these in it, no answer is a
/// verdict, whatever else it says.
pub(super) const TROUBLE: [&str; 28] = [
    "pq:",
    "sql",
    "relation \"",
    "database",
    "redis",
    "mongo",
    "connection refused",
    "connection reset",
    "broken pipe",
    "dial tcp",
    "no such host",
    "unexpected eof",
    "timeout",
    "timed out",
    "deadline exceeded",
    "context canceled",
    "panic",
    "nil pointer",
    "stack trace",
    "exception",
    "internal",
    "upstream",
    "bad gateway",
    "unavailable",
    "maintenance",
    "rate limit",
    "too many requests",
    "try again later",
];

/// Words of a verdict, in lower case. A 400 needs one of them; a 401 is a verdict as it is.
const JUDGEMENT: [&str; 9] = [
    "token",
    "invalid",
    "expired",
    "unauthorized",
    "credential",
    "malformed",
    "not found",
    "revoked",
    "denied",
];

/// Whether a login's error answer means that the token is bad.
///
/// Only 400 and 401 can. 403 is not among them: it speaks of what an account may do.
pub(super) fn is_verdict(status: u16, said: &Said) -> bool {
    if said.markup {
        return false;
    }
    let text = said.text.to_lowercase();
    let has_one_of = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match status {
        401 => !has_one_of(&TROUBLE),
        400 => !has_one_of(&TROUBLE) && (text.is_empty() || has_one_of(&JUDGEMENT)),
        _ => false,
    }
}

/// Whether a body says that what was asked for failed, whatever the status of its answer.
pub(super) fn says_failure(body: &Map<String, Value>) -> bool {
    let is_said = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !["", "none", "null", "false", "0"].contains(&text.trim()),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    };
    let failed = |value: &Value| {
        let text = value.as_str().unwrap_or_default().to_lowercase();
        ["err", "fail", "unauth", "denied", "reject", "invalid"]
            .iter()
            .any(|start| text.starts_with(start))
    };
    let denied = |value: &Value| {
        *value == Value::Bool(false) || value.as_str().is_some_and(|text| text.trim() == "false")
    };
    let any = |names: &[&str], test: &dyn Fn(&Value) -> bool| {
        names.iter().filter_map(|name| body.get(*name)).any(test)
    };
    codes(body).any(|code| (400..600).contains(&code))
        || any(&["error", "errors"], &is_said)
        || any(&["status", "result", "state"], &failed)
        || any(&["success", "ok"], &denied)
        || any(&["data"], &|data| {
            let data = data.as_object();
            data.is_some_and(|data| codes(data).any(|code| matches!(code, 401 | 403)))
        })
}

/// The statuses that a body says it has, in itself or in what describes it.
pub(super) fn codes(body: &Map<String, Value>) -> impl Iterator<Item = u64> {
    const NAMES: [&str; 6] = [
        "code",
        "status",
        "statusCode",
        "status_code",
        "httpStatus",
        "http_status",
    ];
    let around = ["meta", "error", "response", "header", "status"];
    let around = around
        .into_iter()
        .filter_map(|name| body.get(name)?.as_object());
    let code = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64(),
    };
    std::iter::once(body)
        .chain(around)
        .flat_map(|fields| NAMES.iter().filter_map(|name| fields.get(*name)))
        .filter_map(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_verdict_and_what_is_none() {
        for (status, body, verdict) in [
            // Judgements.
            (400, r#"{"message":"invalid token"}"#, true),
            (400, r#"{"error":"Token has EXPIRED"}"#, true),
            (400, "token not found", true),
            (400, "record not found", true),
            (400, r#"{"message":"access denied"}"#, true),
            (400, "malformed JWT", true),
            (400, "revoked", true),
            (400, "", true),
            (400, "{}", true),
            (400, r#"{"error":true}"#, true),
            (401, "", true),
            (401, "go away", true),
            (401, r#"{"message":"Unauthorized"}"#, true),
            (401, r#"{"code":16}"#, true),
            // The server's own trouble.
            (
                400,
                r#"{"message":"pq: relation \"cldkctl_tokens\" does not exist"}"#,
                false,
            ),
            (
                400,
                r#"pq: relation "cldkctl_tokens" does not exist"#,
                false,
            ),
            (
                401,
                r#"{"error":"ERROR: relation \"cldkctl_tokens\" does not exist (SQLSTATE 42P01)"}"#,
                false,
            ),
            (
                401,
                "dial tcp 10.0.0.3:5432: connect: connection refused",
                false,
            ),
            (401, "token lookup: i/o timeout", false),
            (
                400,
                "runtime error: invalid memory address or nil pointer dereference",
                false,
            ),
            (
                400,
                r#"{"message":"Internal Server Error","token":"invalid"}"#,
                false,
            ),
            (401, r#"{"message":"database is locked"}"#, false),
            (401, "panic: token", false),
            // Not about the token.
            (400, "missing field", false),
            (400, r#"{"token":null,"message":"bad request"}"#, false),
            (400, "<html><body>invalid token</body></html>", false),
            (401, "<!DOCTYPE html>401 Authorization Required", false),
            (403, "token denied", false),
            (404, "token not found", false),
            (500, "invalid token", false),
            (429, "", false),
        ] {
            let said = Said::read(None, body.as_bytes(), &[]);
            assert_eq!(is_verdict(status, &said), verdict, "{status} {body}");
        }
    }

    #[test]
    fn html_by_name_is_never_a_verdict() {
        let said = Said::read(Some("text/html"), b"invalid token", &[]);
        assert!(!is_verdict(401, &said));
    }

    #[test]
    fn an_echoed_token_does_not_speak() {
        let token = "cldkctl_sqlpanictimeout_invalid";
        let body = format!("bad request: {token}");
        let said = Said::read(None, body.as_bytes(), &[token]);
        assert!(
            !is_verdict(400, &said),
            "the word invalid is the token's own"
        );
        assert!(is_verdict(401, &said), "the word panic is the token's own");
    }

    #[test]
    fn what_says_that_it_failed_is_no_success() {
        for (body, failed) in [
            (r#"{"code":401}"#, true),
            (r#"{"code":"401"}"#, true),
            (r#"{"statusCode":500}"#, true),
            (r#"{"status":{"code":403}}"#, true),
            (r#"{"meta":{"status":401}}"#, true),
            (r#"{"error":{"code":401}}"#, true),
            (r#"{"error":"Unauthorized"}"#, true),
            (r#"{"error":true}"#, true),
            (r#"{"errors":["no"]}"#, true),
            (r#"{"status":"error"}"#, true),
            (r#"{"status":"Failed"}"#, true),
            (r#"{"success":false}"#, true),
            (r#"{"success":"false"}"#, true),
            (r#"{"ok":false}"#, true),
            (r#"{"data":{"code":401}}"#, true),
            (r#"{}"#, false),
            (
                r#"{"code":0,"status":"success","success":true,"ok":true}"#,
                false,
            ),
            (
                r#"{"code":"200","error":null,"errors":[],"message":"OK"}"#,
                false,
            ),
            (r#"{"error":"","status":200}"#, false),
            (
                r#"{"error":false,"data":{"code":512,"status":"active"}}"#,
                false,
            ),
        ] {
            let fields = serde_json::from_str(body).expect("an object");
            assert_eq!(says_failure(&fields), failed, "{body}");
        }
    }
}
