//! Recognising what looks like a secret, in text that was never meant to hold one.
//!
//! Somebody who puts a token where a file name belongs should not find it in a message about
//! that file, which ends up in a log or a bug report.

use std::borrow::Cow;

/// What stands where something like a secret stood.
const MARK: &str = "[not shown]";

/// `text` with [`MARK`] in place of what looks like a token of the service, a session (a
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
    let is_token = |rest: &str| rest.len() >= 12 && rest.bytes().any(|byte| byte.is_ascii_digit());
    let is_jwt = |rest: &str| rest.len() >= 12 && rest.contains('.');
    let is_long = |rest: &str| rest.len() >= 20;
    let kinds: [(&str, &dyn Fn(&str) -> bool); 5] = [
        ("cldkctl_", &is_token),
        ("cldk_", &is_token),
        ("eyj", &is_jwt),
        ("age-secret-key-1", &is_long),
        ("age-plugin-", &is_long),
    ];
    let lower = word.to_ascii_lowercase();
    let found = kinds.iter().flat_map(|(start, fits)| {
        let places = lower.match_indices(start);
        places.filter_map(|(at, _)| fits(&lower[at + start.len()..]).then_some(at))
    });
    found.min()
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
