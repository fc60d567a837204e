//! Text from elsewhere, made safe to show.
//!
//! A server, a file name or a vault that someone else edited must not be able to move our
//! user's cursor, colour their terminal, or turn a line around.

use std::fmt;

/// Shows a text with every character that a terminal would act on replaced by `�`, and
/// cut to a number of characters.
///
/// Replaced are the control characters C0 and C1 (escape and newline among them), DEL, and
/// the invisible and bidirectional characters of Unicode.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a> {
    text: &'a str,
    most: usize,
}

/// `text`, of any length, as it can be shown.
#[must_use]
pub fn printable(text: &str) -> Printable<'_> {
    Printable {
        text,
        most: usize::MAX,
    }
}

/// The first `most` characters of `text`, as they can be shown, and `…` if there were more.
#[must_use]
pub fn printable_start(text: &str, most: usize) -> Printable<'_> {
    Printable { text, most }
}

/// `text` on one line, as it can be shown: what a library says may take several.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    printable(&words.join(" ")).to_string()
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for (count, c) in self.text.chars().enumerate() {
            if count == self.most {
                return f.write_char('…');
            }
            f.write_char(if acts_on_a_terminal(c) { '\u{fffd}' } else { c })?;
        }
        Ok(())
    }
}

/// Whether a terminal, rather than show `c`, would do something, or show nothing at all.
///
/// Control characters, line and paragraph separators, and what Unicode calls
/// Default_Ignorable_Code_Point or uses for annotations: text that runs backwards, and text
/// that hides in other text. Left out are the variation selectors U+FE00 to U+FE0F, which choose
/// the form of the character before them and are common in emoji.
pub(crate) fn acts_on_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_gets_through() {
        let shown = printable("a\u{1b}[31mred\u{9b}0m\r\n\u{202e}desrever\u{7f}é").to_string();
        assert_eq!(
            shown,
            "a\u{fffd}[31mred\u{fffd}0m\u{fffd}\u{fffd}\u{fffd}desrever\u{fffd}é"
        );
    }

    #[test]
    fn each_end_of_each_range_is_replaced() {
        for c in "\0\u{1f}\u{7f}\u{9f}\u{ad}\u{61c}\u{180e}\u{200b}\u{200f}\u{2028}\u{202e}\u{2060}\u{206f}\u{feff}\u{fff9}\u{fffb}\u{e0000}\u{e007f}".chars() {
            assert_eq!(printable(&c.to_string()).to_string(), "\u{fffd}", "{c:?}");
        }
    }

    #[test]
    fn several_lines_become_one() {
        assert_eq!(
            on_one_line("Unknown format.\nUpgrade?\u{1b}[2J\r\n"),
            "Unknown format. Upgrade?\u{fffd}[2J"
        );
    }

    #[test]
    fn a_long_text_is_cut_with_a_mark() {
        assert_eq!(printable_start("äöüß", 2).to_string(), "äö…");
        assert_eq!(printable_start("äö", 2).to_string(), "äö");
    }
}
