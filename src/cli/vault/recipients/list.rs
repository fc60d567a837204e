//! `cldkctl vault recipients list`.

use clap::Args;
use serde::Serialize;

use crate::cli::console::show;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::printable::printable;
use crate::vault::contents::{PASSPHRASE, short};
use crate::vault::{Cost, PublicRecipient, RecipientEntry};

/// List who can open the vault
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault recipients list",
    "cldkctl vault recipients list -o json"
))]
pub(super) struct ListArgs {}

#[derive(Serialize)]
struct Shown {
    label: Option<String>,
    kind: String,
    passphrase: bool,
    /// None of the passphrase's own, which stays inside the vault: whoever knows it can make
    /// files that open under the passphrase (`vault-format.md`, section 9).
    recipient: Option<String>,
    /// What the passphrase's key costs.
    kdf: Option<Cost>,
}

impl ListArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let vault = settings.vault.open(Touch::Use)?;
        let all: Vec<_> = vault.contents.recipients.iter().map(Shown::new).collect();
        show(settings.output, &all, |all| as_table(all))
    }
}

impl Shown {
    fn new(entry: &RecipientEntry) -> Self {
        let kdf = entry.kdf();
        let kind = match entry.recipient.parse::<PublicRecipient>() {
            _ if kdf.is_some() => PASSPHRASE.to_owned(),
            Ok(recipient) => recipient.kind(),
            Err(_) => "unknown".to_owned(),
        };
        Self {
            label: entry.label.clone(),
            kind,
            passphrase: kdf.is_some(),
            recipient: kdf.is_none().then(|| entry.recipient.clone()),
            kdf: kdf.map(|kdf| kdf.cost),
        }
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
