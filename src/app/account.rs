//! Whose login a context is, as far as the API said.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::printable::printable_start;
use crate::vault::Context;

/// The facts that tell accounts apart. Others, such as the role, change while the account stays.
const IDENTITY: [&str; 3] = ["name", "email", "organization_id"];

/// The most characters of one fact that a message shows.
const MOST_SHOWN: usize = 64;

/// The longest name that is made of a fact; a context's name has room for a number behind it.
const LONGEST_SLUG: usize = 48;

/// A fact as text; an empty one is not known.
fn fact(account: &Map<String, Value>, name: &str) -> Option<String> {
    let text = match account.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Whether two contexts are known to be logins of different accounts. The same account at another
/// address is another one: its token, project and organization mean nothing here.
pub fn is_another(one: &Context, other: &Context) -> bool {
    let differ = |name: &&str| {
        let facts = (fact(&one.account, name), fact(&other.account, name));
        matches!(facts, (Some(one), Some(other)) if one != other)
    };
    one.base_url != other.base_url || IDENTITY.iter().any(differ)
}

/// Whether two contexts are known to be logins of the same account.
pub fn is_same(one: &Context, other: &Context) -> bool {
    let agree = |name| {
        let known = fact(&one.account, name);
        known.is_some() && known == fact(&other.account, name)
    };
    !is_another(one, other) && (agree("name") || agree("email"))
}

/// Whether a login may take the place of another one unasked: that of the same account, or where
/// nothing is known of either.
pub fn may_replace(old: &Context, new: &Context) -> bool {
    let is_known = |context: &Context| {
        let known = |name: &&str| fact(&context.account, name).is_some();
        IDENTITY.iter().any(known)
    };
    let neither_is_known = !is_known(old) && !is_known(new);
    is_same(old, new) || neither_is_known && old.base_url == new.base_url
}

/// What is known of an account after a new session: what tells it apart stays known where the
/// answer was silent, or another account's login could not be told from this one any more.
pub fn renewed(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut account = new.clone();
    for name in IDENTITY {
        if fact(new, name).is_none()
            && let Some(known) = old.get(name)
        {
            account.insert(name.to_owned(), known.clone());
        }
    }
    account
}

/// What to call an account in a sentence, if the API gave it a name.
pub fn name(account: &Map<String, Value>) -> Option<String> {
    let known = fact(account, "name").or_else(|| fact(account, "email"))?;
    Some(shown(&known))
}

/// All that tells an account apart: `Sari Wijaya (sari@example.com, org-7f3a)`. Nothing if none of
/// it is known.
pub fn describe(account: &Map<String, Value>) -> Option<String> {
    let mut known = IDENTITY
        .iter()
        .filter_map(|name| fact(account, name))
        .map(|fact| shown(&fact));
    let first = known.next()?;
    let rest: Vec<_> = known.collect();
    if rest.is_empty() {
        return Some(first);
    }
    Some(format!("{first} ({})", rest.join(", ")))
}

/// Whose login `context` is, beside another one; its address if that is not the other's.
pub fn whose(context: &Context, beside: &Context) -> String {
    let account = describe(&context.account).unwrap_or_else(|| "an unknown account".to_owned());
    if context.base_url == beside.base_url {
        account
    } else {
        format!("{account} at {}", context.base_url)
    }
}

/// The account in letters that a context's name may have, if there are any: `sari-wijaya`.
pub fn slug(account: &Map<String, Value>) -> Option<String> {
    IDENTITY
        .iter()
        .filter_map(|name| fact(account, name))
        .map(|fact| slug_of(&fact))
        .find(|slug| !slug.is_empty())
}

fn slug_of(text: &str) -> String {
    let mut slug = String::new();
    for c in text.nfd().filter(|c| !is_combining_mark(*c)) {
        if slug.len() == LONGEST_SLUG {
            break;
        }
        if c.is_ascii_alphanumeric() || "._@".contains(c) {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches(['-', '.', '_', '@']).to_owned()
}

fn shown(text: &str) -> String {
    printable_start(text, MOST_SHOWN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base_url::BaseUrl;
    use crate::secret::Token;
    use serde_json::json;

    fn context(account: Value) -> Context {
        let mut context = Context::new(
            "default".parse().expect("a name"),
            BaseUrl::default(),
            Token::parse("cldkctl_0123456789").expect("a token"),
            jiff::Timestamp::UNIX_EPOCH,
        );
        context.account = account.as_object().expect("an object").clone();
        context
    }

    #[test]
    fn accounts_differ_by_what_is_known_of_both() {
        for (one, other, another, same) in [
            (json!({"name": "Ann"}), json!({"name": "Ann"}), false, true),
            (json!({"name": "Ann"}), json!({"name": "Ben"}), true, false),
            (json!({"name": "Ann"}), json!({}), false, false),
            (json!({}), json!({}), false, false),
            (
                json!({"name": "Ann", "role": "Owner"}),
                json!({"name": "Ann", "role": "Viewer"}),
                false,
                true,
            ),
            (
                json!({"name": "Ann", "organization_id": 7}),
                json!({"name": "Ann", "organization_id": "7"}),
                false,
                true,
            ),
            (
                json!({"name": "Ann", "organization_id": "7"}),
                json!({"name": "Ann", "organization_id": "8"}),
                true,
                false,
            ),
            // One organization has many accounts.
            (
                json!({"organization_id": "7"}),
                json!({"name": "Ann", "organization_id": "7"}),
                false,
                false,
            ),
            (
                json!({"name": "Ann", "email": "a@x"}),
                json!({"name": "Ann", "email": "b@x"}),
                true,
                false,
            ),
            (json!({"name": " "}), json!({"name": "Ann"}), false, false),
            (
                json!({"name": ["Ben"]}),
                json!({"name": "Ann"}),
                false,
                false,
            ),
        ] {
            let (one, other) = (context(one), context(other));
            for (one, other) in [(&one, &other), (&other, &one)] {
                let what = format!("{:?} {:?}", one.account, other.account);
                assert_eq!(is_another(one, other), another, "{what}");
                assert_eq!(is_same(one, other), same, "{what}");
            }
        }
    }

    #[test]
    fn any_name_becomes_that_of_a_context_or_none() {
        let long = "long ".repeat(2000);
        for (account, slug) in [
            (json!({"name": "Budi Santoso"}), Some("budi-santoso")),
            (json!({"name": "Zoë  Müller-Đặng"}), Some("zoe-muller-ang")),
            (json!({"name": "--rm -rf /"}), Some("rm-rf")),
            (json!({"name": "\u{1b}[2J\u{202e}Ann\r\n"}), Some("2j-ann")),
            (
                json!({"name": "佐藤", "email": "sato@example.jp"}),
                Some("sato@example.jp"),
            ),
            (json!({"name": "佐藤", "organization_id": 12}), Some("12")),
            (json!({"name": "佐藤"}), None),
            (json!({"name": "../.."}), None),
            (
                json!({"name": long}),
                Some("long-long-long-long-long-long-long-long-long-lon"),
            ),
            (json!({}), None),
        ] {
            let made = super::slug(account.as_object().expect("an object"));
            assert_eq!(made.as_deref(), slug, "{account}");
        }
    }

    #[test]
    fn a_description_is_short_and_harmless() {
        let account = json!({"name": "\u{1b}[31mAnn", "organization_id": "x".repeat(1000)});
        let account = account.as_object().expect("an object");
        let text = describe(account).expect("a text");
        assert_eq!(text, format!("\u{fffd}[31mAnn ({}…)", "x".repeat(64)));
        assert_eq!(name(account).as_deref(), Some("\u{fffd}[31mAnn"));
        assert_eq!(describe(&Map::new()), None);
    }
}
