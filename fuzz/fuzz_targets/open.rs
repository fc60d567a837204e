//! A vault file, all the way: armor, header, key derivation below a ceiling, payload, contents.
#![no_main]

use std::cell::OnceCell;

use age::Identity;
use cldkctl::secret::{Key, Passphrase};
use cldkctl::vault::{Ceiling, Cost, Kdf, PassphraseIdentity, SealError, Sealed, armor};
use cldkctl_fuzz::{CEILING, machine};
use libfuzzer_sys::fuzz_target;

const PLAIN: &[u8] = include_bytes!("../../tests/vectors/good-plain.age");
const PASSPHRASE: &str = "test vectors are no secret";

thread_local! {
    /// The key of one of the vectors, which takes too long to derive each time.
    static KNOWN: OnceCell<(Kdf, Key)> = const { OnceCell::new() };
}

fn known() -> (Kdf, Key) {
    let kdf = Sealed::parse(PLAIN)
        .expect("a vault")
        .kdf(Ceiling::DEFAULT)
        .expect("within")
        .expect("one")
        .clone();
    let key = kdf.derive(&Passphrase::new(PASSPHRASE)).expect("a key");
    (kdf, key)
}

fuzz_target!(|file: &[u8]| {
    let Ok(sealed) = Sealed::parse(file) else {
        return;
    };
    assert!(!sealed.stanza_types().is_empty());

    let identity = match sealed.kdf(CEILING) {
        Ok(None) => None,
        Ok(Some(kdf)) => Some(PassphraseIdentity::new(
            kdf.clone(),
            &kdf.derive(&Passphrase::new(PASSPHRASE)).expect("a key"),
        )),
        Err(SealError::TooCostly { wanted, .. }) => {
            let Cost {
                memory_kib,
                iterations,
                lanes,
            } = CEILING.0;
            assert!(
                wanted.memory_kib > memory_kib
                    || wanted.iterations > iterations
                    || wanted.lanes > lanes
            );
            KNOWN.with(|known_key| {
                let (kdf, key) = known_key.get_or_init(known);
                Some(PassphraseIdentity::new(kdf.clone(), key))
            })
        }
        Err(_) => None,
    };
    let machine = machine();
    let identities = identity.iter().map(|one| one as &dyn Identity);
    let opened = sealed.open(identities.chain(std::iter::once(&machine as &dyn Identity)));

    // Armor is another form of the same file.
    let armored = Sealed::parse(&armor(sealed.bytes()).expect("armored")).expect("the same");
    assert_eq!(armored.bytes(), sealed.bytes());
    if let Ok(contents) = opened {
        // Nobody but its owner can have made it: it is one of the vectors.
        assert_eq!(contents.revision, 1);
        assert!(
            contents
                .contexts
                .iter()
                .all(|context| context.token.expose().starts_with("token-of-"))
        );
    }
});
