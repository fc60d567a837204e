//! Passphrases: normalised, and scored in bounded time (the runner's time limit tells).
#![no_main]

use cldkctl::prompt::passphrase::check_strength;
use cldkctl::secret::Passphrase;
use cldkctl_fuzz::{assert_harmless, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(input) = text(input) else { return };
    let passphrase = Passphrase::new(input);
    // One line end is cut, and nothing else changes what is normalised already.
    let again = Passphrase::new(&format!("{}\r\n", passphrase.expose()));
    assert_eq!(again.expose(), passphrase.expose());
    if let Err(weak) = check_strength(&passphrase) {
        assert!(weak.score < 3);
        assert_harmless(&weak.advice);
    }
});
