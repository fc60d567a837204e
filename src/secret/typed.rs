//! What of a mistyped line may be shown again. Here is the whole rule; `cli::usage` and the
//! messages about names and files ask it.
//!
//! A token, a session, a passphrase or a key that was typed in the wrong place must not get into
//! a terminal's scrollback, a log or a bug report. So a word is shown only if it is
//! [harmless](is_harmless): if it reads like a name or an amount. Nothing is known of the form of
//! a token, so the rule says what a name looks like, not what a secret does:
//!
//! - It has at most 40 characters: letters, digits, and `. _ - / : @ = , + ~ %` between them. A
//!   passphrase has spaces.
//! - Each run of letters and digits in it is a word of at most 14 letters, a number of at most 5
//!   digits, or one of them behind the other, such as `ed25519` and `15m`. A random run is not.
//! - At most 8 digits in all, and at most two runs that are mixed or in capitals, which the groups
//!   of a random text would be.
//! - At most three words in a row are joined by `-` or `_`, and four with `.`: a passphrase of
//!   words has more.
//! - It does not begin as a token, a session or an identity does, however short it is.
//!
//! Somebody else's weak password (`hunter2`) reads like a name. So nothing is shown of a word in a
//! secret's place, whatever it looks like: behind `auth`, `auth token`, `unlock` and `vault
//! passphrase`, as the value of a flag that takes none (`cli::usage`), and, unless it is plainly a
//! path, in place of a file with a passphrase (`prompt::source`).
//!
//! Of a path, the part that exists is a path and no secret; the rest is judged. A name that only
//! adds an ending to that of a file which exists, as the copy of a vault does, is shown.

use std::borrow::Cow;
use std::path::Path;

use super::recognize::{MARK, begins_like_a_secret};
use crate::printable::acts_on_a_terminal;

const MOST_CHARACTERS: usize = 40;
const MOST_LETTERS: usize = 14;
const MOST_DIGITS: usize = 5;
const MOST_DIGITS_IN_ALL: usize = 8;
/// Runs that are neither a plain word nor a number.
const MOST_ODD_RUNS: usize = 2;
/// Joined by `-` or `_`.
const MOST_WORDS: usize = 3;
/// Joined by these or `.`, as in the name of a host.
const MOST_PARTS: usize = 4;
/// A run that is too short to matter: `k8s`, `1h30m`.
const SHORT: usize = 5;
/// Letters of any case beside a number: `256MiB`.
const SHORT_UNIT: usize = 3;

/// `word` if it is harmless, and else `[not shown]`.
#[must_use]
pub fn shown(word: &str) -> Cow<'_, str> {
    match is_harmless(word) {
        true => Cow::Borrowed(word),
        false => Cow::Borrowed(MARK),
    }
}

/// The name of a program as it may be shown: it may have many words, and is no place for a
/// passphrase.
#[must_use]
pub fn shown_program(name: &str) -> Cow<'_, str> {
    let rest = not_there(Path::new(name)).to_string_lossy();
    match looks_random(&rest) || begins_like_a_secret(&rest) {
        true => Cow::Borrowed(MARK),
        false => Cow::Borrowed(name),
    }
}

/// A path as it may be shown: what of it does not exist may have been meant as something else.
#[must_use]
pub fn shown_path(path: &Path) -> Cow<'_, str> {
    let rest = not_there(path);
    let text = rest.to_string_lossy();
    match text.is_empty()
        || is_harmless(&text)
        || is_named_as_a_file(rest)
        || is_named_after_another(path)
    {
        true => path.to_string_lossy(),
        false => Cow::Borrowed(MARK),
    }
}

/// The end of `path` that does not exist.
fn not_there(path: &Path) -> &Path {
    let there = path.ancestors().find(|part| part.exists());
    let rest = there.map_or(Ok(path), |there| path.strip_prefix(there));
    rest.unwrap_or(path)
}

/// Whether nobody would take `text` for a secret: see the rule at the top of this file.
#[must_use]
pub fn is_harmless(text: &str) -> bool {
    text.chars().count() <= MOST_CHARACTERS
        && !text.chars().any(acts_on_a_terminal)
        && text.chars().all(|c| c.is_alphanumeric() || is_between(c))
        && !begins_like_a_secret(text)
        && !looks_random(text)
        && text.split(['/', ':', '@', '=', ',']).all(has_few_words)
}

/// Whether its runs of letters and digits are not those of a name or an amount.
fn looks_random(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_alphanumeric());
    let runs: Vec<&str> = runs.filter(|run| !run.is_empty()).collect();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let odd = runs.iter().filter(|run| !is_word(run) && !is_number(run));
    digits > MOST_DIGITS_IN_ALL
        || odd.count() > MOST_ODD_RUNS
        || !runs.iter().all(|run| is_plain(run))
}

