//! Whatever a vault holds comes back as it was, for everyone it is sealed to; and no altered
//! copy of it opens for any of them. Over made-up vaults; `vault/altered.rs` takes one apart
//! byte by byte.

use std::path::Path;
use std::sync::LazyLock;

use age::Identity;
use cldkctl::prompt::{Asker, identity};
use cldkctl::secret::{Key, Passphrase};
use cldkctl::vault::{
    Ceiling, Contents, Cost, Kdf, PassphraseIdentity, Salt, SealError, Sealed, armor, seal,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};

const CHEAP: Cost = Cost {
    memory_kib: 64,
    iterations: 1,
    lanes: 1,
};
const PASSPHRASE: &str = "any passphrase will do";

/// The same cases at each run: the fuzz targets are what searches for new ones.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn kdf() -> Kdf {
    Kdf {
        salt: Salt::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        cost: CHEAP,
    }
}

static KEY: LazyLock<Key> = LazyLock::new(|| kdf().derive(&Passphrase::new(PASSPHRASE)).unwrap());

fn derived() -> PassphraseIdentity {
    PassphraseIdentity::new(kdf(), &KEY)
}

fn read(vector: &str) -> String {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::read_to_string(vectors.join(vector)).unwrap()
}

/// Every kind of key that opens a vault without a program of its own.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Passphrase,
    X25519,
    SshEd25519,
    SshRsa,
}

impl Kind {
    fn entry(self) -> Value {
        let public = match self {
            Self::Passphrase => {
                let Cost {
                    memory_kib,
                    iterations,
                    lanes,
                } = CHEAP;
                let salt = kdf().salt;
                return json!({
                    "recipient": derived().recipient().to_string(),
                    "argon2id": {"salt": salt.as_str(), "memory_kib": memory_kib, "iterations": iterations, "lanes": lanes},
                });
            }
            Self::X25519 => {
                let machine: age::x25519::Identity = read("machine.key")
                    .lines()
                    .find_map(|line| line.parse().ok())
                    .unwrap();
                machine.to_public().to_string()
            }
            Self::SshEd25519 => public_of("made-ssh-ed25519.json", "ssh-ed25519 "),
            Self::SshRsa => public_of("made-ssh-rsa.json", "ssh-rsa "),
        };
        json!({"recipient": public, "label": format!("{self:?}")})
    }

    fn identities(self) -> Vec<Box<dyn Identity>> {
        let file = match self {
            Self::Passphrase => return vec![Box::new(derived())],
            Self::X25519 => "machine.key",
            Self::SshEd25519 => "ssh-ed25519.key",
            Self::SshRsa => "ssh-rsa.key",
        };
        identity::parse(read(file), file, &Asker::new(false)).unwrap()
    }

    /// As a command does it: by passphrase only if the header's parameters are in order.
    fn open(self, file: &[u8]) -> Result<Contents, SealError> {
        let sealed = Sealed::parse(file)?;
        if let Self::Passphrase = self {
            let kdf = sealed.kdf(Ceiling(CHEAP))?.ok_or(SealError::NoMatch)?;
            let key = kdf.derive(&Passphrase::new(PASSPHRASE)).unwrap();
            let identity = PassphraseIdentity::new(kdf.clone(), &key);
            return sealed.open(std::iter::once(&identity as &dyn Identity));
        }
        sealed.open(self.identities().iter().map(|one| &**one))
    }
}

/// The public key of a vector's contents that begins like this.
fn public_of(contents: &str, start: &str) -> String {
    let contents: Value = serde_json::from_str(&read(contents)).unwrap();
    let recipients = contents["recipients"].as_array().unwrap();
    let mut texts = recipients
        .iter()
        .filter_map(|entry| entry["recipient"].as_str());
    texts
        .find(|text| text.starts_with(start))
        .unwrap()
        .to_owned()
}

/// Fields that version 1 does not know.
fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no others", |number| number.is_finite())
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    btree_map("x_\\PC{0,8}", tree, 0..3).prop_map(|fields| fields.into_iter().collect())
}

fn with(mut known: Value, unknown: Map<String, Value>) -> Value {
    known.as_object_mut().unwrap().extend(unknown);
    known
}

fn time() -> impl Strategy<Value = String> {
    (-62_135_596_800i64..253_402_207_200, 0..1_000_000_000i32)
        .prop_map(|(seconds, nanos)| jiff::Timestamp::new(seconds, nanos).unwrap().to_string())
}

fn context() -> impl Strategy<Value = Value> {
    let base_url = prop_oneof![
        Just("https://ai.cloudeka.id"),
        Just("https://h:8443/a/%20b/c"),
        Just("http://127.0.0.1:8080"),
        Just("http://[::1]"),
    ];
    let session = ("[!-~]{1,40}", time(), unknown())
        .prop_map(|(token, ends, extra)| with(json!({"token": token, "expires_at": ends}), extra));
    let known = (
        base_url,
        "[!-~]{1,80}",
        time(),
        unknown(),
        proptest::option::of(session),
    );
    (known, proptest::option::of(any::<String>()), unknown()).prop_map(
        |((base_url, token, verified, account, session), project, extra)| {
            let mut context = json!({
                "base_url": base_url, "token": token, "verified_at": verified, "account": account,
            });
            if let Some(session) = session {
                context["session"] = session;
            }
            if let Some(project) = project {
                context["defaults"] = with(json!({"project": project}), extra.clone());
            }
            with(context, extra)
        },
    )
}

