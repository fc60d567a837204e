//! `cldkctl context list`.

use clap::Args;

use super::Shown;
use crate::cli::console::show;
use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::keeper::Touch;

/// List the contexts; * marks the current one
#[derive(Args, Debug)]
pub(super) struct ListArgs {}

impl ListArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let vault = settings.vault.open(Touch::Use)?;
        show(settings.output, &Shown::all(&vault.contents), |contexts| {
            let width = contexts
                .iter()
                .map(|context| context.name.len())
                .max()
                .unwrap_or(0);
            let line = |context: &Shown| {
                let mark = if context.current { '*' } else { ' ' };
                format!("{mark} {:width$}  {}\n", context.name, context.base_url)
            };
            contexts.iter().map(line).collect()
        })
    }
}
