//! Reading fields as `vault-format.md` has them, where serde would take more.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use crate::base_url::BaseUrl;
use crate::secret::Token;

/// A field that may be absent, but not `null`.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A text as `parse` takes it, handed to it where it lies: no copy of a token is left behind.
pub(super) fn text<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    what: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Text<F>(&'static str, F);

    impl<T, F: FnOnce(&str) -> Option<T>> Visitor<'_> for Text<F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            (self.1)(text).ok_or_else(|| E::custom(self.0))
        }
    }

    deserializer.deserialize_str(Text(what, parse))
}

/// A token with nothing around it.
pub(super) fn bare_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Token, D::Error> {
    text(deserializer, "a bare token", |text| {
        let token = Token::parse(text).ok()?;
        (token.expose().len() == text.len()).then_some(token)
    })
}

/// A base URL as it is written there: [`BaseUrl`] alone would take what a person types.
pub(super) fn bare_base_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BaseUrl, D::Error> {
    thread_local! {
        /// The one before, as it was written: most contexts are at the same API, and reading a
        /// URL takes longer than the rest of a context.
        static BEFORE: RefCell<Option<(String, BaseUrl)>> = const { RefCell::new(None) };
    }
    text(deserializer, "a base URL in its plain form", |text| {
        BEFORE.with_borrow_mut(|before| match before {
            Some((written, url)) if written == text => Some(url.clone()),
            _ => {
                let url = BaseUrl::stored(text)?;
                *before = Some((text.to_owned(), url.clone()));
                Some(url)
            }
        })
    })
}
