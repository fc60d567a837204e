//! `cldkctl completion SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::console;
use super::error::Error;

/// Print completions for a shell
///
/// For bash, put `source <(cldkctl completion bash)` into ~/.bashrc; for zsh and fish,
/// write the output to where they look for completions.
#[derive(Args, Debug)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionArgs {
    pub(super) fn run(self) -> Result<(), Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "cldkctl", &mut script);
        console::print(String::from_utf8_lossy(&script).trim_end())
    }
}
