//! Where a command is that was typed in another place, out of the definitions of all.

use clap::{Command, CommandFactory};

use super::Cli;
use crate::app::similar;

/// Where there is a command called `name`: `unlock`, `context use`.
pub(super) fn place_of(name: &str) -> Option<String> {
    let all = Cli::command();
    if let Some(found) = all.find_subcommand(name) {
        return Some(found.get_name().to_owned());
    }
    all.get_subcommands().find_map(|group| {
        let found = group.find_subcommand(name)?;
        Some(format!("{} {}", group.get_name(), found.get_name()))
    })
}

/// The command at the top that is called nearly so.
pub(super) fn near_at_the_top(name: &str) -> Option<String> {
    let all = Cli::command();
    let names = all.get_subcommands().map(Command::get_name);
    similar(name, names).map(ToOwned::to_owned)
}

/// Where below other commands there is one that is called `name` or nearly so: `auth status`.
pub(super) fn near_below(name: &str) -> Option<String> {
    let all = Cli::command();
    let mut below = Vec::new();
    for group in all.get_subcommands() {
        let names = group.get_subcommands().map(Command::get_name);
        below.extend(names.map(|below| (group.get_name(), below)));
    }
    let meant = similar(name, below.iter().map(|(_, below)| *below))?;
    let (group, _) = below.iter().find(|(_, below)| *below == meant)?;
    Some(format!("{group} {meant}"))
}
