//! What an answer to the exchange grants.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::secret::Token;

/// The content of `data`. Not derived, so that the session token goes straight into the type
/// that wipes it, and never through a [`Value`].
pub(super) struct Grant {
    pub(super) token: Token,
    pub(super) facts: Vec<(String, Value)>,
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Grant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a token")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Grant, A::Error> {
                let mut token = None;
                let mut facts = Vec::new();
                while let Some(name) = fields.next_key::<String>()? {
                    if name != "token" {
                        facts.push((name, fields.next_value()?));
                    } else if token.replace(fields.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field("token"));
                    }
                }
                let token = token.ok_or_else(|| A::Error::missing_field("token"))?;
                Ok(Grant { token, facts })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
