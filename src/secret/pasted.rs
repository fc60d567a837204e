//! What people paste where a token belongs: the token with something around it.
//!
//! It is told and not taken off: a token is stored as it was given, or not at all.

use super::instead;
use crate::printable::acts_on_a_terminal;

/// What is around a token. Says nothing of the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Pasted {
    /// Quotes or brackets, or one of a pair.
    #[error("the token is in quotes or brackets")]
    Quotes,
    /// `NAME=value`, `export NAME=value` or `name: value`.
    #[error("the token has a name in front of it, as in NAME=value")]
    Named,
    /// JSON, or a line of it.
    #[error("the token is inside JSON")]
    Json,
    /// `Bearer`, or another scheme of HTTP.
    #[error("the token has a word such as Bearer in front of it")]
    Scheme,
    /// `Authorization: …`, or another header of HTTP.
    #[error("the token is inside an HTTP header")]
    Header,
    /// A command line.
    #[error("it is a command, not a token")]
    Command,
    /// `$NAME`, `${NAME}`, `%NAME%`.
    #[error("it is the name of a variable, not its value")]
    Variable,
    /// A web address.
    #[error("it is a web address, not a token")]
    Address,
    /// Of age, a plugin, SSH, TLS.
    #[error("it is a private key, not a token")]
    PrivateKey,
    /// Of age, SSH, TLS.
    #[error("it is a public key, not a token")]
    PublicKey,
    /// A certificate, an encrypted file.
    #[error("it is a block of PEM (-----BEGIN), not a token")]
    Pem,
    /// `********`, `••••`.
    #[error("the token is hidden behind asterisks, dots or the like")]
    Mask,
    /// `cldkctl_abc…`.
    #[error("a part of the token is left out (...)")]
    CutShort,
    /// `YOUR_TOKEN`, `<token>`.
    #[error("it is a word that stands for a token, not the token")]
    Placeholder,
    /// A comma, a semicolon, the end of a sentence.
    #[error("the token has a comma, a semicolon or a full stop behind it")]
    MarkBehind,
}

/// Pairs of quotes and brackets.
const PAIRS: [(char, char); 11] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('‘', '’'),
    ('«', '»'),
    ('<', '>'),
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
];

/// How the tokens of the service begin.
const STARTS: [&str; 2] = ["cldkctl_", "cldk_"];

/// What is around the token in `text`, if anything is.
pub(super) fn pasted(text: &str) -> Option<Pasted> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || acts_on_a_terminal(c));
    let inner = text.trim_matches(is_quote).trim();
    let name_and_value = || split_name(inner);
    let is_json = text.starts_with('{') && text.contains([':', '"'])
        || text.starts_with('[') && text.contains('"')
        || is_quote_pair(text) && has_json_colon(text);
    if let Some(instead) = in_place_of_a_token(inner) {
        Some(instead)
    } else if is_json {
        Some(Pasted::Json)
    } else if is_command(inner) {
        Some(Pasted::Command)
    } else if inner.starts_with("https://") || inner.starts_with("http://") {
        Some(Pasted::Address)
    } else if name_and_value().is_some_and(|(name, _, value)| is_header(name, value)) {
        Some(Pasted::Header)
    } else if is_assigned(inner) || name_and_value().is_some_and(is_named) {
        Some(Pasted::Named)
    } else if has_scheme(inner) {
        Some(Pasted::Scheme)
    } else if is_in_pair(text) {
        Some(Pasted::Quotes)
    } else if instead::is_cut_short(inner) {
        Some(Pasted::CutShort)
    } else {
        instead::has_mark_behind(inner).then_some(Pasted::MarkBehind)
    }
}

fn in_place_of_a_token(text: &str) -> Option<Pasted> {
    if instead::is_private_key(text) {
        Some(Pasted::PrivateKey)
    } else if instead::is_public_key(text) {
        Some(Pasted::PublicKey)
    } else if instead::is_pem(text) {
        Some(Pasted::Pem)
    } else if is_variable(text) {
        Some(Pasted::Variable)
    } else if instead::is_mask(text) {
        Some(Pasted::Mask)
    } else {
        instead::is_placeholder(text).then_some(Pasted::Placeholder)
    }
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»'
    )
}

