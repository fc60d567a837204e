//! When a session ends, by its own claims. A text in two lines is put together to a JWT.
#![no_main]

use cldkctl::api::session;
use cldkctl::secret::Token;
use cldkctl::vault::Time;
use cldkctl_fuzz::text;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(input) = text(input) else { return };
    let [now, claims] = cldkctl_fuzz::lines(input.as_bytes());
    let now = text(now)
        .and_then(|now| now.parse().ok())
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    for candidate in [input.to_owned(), format!("e30.{}.c2ln", base64(claims))] {
        let Ok(token) = Token::parse(&candidate) else {
            continue;
        };
        let session = session(token, now);
        let longest = now
            .checked_add(SignedDuration::from_hours(30 * 24))
            .unwrap_or(Timestamp::MAX);
        // A clock before the year 1 counts as its beginning.
        assert!(
            session.expires_at <= Time::from(longest),
            "{now} {}",
            session.expires_at
        );
        let _ = session.is_due(now, session.expires_at.timestamp());
    }
});

/// Base64 for URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letters = bytes.chunks(3).flat_map(|three| {
        let bits = three
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        (0..=three.len())
            .map(move |place| char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]))
    });
    letters.collect()
}
