//! Identity files as people have them: what stock `age` opens the vault with opens it here, and
//! what does not is called by its name, with what helps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::keys::{Key, plugin_path};
use crate::support::steps::{are_installed, logged_in, pipe};
use crate::support::world::Output;
use crate::support::{PASSPHRASE, Session, Standin, TOKEN, World};

/// The passphrase of a key.
const SECRET: &str = "of the key";

/// A vault, and SSH keys that are among its recipients.
struct Story {
    _cloudeka: Standin,
    world: World,
    rsa: Key,
    ed25519: Key,
}

impl Story {
    #[track_caller]
    fn new() -> Self {
        let (cloudeka, world) = logged_in();
        let rsa = Key::ssh(&world, "rsa", "rsa");
        let ed25519 = Key::ssh(&world, "ed25519", "ed25519");
        let story = Self {
            _cloudeka: cloudeka,
            world,
            rsa,
            ed25519,
        };
        story.add(&story.rsa.recipient);
        story.add(&story.ed25519.recipient);
        story
    }

    #[track_caller]
    fn add(&self, recipient: &str) {
        let add = [
            "vault",
            "recipients",
            "add",
            recipient,
            "--passphrase-stdin",
        ];
        let add = self.world.cldkctl(add).env("PATH", plugin_path());
        add.stdin(PASSPHRASE).run().succeeded();
    }

    /// A copy of a key, with its public half beside it as `age` wants it.
    #[track_caller]
    fn copy(&self, of: &Key, name: &str) -> PathBuf {
        let key = self.world.write(name, fs::read(&of.identity).unwrap());
        self.world.write(&format!("{name}.pub"), &of.recipient);
        key
    }

    /// The same, as `ssh-keygen -p` writes it with these flags and this new passphrase.
    #[track_caller]
    fn rewritten(&self, of: &Key, name: &str, passphrase: &str, flags: &[&str]) -> PathBuf {
        let key = self.copy(of, name);
        let path = key.to_str().unwrap();
        let change = ["ssh-keygen", "-q", "-p", "-N", passphrase, "-f", path];
        pipe(&[&change, flags].concat(), b"");
        key
    }

    /// `openssl` makes it of the RSA key, which has no passphrase.
    #[track_caller]
    fn by_openssl(&self, name: &str, flags: &[&str]) -> PathBuf {
        let plain = self.rewritten(&self.rsa, "plain.pem", "", &["-m", "PEM"]);
        let words = ["openssl", "rsa", "-in", plain.to_str().unwrap()];
        let passphrase = format!("pass:{SECRET}");
        let words = [&words[..], flags, &["-passout", &passphrase]].concat();
        let key = self.world.write(name, pipe(&words, b""));
        self.world
            .write(&format!("{name}.pub"), &self.rsa.recipient);
        key
    }

    fn token(&self, identity: &Path) -> Output {
        let run = self.world.cldkctl(["auth", "token", "--identity"]);
        run.arg(identity).env("PATH", plugin_path()).run()
    }

    /// Opens the vault on a terminal, typing the passphrase of the key if it has one.
    #[track_caller]
    fn typed(&self, identity: &Path, passphrase: &str) -> (i32, String) {
        let run = self.world.cldkctl(["auth", "token", "--identity"]);
        let mut terminal = run.arg(identity).on_pty();
        // A person has three tries.
        let tries = if passphrase == SECRET { 1 } else { 3 };
        for _ in 0..tries {
            terminal.expect("Passphrase for ");
            terminal.expect(":");
            terminal.send_secret(passphrase);
        }
        (terminal.wait(), terminal.screen())
    }

    /// Whether stock `age` opens the vault with it.
    #[track_caller]
    fn age_opens(&self, identity: &Path, passphrase: &str) -> bool {
        let mut age = Command::new("age");
        age.args(["--decrypt", "--identity"]).arg(identity);
        let mut terminal = Session::spawn_with(
            {
                age.arg(self.world.vault_path());
                age
            },
            crate::support::pty::Streams {
                stdin: None,
                stdout_apart: true,
                stderr_apart: false,
            },
        );
        if !passphrase.is_empty() {
            terminal.expect("passphrase");
            terminal.send_secret(passphrase);
        }
        terminal.wait() == 0 && terminal.stdout().contains(TOKEN)
    }
}

