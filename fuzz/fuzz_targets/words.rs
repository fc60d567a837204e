//! The small ones: names, sizes, periods, salts, tokens, methods, labels, text to be shown.
#![no_main]

use std::time::Duration;

use cldkctl::api::Method;
use cldkctl::cli::size::Size;
use cldkctl::cli::time_span::{TimeSpan, in_words};
use cldkctl::printable::{printable, printable_start};
use cldkctl::qr::{Qr, Resilience};
use cldkctl::secret::Token;
use cldkctl::vault::{ContextName, Salt};
use cldkctl_fuzz::{assert_harmless, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(input) = text(input) else { return };
    let shown = printable(input).to_string();
    assert_harmless(&shown);
    assert_eq!(shown.chars().count(), input.chars().count());
    assert!(printable_start(input, 7).to_string().chars().count() <= 8);

    if let Ok(name) = input.parse::<ContextName>() {
        assert_eq!(name.as_str(), input);
        assert_eq!(name.to_string(), shown);
    }
    if let Ok(TimeSpan(period)) = input.parse() {
        assert!(period >= Duration::from_secs(1) && period.as_secs() <= u64::from(u32::MAX));
        assert_eq!(
            format!("{}s", period.as_secs()).parse(),
            Ok(TimeSpan(period))
        );
        assert!(!in_words(period.as_secs()).is_empty());
    }
    if let Ok(size) = input.parse::<Size>() {
        assert_eq!(format!("{}KiB", size.0).parse(), Ok(size));
    }
    if let Some(salt) = Salt::parse(input) {
        assert_eq!((salt.as_str(), input.len()), (input, 22));
    }
    if let Ok(token) = Token::parse(input) {
        assert_eq!(token.expose(), input.trim());
        assert!(token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Ok(method) = input.parse::<Method>() {
        assert!(method.to_string().eq_ignore_ascii_case(input));
    }
    if input.len() <= 100 {
        let code = Qr::of(input, Resilience::Paper).expect("that fits");
        assert!(code.in_text().lines().count() == code.width().div_ceil(2));
    }
});
