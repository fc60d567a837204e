//! Logins that fail for what was given: no token, no good passphrase, no vault in the vault's
//! place. Nothing is sent that need not be, and nothing is written.

use std::path::Path;

use crate::support::failures::{assert_failed, assert_unchanged, auth, worlds};
use crate::support::steps::{cloudeka_and_world, logged_in};
use crate::support::{PASSPHRASE, TOKEN};

#[test]
fn what_is_no_token_is_not_sent() {
    let long = "a".repeat(8 * 1024 + 1);
    let megabyte = "a".repeat(1 << 20);
    for (cloudeka, world) in worlds() {
        let earlier = cloudeka.connections();
        for (token, says) in [
            (&b""[..], "empty"),
            (b" \r\n\t ", "empty"),
            (b"cldkctl_one\ncldkctl_two", "more than one line"),
            (b"cldkctl_one\rcldkctl_two", "more than one line"),
            (b"cldkctl_\x07bell", "control"),
            (b"cldkctl_\0nul", "control"),
            (b"cldkctl_\x1b[2Jescape", "control"),
            (b"cldkctl_ space", "space"),
            ("cldkctl_\u{fc}".as_bytes(), "non-ASCII"),
            (b"cldkctl_\xff\xfe", "UTF-8"),
            (long.as_bytes(), "8 KiB"),
            (megabyte.as_bytes(), "KiB"),
        ] {
            let (run, before) = auth(&world);
            let output = run.stdin(token).run();
            assert!(!output.stderr.contains("cldkctl_"), "{output}");
            assert_failed(&world, &before, output, 2, &[says]);
            assert_unchanged(&world, &before);
        }
        assert_eq!(cloudeka.connections(), earlier, "nothing was sent");
    }
}

#[test]
fn what_is_no_token_is_refused_as_an_argument_and_on_the_terminal_too() {
    for (cloudeka, world) in worlds() {
        let earlier = cloudeka.connections();
        let before = world.files();
        for token in [
            "",
            " ",
            "cldkctl_one\ntwo",
            "cldkctl_\u{7}bell",
            &"a".repeat(100_000),
        ] {
            let output = world.cldkctl(["auth", token]).run();
            assert_failed(&world, &before, output, 2, &["token"]);
        }
        let megabyte = "a".repeat(1 << 20);
        for token in ["", "cldkctl_\u{1b}[Aarrow", "cldkctl_one two", &megabyte] {
            let mut terminal = world.cldkctl(["auth"]).on_pty();
            for _ in 0..3 {
                terminal.expect("Enter your token:");
                terminal.send_secret(token);
            }
            terminal.expect("hint:");
            assert_eq!(terminal.wait(), 2, "{}", terminal.screen());
            assert!(terminal.echo_is_on());
            assert!(!terminal.screen().contains("cldkctl_") && !terminal.screen().contains("aaaa"));
        }
        assert_unchanged(&world, &before);
        assert_eq!(cloudeka.connections(), earlier, "nothing was sent");
    }
}

#[test]
fn a_new_passphrase_that_will_not_do() {
    let (_cloudeka, world) = cloudeka_and_world();
    let folder = world.home();
    for (passphrase, code, says) in [
        (&b"password1"[..], 2, "too easy to guess"),
        (b"cldkctlcloudeka", 2, "too easy to guess"),
        (b"\n", 2, "empty"),
        (b"\xff\xfe", 2, "UTF-8"),
        (&[b'a'; 70_000], 2, "64 KiB"),
    ] {
        let path = world.write("secret", passphrase);
        let before = world.files();
        let run = world
            .cldkctl(["auth", "--token-stdin", "--passphrase-file"])
            .arg(&path);
        let output = run.stdin(TOKEN).run();
        output.assert_no_secret(&["password1"]);
        assert_failed(&world, &before, output, code, &[says]);
        assert_unchanged(&world, &before);
    }
    for (path, code) in [
        // Nothing else is tried, so nothing can open the vault.
        (folder.join("missing"), 4),
        (folder.clone(), 2),
        (Path::new("/dev/zero").into(), 2),
    ] {
        let before = world.files();
        let run = world
            .cldkctl(["auth", "--token-stdin", "--passphrase-file"])
            .arg(&path);
        let name = path.display().to_string();
        assert_failed(&world, &before, run.stdin(TOKEN).run(), code, &[&name]);
        assert_unchanged(&world, &before);
    }
    let allowed = [
        "auth",
        "--token-stdin",
        "--allow-weak-passphrase",
        "--passphrase-file",
    ];
    let path = world.write("secret", "password1");
    world
        .cldkctl(allowed)
        .arg(path)
        .stdin(TOKEN)
        .run()
        .succeeded();
    crate::support::steps::contents_of(&world.vault_path(), "password1");
}

#[test]
fn passphrases_typed_that_are_weak_or_differ() {
    let (_cloudeka, world) = cloudeka_and_world();
    let before = world.files();
    for (first, second, says) in [
        ("password1", None, "too easy to guess"),
        (PASSPHRASE, Some("tulip harvests brass umbrellas"), "differ"),
        (PASSPHRASE, Some(""), "differ"),
    ] {
        let mut terminal = world
            .cldkctl(["auth", "--token-stdin"])
            .stdin(TOKEN)
            .on_pty();
        for _ in 0..3 {
            terminal.expect("New vault passphrase:");
            terminal.send_secret(first);
            if let Some(second) = second {
                terminal.expect("Repeat passphrase:");
                terminal.send_secret(second);
            }
        }
        terminal.expect(says);
        terminal.expect("hint:");
        assert_eq!(terminal.wait(), 2, "{}", terminal.screen());
        assert!(!terminal.screen().contains(first));
        assert_unchanged(&world, &before);
    }
}

#[test]
fn a_key_derivation_out_of_bounds_is_refused_before_anything_is_sent() {
    for (cloudeka, world) in worlds() {
        let earlier = cloudeka.connections();
        for cost in [
            &["--kdf-memory", "18MiB"][..],
            &["--kdf-iterations", "1"],
            &["--kdf-lanes", "0"],
            &["--kdf-iterations", "65"],
            &["--kdf-memory", "5GiB"],
        ] {
            let (run, before) = auth(&world);
            assert_failed(
                &world,
                &before,
                run.args(cost.iter().copied()).run(),
                2,
                &["key derivation"],
            );
            assert_unchanged(&world, &before);
        }
        assert_eq!(cloudeka.connections(), earlier);
    }
}

#[test]
fn a_file_that_is_no_vault_is_better_known_before_the_token_is_sent() {
    let (cloudeka, world) = logged_in();
    let earlier = cloudeka.connections();
    for bytes in [&b""[..], b"no vault\n", b"age-encryption.org/v1\n-> X25519"] {
        std::fs::write(world.vault_path(), bytes).expect("written");
        let (run, before) = auth(&world);
        assert_failed(&world, &before, run.run(), 6, &["vault.age"]);
        assert_unchanged(&world, &before);
        let mut terminal = world.cldkctl(["auth"]).on_pty();
        assert_eq!(terminal.wait(), 6);
        assert!(!terminal.screen().contains("Enter your token"));
    }
    assert_eq!(cloudeka.connections(), earlier);
}
