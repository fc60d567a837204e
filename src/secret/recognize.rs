//! Recognising what looks like a secret, in text that was never meant to hold one.
//!
//! Somebody who puts a token where a file name belongs should not find it in a message about
//! that file, which ends up in a log or a bug report.

use std::borrow::Cow;

/// What stands where something like a secret stood.
pub(super) const MARK: &str = "[not shown]";

/// `text` with `[not shown]` in place of what looks like a token of the service, a session (a
/// JWT, RFC 7519), or an age identity. None of them has a sign but how it begins, so this
/// is no more than a net below the rope: secrets have no place in messages.
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_part) {
        let word = &rest[at..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        shown.push_str(&rest[..at]);
        match secret_in(word) {
            Some(start) => {
                shown.push_str(&word[..start]);
                shown.push_str(MARK);
            }
            None => shown.push_str(word),
        }
        rest = after;
    }
    shown.push_str(rest);
    if shown == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(shown)
    }
}

/// Whether a token, a JWT or an identity may have `c` in it.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Where in `word` something begins that looks like a secret. It goes on to the word's end.
fn secret_in(word: &str) -> Option<usize> {
    let lower = word.to_ascii_lowercase();
    let found = STARTS.iter().flat_map(|start| {
        let places = lower.match_indices(start);
        places.filter_map(|(at, _)| goes_on(start, &lower[at + start.len()..]).then_some(at))
    });
    found.min()
}

/// Whether `text`, or a part of it behind a separator, begins as a secret does, however short it is.
pub(super) fn begins_like_a_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut parts = lower.split(|c| !is_part(c));
    parts.any(|part| STARTS.iter().any(|start| part.starts_with(start)))
}

/// How secrets begin, in small letters.
const STARTS: [&str; 5] = [
    "cldkctl_",
    "cldk_",
    "eyj",
    "age-secret-key-1",
    "age-plugin-",
];

/// Whether what begins like this goes on like a secret, rather than a name.
fn goes_on(start: &str, rest: &str) -> bool {
    match start {
        "eyj" => rest.len() >= 12 && rest.contains('.'),
        "cldkctl_" | "cldk_" => rest.len() >= 12 && rest.bytes().any(|byte| byte.is_ascii_digit()),
        _ => rest.len() >= 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_secret_is_not_shown() {
        for (text, shown) in [
            (
                "cannot read cldkctl_0123456789abcdef: no",
                "cannot read [not shown]: no",
            ),
            ("/home/x/cldk_0123456789ab/y", "/home/x/[not shown]/y"),
            ("a=eyJhbGciOiJIUzI1NiJ9.e30.c2ln!", "a=[not shown]!"),
            (
                "key AGE-SECRET-KEY-1G9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2",
                "key [not shown]",
            ),
            ("xage-secret-key-1g9q5zs2pg9q5zs2pg9q5zs2pg", "x[not shown]"),
            ("AGE-PLUGIN-YUBIKEY-1QQPQZSPQYQSZQGPQYQ.", "[not shown]"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn other_words_are_left_alone() {
        for text in [
            "",
            "pq: relation \"cldkctl_tokens\" does not exist",
            "run `cldkctl unlock`, or take --identity FILE",
            "/tmp/cldkctl-0AbCdE/home/data/cldkctl/vault.age",
            "age-plugin-yubikey is not installed",
            "AGE-SECRET-KEY-1…",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "eyJ is how it begins",
            "ünï — ©ødé",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }
}
