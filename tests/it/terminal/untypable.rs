//! Passphrases that come from a file, as editors and other systems write them: a new one that
//! nobody could type is refused, and one that does not open the vault is looked at.

use std::fs;

use cldkctl::secret::Passphrase;
use cldkctl::vault::{Contents, Cost, Kdf, PassphraseIdentity, RecipientEntry, Salt, seal};

use crate::support::steps::{cloudeka_and_world, contents_of, logged_in};
use crate::support::world::{Cldkctl, Output};
use crate::support::{PASSPHRASE, TOKEN, World};

/// What nobody types at a prompt, and a part of what is said of it.
fn untypable() -> Vec<(Vec<u8>, &'static str)> {
    let with = |text: &str| text.replace("words", PASSPHRASE).into_bytes();
    let utf16 = |mark: &str, units: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let text = format!("{mark}{PASSPHRASE}\r\n");
        text.encode_utf16().flat_map(units).collect()
    };
    vec![
        (with("\u{feff}words\n"), "byte order mark"),
        (with("wor\u{feff}ds words\n"), "byte order mark"),
        (utf16("\u{feff}", u16::to_le_bytes), "UTF-16"),
        (utf16("\u{feff}", u16::to_be_bytes), "UTF-16"),
        (utf16("", u16::to_le_bytes), "NUL"),
        (utf16("", u16::to_be_bytes), "NUL"),
        (with("words\0"), "NUL"),
        (with("words\twords"), "control character"),
        (with("\u{1b}[200~words\u{1b}[201~"), "control character"),
        (with("words\u{7f}"), "control character"),
        (with("words\u{85}"), "control character"),
        (with("words\u{200b}"), "invisible character"),
        (with("words\u{202e}"), "invisible character"),
        (with("words\u{fffd}"), "invisible character"),
        (with("words\u{200f}"), "invisible character (U+200F)"),
        (with("words\u{3164}"), "invisible character (U+3164)"),
        (with("words\u{e0041}"), "invisible character (U+E0041)"),
        (with("words\u{e000}"), "no keyboard has (U+E000)"),
        (with("words\u{a0}words"), "no-break space (U+00A0)"),
        (with("words\nwords\n"), "more than one line"),
        (with("words\n\n"), "line break"),
        (with("words\r"), "line break"),
    ]
}

/// A command with the passphrase in each of the places where it can be supplied.
fn supplied<'w>(world: &'w World, words: &[&str], passphrase: &[u8]) -> [Cldkctl<'w>; 3] {
    fs::create_dir_all(world.home().join("credentials")).unwrap();
    world.write("credentials/cldkctl.passphrase", passphrase);
    let file = world.write("passphrase", passphrase);
    let command = || world.cldkctl(words);
    [
        command().arg("--passphrase-file").arg(file),
        command().arg("--passphrase-stdin").stdin(passphrase),
        command().env("CREDENTIALS_DIRECTORY", world.home().join("credentials")),
    ]
}

#[track_caller]
fn assert_says(output: &Output, says: &str) {
    assert!(output.stderr.contains(says), "{says:?}: {output}");
    assert!(output.stderr.contains("\nhint: "), "{output}");
    output.assert_no_secret(&[PASSPHRASE, "umbrella"]);
}

#[test]
fn a_new_passphrase_that_nobody_can_type_is_refused() {
    let (_cloudeka, world) = cloudeka_and_world();
    for (passphrase, says) in untypable() {
        // Standard input has the passphrase, so the token is an argument.
        for login in supplied(&world, &["auth", TOKEN], &passphrase) {
            let output = login.run().expect_code(2);
            assert_says(&output, says);
        }
        assert!(!world.data().join("cldkctl").exists());
    }
}

