//! `cldkctl context use`.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::open;
use crate::keeper::Touch;
use crate::vault::ContextName;

/// Make a context the current one
#[derive(Args, Debug)]
pub(super) struct UseArgs {
    /// The context
    #[arg(value_name = "NAME")]
    name: ContextName,
}

impl UseArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let Self { name } = self;
        open::open(settings, Touch::Use)?.update(settings, |contents| {
            open::named_context(settings, contents, Some(&name))?;
            contents.current_context = Some(name.clone());
            Ok(())
        })?;
        settings
            .console
            .note(&format!("The current context is {name}"));
        Ok(())
    }
}
