//! Writes the manual pages, one for the command and one for each sub-command:
//!
//! ```text
//! cargo run --example man -- DIR
//! ```
//!
//! They come out of the definitions that `--help` comes out of. DIR is `target/man` unless
//! it is given; it is made if it is not there.
#![allow(clippy::print_stdout, reason = "it says where the pages are")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use cldkctl::cli::Cli;

fn main() -> io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/man"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write(&command, &folder)?;
    println!("The manual pages are in {}.", folder.display());
    Ok(())
}

/// The page of a command, and those of its sub-commands.
fn write(command: &Command, folder: &Path) -> io::Result<()> {
    for sub_command in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write(sub_command, folder)?;
    }
    Man::new(command.clone())
        .source(concat!("cldkctl ", env!("CARGO_PKG_VERSION")))
        .manual("cldkctl manual")
        .generate_to(folder)?;
    Ok(())
}