fn is_quote_pair(text: &str) -> bool {
    text.starts_with(is_quote)
}

/// `"name": "value"`, or a part of it.
fn has_json_colon(text: &str) -> bool {
    let mut parts = text.split('"').map(str::trim);
    parts.any(|part| part == ":")
}

/// An end of a pair at its end of the text, where a comma of a list may follow.
fn is_in_pair(text: &str) -> bool {
    let text = text.trim_end_matches([',', ';']);
    PAIRS
        .iter()
        .any(|(open, close)| text.starts_with(*open) || text.ends_with(*close))
}

fn is_variable(text: &str) -> bool {
    let percent = text
        .strip_prefix('%')
        .and_then(|text| text.strip_suffix('%'));
    let dollar = text.strip_prefix('$').map(|name| {
        let inner = name
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        inner.unwrap_or(name)
    });
    let name = percent
        .or(dollar)
        .map(|name| name.strip_prefix("env:").unwrap_or(name));
    name.is_some_and(is_name)
}

fn is_command(text: &str) -> bool {
    let text = text.strip_prefix(['$', '#']).map_or(text, str::trim_start);
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let program = first.rsplit('/').next().unwrap_or_default();
    let programs = [
        "cldkctl", "curl", "sudo", "echo", "printf", "cat", "docker", "wget",
    ];
    programs.contains(&program) && words.next().is_some()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// `name=value` and `name: value`, and what shells have in front of one.
fn split_name(text: &str) -> Option<(&str, char, &str)> {
    let mut rest = text;
    for word in [
        "export ", "set ", "setenv ", "declare ", "-x ", "env ", "-e ", "-H ", "ENV ",
    ] {
        rest = rest.strip_prefix(word).map_or(rest, str::trim_start);
    }
    let rest = rest.trim_start_matches(is_quote);
    let rest = rest.strip_prefix("$env:").unwrap_or(rest);
    let rest = rest.trim_start_matches("--");
    let at = rest.find(['=', ':'])?;
    let (name, value) = (rest[..at].trim_end(), rest[at + 1..].trim_start());
    let value_of_base64 = value.trim_start_matches('=').is_empty();
    (is_name(name) && !value_of_base64).then_some((name, rest.as_bytes()[at].into(), value))
}

/// `setenv NAME value`, and the same in fish.
fn is_assigned(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let assigns = words
        .next()
        .is_some_and(|word| ["set", "setenv"].contains(&word));
    let mut words = words.skip_while(|word| word.starts_with('-'));
    assigns && words.next().is_some_and(is_name) && words.next().is_some()
}

fn is_header(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let known = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    ];
    known.contains(&name.as_str()) || name.starts_with("x-") || has_scheme(value)
}

/// A token may have `=` and `:` in it. A name is in capitals, or speaks of a token, or stands
/// before what begins as a token does.
fn is_named((name, mark, value): (&str, char, &str)) -> bool {
    let begins = |text: &str| STARTS.iter().any(|start| text.starts_with(start));
    if begins(value.trim_start_matches(is_quote)) || name == "cldkctl_token" {
        return true;
    }
    let lower = name.to_ascii_lowercase();
    let speaks = ["token", "key", "secret", "password"]
        .iter()
        .any(|word| lower.ends_with(word));
    let capitals = name.len() > 1 && !name.contains(|c: char| c.is_ascii_lowercase());
    !begins(name) && (speaks || mark == '=' && capitals)
}