#[test]
fn ssh_keys_in_every_form_that_stock_age_opens_open_the_vault() {
    if !are_installed(&["age", "ssh-keygen", "openssl"]) {
        return;
    }
    let story = Story::new();
    let pem = |name, flags: &[&str]| story.by_openssl(name, flags);
    let plain = [
        story.rewritten(&story.rsa, "rsa-pkcs1", "", &["-m", "PEM"]),
        story.rewritten(&story.rsa, "rsa-pkcs8", "", &["-m", "PKCS8"]),
    ];
    for key in plain {
        let output = story.token(&key).succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"), "{key:?}");
        assert!(story.age_opens(&key, ""), "{key:?}");
    }
    let protected = [
        story.rewritten(&story.rsa, "rsa-pem", SECRET, &["-m", "PEM"]),
        pem("rsa-des3", &["-des3", "-traditional"]),
        pem("rsa-aes192", &["-aes192", "-traditional"]),
        pem("rsa-aes256", &["-aes256", "-traditional"]),
        story.rewritten(&story.rsa, "rsa-own", SECRET, &[]),
        story.rewritten(&story.ed25519, "ed-cbc", SECRET, &["-Z", "aes256-cbc"]),
        story.rewritten(&story.ed25519, "ed-ctr", SECRET, &["-Z", "aes256-ctr"]),
    ];
    for key in protected {
        let (code, screen) = story.typed(&key, SECRET);
        assert!(code == 0 && screen.contains(TOKEN), "{key:?}: {screen}");
        assert!(story.age_opens(&key, SECRET), "{key:?}");
        let (code, screen) = story.typed(&key, "another one");
        assert!(code == 5 && screen.contains("wrong passphrase"), "{screen}");
        let output = story.token(&key).expect_code(4);
        assert!(output.stderr.contains("has a passphrase"), "{output}");
    }
}

#[test]
fn an_ed25519_key_in_pkcs8_opens_the_vault() {
    if !are_installed(&["age", "openssl"]) {
        return;
    }
    let (cloudeka, world) = logged_in();
    let made = pipe(&["openssl", "genpkey", "-algorithm", "ed25519"], b"");
    let identity = world.write("ed-pkcs8", made);
    let path = identity.to_str().unwrap();
    let words = ["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"];
    let public = pipe(&words, b"");
    let public = &public[public.len() - 32..];
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend_from_slice(public);
    use base64::Engine as _;
    let blob = base64::engine::general_purpose::STANDARD.encode(blob);
    let key = Key {
        recipient: format!("ssh-ed25519 {blob}"),
        identity,
    };
    let add = ["vault", "recipients", "add", &key.recipient];
    let add = world.cldkctl(add).arg("--passphrase-stdin");
    add.stdin(PASSPHRASE).run().succeeded();
    let output = key.cldkctl(&world, &["auth", "token"]).succeeded();
    assert_eq!(output.stdout, format!("{TOKEN}\n"));
    key.age_decrypt(&world.vault_path()).unwrap();
    drop(cloudeka);
}

#[test]
fn an_ssh_key_that_cannot_be_used_is_called_by_its_name_and_the_cure_helps() {
    if !are_installed(&["age", "ssh-keygen", "openssl"]) {
        return;
    }
    let story = Story::new();
    let (rsa, ed25519) = (&story.rsa, &story.ed25519);
    let protected = [
        (
            "encrypted PKCS#8",
            story.rewritten(rsa, "a", SECRET, &["-m", "PKCS8"]),
        ),
        ("encrypted PKCS#8", story.by_openssl("b", &["-aes256"])),
        (
            "chacha20-poly1305",
            story.rewritten(
                ed25519,
                "c",
                SECRET,
                &["-Z", "chacha20-poly1305@openssh.com"],
            ),
        ),
        (
            "aes128-cbc",
            story.rewritten(ed25519, "d", SECRET, &["-Z", "aes128-cbc"]),
        ),
        (
            "3des-cbc",
            story.rewritten(rsa, "e", SECRET, &["-Z", "3des-cbc"]),
        ),
        (
            "chacha20-poly1305",
            story.rewritten(rsa, "f", SECRET, &["-Z", "chacha20-poly1305@openssh.com"]),
        ),
    ];
    for (says, key) in protected {
        // Before anybody types a passphrase in vain.
        let output = story.token(&key).expect_code(5);
        let cure = format!("`ssh-keygen -p -f {}`", key.display());
        for text in [says, &cure] {
            assert!(output.stderr.contains(text), "{text:?}: {output}");
        }
        let path = key.to_str().unwrap();
        pipe(
            &["ssh-keygen", "-q", "-p", "-P", SECRET, "-N", "", "-f", path],
            b"",
        );
        story.token(&key).succeeded();
    }
}

