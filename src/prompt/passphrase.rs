//! Choosing a passphrase: how strong it has to be, and one made for who has none.

use zeroize::{Zeroize, Zeroizing};
use zxcvbn::{Score, zxcvbn};

use crate::printable::acts_on_a_terminal;
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
/// its owner sees. Of the passphrase itself it says no more than such a character.
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
    /// This character, which shows nothing, looks like a blank, or means nothing.
    Untypable(char),
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
        if let Some(c) = text.chars().find(|c| is_untypable(*c)) {
            return Some(Self::Untypable(c));
        }
        (text.trim() != text).then_some(Self::Blanks)
    }
}

/// Whether `c` shows nothing, looks like a blank that it is not, or stands for nothing that two
/// programs agree on. The joiners and variation selectors that some scripts and emoji are typed
/// with are none of these, nor is the wide blank of East Asian keyboards.
fn is_untypable(c: char) -> bool {
    let is_typed = matches!(c,
        '\u{200c}' | '\u{200d}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}');
    let is_odd_blank = matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{2800}'
    );
    !is_typed && (acts_on_a_terminal(c) || is_odd_blank || is_unassigned_for_good(c))
}

/// Whether `c` is for private use or a noncharacter (Unicode 23.5 and 23.7), or the replacement
/// of one that was lost.
fn is_unassigned_for_good(c: char) -> bool {
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
    let none = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    private || none || matches!(c, '\u{fffc}' | '\u{fffd}')
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
    fn what_nobody_can_type_is_told_from_what_keyboards_have() {
        let flaw = |c: char| Flaw::of(&Passphrase::new(&format!("a{c}b")));
        for c in "\u{ad}\u{34f}\u{a0}\u{180e}\u{200b}\u{200f}\u{2003}\u{2007}\u{202e}\u{202f}\u{2060}\u{2800}\u{3164}\u{ffa0}\u{e000}\u{fdd0}\u{fffd}\u{1fffe}\u{e0041}\u{f0000}\u{10ffff}".chars() {
            assert_eq!(flaw(c), Some(Flaw::Untypable(c)), "{c:?}");
        }
        for c in " ~éßΩя中あ한ก€\u{200c}\u{200d}\u{fe0f}\u{e0100}\u{3000}😀".chars() {
            assert_eq!(flaw(c), None, "{c:?}");
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
