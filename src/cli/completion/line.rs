//! The command line as far as it is typed: which command it is, and where in it the cursor is.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use clap::{Arg, Command, ValueEnum as _};

use crate::cli::global::GlobalArgs;
use crate::keeper::Choice;

/// What the words before the cursor come to. Read as clap does, except that nothing is wrong.
pub(super) struct Line<'a> {
    /// The innermost command.
    pub command: &'a Command,
    /// The flag whose value is next.
    pub flag: Option<&'a Arg>,
    /// How many arguments of the command that are no flags are there.
    pub arguments: usize,
    /// Whether `--` is, after which nothing is a flag.
    pub escaped: bool,
    /// The flags that say which vault it is, and who holds its key.
    pub global: GlobalArgs,
}

impl<'a> Line<'a> {
    pub(super) fn read(program: &'a Command, words: &[OsString]) -> Self {
        let mut line = Self {
            command: program,
            flag: None,
            arguments: 0,
            escaped: false,
            global: GlobalArgs::default(),
        };
        for word in words {
            line.take(word);
        }
        line
    }

    fn take(&mut self, word: &OsStr) {
        if let Some(flag) = self.flag.take() {
            return self.note(flag, word);
        }
        if self.escaped {
            self.arguments += 1;
        } else if word == "--" {
            self.escaped = true;
        } else if let Some((flag, value)) = self.flag_in(word) {
            match value {
                Some(value) => self.note(flag, &value),
                None => self.flag = Some(flag),
            }
        } else if word.as_bytes().starts_with(b"-") && word != "-" {
            // A flag without a value, or an unknown one.
        } else if let Some(command) = self.command.find_subcommand(word)
            && self.arguments == 0
        {
            self.command = command;
        } else {
            self.arguments += 1;
        }
    }

    /// The flag in a word that takes a value, and the value if the word goes on with it:
    /// `--output`, `--output=json`, `-o`, `-qo`, `-ojson`, `-o=json`.
    pub(super) fn flag_in(&self, word: &OsStr) -> Option<(&'a Arg, Option<OsString>)> {
        let bytes = word.as_bytes();
        let takes_value = |arg: &&Arg| arg.get_action().takes_values();
        if let Some(rest) = bytes.strip_prefix(b"--") {
            let end = rest.iter().position(|byte| *byte == b'=');
            let (name, value) = rest.split_at(end.unwrap_or(rest.len()));
            let flag = self.flags().find(|arg| {
                let names = arg.get_long_and_visible_aliases().unwrap_or_default();
                names.iter().any(|known| known.as_bytes() == name)
            });
            let value = end.map(|_| OsString::from_vec(value[1..].to_vec()));
            return flag.filter(takes_value).map(|flag| (flag, value));
        }
        let letters = bytes.strip_prefix(b"-")?;
        for (place, letter) in letters.iter().enumerate() {
            let flag = self
                .flags()
                .find(|arg| arg.get_short() == Some(char::from(*letter)))?;
            if takes_value(&flag) {
                let rest = &letters[place + 1..];
                let value = rest.strip_prefix(b"=").unwrap_or(rest).to_vec();
                return Some((flag, (!rest.is_empty()).then(|| OsString::from_vec(value))));
            }
        }
        None
    }

    /// All flags of the command, those that every command takes among them.
    pub(super) fn flags(&self) -> impl Iterator<Item = &'a Arg> + use<'a> {
        let all = self.command.get_arguments();
        all.filter(|arg| !arg.is_positional() && !arg.is_hide_set())
    }

    /// The argument where the cursor is, if one may stand there.
    pub(super) fn argument(&self) -> Option<&'a Arg> {
        let mut all = self.command.get_positionals();
        all.find(|arg| {
            let many = arg
                .get_num_args()
                .is_some_and(|range| range.max_values() > 1);
            let index = arg.get_index().unwrap_or(0);
            match arg.is_last_set() {
                true => self.escaped,
                false => index == self.arguments + 1 || many && index <= self.arguments,
            }
        })
    }

    fn note(&mut self, flag: &Arg, value: &OsStr) {
        match flag.get_long() {
            Some("vault") => self.global.vault = Some(at_home(value)),
            Some("keeper") => {
                let keeper = value.to_str().map(|text| Choice::from_str(text, false));
                self.global.keeper = keeper.and_then(Result::ok);
            }
            _ => {}
        }
    }
}

/// A path as the shell will write it out: nobody has done so yet.
fn at_home(path: &OsStr) -> PathBuf {
    let path = PathBuf::from(path);
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}
