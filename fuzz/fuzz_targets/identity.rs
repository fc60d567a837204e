//! Identity files: age's own, encrypted ones, SSH private keys, plugin identities.
#![no_main]

use age::Identity;
use cldkctl::prompt::{Asker, identity};
use cldkctl::vault::{SealError, Sealed};
use cldkctl_fuzz::{assert_harmless, text};
use libfuzzer_sys::fuzz_target;

const VAULT: &[u8] = include_bytes!("../../tests/vectors/made-ssh-rsa.age");

fuzz_target!(|input: &[u8]| {
    let Some(input) = text(input) else { return };
    // Not to start a program by the name of the fuzzer's choice, should there be one.
    let plugin = input.to_ascii_uppercase().contains("AGE-PLUGIN-");
    match identity::parse(input, "key.txt", &Asker::new(false)) {
        Err(error) => assert_harmless(&error.to_string()),
        Ok(_) if plugin => {}
        Ok(identities) => {
            let sealed = Sealed::parse(VAULT).expect("a vault");
            match sealed.open(identities.iter().map(|one| &**one as &dyn Identity)) {
                Ok(contents) => assert!(!contents.contexts.is_empty()),
                Err(SealError::Identity(error)) => assert_harmless(&error),
                Err(_) => {}
            }
        }
    }
});