/// Contents, as JSON: for these kinds of keys, and otherwise of any make.
fn contents(kinds: &'static [Kind]) -> impl Strategy<Value = Value> {
    let contexts = btree_map("[A-Za-z0-9._@:][A-Za-z0-9._@:-]{0,63}", context(), 0..4);
    (contexts, "[0-9a-f]{32}", 1u64..(1 << 53) - 1, unknown()).prop_map(
        |(contexts, id, revision, extra)| {
            let recipients: Vec<Value> = kinds.iter().map(|kind| kind.entry()).collect();
            let current = contexts.keys().next_back().cloned();
            let contexts: Vec<Value> = contexts
                .into_iter()
                .map(|(name, mut context)| {
                    context["name"] = name.into();
                    context
                })
                .collect();
            let mut contents = json!({
                "format": "cldkctl-vault", "version": 1, "id": id, "revision": revision,
                "contexts": contexts, "recipients": recipients,
            });
            if let Some(current) = current {
                contents["current_context"] = current.into();
            }
            with(contents, extra)
        },
    )
}

fn sealed(contents: &Value) -> Vec<u8> {
    let json = serde_json::to_vec(contents).unwrap();
    let mut contents = Contents::from_json(&json).unwrap();
    seal(&mut contents, &age::NoCallbacks).unwrap()
}

const QUICK: &[Kind] = &[Kind::Passphrase, Kind::X25519, Kind::SshEd25519];

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_is_sealed_comes_back_equal(contents in contents(QUICK), armored in any::<bool>()) {
        let mut file = sealed(&contents);
        if armored {
            file = armor(&file).unwrap();
        }
        let mut expected = contents;
        expected["revision"] = (expected["revision"].as_u64().unwrap() + 1).into();
        for kind in QUICK {
            let opened = serde_json::to_value(kind.open(&file).unwrap()).unwrap();
            prop_assert_eq!(&opened, &expected, "by {:?}", kind);
        }
    }

    #[test]
    fn no_altered_copy_opens(
        contents in contents(QUICK),
        armored in any::<bool>(),
        at in any::<prop::sample::Index>(),
        change in 0..4u8,
        byte in any::<u8>(),
    ) {
        // A carriage return may stand in front of a line feed of the armor.
        prop_assume!(!(armored && byte == b'\r'));
        let mut file = sealed(&contents);
        if armored {
            file = armor(&file).unwrap();
            // White space may follow the last line.
            file.truncate(file.trim_ascii_end().len());
        }
        let place = at.index(file.len());
        match change {
            0 => file.truncate(place),
            1 => drop(file.remove(place)),
            2 => file.insert(place, byte),
            _ => file[place] ^= byte.max(1),
        }
        let whole = sealed(&contents);
        for kind in QUICK {
            let Err(refused) = kind.open(&file) else {
                return Err(TestCaseError::fail(format!("{kind:?} opened it")));
            };
            // Exit code 5 for the one, 6 for the others: never a failure of another kind.
            prop_assert!(
                !matches!(refused, SealError::Identity(_) | SealError::Plugin(_) | SealError::Seal(_)),
                "{:?}: {}", kind, refused
            );
            prop_assert!(kind.open(&whole).is_ok());
        }
    }

    #[test]
    fn a_passphrase_opens_in_every_spelling_of_the_same_characters(
        text in "[ -~äöüÄé\u{1e9b}\u{323}\u{ac00}-\u{ac20}\u{130}ñ]{1,24}",
        end in prop_oneof![Just(""), Just("\n"), Just("\r\n")],
    ) {
        use unicode_normalization::UnicodeNormalization as _;
        let key = |text: String| *kdf().derive(&Passphrase::new(&text)).unwrap().expose();
        let composed: String = text.nfc().collect();
        let decomposed: String = text.nfd().collect();
        prop_assert_eq!(key(composed.clone()), key(format!("{decomposed}{end}")));
        prop_assert_ne!(key(composed.clone()), key(format!("{composed} ")));
        prop_assert_ne!(key(composed.clone()), key(format!("{composed}\n\n")));
    }
}

proptest! {
    // RSA without optimisation takes its time.
    #![proptest_config(cases(2))]

    #[test]
    fn an_rsa_key_opens_what_is_sealed_to_it_and_nothing_altered(
        contents in contents(&[Kind::SshRsa]),
        at in any::<prop::sample::Index>(),
    ) {
        let mut file = sealed(&contents);
        prop_assert!(Kind::SshRsa.open(&file).is_ok());
        let place = at.index(file.len());
        file[place] ^= 1;
        prop_assert!(Kind::SshRsa.open(&file).is_err());
    }
}

/// What a person may type of a base URL, and a vault may not hold (section 7.3 of its format).
#[test]
fn a_vault_with_a_base_url_out_of_its_form_is_refused() {
    let with = |base_url: &str| {
        let context = json!({
            "name": "work", "base_url": base_url, "token": "t", "verified_at": "2025-01-02T03:04:05Z", "account": {},
        });
        let contents = json!({
            "format": "cldkctl-vault", "version": 1, "id": "0".repeat(32), "revision": 1,
            "contexts": [context], "recipients": [Kind::X25519.entry()],
        });
        Contents::from_json(&serde_json::to_vec(&contents).unwrap())
    };
    assert!(with("https://h:8443/a/b").is_ok());
    let long = format!("https://h/{}", "a".repeat(2048));
    for base_url in [
        "https://h//a",
        "https://h/a|b",
        "https://m\u{fc}nchen.example",
        "HTTPS://h",
        "https://h:0",
        "http://127.1",
        "http://2130706433",
        &long,
    ] {
        assert!(with(base_url).is_err(), "{base_url}");
    }
}
