//! `cldkctl credential list`.

use clap::Args;

use super::Shown;
use crate::cli::console::{minute, show};
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::platform;
use crate::printable::printable;

/// List the credentials, but not their secrets
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl credential list",
    "cldkctl credential list docker -o json"
))]
pub(super) struct ListArgs {
    /// Those of this kind alone
    #[arg(value_name = "KIND")]
    kind: Option<String>,
}

impl ListArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let vault = settings.vault.open(Touch::Use)?;
        settings.asker.finish();
        let mut all = Shown::all(&vault.contents);
        all.retain(|it| self.kind.as_ref().is_none_or(|kind| *kind == it.kind));
        show(settings.output, &all, |all| table(all))
    }
}

fn table(all: &[Shown]) -> String {
    let now = platform::now();
    let rows: Vec<[String; 4]> = all
        .iter()
        .map(|it| {
            let end = match it.expires_at {
                Some(end) if end.timestamp() <= now => "expired".to_owned(),
                Some(end) => format!("until {}", minute(end)),
                None => String::new(),
            };
            let [place, username] =
                [&it.place, &it.username].map(|text| printable(text).to_string());
            [it.kind.clone(), place, username, end]
        })
        .collect();
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let (kinds, places, names) = (width(0), width(1), width(2));
    rows.iter()
        .map(|[kind, place, name, end]| {
            let line = format!("{kind:kinds$}  {place:places$}  {name:names$}  {end}");
            format!("{}\n", line.trim_end())
        })
        .collect()
}