#[test]
fn a_passphrase_is_not_changed_to_one_that_nobody_can_type() {
    let (_cloudeka, world) = logged_in();
    let old = world.write("old", PASSPHRASE);
    let before = fs::read(world.vault_path()).unwrap();
    for (passphrase, says) in untypable() {
        let new = world.write("new", passphrase);
        let change = world.cldkctl(["vault", "passphrase", "--passphrase-file"]);
        let change = change.arg(&old).arg("--new-passphrase-file").arg(new);
        assert_says(&change.run().expect_code(2), says);
    }
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn what_people_do_type_is_still_taken() {
    for passphrase in [
        "schöne grüße aus dem wäldchen",
        "two  blanks inside, and one at the end ",
        "می\u{200c}خواهم این گذرواژه را بنویسم",
        "umbrella 👩\u{200d}👩\u{200d}👧 brass tulip harvest",
    ] {
        let (_cloudeka, world) = cloudeka_and_world();
        for (turn, login) in supplied(&world, &["auth", TOKEN], passphrase.as_bytes())
            .into_iter()
            .enumerate()
        {
            let vault = world.home().join(format!("{turn}.age"));
            login.arg("--vault").arg(&vault).run().succeeded();
            contents_of(&vault, passphrase);
        }
    }
}

#[test]
fn a_file_that_does_not_open_the_vault_is_told_what_is_odd_about_it() {
    let (_cloudeka, world) = logged_in();
    let blanks = [
        (format!("{PASSPHRASE} \n").into_bytes(), "blank"),
        (format!("{PASSPHRASE}\t").into_bytes(), "tab"),
        (format!(" {PASSPHRASE}\n").into_bytes(), "blank"),
        (format!("\n{PASSPHRASE}\n").into_bytes(), "line"),
    ];
    let text = |(bytes, _): &(Vec<u8>, &str)| std::str::from_utf8(bytes).is_ok();
    for (passphrase, says) in untypable().into_iter().filter(text).chain(blanks) {
        let [file, stdin, credential] = supplied(&world, &["auth", "token"], &passphrase);
        for (command, place) in [
            (file, "home/passphrase"),
            (stdin, "standard input"),
            (credential, "cldkctl.passphrase"),
        ] {
            let output = command.run().expect_code(5);
            let hint = output.stderr.split("hint: ").nth(1).unwrap_or_default();
            assert!(hint.contains(says), "{says:?}: {output}");
            assert_says(&output, place);
        }
    }
    // Of one that looks right nothing is said.
    for command in supplied(&world, &["auth", "token"], b"another one\n") {
        let output = command.run().expect_code(5);
        assert!(output.stderr.contains("altered"), "{output}");
    }
}

#[test]
fn a_file_in_utf_16_is_told_as_such() {
    let (_cloudeka, world) = logged_in();
    for (passphrase, says) in untypable() {
        if says == "UTF-16" {
            for command in supplied(&world, &["auth", "token"], &passphrase) {
                assert_says(&command.run().expect_code(2), "UTF-16");
            }
        }
    }
}

#[test]
fn an_existing_vault_opens_with_a_passphrase_that_nobody_can_type() {
    let (_cloudeka, world) = cloudeka_and_world();
    // Made by an earlier version, or by another writer of the format.
    let odd = format!("\u{feff}{PASSPHRASE} \u{200b}\t");
    let vault = world.write("odd.age", sealed_under(&odd));
    for command in supplied(&world, &["vault", "verify"], odd.as_bytes()) {
        command.arg("--vault").arg(&vault).run().succeeded();
    }
}

/// A vault with this passphrase, which nothing has judged.
fn sealed_under(passphrase: &str) -> Vec<u8> {
    let cost = Cost {
        memory_kib: 19 * 1024,
        iterations: 2,
        lanes: 1,
    };
    let salt = Salt::generate().unwrap();
    let kdf = Kdf { salt, cost };
    let key = kdf.derive(&Passphrase::new(passphrase)).unwrap();
    let recipient = PassphraseIdentity::new(kdf.clone(), &key).recipient();
    let mut contents = Contents::new().unwrap();
    let entry = RecipientEntry::passphrase(recipient.to_string(), kdf);
    contents.recipients.push(entry);
    seal(&mut contents, &age::NoCallbacks).unwrap()
}
