//! Writes the manual pages, one for the command and one for each sub-command:
//!
//! ```text
//! cargo run --example man -- DIR
//! ```
//!
//! They come out of the definitions that `--help` comes out of, and the tables of
//! `docs/settings.md` and `docs/exit-codes.md`. DIR is `target/man` unless it is given; it is
//! made if it is not there.
#![allow(clippy::print_stdout, reason = "it says where the pages are")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use cldkctl::cli::Cli;
use jiff::Timestamp;

const SETTINGS: &str = include_str!("../docs/settings.md");
const EXIT_CODES: &str = include_str!("../docs/exit-codes.md");

fn main() -> io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/man"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write(&command, &[], &folder)?;
    println!("The manual pages are in {}.", folder.display());
    Ok(())
}

/// The page of a command, and those of its sub-commands; `above` are those that it is one of.
fn write(command: &Command, above: &[&Command], folder: &Path) -> io::Result<()> {
    let path = [above, &[command]].concat();
    for sub_command in shown_below(command) {
        write(sub_command, &path, folder)?;
    }
    let mut page = Vec::new();
    render(command, above, &mut page)?;
    fs::write(folder.join(format!("{}.1", name_of(command))), page)
}

fn render(command: &Command, above: &[&Command], page: &mut Vec<u8>) -> io::Result<()> {
    let is_program = above.is_empty();
    let mut shown = command.clone().subcommand_help_heading("COMMANDS");
    // As `--help` has it. What would be made of the options says nothing of their values.
    let usage = shown.render_usage().to_string();
    shown = shown.override_usage(usage.replacen("Usage: ", "", 1));
    // Without the line that is the name's already.
    let about = command.get_long_about().map(ToString::to_string);
    if let Some((_, more)) = about.as_deref().and_then(|it| it.split_once("\n\n")) {
        shown = shown.long_about(more.to_owned());
    }
    shown = shown.mut_args(|arg| {
        // They are in the program's own page, and would be most of this one.
        let elsewhere = arg.is_global_set() && !is_program;
        // What `-h` leaves out would have no text here.
        arg.hide(elsewhere).hide_short_help(false)
    });
    let man = Man::new(shown)
        .date(date())
        .source(concat!("cldkctl ", env!("CARGO_PKG_VERSION")))
        .manual("cldkctl manual");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    let mut options = Vec::new();
    man.render_options_section(&mut options)?;
    // mandoc(1) warns of a break beside an empty line, which is one already.
    let options = String::from_utf8_lossy(&options).replace("\n.br\n\n.br\n", "\n.sp\n");
    page.extend(options.bytes());
    if !is_program {
        let text = "The options that every command takes are in ";
        section("GLOBAL OPTIONS")
            .text([roman(text), bold("cldkctl"), roman("(1).")])
            .to_writer(page)?;
    }
    if shown_below(command).next().is_some() {
        man.render_subcommands_section(page)?;
    }
    examples(command).to_writer(page)?;
    table("EXIT STATUS", EXIT_CODES, "# Exit codes").to_writer(page)?;
    table("ENVIRONMENT", SETTINGS, "## Environment").to_writer(page)?;
    table("FILES", SETTINGS, "## Files").to_writer(page)?;
    see_also(command, above).to_writer(page)
}

/// Today, or the day that a reproducible build says it is: <https://reproducible-builds.org/docs/source-date-epoch/>.
fn date() -> String {
    let told = std::env::var("SOURCE_DATE_EPOCH").ok();
    let told = told.and_then(|text| Timestamp::from_second(text.parse().ok()?).ok());
    let day = told.unwrap_or_else(cldkctl::platform::now);
    day.strftime("%Y-%m-%d").to_string()
}

/// The lines that `--help` ends with.
fn examples(command: &Command) -> Roff {
    let help = command.get_after_long_help().expect("each has examples");
    let help = help.to_string();
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    let mut roff = section("EXAMPLES");
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}

/// The table below a heading of a document, as a list of what each row is about.
fn table(title: &str, document: &str, heading: &str) -> Roff {
    let (_, text) = document.split_once(heading).expect("the heading is there");
    let text = text.split("\n##").next().unwrap_or_default();
    let mut roff = section(title);
    let rows = text.lines().filter(|line| line.starts_with("| "));
    // The first two are the names of the columns, and the line below them.
    for row in rows.skip(2) {
        let row = row.trim_matches(['|', ' ']).replace('`', "");
        let (what, meaning) = row.split_once(" | ").expect("two columns");
        roff.control("TP", []);
        roff.text([bold(what)]);
        roff.text([roman(meaning)]);
    }
    roff
}

/// What it is a sub-command of, what else there is below that, and what the vault is made of.
fn see_also(command: &Command, above: &[&Command]) -> Roff {
    let siblings = above.last().into_iter().flat_map(|it| shown_below(it));
    let others = siblings.filter(|it| it.get_name() != command.get_name());
    let ours = above
        .iter()
        .copied()
        .chain(others)
        .chain(shown_below(command));
    let mut names: Vec<_> = ours.map(|it| (name_of(it), "(1)")).collect();
    if above.is_empty() {
        let theirs = [("age", "(1)"), ("argon2", "(1)"), ("keyrings", "(7)")];
        names.extend(theirs.map(|(name, section)| (name.to_owned(), section)));
    }
    let mut text = Vec::new();
    for (at, (name, section)) in names.into_iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        text.extend([roman(comma), bold(name), roman(section)]);
    }
    let mut roff = section("SEE ALSO");
    roff.text(text);
    roff
}

fn section(title: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    roff
}

fn shown_below(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|it| !it.is_hide_set())
}

/// `cldkctl-auth-token`
fn name_of(command: &Command) -> String {
    let name = command.get_display_name();
    name.unwrap_or_else(|| command.get_name()).to_owned()
}
