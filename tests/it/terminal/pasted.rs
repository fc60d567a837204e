//! What a terminal sends besides plain text: the bounds of a paste, keys that are no text, bytes
//! of another encoding. Enter ends the line whatever came before.

use std::time::Duration;

use crate::support::steps::{cloudeka_and_world, contents_of, logged_in, type_new_passphrase};
use crate::support::{PASSPHRASE, Session, TOKEN, World};

const ENTER_TOKEN: &str = "Enter your token:";
const VAULT: &str = "Vault passphrase:";
/// What xterm puts around a paste.
const BEGIN: &str = "\x1b[200~";
const END: &str = "\x1b[201~";

/// As a terminal sends it that was told to tell a paste from typing.
fn pasted(text: &str) -> String {
    format!("{BEGIN}{text}{END}")
}

#[track_caller]
fn assert_opens(world: &World, keys: &str, in_pieces: bool) {
    world.cldkctl(["lock"]).run().succeeded();
    let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
    terminal.expect(VAULT);
    let pieces = if in_pieces { 1 } else { keys.len() };
    for piece in keys.as_bytes().chunks(pieces) {
        terminal.send_bytes(piece);
        std::thread::sleep(Duration::from_millis(if in_pieces { 5 } else { 0 }));
    }
    terminal.expect(TOKEN);
    assert_eq!(terminal.wait(), 0);
    let screen = terminal.screen();
    assert_eq!(screen.matches(VAULT).count(), 1, "{keys:?}: {screen}");
    assert!(!screen.contains(PASSPHRASE) && !screen.contains("200~"));
}

#[test]
fn a_paste_is_the_text_between_its_bounds() {
    let (_cloudeka, world) = logged_in();
    let (begin, rest) = PASSPHRASE.split_at(9);
    for keys in [
        format!("{}\r", pasted(PASSPHRASE)),
        // Copied with the end of the line, which is Enter.
        pasted(&format!("{PASSPHRASE}\r")),
        pasted(&format!("{PASSPHRASE}\r\n")),
        pasted(&format!("{PASSPHRASE}\n\n")),
        // In two, and with keys around.
        format!("{}{}\r", pasted(begin), pasted(rest)),
        format!("{begin}{}\r", pasted(rest)),
        format!("{}{rest}\r", pasted(begin)),
        // Nothing was copied.
        format!("{}{PASSPHRASE}\r", pasted("")),
        format!("{PASSPHRASE}{}\r", pasted("")),
        // Taken back.
        format!("{}\x15{}\r", pasted("another"), pasted(PASSPHRASE)),
        format!("{}\x7f{}\r", pasted("x"), pasted(PASSPHRASE)),
        // The terminal lost the end of it, or the beginning.
        format!("{BEGIN}{PASSPHRASE}\r"),
        format!("{PASSPHRASE}{END}\r"),
    ] {
        for in_pieces in [false, true] {
            assert_opens(&world, &keys, in_pieces);
        }
    }
}

/// What was pasted with its line end, and closed behind it, answers nothing more.
#[test]
fn a_login_that_is_pasted_is_a_login() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect(ENTER_TOKEN);
    terminal.send_line(&pasted(&format!("{TOKEN}\n")));
    let passphrase = "tulip h\u{e4}rvests brass \u{1f33b}";
    type_new_passphrase(&mut terminal, &pasted(passphrase));
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    contents_of(&world.vault_path(), passphrase);
}

/// The question is asked again, and the next answer is taken as it is typed.
#[track_caller]
fn refuse(terminal: &mut Session, question: &str, keys: &[u8], why: &str) {
    terminal.expect(question);
    terminal.send_bytes(keys);
    let said = terminal.expect(why);
    assert!(said.contains("Try again: "), "{keys:?}: {said:?}");
}

#[test]
fn keys_that_are_no_text_are_refused_and_end_with_their_line() {
    let (_cloudeka, world) = logged_in();
    let control = "the answer has a control character in it, perhaps an arrow key";
    let bytes = "the answer has a byte that is not UTF-8";
    let lines = "the pasted text has more than one line";
    let several = pasted("marble\nteapot");
    let several_and_end = pasted("marble\r\nteapot\n");
    let long = format!("\x1b[{}~\r", "1".repeat(1000));
    let with_tab = format!("{}\r", pasted("marble\tteapot"));
    let with_escape = format!("{}\r", pasted("marble\x1b[Ateapot"));
    let keys: [(&[u8], &str); 21] = [
        (b"marble\x1b[A\r", control),
        (b"\x1b[A\x1b[B\x1b[1;5C\r", control),
        // F1, delete, Alt-x, the escape key, and one of a terminal that says where it is clicked.
        (b"\x1bOPmarble\r", control),
        (b"marble\x1b[3~\r", control),
        (b"\x1bxmarble\r", control),
        (b"marble\x1b\r", control),
        (b"marble\x1b\x1b\r", control),
        (b"marble\x1b[\r", control),
        (b"\x1b[<0;10;10Mmarble\r", control),
        (long.as_bytes(), control),
        (b"mar\tble\r", control),
        (with_tab.as_bytes(), control),
        (with_escape.as_bytes(), control),
        // Latin-1: as the last character, and elsewhere.
        (b"caf\xe9\r", bytes),
        (b"caf\xe9\n", bytes),
        (b"\xe9t\xe9 brass\r", bytes),
        (b"\xf0\x9f\r", bytes),
        (b"\xff\xfe\r", bytes),
        (b"\xc3\xc3\xa9\r", bytes),
        (several_and_end.as_bytes(), lines),
        (b"\xed\xa0\x80\r", bytes),
    ];
    for keys in keys.chunks(2) {
        let mut terminal = world.cldkctl(["vault", "verify"]).on_pty();
        for (keys, why) in keys {
            refuse(&mut terminal, VAULT, keys, why);
        }
        terminal.expect(VAULT);
        terminal.send_secret(PASSPHRASE);
        terminal.expect("is sound");
        assert_eq!(terminal.wait(), 0);
        assert!(!terminal.screen().contains("marble"));
    }
    let mut terminal = world.cldkctl(["vault", "verify"]).on_pty();
    terminal.expect(VAULT);
    terminal.send_bytes(several.as_bytes());
    // A line end in it is not Enter.
    std::thread::sleep(Duration::from_millis(800));
    assert!(!terminal.screen().contains("Try again"));
    terminal.send_line("");
    terminal.expect(lines);
}

#[test]
fn ctrl_u_takes_back_what_no_answer_has() {
    let (_cloudeka, world) = logged_in();
    for stray in [&b"caf\xe9"[..], b"\x1b[A", b"ab\tc"] {
        let mut terminal = world.cldkctl(["vault", "verify"]).on_pty();
        terminal.expect(VAULT);
        terminal.send_bytes(&[stray, b"\x15"].concat());
        terminal.send_secret(PASSPHRASE);
        terminal.expect("is sound");
        assert_eq!(terminal.wait(), 0);
        assert!(!terminal.screen().contains("Try again"));
    }
}
