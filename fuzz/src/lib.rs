//! What several targets need: one key, one vault, and what a terminal would act on.

use std::str;

use age::x25519;
use cldkctl::vault::{Ceiling, Cost};

/// The identity in `tests/vectors/machine.key`, which opens some of the vectors.
pub fn machine() -> x25519::Identity {
    include_str!("../../tests/vectors/machine.key")
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-1"))
        .and_then(|line| line.parse().ok())
        .expect("an identity")
}

/// A ceiling that is cheap to reach: the real one would let a single input take 4 GiB.
pub const CEILING: Ceiling = Ceiling(Cost {
    memory_kib: 64,
    iterations: 2,
    lanes: 2,
});

/// Panics where `shown`, which is meant for a terminal, has something that a terminal acts on.
pub fn assert_harmless(shown: &str) {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!shown.contains(acts), "{shown:?}");
}

/// Splits an input at line feeds, into at most `count` parts; missing ones are empty.
pub fn lines<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = input.splitn(COUNT, |byte| *byte == b'\n');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// The input as text, where it is text.
pub fn text(input: &[u8]) -> Option<&str> {
    str::from_utf8(input).ok()
}
