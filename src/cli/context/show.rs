//! `cldkctl context show`.

use clap::Args;

use super::Shown;
use crate::cli::console::show;
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::vault::ContextName;

/// Show a context: its API, its account and its defaults, but not its token
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl context show",
    "cldkctl context show work"
))]
pub(super) struct ShowArgs {
    /// The context [default: the current one]
    #[arg(value_name = "NAME")]
    name: Option<ContextName>,
}

impl ShowArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let vault = settings.vault.open(Touch::Use)?;
        let name = self.name.as_ref().or(settings.context.as_ref());
        let context = vault.context(name)?;
        show(
            settings.output,
            &Shown::new(context, &vault.contents),
            Shown::table,
        )
    }
}