#[test]
fn a_key_of_a_type_that_age_does_not_use_is_told_before_its_passphrase_is_asked_for() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let story = Story::new();
    let name = |name: &str| story.world.home().join(name).to_str().unwrap().to_owned();
    let made = |file: &str, flags: &[&str], passphrase: &str| {
        let path = name(file);
        let make = ["ssh-keygen", "-q", "-N", passphrase, "-f", &path];
        pipe(&[&make, flags].concat(), b"");
        PathBuf::from(path)
    };
    let ecdsa = made("ecdsa", &["-t", "ecdsa"], "");
    let of = Key {
        recipient: String::new(),
        identity: ecdsa.clone(),
    };
    for (says, key) in [
        ("ecdsa-sha2-nistp256", ecdsa),
        (
            "ecdsa-sha2-nistp384",
            made("p384", &["-t", "ecdsa", "-b", "384"], SECRET),
        ),
        ("ECDSA", story.rewritten(&of, "sec1", "", &["-m", "PEM"])),
        ("ECDSA", story.rewritten(&of, "pkcs8", "", &["-m", "PKCS8"])),
        (
            "ECDSA",
            story.rewritten(&of, "sec1-p", SECRET, &["-m", "PEM"]),
        ),
        (
            "PuTTY",
            story
                .world
                .write("ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n"),
        ),
        (
            "SSH2",
            story
                .world
                .write("ssh2", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n"),
        ),
        ("public key", story.world.write("pub", &story.rsa.recipient)),
        (
            "public key",
            story
                .world
                .write("age-pub", Key::age(&story.world, "x").recipient),
        ),
        (
            "no age identity",
            story.world.write("pem", "-----BEGIN CERTIFICATE-----\n"),
        ),
    ] {
        let output = story.token(&key).expect_code(5);
        assert!(output.stderr.contains(says), "{says:?}: {output}");
        assert!(output.stderr.contains("\nhint: "), "{output}");
    }
}

#[test]
fn blanks_tabs_and_windows_line_ends_do_no_harm() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let story = Story::new();
    let machine = Key::age(&story.world, "machine.key");
    // As they are copied out of a table or a mail.
    story.add(&format!("  {}\t\r\n", machine.recipient));
    let pkcs1 = story.rewritten(&story.rsa, "pkcs1", "", &["-m", "PEM"]);
    let pkcs8 = story.rewritten(&story.rsa, "pkcs8", "", &["-m", "PKCS8"]);
    let pem = story.rewritten(&story.rsa, "pem", SECRET, &["-m", "PEM"]);
    for from in [
        &machine.identity,
        &story.ed25519.identity,
        &story.rsa.identity,
        &pkcs1,
        &pkcs8,
    ] {
        let text = fs::read_to_string(from).unwrap();
        for (what, odd) in [
            ("trailing blanks", text.replace('\n', " \t\n") + " "),
            ("CR LF", text.replace('\n', "\r\n")),
            ("blank lines around", format!("\n\t\n{text}\n \n")),
            ("no line end", text.trim_end().to_owned()),
            ("a byte order mark", format!("\u{feff}{text}")),
        ] {
            let key = story.world.write("odd", odd);
            let output = story.token(&key);
            assert_eq!(output.code, 0, "{from:?}, {what}: {output}");
        }
    }
    let odd = fs::read_to_string(pem).unwrap().replace('\n', " \r\n");
    let (code, screen) = story.typed(&story.world.write("odd", odd), SECRET);
    assert!(code == 0, "{screen}");
}

