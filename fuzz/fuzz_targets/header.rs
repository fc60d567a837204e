//! The stanzas of a header: one line each, `tag argument …`, a `!` in front if it has a body.
#![no_main]

use age_core::format::Stanza;
use cldkctl::vault::stanza;
use cldkctl_fuzz::{CEILING, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(input) = text(input) else { return };
    let read = |line: &str| {
        let body = if line.starts_with('!') {
            vec![0]
        } else {
            Vec::new()
        };
        let mut words = line.trim_start_matches('!').split(' ').map(str::to_owned);
        Stanza {
            tag: words.next().unwrap_or_default(),
            args: words.collect(),
            body,
        }
    };
    let stanzas: Vec<Stanza> = input.lines().map(read).collect();
    let ours = || stanzas.iter().filter(|stanza| stanza.tag == stanza::TAG);
    match stanza::find(&stanzas) {
        Ok(None) => assert_eq!(ours().count(), 0),
        Ok(Some(kdf)) => {
            // There is one spelling, so what is written again is what was read.
            let (read, written) = (ours().next().expect("one"), stanza::write(&kdf));
            assert_eq!(ours().count(), 1);
            assert_eq!((&read.args, &read.body), (&written.args, &written.body));
            assert!(kdf.cost.is_valid());
            if CEILING.allows(&kdf.cost) {
                assert!(kdf.cost.memory_kib <= CEILING.0.memory_kib);
            }
        }
        Err(_) => assert!(ours().count() > 0),
    }
});
