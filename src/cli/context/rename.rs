//! `cldkctl context rename`.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::open;
use crate::exit::Exit;
use crate::keeper::Touch;
use crate::vault::ContextName;

/// Rename a context
#[derive(Args, Debug)]
pub(super) struct RenameArgs {
    /// Its name
    #[arg(value_name = "OLD")]
    old: ContextName,
    /// Its new name
    #[arg(value_name = "NEW")]
    new: ContextName,
}

impl RenameArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let Self { old, new } = self;
        open::open(settings, Touch::Use)?.update(settings, |contents| {
            open::named_context(settings, contents, Some(&old))?;
            if contents.context(&new).is_some() {
                return Err(Failure::new(
                    Exit::Failure,
                    format!("there is a context {new} already"),
                )
                .hint("take another name, or rename or log out of that one first"));
            }
            contents.rename(&old, &new);
            Ok(())
        })?;
        settings
            .console
            .note(&format!("The context {old} is now {new}"));
        Ok(())
    }
}
