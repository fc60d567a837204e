//! What is wrong with a line of `config.toml`, in words for who wrote it, and without the value,
//! which could be a secret.

use std::fmt;

use clap::ValueEnum;
use toml::de::{DeTable, DeValue};

use super::format::{Color, Format};
use crate::keeper::{Choice, Scope};
use crate::secret::shown;

/// A line that is not what this program knows.
#[derive(Debug)]
pub struct Mistake {
    /// Counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub kind: Kind,
}

/// What is wrong with a line. Holds nothing that may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    /// Not TOML.
    #[error("this is not a setting in TOML")]
    Syntax,
    /// The same key or table once more.
    #[error("this is set twice")]
    Twice,
    /// There is no such setting.
    #[error("there is no key `{key}`{expected}")]
    UnknownKey {
        /// The key, if it may be shown.
        key: String,
        /// `, expected one of …`.
        expected: String,
    },
    /// The key takes another kind of value.
    #[error("{key} takes {takes}")]
    Value {
        /// The key, behind that of its table.
        key: String,
        /// What it takes.
        takes: String,
    },
    /// The key takes such values, but not this one.
    #[error("{key} cannot be used: {why}")]
    Unfit {
        /// The key, behind that of its table.
        key: String,
        /// What its type says.
        why: String,
    },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

impl Mistake {
    /// What the parser's `error` about `text` means.
    pub(super) fn new(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..at];
        Self {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            kind: kind(text, at, error.message()),
        }
    }
}

fn kind(text: &str, at: usize, message: &str) -> Kind {
    let Ok(table) = DeTable::parse(text) else {
        return match message {
            "duplicate key" => Kind::Twice,
            _ => Kind::Syntax,
        };
    };
    if let Some(rest) = message.strip_prefix("unknown field `") {
        // The key may have any text in it, and what was expected has no such comma.
        let (key, expected) = rest.split_at(rest.rfind(", expected ").unwrap_or(rest.len()));
        return Kind::UnknownKey {
            key: shown(key.trim_end_matches('`')).into_owned(),
            expected: expected.to_owned(),
        };
    }
    let key = key_at(table.get_ref(), at).unwrap_or_else(|| "a key".to_owned());
    // These have types of ours, which say more of a text than that it is wrong.
    let says_why = [
        "base-url",
        "context",
        "unlock.idle",
        "unlock.lifetime",
        "kdf.memory",
    ];
    if !says_why.contains(&key.as_str()) || message.starts_with("invalid type: ") {
        let takes = takes(&key);
        return Kind::Value { key, takes };
    }
    let why = message.to_owned();
    Kind::Unfit { key, why }
}

/// The key whose value has the byte `at` in it.
fn key_at(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        let of_a_table = match value.get_ref() {
            // What lies deeper has names that nobody knows.
            DeValue::Table(inner) if ["unlock", "kdf"].contains(&name.as_ref()) => {
                key_at(inner, at).map(|key| format!("{name}.{key}"))
            }
            _ => None,
        };
        let is_here = || {
            let is_here = value.span().contains(&at) || key.span().contains(&at);
            is_here.then(|| shown(name).into_owned())
        };
        of_a_table.or_else(is_here)
    })
}

/// What may stand behind a key.
fn takes(key: &str) -> String {
    let example = match key {
        "unlock" | "kdf" => return format!("a table, which begins with the line [{key}]"),
        "max-retries" | "kdf.iterations" | "kdf.lanes" => {
            return "a whole number without quotes, such as 3".to_owned();
        }
        "output" => return one_of::<Format>(),
        "color" => return one_of::<Color>(),
        "keeper" => return one_of::<Choice>(),
        "unlock.scope" => return one_of::<Scope>(),
        "unlock.idle" | "unlock.lifetime" => "a time in quotes, such as \"15m\"",
        "kdf.memory" => "a size in quotes, such as \"256MiB\"",
        "base-url" => "an address in quotes, such as \"https://ai.cloudeka.id\"",
        "vault" | "ca-cert" | "identity" | "passphrase-file" => {
            "the path of a file in quotes, such as \"~/file\""
        }
        _ => "a text in quotes, such as \"default\"",
    };
    example.to_owned()
}

