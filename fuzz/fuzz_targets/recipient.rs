//! Public keys as people give them: age's, SSH's and those of plugins.
#![no_main]

use cldkctl::vault::PublicRecipient;
use cldkctl_fuzz::{assert_harmless, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(input) = text(input) else { return };
    match input.parse::<PublicRecipient>() {
        Ok(recipient) => {
            let shown = recipient.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
            let again: PublicRecipient = shown
                .parse()
                .unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert_eq!(again.to_string(), shown, "there is one spelling");
            assert_eq!(again.kind(), recipient.kind());
        }
        Err(error) => assert_harmless(&error.to_string()),
    }
});
