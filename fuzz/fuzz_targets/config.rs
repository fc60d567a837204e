//! `config.toml`.
#![no_main]

use std::path::Path;

use cldkctl::cli::config::Config;
use cldkctl_fuzz::{assert_harmless, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(input) = text(input) else { return };
    match Config::parse(input, Path::new("/etc/cldkctl")) {
        Ok(config) => {
            for path in [
                &config.vault,
                &config.ca_cert,
                &config.identity,
                &config.passphrase_file,
            ] {
                assert!(path.as_ref().is_none_or(|path| path.has_root()), "{path:?}");
            }
        }
        Err(error) => assert_harmless(&error.to_string()),
    }
});
