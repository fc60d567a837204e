//! Reading fields as `vault-format.md` has them, where serde would take more.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use zeroize::Zeroizing;

use crate::base_url::{BaseUrl, is_plain};
use crate::secret::Token;

/// A field that may be absent, but not `null`.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A token with nothing around it.
pub(super) fn bare_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Token, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    match Token::parse(&text) {
        Ok(token) if token.expose().len() == text.len() => Ok(token),
        _ => Err(D::Error::custom("not a bare token")),
    }
}

/// A base URL as it is written there: [`BaseUrl`] alone would take what a person types.
pub(super) fn bare_base_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BaseUrl, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !is_plain(&text) {
        return Err(D::Error::custom("not a base URL in its plain form"));
    }
    text.parse().map_err(D::Error::custom)
}

/// A time in UTC, in the one spelling of `vault-format.md`: RFC 3339 has many.
pub(super) fn utc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let shape = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.',
        _ => byte.is_ascii_digit(),
    };
    let fits = text.strip_suffix('Z').is_some_and(|rest| {
        // 19 to the seconds, or those and a fraction of 1 to 9 digits.
        matches!(rest.len(), 19 | 21..=29)
            && rest.bytes().enumerate().all(shape)
            && &rest[17..19] < "60"
            && &rest[..4] != "0000"
    });
    fits.then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| D::Error::custom("not a time in UTC"))
}