/// `"table", "json" or "yaml"`.
fn one_of<T: ValueEnum>() -> String {
    let names = T::value_variants().iter().filter_map(T::to_possible_value);
    let mut names: Vec<_> = names
        .map(|value| format!("\"{}\"", value.get_name()))
        .collect();
    let last = names.pop().unwrap_or_default();
    format!("{} or {last}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::cli::config::Config;

    const TOKEN: &str = "ckd_9fJx2LmQ8vR4tYw7ZpN3sKd6HbG1cXa5";

    fn mistake(text: &str) -> String {
        let parsed = Config::parse(text, Path::new("/"));
        parsed.expect_err(text).to_string()
    }

    #[test]
    fn what_a_key_takes_is_said_without_the_value() {
        for (text, says) in [
            (
                "output = \"xml\"",
                r#"output takes "table", "json" or "yaml""#,
            ),
            ("color = 5", r#"color takes "auto", "always" or "never""#),
            (
                "keeper = []",
                r#"keeper takes "auto", "keyring" or "agent""#,
            ),
            ("context = 5", "context takes a text in quotes"),
            (
                "default-project = 1234",
                "default-project takes a text in quotes",
            ),
            ("vault = true", "vault takes the path of a file in quotes"),
            ("base-url = 1", "base-url takes an address in quotes"),
            (
                "max-retries = \"3\"",
                "max-retries takes a whole number without quotes",
            ),
            ("max-retries = -1", "max-retries takes a whole number"),
            ("max-retries = 1.5", "max-retries takes a whole number"),
            (
                "max-retries = 4294967296",
                "max-retries takes a whole number",
            ),
            (
                "[unlock]\nidle = 15",
                "line 2: unlock.idle takes a time in quotes",
            ),
            (
                "unlock.scope = \"all\"",
                r#"unlock.scope takes "session" or "user""#,
            ),
            ("unlock = 5", "unlock takes a table"),
            ("[[kdf]]", "kdf takes a table"),
            ("[kdf]\nmemory = 256", "kdf.memory takes a size in quotes"),
            ("kdf = { lanes = \"4\" }", "kdf.lanes takes a whole number"),
            (
                "base-url = \"ftp://x\"",
                "base-url cannot be used: a base URL begins with",
            ),
            (
                "[unlock]\nidle = \"soon\"",
                "unlock.idle cannot be used: a time is such as 30s",
            ),
            (
                "context = \"\"",
                "context cannot be used: a context's name is 1 to 64",
            ),
            ("output = json", "this is not a setting in TOML"),
            ("color = \"auto\n", "this is not a setting in TOML"),
            (
                "color = \"auto\"\ncolor = \"never\"",
                "line 2: this is set twice",
            ),
            (
                "\n\ntokn = 1",
                "line 3: there is no key `tokn`, expected one of `base-url`, ",
            ),
        ] {
            let told = mistake(text);
            assert!(told.contains(says), "{text}: {told}");
            for word in [
                "invalid", "variant", "field", "u32", "string", "literal", "xml", "wanted",
            ] {
                assert!(!told.contains(word), "{text}: {told}");
            }
        }
    }

    #[test]
    fn a_token_anywhere_in_the_settings_is_not_shown() {
        for text in [
            "T = 1",
            "[T]",
            "[[T]]",
            "\"T\" = 1",
            "'T' = \"x\"",
            "T.x = 1",
            "T = T",
            "[unlock]\nT = 1",
            "[kdf.T]",
            "unlock.T = 1",
            "kdf = { T = 1 }",
            "unlock.idle.T = 1",
            "max-retries.T = 1",
            "output.T = 1",
            "output = \"T\"",
            "max-retries = \"T\"",
            "unlock = \"T\"",
            "keeper = [\"T\"]",
            "base-url = \"T\"",
            "unlock.idle = \"T\"",
            "kdf.memory = \"T\"",
            "context = \"T T\"",
            "T",
            "T =",
            "[T",
            "T = 1\nT = 2",
            "\"T, expected `x\" = 1",
        ] {
            let told = mistake(&text.replace('T', TOKEN));
            assert!(!told.contains(&TOKEN[4..12]), "{text}: {told}");
        }
        assert!(mistake(&format!("{TOKEN} = 1")).contains("no key `[not shown]`, expected one of"));
    }
}
