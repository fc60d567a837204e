//! What a server said in an error's body, brought to a form that can be judged and shown.

use serde_json::Value;

use super::redact::redact;
use crate::printable::printable_start;

/// The most characters of a server's words that a message repeats.
const MOST_SHOWN: usize = 200;

/// Under which names an error's message is found, best first.
const MESSAGE_NAMES: [&str; 7] = [
    "message",
    "error_description",
    "error",
    "detail",
    "msg",
    "reason",
    "errors",
];

/// The words of an error's body, without the secrets that it may have repeated.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Whether the body is HTML or other markup: words of something in front of the API.
    pub(super) markup: bool,
    /// All text in the body. Of JSON, the strings in it without the names of the fields,
    /// so that a field called `token` does not make an answer speak of tokens.
    pub(super) text: String,
    /// The part of it that is meant for people.
    message: String,
}

impl Said {
    /// Reads `body`, of the media type `content_type` if the server named one.
    pub(super) fn read(content_type: Option<&str>, body: &[u8], secrets: &[&str]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let (text, message) = match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => {
                let all = strings(&value);
                (all.clone(), message(&value).unwrap_or(all))
            }
            _ => (text.to_owned(), text.to_owned()),
        };
        Self {
            markup: is_markup(content_type, body),
            text: redact(&text, secrets),
            message: redact(&message, secrets),
        }
    }

    /// At most 200 characters, on one line, safe on a terminal; nothing if there were no
    /// words for people in it.
    pub(super) fn shown(&self) -> Option<String> {
        if self.markup {
            return None;
        }
        let line = self
            .message
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        (!line.is_empty()).then(|| printable_start(&line, MOST_SHOWN).to_string())
    }
}

/// Whether a body is HTML or XML, by its name or by how it begins.
pub(super) fn is_markup(content_type: Option<&str>, body: &[u8]) -> bool {
    let named = content_type.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.contains("html") || name.contains("xml")
    });
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    named || body.trim_ascii_start().starts_with(b"<")
}

fn message(value: &Value) -> Option<String> {
    let found = MESSAGE_NAMES
        .iter()
        .filter_map(|name| value.get(name))
        .map(strings);
    let nested = value.get("data").and_then(message);
    found.chain(nested).find(|text| !text.trim().is_empty())
}

/// All strings in `value`, in order. As deep as serde_json reads, which is 128.
fn strings(value: &Value) -> String {
    fn collect(value: &Value, into: &mut String) {
        match value {
            Value::String(text) => {
                if !into.is_empty() && !text.is_empty() {
                    into.push_str(", ");
                }
                into.push_str(text);
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
            Value::Object(fields) => fields.values().for_each(|value| collect(value, into)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut all = String::new();
    collect(value, &mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str) -> Option<String> {
        Said::read(None, body.as_bytes(), &["cldkctl_0123456789abcdef"]).shown()
    }

    #[test]
    fn the_message_is_found_where_servers_put_it() {
        for (body, message) in [
            (
                r#"{"message":"token expired","error":"Unauthorized"}"#,
                Some("token expired"),
            ),
            (r#"{"error":"Unauthorized"}"#, Some("Unauthorized")),
            (r#"{"error":{"code":"E1","message":"no"}}"#, Some("E1, no")),
            (r#"{"data":{"message":"deep"}}"#, Some("deep")),
            (r#"{"message":"","errors":["a","b"]}"#, Some("a, b")),
            (
                r#"{"status":"error","why":"because"}"#,
                Some("error, because"),
            ),
            (r#""just a string""#, Some("just a string")),
            ("plain\n  text ", Some("plain text")),
            ("42", Some("42")),
            ("{}", None),
            ("", None),
            (" \n", None),
            ("<html>502 Bad Gateway</html>", None),
        ] {
            assert_eq!(shown(body).as_deref(), message, "{body}");
        }
    }

    #[test]
    fn nothing_harmful_is_shown() {
        let said = shown(r#"{"message":"bad \u001b[31mtoken cldkctl_0123456789abcdef"}"#);
        assert_eq!(said.as_deref(), Some("bad \u{fffd}[31mtoken [redacted]"));
        let long = shown(&"ä".repeat(500)).expect("a text");
        assert_eq!(long.chars().count(), MOST_SHOWN + 1);
        // The secret is cut out before the text is cut short.
        let at_the_edge =
            shown(&format!("{}cldkctl_0123456789abcdef", "x".repeat(190))).expect("a text");
        assert!(!at_the_edge.contains("cldk"), "{at_the_edge}");
    }

    #[test]
    fn invalid_utf8_and_a_byte_order_mark_are_survived() {
        assert_eq!(
            Said::read(None, b"bad \xff token", &[]).text,
            "bad \u{fffd} token"
        );
        assert_eq!(
            Said::read(None, b"\xef\xbb\xbf{\"error\":\"x\"}", &[]).text,
            "x"
        );
    }

    #[test]
    fn markup_is_known_by_its_name_or_its_look() {
        assert!(is_markup(
            Some("Text/HTML; charset=utf-8"),
            b"token invalid"
        ));
        assert!(is_markup(Some("application/json"), b" \n<!doctype html>"));
        assert!(is_markup(None, b"\xef\xbb\xbf<html>"));
        assert!(!is_markup(Some("application/json"), b"{}"));
    }
}
