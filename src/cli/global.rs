//! The flags that every command takes.

use std::path::PathBuf;

use clap::Args;

use super::console::Console;
use super::format::{Color, Format};
use super::size::{Size, count};
use crate::keeper::Choice;
use crate::vault::Ceiling;

/// Those that people type most, which `-h` shows; the others; and those of the original that no
/// command uses yet. None takes a secret.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Context (login) to use, in place of the current one [env: CLDKCTL_CONTEXT]
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) context: Option<String>,

    /// The vault file [env: CLDKCTL_VAULT] [default: $XDG_DATA_HOME/cldkctl/vault.age]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) vault: Option<PathBuf>,

    /// How to write what is shown
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    pub(super) output: Option<Format>,

    /// Never ask anything
    #[arg(long, global = true)]
    pub(super) no_input: bool,

    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Say what is done, step by step
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,

    /// When to colour messages
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_enum,
        value_name = "WHEN"
    )]
    pub(super) color: Option<Color>,

    /// Address of the API [env: CLDKCTL_BASE_URL] [default: https://ai.cloudeka.id]
    #[allow(rustdoc::bare_urls, reason = "it is the help text")]
    #[arg(
        short = 'U',
        long,
        global = true,
        hide_short_help = true,
        value_name = "URL"
    )]
    pub(super) base_url: Option<String>,

    /// Project to work in, stored with a login [env: CLDKCTL_DEFAULT_PROJECT_ID]
    #[arg(
        short = 'P',
        long,
        global = true,
        hide_short_help = true,
        value_name = "PROJECT"
    )]
    pub(super) default_project: Option<String>,

    /// How often to retry a request after a temporary failure [default: 3]
    #[arg(long, global = true, hide_short_help = true, value_name = "N", value_parser = count)]
    pub(super) max_retries: Option<u32>,

    /// Certificate authority to trust besides the system's, in PEM
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub(super) ca_cert: Option<PathBuf>,

    /// Open the vault with this age identity file or SSH private key [env: CLDKCTL_IDENTITY]
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,

    /// Read the vault's passphrase from this file [env: CLDKCTL_PASSPHRASE_FILE]
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "FILE",
        conflicts_with = "passphrase_stdin"
    )]
    pub(super) passphrase_file: Option<PathBuf>,

    /// Read the vault's passphrase from standard input
    #[arg(long, global = true, hide_short_help = true)]
    pub(super) passphrase_stdin: bool,

    /// Who holds the vault's key between commands [default: auto]
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_enum,
        value_name = "KEEPER"
    )]
    pub(super) keeper: Option<Choice>,

    /// The most that a vault's key derivation may cost [default: 4GiB,64,64]
    #[arg(long, global = true, hide_short_help = true, value_name = "MEMORY[,ITERATIONS[,LANES]]", value_parser = parse_ceiling)]
    pub(super) kdf_ceiling: Option<Ceiling>,

    /// Namespace, stored with a login for later commands [default: default]
    #[arg(
        short = 'N',
        long,
        global = true,
        hide_short_help = true,
        value_name = "NAMESPACE"
    )]
    pub(super) default_namespace: Option<String>,

    /// Registry, stored with a login for later commands
    #[arg(
        short = 'R',
        long,
        global = true,
        hide_short_help = true,
        value_name = "REGISTRY"
    )]
    pub(super) default_registry: Option<String>,

    /// Organization, stored with a login for later commands
    #[arg(
        short = 'O',
        long,
        global = true,
        hide_short_help = true,
        value_name = "ORGANIZATION"
    )]
    pub(super) organization: Option<String>,

    /// Editor, stored with a login for later commands [default: vim]
    #[arg(long, global = true, hide_short_help = true, value_name = "COMMAND")]
    pub(super) editor: Option<String>,
}

impl GlobalArgs {
    /// How to talk about errors that come before the settings are known.
    #[must_use]
    pub fn console(&self) -> Console {
        Console {
            quiet: self.quiet,
            verbose: self.verbose,
        }
    }

    /// The colour that was asked for on the command line.
    #[must_use]
    pub fn color(&self) -> Option<Color> {
        self.color
    }
}

/// Makes the choice for all that is written to stderr from here on.
pub fn set_color(color: Color) {
    match color {
        // anstream asks the terminal and the environment, NO_COLOR among it.
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

fn parse_ceiling(text: &str) -> Result<Ceiling, String> {
    let mut most = Ceiling::DEFAULT.0;
    let mut parts = text.split(',');
    most.memory_kib = parts.next().unwrap_or_default().parse::<Size>()?.0;
    let number = |part: &str| {
        part.parse::<u32>()
            .map_err(|_| "passes and lanes are numbers")
    };
    if let Some(part) = parts.next() {
        most.iterations = number(part)?;
    }
    if let Some(part) = parts.next() {
        most.lanes = number(part)?;
    }
    if parts.next().is_some() {
        return Err("at most three values: MEMORY,ITERATIONS,LANES".to_owned());
    }
    Ok(Ceiling(most))
}
