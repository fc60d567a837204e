//! Choosing a passphrase: how strong it has to be, and one made for who has none.

use zeroize::{Zeroize, Zeroizing};
use zxcvbn::{Score, zxcvbn};

use crate::secret::Passphrase;

/// Words in a generated passphrase: 7 out of 2,048 are 77 bits.
const WORDS: usize = 7;

/// BIP-39's English list, a word a line: 2,048 that are hard to confuse
/// (<https://github.com/bitcoin/bips/blob/master/bip-0039/english.txt>).
///
/// One text, and no table of a pointer to each word, which every start would have to fill in.
const LIST: &str = include_str!("words.txt");
/// Words in the list.
const LIST_WORDS: usize = 2048;

/// The lowest score that is accepted, of 0 to 4: "safely unguessable" against an attacker
/// who has the file, at less than 10^10 guesses.
const ENOUGH: Score = Score::Three;

/// `zxcvbn` takes long for a long text, and says nothing new after this many characters.
const SCORED_CHARACTERS: usize = 100;

/// Why a passphrase is too easy to guess. Says nothing of the passphrase itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weak {
    /// The score, 0 to 2.
    pub score: u8,
    /// What makes it weak, and what would help, in whole sentences; may be empty.
    pub advice: String,
}

/// What is odd about a passphrase that came from a file: nobody can type it, or it has more than
/// its owner sees. Says nothing of the passphrase itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// U+FEFF, with which some editors begin a file.
    ByteOrderMark,
    /// Other lines follow the first that has something on it.
    Lines,
    /// An empty line before or after it, or a carriage return of its own.
    LineBreak,
    /// A character NUL: it is UTF-16 in truth, or no text.
    Nul,
    /// Another control character, such as a tab.
    Control,
    /// A character that shows nothing or stands for one that was lost.
    Invisible,
    /// It begins or ends with white space.
    Blanks,
}

impl Flaw {
    /// The first that `passphrase` has.
    #[must_use]
    pub fn of(passphrase: &Passphrase) -> Option<Self> {
        let text = passphrase.expose();
        if text.contains('\u{feff}') {
            return Some(Self::ByteOrderMark);
        }
        if text.contains('\0') {
            return Some(Self::Nul);
        }
        if text.contains(['\n', '\r']) {
            let lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
            return Some(match lines.count() {
                0 | 1 => Self::LineBreak,
                _ => Self::Lines,
            });
        }
        if text.contains(char::is_control) {
            return Some(Self::Control);
        }
        if text.contains(is_invisible) {
            return Some(Self::Invisible);
        }
        (text.trim() != text).then_some(Self::Blanks)
    }
}

/// Whether `c` shows nothing and is on no keyboard, or stands for what could not be read. The
/// joiners and marks that some scripts and emoji are typed with are none of these.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{ffff}')
}

/// Scores a new passphrase with zxcvbn.
///
/// # Errors
/// When it scores below 3 of 4.
pub fn check_strength(passphrase: &Passphrase) -> Result<(), Weak> {
    let start: Zeroizing<String> = Zeroizing::new(
        passphrase
            .expose()
            .chars()
            .take(SCORED_CHARACTERS)
            .collect(),
    );
    let estimate = zxcvbn(&start, &["cldkctl", "cloudeka", "vault", "passphrase"]);
    if estimate.score() >= ENOUGH {
        return Ok(());
    }
    let mut advice = Vec::new();
    if let Some(feedback) = estimate.feedback() {
        advice.extend(feedback.warning().map(|warning| warning.to_string()));
        advice.extend(feedback.suggestions().iter().map(ToString::to_string));
    }
    Err(Weak {
        score: estimate.score() as u8,
        advice: advice.join(" "),
    })
}

/// Makes a passphrase of seven random words, with hyphens between them.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<Passphrase, getrandom::Error> {
    let mut text = Zeroizing::new(String::with_capacity(WORDS * 9));
    for place in 0..WORDS {
        let mut random = [0; 2];
        getrandom::fill(&mut random)?;
        // 2,048 divides 65,536, so every word is as likely as the next.
        let index = usize::from(u16::from_le_bytes(random)) % LIST_WORDS;
        random.zeroize();
        if place > 0 {
            text.push('-');
        }
        text.push_str(LIST.lines().nth(index).expect("one of the words"));
    }
    Ok(Passphrase::new(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_takes_is_weak() {
        for weak in ["", "password", "cloudeka", "qwertyuiop", "cloudeka1"] {
            let refused = check_strength(&Passphrase::new(weak)).expect_err(weak);
            assert!(refused.score < 3, "{weak}");
        }
    }

    #[test]
    fn a_long_passphrase_is_scored_in_no_time() {
        let long: String = (0..60_000)
            .map(|n| char::from(b'a' + (n * 7 % 26) as u8))
            .collect();
        let _ = check_strength(&Passphrase::new(&long));
    }

    #[test]
    fn the_list_is_that_of_bip_39() {
        let list: Vec<_> = LIST.lines().collect();
        assert_eq!(list, bip39::Language::English.word_list());
        assert_eq!(list.len(), LIST_WORDS);
    }

    #[test]
    fn generated_words_are_seven_different_every_time_and_strong() {
        let one = generate().expect("random bytes");
        let two = generate().expect("random bytes");
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().split('-').count(), WORDS);
        assert!(
            one.expose()
                .split('-')
                .all(|word| LIST.lines().any(|listed| listed == word))
        );
        assert_eq!(check_strength(&one), Ok(()));
    }
}
