//! What contents are that cannot be read: damaged, of a newer version, or not a vault's.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{ContentsError, FORMAT};

/// The two fields that say what the rest is, as often as they occur and as they are written: a
/// version can be larger than any number here.
#[derive(Default)]
struct Envelope<'a> {
    formats: Vec<&'a RawValue>,
    versions: Vec<&'a RawValue>,
}

/// What is wrong with contents that are not of the expected form, in the order of
/// `vault-format.md`, section 7.1.
pub(super) fn why_unreadable(json: &[u8]) -> ContentsError {
    let damaged = ContentsError::Damaged;
    let envelope = str::from_utf8(json).ok().filter(|text| is_unicode(text));
    let Some(envelope) = envelope.and_then(|text| serde_json::from_str::<Envelope<'_>>(text).ok())
    else {
        return damaged("they are not a JSON object");
    };
    match envelope.formats[..] {
        [format] if is_ours(format) => {}
        [] | [_] => return ContentsError::NotAVault,
        _ => return damaged("they have two formats"),
    }
    match envelope.versions[..] {
        [version] if is_newer(version) => ContentsError::Newer(version.get().to_owned()),
        _ => damaged("a field is missing, doubled or of the wrong type"),
    }
}

fn is_ours(format: &RawValue) -> bool {
    serde_json::from_str::<Cow<'_, str>>(format.get()).is_ok_and(|format| format == FORMAT)
}

/// Whether it is an integer above 1, of whatever size. JSON has no zeros in front.
fn is_newer(version: &RawValue) -> bool {
    let digits = version.get();
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits != "0" && digits != "1"
}

/// Whether no escape in a string is half of a pair: `serde_json` does not look at those of values
/// that it passes over.
fn is_unicode(json: &str) -> bool {
    let unit = |rest: &str| u32::from_str_radix(rest.strip_prefix('u')?.get(..4)?, 16).ok();
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        rest = &rest[at + 1..];
        match unit(rest) {
            Some(0xd800..=0xdbff) => match rest[5..].strip_prefix('\\').and_then(unit) {
                Some(0xdc00..=0xdfff) => rest = &rest[11..],
                _ => return false,
            },
            Some(0xdc00..=0xdfff) => return false,
            // What it escapes may be a backslash.
            _ => rest = rest.get(1..).unwrap_or_default(),
        }
    }
    true
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut envelope = Envelope::default();
                while let Some((name, value)) = map.next_entry::<Cow<'_, str>, &RawValue>()? {
                    match &*name {
                        "format" => envelope.formats.push(value),
                        "version" => envelope.versions.push(value),
                        _ => {}
                    }
                }
                Ok(envelope)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Contents;

    #[test]
    fn damaged_newer_and_foreign_contents_are_told_apart() {
        let class = |json: &str| match Contents::from_json(json.as_bytes()) {
            Err(ContentsError::NotAVault) => "foreign",
            Err(ContentsError::Newer(_)) => "newer",
            Err(ContentsError::Damaged(_)) => "damaged",
            other => panic!("{other:?}"),
        };
        let digits = "9".repeat(400);
        let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
        for (expected, json) in [
            ("damaged", ""),
            ("damaged", "[]"),
            ("damaged", r#"["cldkctl-vault",2]"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":2"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":2}}"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":02}"#),
            ("damaged", "\u{feff}{}"),
            ("foreign", "{}"),
            ("foreign", r#"{"version":2}"#),
            ("foreign", r#"{"format":null,"version":2}"#),
            ("foreign", r#"{"format":"cldkctl","version":1,"version":2}"#),
            ("foreign", r#"{"FORMAT":"cldkctl-vault","version":2}"#),
            ("damaged", r#"{"format":"other","format":"cldkctl-vault"}"#),
            ("damaged", r#"{"format":"cldkctl-vault"}"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":1}"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":0}"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":-2}"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":2.0}"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":2e0}"#),
            ("damaged", r#"{"format":"cldkctl-vault","version":"2"}"#),
            (
                "damaged",
                r#"{"format":"cldkctl-vault","version":2,"version":2}"#,
            ),
            ("newer", r#"{"format":"cldkctl-vault","version":2}"#),
            (
                "newer",
                r#"{"version":3,"f\u006frmat":"cldkctl\u002dvault","x":{"x":1,"x":1e999}}"#,
            ),
            (
                "newer",
                r#"{"format":"cldkctl-vault","version":18446744073709551616}"#,
            ),
            (
                "newer",
                &format!(r#"{{"format":"cldkctl-vault","version":{digits}}}"#),
            ),
            (
                "newer",
                r#"{"format":"cldkctl-vault","version":2,"x":"\\ud800 \ud83d\udd11"}"#,
            ),
            (
                "damaged",
                r#"{"format":"cldkctl-vault","version":2,"x":"\ud83d"}"#,
            ),
            (
                "damaged",
                r#"{"format":"cldkctl-vault","version":2,"x":"\ud83d\ud83d"}"#,
            ),
            (
                "damaged",
                r#"{"format":"cldkctl-vault","version":2,"x":"\udd11"}"#,
            ),
            (
                "damaged",
                &format!(r#"{{"format":"cldkctl-vault","version":2,"x":{deep}}}"#),
            ),
        ] {
            assert_eq!(class(json), expected, "{json}");
        }
    }
}