/// Whether it is called what files are, whatever else is in its name: `backup-20251125.age`.
fn is_named_as_a_file(path: &Path) -> bool {
    const ENDINGS: [&str; 9] = [
        ".age", ".txt", ".key", ".pem", ".pub", ".crt", ".json", ".toml", ".svg",
    ];
    let folder = path.parent().unwrap_or(path).to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    is_harmless(&folder)
        && !name.contains(' ')
        && !begins_like_a_secret(&name)
        && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file exists whose name this one only adds to: `vault.age.replaced-20251125T173000Z`.
fn is_named_after_another(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.match_indices('.').any(|(dot, _)| {
        dot > 0
            && !begins_like_a_secret(&name[dot + 1..])
            && path.with_file_name(&name[..dot]).is_file()
    })
}

fn is_between(c: char) -> bool {
    "._-/:@=,+~%".contains(c)
}

/// A word, a number, or one of them behind the other; or hardly anything.
fn is_plain(run: &str) -> bool {
    let digits_behind = run.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits_before = run.trim_start_matches(|c: char| c.is_ascii_digit());
    let both = |word: &str| {
        (word.chars().count() <= SHORT_UNIT || is_word(word) || is_capitals(word))
            && run.len() - word.len() <= MOST_DIGITS
    };
    run.chars().count() <= SHORT || both(digits_behind) || both(digits_before)
}

/// Small letters, the first one perhaps a capital.
fn is_word(run: &str) -> bool {
    let mut letters = run.chars();
    run.chars().count() <= MOST_LETTERS
        && letters.next().is_some_and(char::is_alphabetic)
        && letters.all(|letter| letter.is_alphabetic() && !letter.is_uppercase())
}

fn is_capitals(run: &str) -> bool {
    run.chars().count() <= MOST_LETTERS && run.chars().all(char::is_uppercase)
}

fn is_number(run: &str) -> bool {
    run.len() <= MOST_DIGITS && run.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_few_words(text: &str) -> bool {
    let parts = text.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let words = |part: &str| part.split(['-', '_']).filter(|it| !it.is_empty()).count();
    parts.count() <= MOST_PARTS && text.split('.').all(|part| words(part) <= MOST_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_amounts_are_shown() {
        for text in [
            "",
            "x",
            "5",
            "xml",
            "login",
            "delete",
            "nope",
            "recipents",
            "kubernetes",
            "organization",
            "15min",
            "1h30m",
            "256MiB",
            "-1MiB",
            "4GiB,64,64",
            "0.5",
            "2025-11-25",
            "10,000",
            "staging",
            "Sari",
            "JSON",
            "prod2",
            "k8s-prod-eu1",
            "budi-santoso-2",
            "sari@example.com",
            "staging.ai.cloudeka.id",
            "id_ed25519",
            "~/.ssh/id_ed25519",
            "/no/such/file",
            "key.txt",
            "büro",
            "https://example.com:8080/v1",
            "--ouput",
            "a=b",
            "python3.11",
        ] {
            assert!(is_harmless(text), "{text}");
        }
    }

    #[test]
    fn what_could_be_a_secret_is_not() {
        for text in [
            // Tokens, sessions and keys, whole and cut short.
            "cldkctl_0123456789abcdef",
            "cldkctl_abc",
            "cldk_x",
            "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            "eyJhb",
            "AGE-SECRET-KEY-1G9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2",
            "AGE-SECRET-KEY-1",
            "age-secret-key-1abc",
            "AGE-PLUGIN-YUBIKEY-1QQPQZSPQYQ",
            // Of other forms: no sign tells what they are.
            "q7Zr0XvB2mK9pLs4TnW8yDh3",
            "0f1e2d3c4b5a69788796",
            "3f2a9c1e-77ab-4d0e-9c1e-0d4e3f2a9c1e",
            "3f2a-9c1e-77ab",
            "ABCD-EFGH-IJKL-MNOP",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "AKIAIOSFODNN7EXAMPLE",
            "sk-proj-a1B2c3D4e5",
            "123456",
            "1234567890",
            "qwertzuiopasdfgh",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "dGhpcyBpcyBh",
            "SGVsbG8=",
            // Passphrases.
            "tulip harvests brass umbrella",
            "blue horse",
            "correct-horse-battery-staple",
            "correct_horse_battery_staple",
            "tulip.brass.umbrella.harvests.teapot",
            "correcthorsebattery",
            "hunter2hunter2",
            "Tr0ub4dor&3",
            "p@ssw0rd",
            "s3cr3t",
            "pass#word",
            "geheim!",
            // What acts on a terminal, or hides.
            "a\u{1b}[2J",
            "a\u{202e}b",
            "a\nb",
        ] {
            assert!(!is_harmless(text), "{text}");
        }
    }

    #[test]
    fn of_a_path_the_part_that_exists_is_shown_and_the_rest_is_judged() {
        let folder = tempfile::tempdir().expect("a folder");
        let random = folder.path().join("q7Zr0XvB2mK9pLs4TnW8yDh3");
        assert_eq!(shown_path(&random), MARK);
        std::fs::write(&random, "").expect("written");
        let copy = folder
            .path()
            .join("vault.age.replaced-20251125T173000.123Z");
        assert_eq!(shown_path(&copy), MARK);
        std::fs::write(folder.path().join("vault.age"), "").expect("written");
        for path in [
            random.as_path(),
            &copy,
            &folder.path().join("nope"),
            &folder.path().join("backup-20251125-1730.age"),
            Path::new("nope"),
            Path::new("missing/key.txt"),
        ] {
            assert_eq!(shown_path(path), path.to_string_lossy());
        }
        for path in [
            "cldkctl_abc.age",
            "/etc/AGE-SECRET-KEY-1QQ.txt",
            "tulip brass.txt",
            "a8fK2/9xQzL0pT7",
        ] {
            assert_eq!(shown_path(Path::new(path)), MARK, "{path}");
        }
    }

    /// A token of letters and digits, of any form, at least 16 of them.
    #[test]
    fn no_random_text_is_harmless() {
        let alphabets: [&[u8]; 4] = [
            b"0123456789abcdef",
            b"abcdefghijklmnopqrstuvwxyz234567",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        ];
        for alphabet in alphabets {
            let mut shown = 0;
            for _ in 0..10_000 {
                let mut random = [0; 24];
                getrandom::fill(&mut random).expect("random bytes");
                let text =
                    random.map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]));
                shown += usize::from(is_harmless(&String::from_iter(text)));
            }
            assert!(shown <= 1, "{shown} of 10000");
        }
    }
}
