//! `cldkctl vault recipients list`.

use clap::Args;

use super::Shown;
use crate::cli::console::show;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::printable::printable;
use crate::vault::contents::short;

/// List who can open the vault
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault recipients list",
    "cldkctl vault recipients list -o json"
))]
pub(super) struct ListArgs {}

impl ListArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let vault = settings.vault.open(Touch::Use)?;
        let all = Shown::all(&vault.contents);
        show(settings.output, &all, |all| as_table(all))
    }
}

fn as_table(all: &[Shown]) -> String {
    let rows: Vec<[String; 3]> = all
        .iter()
        .map(|shown| {
            let last = match (&shown.recipient, &shown.kdf) {
                (Some(recipient), _) => short(recipient),
                (None, Some(cost)) => cost.to_string(),
                (None, None) => String::new(),
            };
            let label = shown.label.as_deref().unwrap_or("-");
            [label, &shown.kind, &last].map(|text| printable(text).to_string())
        })
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    rows.iter()
        .map(|[label, kind, last]| format!("{label:first$}  {kind:second$}  {last}\n"))
        .collect()
}
