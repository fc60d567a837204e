//! `cldkctl completion SHELL`, and the answers that its scripts ask for at each TAB.
//!
//! The scripts for bash, zsh and fish know nothing but how to ask: they run [`COMMAND`], with the
//! words so far on standard input, and what may follow comes out of the definitions of the
//! command line. `docs/decisions/completions.md` says why.

mod answer;
mod candidates;
mod line;
mod stored;

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use zeroize::Zeroizing;

use self::answer::Answer;
pub use self::candidates::{METHOD, NEW, RECIPIENT};
use super::Cli;
use super::console;
use super::error::Error;
use super::exit::Exit;

/// The first argument of a process that answers a script. Not a command of clap's, which would
/// offer it to whoever completes a word.
pub const COMMAND: &str = "__complete";

/// The longest line that is completed, in bytes.
const LONGEST_LINE: u64 = 128 * 1024;

/// Print completions for a shell
///
/// The script asks this program what may follow. While the vault is unlocked, that includes the
/// names of contexts and recipients.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "source <(cldkctl completion bash)",
    "cldkctl completion fish > ~/.config/fish/completions/cldkctl.fish"
))]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        let template = match self.shell {
            Shell::Bash => include_str!("completion/cldkctl.bash"),
            Shell::Zsh => include_str!("completion/cldkctl.zsh"),
            Shell::Fish => include_str!("completion/cldkctl.fish"),
            other => {
                let mut script = Vec::new();
                clap_complete::generate(other, &mut Cli::command(), "cldkctl", &mut script);
                return console::print(String::from_utf8_lossy(&script).trim_end());
            }
        };
        console::print(template.replace("@cldkctl@", &program()).trim_end())
    }
}

/// What the scripts run: this program by the name it was called by, quoted for every shell.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let path = Path::new(&called);
    let found_in_path = path.components().count() < 2;
    let absolute = std::path::absolute(path).ok().filter(|_| !found_in_path);
    match absolute.as_deref().and_then(Path::to_str) {
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => "cldkctl".to_owned(),
    }
}

/// Answers a script: what may stand where the cursor is. Says nothing else, whatever is wrong.
pub(super) fn answer(shell: Option<OsString>) -> Exit {
    let mut bytes = Zeroizing::new(Vec::new());
    let stdin = io::stdin().lock();
    if stdin.take(LONGEST_LINE).read_to_end(&mut bytes).is_err() {
        return Exit::Success;
    }
    let quoted = shell.is_some_and(|shell| shell == "bash");
    let mut words: Vec<OsString> = bytes
        .split(|byte| *byte == 0)
        .map(|word| {
            OsString::from_vec(if quoted {
                unquoted(word)
            } else {
                word.to_vec()
            })
        })
        .collect();
    // Each word has a zero byte behind it.
    words.pop();
    let mut definitions = Cli::command();
    definitions.build();
    let mut answer = Answer::to(&definitions, &words);
    if quoted {
        answer.keep_those_that_go_on(words.last().map_or(&[], |word| word.as_bytes()));
    }
    let _ = io::stdout().write_all(answer.to_string().as_bytes());
    Exit::Success
}

/// A word without its quotes, as bash reads them. The last one may still be open.
fn unquoted(word: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(word.len());
    let mut quote = None;
    let mut bytes = word.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', None) => text.extend(bytes.next()),
            (b'\\', Some(b'"')) => match bytes.next_if(|next| b"\"\\$`".contains(next)) {
                Some(escaped) => text.push(escaped),
                None => text.push(b'\\'),
            },
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (byte, _) => text.push(byte),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_read_as_bash_reads_them() {
        for (word, text) in [
            ("plain", "plain"),
            (r"on\ her", "on her"),
            (r#""on her"#, "on her"),
            (r#""a\"b\x"'c\d'"#, r#"a"b\xc\d"#),
            (r"'it'\''s'", "it's"),
            ("\\", ""),
            ("'", ""),
        ] {
            assert_eq!(unquoted(word.as_bytes()), text.as_bytes(), "{word}");
        }
    }
}
