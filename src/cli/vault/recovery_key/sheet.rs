//! The sheet with a recovery key, one page to print: as plain text, or as SVG for A4.

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::qr::{Qr, Resilience};

/// What a sheet is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For a printer that knows nothing but letters.
    Text,
    /// For any browser.
    Svg,
}

/// What is on a sheet.
pub(super) struct Sheet<'a> {
    pub(super) made: Timestamp,
    /// 32 hexadecimal digits.
    pub(super) vault_id: &'a str,
    /// `recovery`, `recovery-2` and so on.
    pub(super) label: &'a str,
    /// `age1…`, the public half.
    pub(super) recipient: &'a str,
    /// `AGE-SECRET-KEY-1…`
    pub(super) secret: &'a str,
}

/// A page is shorter than this many bytes but for the QR code.
const MOST_TEXT: usize = 8 * 1024;

const WHAT_IT_IS: &[&str] = &[
    "This key opens one cldkctl vault, without its passphrase. Whoever has this",
    "sheet and a copy of the vault file has the tokens in it. Keep it where you",
    "keep a passport, away from the machine. Take no picture of it.",
];

/// Lines that begin with blanks are commands.
const STEPS: &[&str] = &[
    "1. Get the vault file: a backup, or what `cldkctl vault path` names.",
    "   Call the copy vault.age.",
    "2. Type the key, or scan the code, into a file key.txt that only you can",
    "   read. It is one line of 74 characters, all of them capitals, digits or -.",
    "3. With cldkctl, print the token:",
    "       cldkctl auth token --vault vault.age --identity key.txt",
    "   Without cldkctl, print all that is in the vault:",
    "       age --decrypt --identity key.txt vault.age",
    "4. Delete key.txt and what you printed.",
];

impl Sheet<'_> {
    /// The sheet in that form.
    pub(super) fn written(&self, form: Form) -> Zeroizing<String> {
        let code = Qr::of(self.secret, Resilience::Paper).expect("74 characters are not too many");
        match form {
            Form::Text => self.as_text(&code),
            Form::Svg => self.as_svg(&code),
        }
    }

    fn facts(&self) -> [(&'static str, String); 4] {
        [
            ("Made", self.made.strftime("%Y-%m-%d").to_string()),
            ("Vault id", self.vault_id.to_owned()),
            ("Label", self.label.to_owned()),
            ("Recipient", self.recipient.to_owned()),
        ]
    }

    /// What to do when the sheet is lost; nothing of it is secret.
    fn when_lost(&self) -> [String; 3] {
        [
            "If this sheet is lost or somebody saw it, take its key out of the vault,".to_owned(),
            "and replace the tokens:".to_owned(),
            format!("       cldkctl vault recipients remove {}", self.label),
        ]
    }

    fn as_text(&self, code: &Qr) -> Zeroizing<String> {
        let code = code.in_text();
        let mut text = Zeroizing::new(String::with_capacity(code.len() + MOST_TEXT));
        let mut line = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        line("CLDKCTL RECOVERY KEY");
        line("");
        WHAT_IT_IS.iter().for_each(|it| line(it));
        line("");
        for (name, value) in self.facts() {
            line(&format!("{name:9}  {value}"));
        }
        line("");
        line("The key:");
        line("");
        line(self.secret);
        line("");
        code.lines().for_each(&mut line);
        line("To open the vault:");
        line("");
        STEPS.iter().for_each(|it| line(it));
        line("");
        self.when_lost().iter().for_each(|it| line(it));
        text
    }

    /// All that is inserted is hexadecimal, Bech32 or a date: nothing to escape.
    fn as_svg(&self, code: &Qr) -> Zeroizing<String> {
        const CODE_MM: f64 = 62.0;
        let path = code.as_path();
        let mut page = Page {
            text: Zeroizing::new(String::with_capacity(path.len() + 2 * MOST_TEXT)),
            y: 22.0,
        };
        page.put(concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            "\n",
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 210 297">"#,
            "\n<title>cldkctl recovery key</title>\n",
            r##"<rect width="210" height="297" fill="#fff"/>"##,
            "\n",
        ));
        page.line("sans-serif", 7.0, "cldkctl recovery key");
        page.y += 5.0;
        WHAT_IT_IS
            .iter()
            .for_each(|it| page.line("sans-serif", 4.2, it));
        page.y += 4.0;
        for (name, value) in self.facts() {
            page.line("monospace", 3.6, &format!("{name:9}  {value}"));
        }
        page.y += 5.0;
        page.line("monospace", 3.9, self.secret);
        page.y += 2.0;
        let scale = CODE_MM / code.width() as f64;
        page.put(&format!(
            r#"<g transform="translate(72 {:.1}) scale({scale:.4})"><path shape-rendering="crispEdges" d=""#,
            page.y
        ));
        page.put(&path);
        page.put("\"/></g>\n");
        page.y += CODE_MM + 8.0;
        page.line("sans-serif", 5.0, "To open the vault");
        page.y += 2.0;
        STEPS.iter().for_each(|it| page.instruction(it));
        page.y += 4.0;
        self.when_lost().iter().for_each(|it| page.instruction(it));
        page.put("</svg>\n");
        page.text
    }
}

/// A page that is filled from top to bottom; millimetres.
struct Page {
    text: Zeroizing<String>,
    y: f64,
}

impl Page {
    fn put(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    /// Words in proportional letters, commands as they are typed.
    fn instruction(&mut self, line: &str) {
        let is_command = line.starts_with("    ");
        let family = if is_command {
            "monospace"
        } else {
            "sans-serif"
        };
        self.line(family, 4.0, line);
    }

    fn line(&mut self, family: &str, size: f64, line: &str) {
        let start = format!(
            r#"<text xml:space="preserve" x="18" y="{:.1}" font-family="{family}" font-size="{size}">"#,
            self.y
        );
        self.put(&start);
        self.put(line);
        self.put("</text>\n");
        self.y += size * 1.5;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_never_outgrows_the_memory_that_was_set_aside() {
        let secret = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
        let sheet = Sheet {
            made: Timestamp::UNIX_EPOCH,
            vault_id: &"0".repeat(32),
            label: "recovery-18446744073709551615",
            recipient: &"a".repeat(62),
            secret: &secret,
        };
        let code = Qr::of(&secret, Resilience::Paper).expect("short enough");
        // A text that grew would have doubled its capacity.
        let text = sheet.as_text(&code);
        assert_eq!(text.capacity(), code.in_text().len() + MOST_TEXT);
        let svg = sheet.as_svg(&code);
        assert_eq!(svg.capacity(), code.as_path().len() + 2 * MOST_TEXT);
    }
}
