//! A vault that somebody altered is not opened: not one byte of it can be another, not one
//! can be missing, and no header makes us spend much before that is known.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::steps::{are_installed, logged_in};
use crate::support::{PASSPHRASE, World};
use age::Identity;
use cldkctl::base_url::BaseUrl;
use cldkctl::secret::{Key, Passphrase, Token};
use cldkctl::vault::{
    Ceiling, Contents, Context, Cost, Kdf, PassphraseIdentity, RecipientEntry, Salt, SealError,
    Sealed, armor, seal,
};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/");

/// A vault for [`PASSPHRASE`] and for an identity, and what opens it without deriving again.
struct Subject {
    file: Vec<u8>,
    kdf: Kdf,
    key: Key,
    machine: age::x25519::Identity,
}

impl Subject {
    fn new() -> Self {
        let cost = Cost {
            memory_kib: 64,
            iterations: 1,
            lanes: 1,
        };
        let salt = Salt::generate().expect("random bytes");
        let kdf = Kdf { salt, cost };
        let key = kdf.derive(&Passphrase::new(PASSPHRASE)).expect("a key");
        let identity = PassphraseIdentity::new(kdf.clone(), &key);
        let machine = age::x25519::Identity::generate();
        let mut contents = Contents::new().expect("random bytes");
        let entry = RecipientEntry::passphrase(identity.recipient().to_string(), kdf.clone());
        contents.recipients.push(entry);
        let entry = serde_json::json!({ "recipient": machine.to_public().to_string() });
        let entry = serde_json::from_value(entry).expect("a recipient");
        contents.recipients.push(entry);
        let token = Token::parse("cldkctl_0123456789").expect("a token");
        let name = "work".parse().expect("a name");
        let now = jiff::Timestamp::now();
        contents.log_in(Context::new(name, BaseUrl::default(), token, now));
        let file = seal(&mut contents, &age::NoCallbacks).expect("sealed");
        Self {
            file,
            kdf,
            key,
            machine,
        }
    }

    /// With the passphrase. A header with another salt or cost would take another derivation;
    /// it is made, so that nothing is taken for granted, where it costs next to nothing.
    fn open(&self, file: &[u8]) -> Result<Contents, SealError> {
        let sealed = Sealed::parse(file)?;
        let kdf = sealed.kdf(Ceiling::DEFAULT)?.ok_or(SealError::NoMatch)?;
        let cheap = kdf.cost.memory_kib <= 128 && kdf.cost.iterations <= 16;
        let derived = (*kdf != self.kdf && cheap).then(|| {
            let passphrase = Passphrase::new(PASSPHRASE);
            kdf.derive(&passphrase).expect("a key")
        });
        let key = derived.as_ref().unwrap_or(&self.key);
        let identity = PassphraseIdentity::new(kdf.clone(), key);
        sealed.open(std::iter::once(&identity as &dyn Identity))
    }

    /// With the other identity, for which the KDF stanza is of no concern.
    fn open_by_identity(&self, file: &[u8]) -> Result<Contents, SealError> {
        Sealed::parse(file)?.open(std::iter::once(&self.machine as &dyn Identity))
    }

    /// What opens although it should not.
    fn accepted(&self, what: &str, file: &[u8]) -> Vec<String> {
        let mut accepted = Vec::new();
        if self.open(file).is_ok() {
            accepted.push(format!("{what}, by passphrase"));
        }
        if self.open_by_identity(file).is_ok() {
            accepted.push(format!("{what}, by identity"));
        }
        accepted
    }
}

/// Each byte altered in each of these ways, and what each makes of the file.
fn alterations(file: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..file.len()).flat_map(move |at| {
        [0x01, 0x80].into_iter().map(move |bits| {
            let mut altered = file.to_vec();
            altered[at] ^= bits;
            (format!("byte {at} xor {bits:#04x}"), altered)
        })
    })
}

