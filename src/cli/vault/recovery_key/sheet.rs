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
    "sheet, or a picture of it, and a copy of the vault file has the tokens in it.",
    "Keep it where you keep a passport, away from the machine. Scan the QR code",
    "only to open the vault, with a reader that stores and sends nothing.",
];

/// Characters of the key in a group, which a person types at a time.
const GROUP: usize = 4;
/// Groups on a line.
const GROUPS: usize = 5;

/// Lines that begin with blanks are commands.
const STEPS: &[&str] = &[
    "1. Get the vault file: a backup, or what `cldkctl vault path` names.",
    "   Call the copy vault.age.",
    "2. Type the key, or scan the code, into a file typed.txt that only you can",
    "   read. Blanks, line breaks and small letters do no harm. Then:",
    "       umask 077; tr -d '[:space:]' < typed.txt | tr a-z A-Z > key.txt",
    "3. With cldkctl, print the token:",
    "       cldkctl auth token --vault vault.age --identity key.txt",
    "   Without cldkctl, print all that is in the vault:",
    "       age --decrypt --identity key.txt vault.age",
    "4. Delete typed.txt, key.txt and what you printed.",
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

    /// The key as lines of groups.
    fn groups(&self) -> impl Iterator<Item = Zeroizing<String>> {
        let line = |part: &[u8]| {
            let mut line = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
            for (at, byte) in part.iter().enumerate() {
                if at > 0 && at % GROUP == 0 {
                    line.push(' ');
                }
                line.push(char::from(*byte));
            }
            line
        };
        self.secret.as_bytes().chunks(GROUP * GROUPS).map(line)
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
        line("The key, and the same in groups to type:");
        line("");
        line(self.secret);
        line("");
        self.groups().for_each(|groups| line(&groups));
        line("");
        code.lines().for_each(&mut line);
        line("To open the vault:");
        line("");
        STEPS.iter().for_each(|it| line(it));
        line("");
        self.when_lost().iter().for_each(|it| line(it));
        text
    }

    fn as_svg(&self, code: &Qr) -> Zeroizing<String> {
        const CODE_MM: f64 = 60.0;
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
        let code_at = page.y;
        page.y += 16.0;
        page.line("sans-serif", 4.0, "The same in groups to type:");
        page.y += 1.0;
        self.groups()
            .for_each(|groups| page.line("monospace", 4.6, &groups));
        page.y = code_at;
        let scale = CODE_MM / code.width() as f64;
        page.put(&format!(
            r#"<g transform="translate(124 {:.1}) scale({scale:.4})"><path shape-rendering="crispEdges" d=""#,
            page.y
        ));
        page.put(&path);
        page.put("\"/></g>\n");
        page.y += CODE_MM + 7.0;
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
        self.line(family, 3.8, line);
    }

    fn line(&mut self, family: &str, size: f64, line: &str) {
        let start = format!(
            r#"<text xml:space="preserve" x="18" y="{:.1}" font-family="{family}" font-size="{size}">"#,
            self.y
        );
        self.put(&start);
        // Nothing else of XML's is on the sheet.
        for part in line.split_inclusive(['<', '>']) {
            let text = part.trim_end_matches(['<', '>']);
            self.put(text);
            self.put(match &part[text.len()..] {
                "<" => "&lt;",
                ">" => "&gt;",
                _ => "",
            });
        }
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
