//! The facts about an account that a login's answer has besides the session.

use serde_json::{Map, Value};

/// The most facts that are kept, the longest name and the longest text, in bytes. They go
/// into the vault, which a server must not be able to fill.
const MOST_FACTS: usize = 64;
const LONGEST_NAME: usize = 128;
const LONGEST_TEXT: usize = 1024;

/// What a field's name has in it when its value is a credential, in lower case.
const CREDENTIAL_NAMES: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "api_key",
    "apikey",
    "private_key",
    "jwt",
];

/// Keeps of `fields` what may be stored and shown: texts of at most 1 KiB, numbers and
/// booleans, at most 64 of them, none that is or looks like a credential.
///
/// The texts are as the server sent them; whoever shows them makes them printable.
pub(super) fn account(fields: Vec<(String, Value)>, secrets: &[&str]) -> Map<String, Value> {
    let kept = fields
        .into_iter()
        .filter(|(name, value)| is_a_fact(name, value, secrets));
    kept.take(MOST_FACTS).collect()
}

fn is_a_fact(name: &str, value: &Value, secrets: &[&str]) -> bool {
    let has_secret = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    let lower = name.to_lowercase();
    if name.len() > LONGEST_NAME
        || CREDENTIAL_NAMES
            .iter()
            .any(|credential| lower.contains(credential))
        || has_secret(name)
    {
        return false;
    }
    match value {
        Value::String(text) => {
            text.len() <= LONGEST_TEXT && !has_secret(text) && !looks_like_a_credential(text)
        }
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Another JWT (`eyJ` is `{"` in base64), or another token of this service.
fn looks_like_a_credential(text: &str) -> bool {
    (text.starts_with("eyJ") && text.matches('.').count() >= 2) || text.starts_with("cldkctl_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(fields: Value) -> Value {
        let Value::Object(fields) = fields else {
            panic!("an object")
        };
        account(fields.into_iter().collect(), &["the-token", "the-session"]).into()
    }

    #[test]
    fn facts_are_kept() {
        let facts = json!({"name": "Ann", "role": "", "organization_id": 7, "active": true, "balance": 1.5});
        assert_eq!(kept(facts.clone()), facts);
    }

    #[test]
    fn credentials_are_not_facts() {
        let fields = json!({
            "refresh_token": "x", "clientSecret": "x", "PASSWORD": 1, "apiKey": "x",
            "a": "the-token", "b": "the-session", "c": "Bearer the-session", "the-token": true,
            "d": "eyJhbGciOiJub25lIn0.e30.", "e": "cldkctl_another",
            "name": "Ann",
        });
        assert_eq!(kept(fields), json!({"name": "Ann"}));
    }

    #[test]
    fn only_small_scalars_and_few_of_them_are_kept() {
        let fields = json!({
            "none": null, "list": [], "nested": {"name": "x"},
            "long": "x".repeat(1025), "fits": "x".repeat(1024), "n".repeat(129): 1,
        });
        assert_eq!(kept(fields), json!({"fits": "x".repeat(1024)}));
        let many: Map<String, Value> = (0..100).map(|n| (format!("field{n}"), n.into())).collect();
        assert_eq!(kept(many.into()).as_object().map(Map::len), Some(64));
    }
}
