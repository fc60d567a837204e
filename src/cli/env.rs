//! `eval "$(cldkctl env)"`: the credential in the environment of a shell.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::console;
use super::environment::variables;
use super::error::Error;
use super::settings::Settings;
use crate::interrupt;
use crate::keeper::Touch;

/// Print commands that put the token into the environment of a shell
///
/// For `eval "$(cldkctl env)"`. They set the variables that `cldkctl exec` sets. Everything that
/// the shell starts from then on has the token; `cldkctl exec` gives it to one program.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "eval \"$(cldkctl env)\"",
    "eval \"$(cldkctl env --session --context work)\""
))]
pub struct EnvArgs {
    /// Also set CLDKCTL_SESSION_TOKEN, to a session that is not due
    #[arg(long)]
    session: bool,

    /// The shell: sh stands for bash, zsh and the like, too
    #[arg(long, value_enum, value_name = "SHELL", default_value_t)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Shell {
    #[default]
    #[value(aliases = ["bash", "zsh", "dash", "ksh"])]
    Sh,
    Fish,
}

impl EnvArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let mut credential = settings.credentials()?.find(Touch::Use)?;
        let variables = variables(&mut credential, self.session)?;
        settings.asker.finish();
        if io::stdout().is_terminal() {
            settings.console.warn(
                "this shows the token on the terminal; to set the variables instead, run `eval \"$(cldkctl env)\"`",
            );
        }
        let length = |value: &Zeroizing<String>| value.len();
        let longest: usize = variables
            .iter()
            .flat_map(|(_, value)| value)
            .map(length)
            .sum();
        // Sized beforehand: a String that grows leaves copies behind. A quote takes four.
        let mut lines = Zeroizing::new(String::with_capacity(4 * longest + 1024));
        for (name, value) in &variables {
            self.shell
                .line(name, value.as_ref().map(|value| &***value), &mut lines);
        }
        console::finish(console::write_to_stdout([lines.as_bytes(), b""]))
    }
}

impl Shell {
    /// Writes the command that sets a variable, or takes it away.
    fn line(self, name: &str, value: Option<&str>, lines: &mut String) {
        let (set, unset) = match self {
            Self::Sh => (["export ", name, "="], ["unset ", name, ";\n"]),
            Self::Fish => (["set -gx ", name, " "], ["set -e ", name, "; or true;\n"]),
        };
        let Some(value) = value else {
            return lines.extend(unset);
        };
        lines.extend(set);
        lines.push('\'');
        for c in value.chars() {
            match (self, c) {
                (Self::Sh, '\'') => lines.push_str("'\\''"),
                (Self::Fish, '\'' | '\\') => lines.extend(['\\', c]),
                _ => lines.push(c),
            }
        }
        lines.push_str("';\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_so_that_the_shell_reads_it_and_nothing_else() {
        let line = |shell: Shell, value| {
            let mut line = String::new();
            shell.line("A", value, &mut line);
            line
        };
        let value = Some("it's `a` $(b) \\n\nc");
        assert_eq!(
            line(Shell::Sh, value),
            "export A='it'\\''s `a` $(b) \\n\nc';\n"
        );
        assert_eq!(
            line(Shell::Fish, value),
            "set -gx A 'it\\'s `a` $(b) \\\\n\nc';\n"
        );
        assert_eq!(line(Shell::Sh, None), "unset A;\n");
        assert_eq!(line(Shell::Fish, None), "set -e A; or true;\n");
    }
}