#[test]
fn every_single_byte_altered_is_refused() {
    let subject = Subject::new();
    assert!(subject.open(&subject.file).is_ok() && subject.open_by_identity(&subject.file).is_ok());
    let accepted: Vec<_> = alterations(&subject.file)
        .flat_map(|(what, file)| subject.accepted(&what, &file))
        .collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn every_single_byte_of_an_armored_vault_altered_is_refused() {
    let subject = Subject::new();
    let armored = armor(&subject.file).expect("armored");
    assert!(subject.open(&armored).is_ok());
    let last = armored.len() - 1;
    let accepted: Vec<_> = alterations(&armored)
        .flat_map(|(what, file)| subject.accepted(&what, &file))
        // White space may follow the armor (section 3.3), and this is the byte that does.
        .filter(|what| !what.starts_with(&format!("byte {last} ")))
        .collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn no_flipped_bit_of_the_header_but_of_the_version_line_is_said_to_be_a_newer_version() {
    let subject = Subject::new();
    let newer = |error: &SealError| {
        let said = error.to_string();
        said.contains("newer") || said.contains("upgrad")
    };
    let mac = subject.file.windows(5).position(|it| it == b"\n--- ");
    let header = mac.expect("a MAC") + 1 + "--- ".len() + 43 + 1;
    let line = b"age-encryption.org/v".len();
    let mut wrong = Vec::new();
    for bit in 0..header * 8 {
        let mut file = subject.file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        // The one byte with the number: 3, 5 and 9 are numbers above 1.
        let is_number = bit / 8 == line && b"359".contains(&file[line]);
        for (how, opened) in [
            ("passphrase", subject.open(&file)),
            ("identity", subject.open_by_identity(&file)),
        ] {
            let error = opened.expect_err("it was altered");
            if newer(&error) != is_number {
                wrong.push(format!(
                    "bit {} of byte {}, by {how}: {error}",
                    bit % 8,
                    bit / 8
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        header * 8
    );
}

#[test]
fn a_flipped_bit_in_a_version_sends_nobody_to_a_newer_cldkctl() {
    let (_cloudeka, world) = logged_in();
    let whole = fs::read(world.vault_path()).expect("a vault");
    let at = |what: &[u8]| {
        let found = whole.windows(what.len()).position(|window| window == what);
        found.expect("it is there") + what.len() - 1
    };
    let stanza = at(b"-> cldkctl-argon2id v1");
    let run = |args: &[&str], passphrase: &str| {
        let command = world.cldkctl(["vault", "verify"]).args(args);
        command.stdin(passphrase).run()
    };
    // The last bit of its `v` and each of its `1`, of which 3, 5 and 9 come out as numbers.
    let bits = (0..8)
        .map(|bit| (stanza, 1 << bit))
        .chain([(stanza - 1, 1)]);
    for (byte, mask) in bits.chain([(at(b"age-encryption.org/v"), 1), (at(b"\n--- "), 1)]) {
        let mut file = whole.clone();
        file[byte] ^= mask;
        fs::write(world.vault_path(), &file).expect("written");
        let output = run(&["--passphrase-stdin"], PASSPHRASE).expect_code(6);
        assert!(!output.stderr.contains("newer"), "{byte} {mask}: {output}");
        assert!(output.stderr.contains("backup"), "{byte} {mask}: {output}");
    }
    // With the wrong passphrase it may be either, and that is what is said.
    let mut file = whole.clone();
    file[stanza] = b'3';
    fs::write(world.vault_path(), &file).expect("written");
    let output = run(&["--passphrase-stdin"], "another one").expect_code(6);
    for text in ["passphrase", "newer"] {
        assert!(output.stderr.contains(text), "{output}");
    }
    assert!(!output.stderr.contains("log in again"), "{output}");
}

#[test]
fn a_stanza_that_was_written_in_a_newer_version_is_known_for_one_and_not_saved_over() {
    let world = World::new();
    let vault = fs::read(format!("{VECTORS}kdf-v2.age")).expect("a vector");
    let vault = world.write("vault.age", vault);
    let key = world.write(
        "key",
        fs::read(format!("{VECTORS}machine.key")).expect("a key"),
    );
    crate::support::world::set_mode(&key, 0o600);
    let run = |args: &[&str]| {
        let command = world.cldkctl(args).arg("--vault").arg(&vault);
        command.arg("--identity").arg(&key).run()
    };
    run(&["auth", "token"]).succeeded();
    let output = run(&["context", "rename", "default", "new"]).expect_code(6);
    assert!(output.stderr.contains("a newer cldkctl"), "{output}");
    assert!(!output.stderr.contains("backup"), "{output}");
    let output = world
        .cldkctl(["auth", "token", "--passphrase-stdin", "--vault"])
        .arg(&vault)
        .stdin("test vectors are no secret")
        .run()
        .expect_code(6);
    assert!(output.stderr.contains("a newer cldkctl"), "{output}");
}

#[test]
fn every_truncation_is_refused() {
    let subject = Subject::new();
    let armored = armor(&subject.file).expect("armored");
    let mut accepted = Vec::new();
    for length in 0..subject.file.len() {
        let what = format!("{length} bytes");
        accepted.extend(subject.accepted(&what, &subject.file[..length]));
    }
    // Without its last line feed it is all there.
    for length in 0..armored.len() - 1 {
        let what = format!("{length} armored bytes");
        accepted.extend(subject.accepted(&what, &armored[..length]));
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn every_byte_more_is_refused_wherever_it_is() {
    let subject = Subject::new();
    let mut accepted = Vec::new();
    for at in 0..=subject.file.len() {
        for byte in [b'\n', 0] {
            let mut file = subject.file.clone();
            file.insert(at, byte);
            accepted.extend(subject.accepted(&format!("{byte:#04x} before {at}"), &file));
        }
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn the_binary_refuses_a_sample_of_them_with_5_or_6_and_no_panic() {
    let (_cloudeka, world) = logged_in();
    let whole = fs::read(world.vault_path()).expect("a vault");
    let alter = |at: usize, bits: u8| {
        let mut file = whole.clone();
        file[at] ^= bits;
        file
    };
    let step = whole.len() / 40;
    let altered = (0..40).map(|n| alter(n * step + n % step, [0x01, 0x80][n % 2]));
    let truncated = (0..20).map(|n| whole[..n * whole.len() / 20].to_vec());
    for file in altered.chain(truncated) {
        fs::write(world.vault_path(), &file).expect("written");
        let output = world
            .cldkctl(["vault", "verify", "--passphrase-stdin"])
            .stdin(PASSPHRASE)
            .run();
        assert!([5, 6].contains(&output.code), "{output}");
        assert_eq!(output.stdout, "");
        assert!(output.stderr.starts_with("error: "), "{output}");
        assert!(output.stderr.contains("\nhint: "), "{output}");
        assert!(!output.stderr.contains("panicked"), "{output}");
    }
    fs::write(world.vault_path(), &whole).expect("written");
    let output = world.cldkctl(["vault", "verify", "--passphrase-stdin"]);
    output.stdin(PASSPHRASE).run().succeeded();
}

/// Runs the binary on a vault; its exit code, what it said, its peak of memory in KiB.
fn measured(world: &World, vault: &[u8]) -> (i32, String, u64) {
    // A program learns of its children what std does not tell.
    const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let vault = world.write("vault.age", vault);
    let mut child = Command::new("python3")
        .args(["-c", MEASURE, env!("CARGO_BIN_EXE_cldkctl")])
        .args(["vault", "verify", "--passphrase-stdin", "--vault"])
        .arg(vault)
        .env("HOME", world.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may be refused before the passphrase is read.
    let _ = stdin.write_all(PASSPHRASE.as_bytes());
    drop(stdin);
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut said).expect("text");
    let output = child.wait_with_output().expect("it ends");
    let numbers = String::from_utf8(output.stdout).expect("text");
    let (code, peak) = numbers.trim().split_once(' ').expect("two numbers");
    (
        code.parse().expect("a number"),
        said,
        peak.parse().expect("a number"),
    )
}

#[test]
fn a_header_that_asks_for_the_impossible_is_refused_before_it_costs_anything() {
    if !are_installed(&["python3"]) {
        return;
    }
    let subject = Subject::new();
    let world = World::new();
    let salt = subject.kdf.salt.as_str();
    let old = format!("-> cldkctl-argon2id v1 {salt} 64 1 1\n");
    let at = subject
        .file
        .windows(old.len())
        .position(|window| window == old.as_bytes())
        .expect("the stanza");
    let with = |arguments: &str| {
        let new = format!("-> cldkctl-argon2id v1 {salt} {arguments}\n");
        let (before, after) = (&subject.file[..at], &subject.file[at + old.len()..]);
        [before, new.as_bytes(), after].concat()
    };
    for arguments in [
        "67108864 1 1", // 64 GiB
        "4194305 1 1",
        "4294967295 1 1",
        "4294967296 1 1",
        "18446744073709551680 1 1", // 64 after wrapping
        "64 4294967296 1",
        "64 4294967295 1",
        "64 65 1",
        "64 1 0",
        "64 0 1",
        "0 1 1",
        "524288 1 65",
        "7 1 1",
        "-64 1 1",
        "64 -1 1",
        "64 1 -1",
        "+64 1 1",
        "064 1 1",
        "64.0 1 1",
        "64 1e0 1",
        "0x40 1 1",
        "lots 1 1",
        "64 many 1",
        "64 1 some",
        "64 1",
        "64 1 1 1",
        "",
    ] {
        let start = Instant::now();
        let (code, said, peak) = measured(&world, &with(arguments));
        let took = start.elapsed();
        assert_eq!(code, 6, "{arguments:?}: {said}");
        assert!(said.contains("hint: "), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert!(peak < 100 * 1024, "{arguments:?}: {peak} KiB");
        // Some of them take little memory, and years.
        assert!(took < Duration::from_secs(60), "{arguments:?}: {took:?}");
    }
    // That it is measured at all: a derivation that is allowed does take its memory.
    let (code, _, peak) = measured(&world, &with("204800 1 1"));
    assert_eq!(code, 5, "another cost is another key");
    assert!(peak > 200 * 1024, "{peak} KiB");
    // And the ceiling is the user's to raise, or to lower.
    let vault = fs::read(format!("{VECTORS}kdf-memory-above-ceiling.age")).expect("a vector");
    let (code, said, _) = measured(&world, &vault);
    assert!(code == 6 && said.contains("--kdf-ceiling"), "{said}");
}