fn has_scheme(text: &str) -> bool {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or_default();
    let schemes = ["bearer", "token", "basic", "jwt", "apikey"];
    schemes.contains(&word.to_ascii_lowercase().trim_end_matches(':')) && !rest.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_token_is_told() {
        use Pasted::*;
        for (text, found) in [
            (r#""cldkctl_0a1b""#, Quotes),
            ("'cldkctl_0a1b'", Quotes),
            ("`cldkctl_0a1b`", Quotes),
            ("“cldkctl_0a1b”", Quotes),
            ("\"cldkctl_0a1b", Quotes),
            ("cldkctl_0a1b\"", Quotes),
            (" 'cldkctl_0a1b',\n", Quotes),
            ("<cldkctl_0a1b>", Quotes),
            ("[cldkctl_0a1b]", Quotes),
            ("\"opaque\"", Quotes),
            ("CLDKCTL_TOKEN=cldkctl_0a1b", Named),
            ("export CLDKCTL_TOKEN=cldkctl_0a1b", Named),
            ("export CLDKCTL_TOKEN=\"cldkctl_0a1b\"", Named),
            ("declare -x CLDKCTL_TOKEN='cldkctl_0a1b'", Named),
            ("set CLDKCTL_TOKEN=cldkctl_0a1b", Named),
            ("setenv CLDKCTL_TOKEN cldkctl_0a1b", Named),
            ("set -gx CLDKCTL_TOKEN cldkctl_0a1b", Named),
            ("$env:CLDKCTL_TOKEN = \"cldkctl_0a1b\"", Named),
            ("\"CLDKCTL_TOKEN=cldkctl_0a1b\"", Named),
            ("-e TOKEN=opaque", Named),
            ("--token=opaque", Named),
            ("KEY=value", Named),
            ("token=opaque", Named),
            ("api_key=opaque", Named),
            ("cldkctl_token=opaque", Named),
            ("x=cldkctl_0a1b", Named),
            ("token: cldkctl_0a1b", Named),
            ("token:cldkctl_0a1b", Named),
            ("DEBUG=1\nCLDKCTL_TOKEN=cldkctl_0a1b", Named),
            (r#"{"token":"cldkctl_0a1b"}"#, Json),
            ("{\n  \"data\": {\n \"token\": \"cldkctl_0a1b\"\n}}", Json),
            (r#"["cldkctl_0a1b"]"#, Json),
            ("{'token': 'cldkctl_0a1b'}", Json),
            ("{token: cldkctl_0a1b}", Json),
            (r#""token": "cldkctl_0a1b","#, Json),
            (r#""token":"cldkctl_0a1b"}"#, Json),
            ("Bearer cldkctl_0a1b", Scheme),
            ("bearer\tcldkctl_0a1b", Scheme),
            ("Token opaque", Scheme),
            ("\"Bearer cldkctl_0a1b\"", Scheme),
            ("Authorization: Bearer cldkctl_0a1b", Header),
            ("authorization: cldkctl_0a1b", Header),
            ("Authorization:cldkctl_0a1b", Header),
            ("-H 'Authorization: Bearer cldkctl_0a1b'", Header),
            ("\"Authorization: Bearer cldkctl_0a1b\"", Header),
            ("X-Auth-Token: cldkctl_0a1b", Header),
            ("cldkctl auth cldkctl_0a1b", Command),
            ("$ ./cldkctl auth", Command),
            ("curl -H 'Authorization: Bearer x' https://x", Command),
            ("$CLDKCTL_TOKEN", Variable),
            ("${CLDKCTL_TOKEN}", Variable),
            ("\"$CLDKCTL_TOKEN\"", Variable),
            ("%CLDKCTL_TOKEN%", Variable),
            ("https://ai.cloudeka.id/?token=cldkctl_0a1b", Address),
        ] {
            assert_eq!(pasted(text), Some(found), "{text}");
        }
    }

    #[test]
    fn a_token_of_whatever_form_is_left_alone() {
        for text in [
            "cldkctl_0a1b",
            "cldk_0a1b",
            "cldkctl_AbC=",
            "cldkctl_AbC==",
            "cldkctl_tokenKEY=a",
            "QUJDREVGR0g=",
            "QUJDREVGR0g==",
            "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2ln",
            "aB3+/x=y",
            "user:pass",
            "a:b:c",
            "0123456789abcdef",
            "a1!$%&*~",
            "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.",
            "age1x",
            "ssh-token-0a1b",
            "\u{feff}cldkctl_0a1b\u{200b}",
            "",
        ] {
            assert_eq!(pasted(text), None, "{text}");
        }
    }
}
