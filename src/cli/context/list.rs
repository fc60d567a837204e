//! `cldkctl context list`.

use clap::Args;

use super::Shown;
use crate::app::account::describe;
use crate::cli::console::show;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;

/// List the contexts and their accounts; * marks the current one
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl context list",
    "cldkctl context list -o json"
))]
pub(super) struct ListArgs {}

impl ListArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let vault = settings.vault.open(Touch::Use)?;
        // A reader of a long list may be waiting to ask.
        settings.asker.finish();
        show(settings.output, &Shown::all(&vault.contents), |contexts| {
            let width = |of: fn(&Shown) -> &str| {
                let lengths = contexts.iter().map(|context| of(context).len());
                lengths.max().unwrap_or(0)
            };
            let (names, addresses) = (width(|it| &it.name), width(|it| &it.base_url));
            let line = |context: &Shown| {
                let mark = if context.current { '*' } else { ' ' };
                let (name, address) = (&context.name, &context.base_url);
                let account = describe(&context.account).unwrap_or_default();
                let line = format!("{mark} {name:names$}  {address:addresses$}  {account}");
                format!("{}\n", line.trim_end())
            };
            contexts.iter().map(line).collect()
        })
    }
}
