//! What a script is told, in lines of text:
//!
//! ```text
//! KIND PREFIX          words, files or program; what stands before the value in the word
//! WORD TAB HELP        for words: each whole word that may stand there
//! ```

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;

use clap::{Arg, Command};

use super::candidates::{Candidate, Values};
use super::line::Line;

/// What may stand where the cursor is.
pub(super) struct Answer {
    kind: &'static str,
    prefix: String,
    words: Vec<Candidate>,
}

impl Answer {
    /// The answer to `words`, of which the first is the program and the last is the one with the
    /// cursor in it, up to there.
    pub(super) fn to(program: &Command, words: &[OsString]) -> Self {
        let (current, before) = match words {
            [_, before @ .., current] => (current.as_os_str(), before),
            _ => return Self::words(String::new(), Vec::new()),
        };
        let line = Line::read(program, before);
        if let Some(flag) = line.flag {
            return Self::value(flag, String::new(), line);
        }
        let bytes = current.as_bytes();
        if line.escaped || !bytes.starts_with(b"-") {
            return Self::argument(line, bytes.is_empty());
        }
        match line.flag_in(current) {
            // A long flag alone may be the start of another, and its value is a word apart.
            Some((_, None)) if bytes.starts_with(b"--") => Self::flags(&line),
            Some((flag, value)) => {
                let value = value.unwrap_or_default();
                let prefix = &bytes[..bytes.len() - value.len()];
                let prefix = String::from_utf8_lossy(prefix).into_owned();
                Self::value(flag, prefix, line)
            }
            None => {
                let mut answer = Self::flags(&line);
                if bytes == b"-" {
                    answer.words.extend(short_flags(&line));
                }
                answer
            }
        }
    }

    /// Drops the words that do not begin with `current`, for a shell that does not.
    pub(super) fn keep_those_that_go_on(&mut self, current: &[u8]) {
        let words = &mut self.words;
        words.retain(|candidate| candidate.word.as_bytes().starts_with(current));
    }

    fn words(prefix: String, words: Vec<Candidate>) -> Self {
        let kind = "words";
        Self {
            kind,
            prefix,
            words,
        }
    }

    fn flags(line: &Line<'_>) -> Self {
        Self::words(String::new(), long_flags(line))
    }

    /// The values of a flag or of an argument, behind what is typed in front of them.
    fn value(arg: &Arg, prefix: String, line: Line<'_>) -> Self {
        let (kind, mut words) = match Values::of(arg, line.global) {
            Values::Words(words) => ("words", words),
            Values::Files => ("files", Vec::new()),
            Values::Program => ("program", Vec::new()),
        };
        for candidate in &mut words {
            candidate.word.insert_str(0, &prefix);
        }
        Self {
            kind,
            prefix,
            words,
        }
    }

    /// Commands, or values of the next argument. Flags come last, and only where nothing is typed
    /// and no argument is wanted.
    fn argument(line: Line<'_>, nothing_typed: bool) -> Self {
        let mut words = Vec::new();
        if line.arguments == 0 && !line.escaped {
            let commands = line.command.get_subcommands();
            let shown = commands.filter(|command| !command.is_hide_set());
            for command in shown {
                words.push(Candidate::new(command.get_name(), command.get_about()));
                // A second name only helps somebody who began to type it.
                let others = command.get_visible_aliases().filter(|_| !nothing_typed);
                words.extend(others.map(|name| Candidate::new(name, command.get_about())));
            }
        }
        match line.argument() {
            Some(arg) if words.is_empty() => return Self::value(arg, String::new(), line),
            _ if nothing_typed && !line.escaped => {
                let needs_escape = line.command.get_positionals().any(Arg::is_last_set);
                words.extend(needs_escape.then(|| Candidate::new("--", None)));
                words.extend(long_flags(&line));
            }
            _ => {}
        }
        Self::words(String::new(), words)
    }
}

/// The command's own flags, and then those that every command takes.
fn long_flags(line: &Line<'_>) -> Vec<Candidate> {
    let mut flags: Vec<_> = line.flags().collect();
    flags.sort_by_key(|flag| flag.is_global_set());
    let named = flags.into_iter().filter_map(|flag| {
        let name = flag.get_long()?;
        Some(Candidate::new(format!("--{name}"), flag.get_help()))
    });
    named.collect()
}

fn short_flags(line: &Line<'_>) -> Vec<Candidate> {
    let named = line.flags().filter_map(|flag| {
        let letter = flag.get_short()?;
        Some(Candidate::new(format!("-{letter}"), flag.get_help()))
    });
    named.collect()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.kind, self.prefix)?;
        for Candidate { word, help } in &self.words {
            writeln!(f, "{word}\t{help}")?;
        }
        Ok(())
    }
}