#[test]
fn the_public_half_of_an_ssh_key_may_have_tabs_in_it() {
    if !are_installed(&["ssh-keygen", "age"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let add = |args: &[&str]| {
        let add = world.cldkctl(["vault", "recipients", "add"]).args(args);
        add.arg("--passphrase-stdin").stdin(PASSPHRASE).run()
    };
    let ed25519 = Key::ssh(&world, "ed25519", "ed25519");
    let odd = ed25519.recipient.replace(' ', "\t") + " \t";
    add(&[&odd]).succeeded();
    let rsa = Key::ssh(&world, "rsa", "rsa");
    let odd = format!("# team\r\n\t{}\t\r\n", rsa.recipient.replace(' ', " \t "));
    let file = world.write("team.txt", odd);
    add(&["--recipients-file", file.to_str().unwrap()]).succeeded();
    for key in [&ed25519, &rsa] {
        key.cldkctl(&world, &["auth", "token"]).succeeded();
        key.age_decrypt(&world.vault_path()).unwrap();
    }
    let list = ed25519.cldkctl(&world, &["vault", "recipients", "list"]);
    let list = list.succeeded();
    assert!(list.stdout.contains("sari@ed25519"), "{list}");
    assert!(list.stdout.contains("sari@rsa"), "{list}");
}

#[test]
fn post_quantum_identities_are_named_as_such() {
    let story = Story::new();
    let machine = Key::age(&story.world, "machine.key");
    story.add(&machine.recipient);
    let post_quantum = format!("AGE-SECRET-KEY-PQ-1{}", "Q".repeat(58));
    let lines = format!("# public key: age1pq1…\n{post_quantum}\n");
    let key = story.world.write("pq.key", &lines);
    let output = story.token(&key).expect_code(5);
    assert!(output.stderr.contains("post-quantum"), "{output}");
    output.assert_no_secret(&[&post_quantum]);
    // The others of the file are tried.
    let other = fs::read_to_string(&machine.identity).unwrap();
    let key = story.world.write("both.key", lines + &other);
    story.token(&key).succeeded();
}

/// An identity file that `age -p` made of these lines; binary, as it does by default, or armored.
#[track_caller]
fn protected_by_age(world: &World, name: &str, lines: &str, flags: &[&str]) -> PathBuf {
    let plain = world.write("plain.txt", lines);
    let file = world.home().join(name);
    let mut age = Command::new("age");
    age.arg("-p").args(flags).arg("-o").arg(&file).arg(plain);
    let mut terminal = Session::spawn(age);
    terminal.expect("passphrase");
    terminal.send_secret(SECRET);
    terminal.expect("onfirm passphrase");
    terminal.send_secret(SECRET);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    crate::support::world::set_mode(&file, 0o600);
    file
}

#[test]
fn an_identity_file_that_age_encrypted_opens_the_vault_binary_or_armored() {
    if !are_installed(&["age"]) {
        return;
    }
    let story = Story::new();
    let machine = Key::age(&story.world, "machine.key");
    story.add(&machine.recipient);
    let lines = fs::read_to_string(&machine.identity).unwrap();
    for (name, flags) in [("binary.age", &[][..]), ("armored.age", &["-a"])] {
        let file = protected_by_age(&story.world, name, &lines, flags);
        let (code, screen) = story.typed(&file, SECRET);
        assert!(code == 0 && screen.contains(TOKEN), "{name}: {screen}");
        let (code, screen) = story.typed(&file, "another one");
        assert!(code == 5 && screen.contains("wrong passphrase"), "{screen}");
        let output = story.token(&file).expect_code(4);
        assert!(output.stderr.contains("has a passphrase"), "{output}");
        let run = ["auth", "token", "--no-input", "--identity"];
        let run = story.world.cldkctl(run).arg(&file).on_pty().wait();
        assert_eq!(run, 4, "{name}");
        // Cut short, it is told as that, and not as a bad vault.
        let whole = fs::read(&file).unwrap();
        let cut = story.world.write("cut.age", &whole[..whole.len() / 4]);
        let output = story.token(&cut).expect_code(5);
        assert!(output.stderr.contains("cut.age"), "{output}");
    }
    // The vault itself is an age file, too.
    let output = story.token(&story.world.vault_path()).expect_code(5);
    assert!(output.stderr.contains("no passphrase opens"), "{output}");
    let output = story.token(&story.world.write("random", b"\xfe\xed\xfa\xce"));
    let output = output.expect_code(5);
    assert!(output.stderr.contains("not UTF-8 text"), "{output}");
}

#[test]
fn a_plugin_that_asks_for_its_pin_and_gets_no_answer_leaves_the_vault_locked() {
    let story = Story::new();
    let token = Key::plugin(&story.world, "token.key", true);
    story.add(&token.recipient);
    let output = story.token(&token.identity).expect_code(4);
    for text in ["age-plugin-cldktest", "nobody answered", "\nhint: "] {
        assert!(output.stderr.contains(text), "{text:?}: {output}");
    }
    let run = ["auth", "token", "--no-input", "--identity", "token.key"];
    let run = story.world.cldkctl(run).env("PATH", plugin_path());
    assert_eq!(run.on_pty().wait(), 4);
    // Another identity of the file opens it all the same.
    let machine = Key::age(&story.world, "machine.key");
    story.add(&machine.recipient);
    let lines = [&token, &machine].map(|key| fs::read_to_string(&key.identity).unwrap());
    let both = story.world.write("both.key", lines.join("\n"));
    story.token(&both).succeeded();
}

#[test]
fn an_identity_that_does_not_fit_is_named_and_nothing_is_said_of_a_passphrase() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let story = Story::new();
    let before = fs::read(story.world.vault_path()).unwrap();
    let age = Key::age(&story.world, "other.key");
    let ssh = Key::ssh(&story.world, "other", "ed25519");
    let rsa = Key::ssh(&story.world, "other-rsa", "rsa");
    let plugin = Key::plugin(&story.world, "token.key", false);
    let blob = |key: &Key| key.recipient.split(' ').nth(1).unwrap().to_owned();
    let end = blob(&rsa);
    for (key, public) in [
        (&age, age.recipient.clone()),
        (&ssh, blob(&ssh)[48..].to_owned()),
        (&rsa, end[end.len() - 20..].to_owned()),
        (&plugin, "age-plugin-cldktest".to_owned()),
    ] {
        for args in [
            &["auth", "token"][..],
            &["vault", "verify"],
            &["vault", "recipients", "list"],
            &["context", "rename", "default", "new"],
            &["vault", "backup", "copy.age"],
            &["vault", "restore", "--force", "copy-of.age"],
        ] {
            fs::write(story.world.home().join("copy-of.age"), &before).unwrap();
            let output = key.cldkctl(&story.world, args).expect_code(5);
            let file = key.identity.to_str().unwrap();
            let whose = match args[1] {
                "restore" => "not one of the backup's recipients",
                _ => "not one of the vault's recipients",
            };
            for text in [whose, &public, file, "\nhint: "] {
                assert!(output.stderr.contains(text), "{text:?}: {output}");
            }
            assert!(!output.stderr.contains("passphrase"), "{output}");
        }
    }
    // Of many a few are named.
    let lines: Vec<String> = (0..5)
        .map(|n| {
            let key = Key::age(&story.world, &format!("{n}.key"));
            fs::read_to_string(key.identity).unwrap()
        })
        .collect();
    let many = story.world.write("many.key", lines.join("\n"));
    let output = story.token(&many).expect_code(5);
    assert!(output.stderr.contains("and 2 more"), "{output}");
    assert_eq!(fs::read(story.world.vault_path()).unwrap(), before);
}

#[test]
fn a_key_with_something_around_it_opens_the_vault_or_is_told_what_that_is() {
    if !are_installed(&["age", "openssl", "ssh-keygen"]) {
        return;
    }
    let story = Story::new();
    let ssh = fs::read_to_string(&story.ed25519.identity).unwrap();
    let age = Key::age(&story.world, "machine.key");
    let list = story
        .world
        .write("team.txt", format!("\u{feff}{}\n", age.recipient));
    let add = ["vault", "recipients", "add", "--passphrase-stdin"];
    let add = story.world.cldkctl(add).arg("--recipients-file").arg(list);
    add.stdin(PASSPHRASE).run().succeeded();
    story.token(&age.identity).succeeded();
    let age = fs::read_to_string(&age.identity).unwrap();
    for before in ["# my laptop\n", "\u{feff}# my laptop\r\n\r\n # mine\r\n"] {
        let key = story.world.write("commented", format!("{before}{ssh}"));
        story.token(&key).succeeded();
    }
    let utf16: Vec<u8> = format!("\u{feff}{age}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let x25519 = pipe(&["openssl", "genpkey", "-algorithm", "X25519"], b"");
    let public = story.ed25519.identity.to_str().unwrap();
    let public = pipe(&["ssh-keygen", "-e", "-m", "RFC4716", "-f", public], b"");
    let protected = story.rewritten(&story.rsa, "my key's", SECRET, &["-m", "PKCS8"]);
    for (says, key) in [
        ("UTF-16", story.world.write("utf16", utf16)),
        (
            "an SSH private key with other lines before it",
            story.world.write("both", format!("{age}\n{ssh}")),
        ),
        (
            "an SSH private key with other lines before it",
            story.world.write("letter", format!("here it is:\n{ssh}")),
        ),
        ("of type X25519", story.world.write("x25519", x25519)),
        ("public key", story.world.write("rfc4716", public)),
        (r"my key'\''s'`", protected),
    ] {
        let output = story.token(&key).expect_code(5);
        assert!(output.stderr.contains(says), "{says:?}: {output}");
        assert!(output.stderr.contains("\nhint: "), "{output}");
    }
    let sealed = protected_by_age(&story.world, "ssh.age", &ssh, &[]);
    let (code, screen) = story.typed(&sealed, SECRET);
    assert!(
        code == 5 && screen.contains("SSH private key that age encrypted"),
        "{screen}"
    );
}
