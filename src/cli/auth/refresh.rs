//! `cldkctl auth refresh`: a new session now, not when it is due.

use clap::Args;

use crate::cli::console;
use crate::cli::error::{AuthError, Error};
use crate::cli::settings::Settings;
use crate::interrupt;
use crate::keeper::Touch;

/// Renew the stored session now
///
/// Other commands renew it by themselves when it is due. The token stays the same.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl auth refresh",
    "cldkctl auth refresh --context work"
))]
pub(super) struct RefreshArgs {}

impl RefreshArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        if settings.token()?.is_some() {
            return Err(AuthError::NothingToRenew.into());
        }
        let mut credential = settings.credentials()?.find(Touch::Use)?;
        let client = credential.client()?;
        let ends = credential.refresh(&client)?;
        let ends = console::minute(ends);
        if let Some(context) = credential.context() {
            let name = &context.name;
            settings.console.note(&format!(
                "Renewed the session of the context {name}: it lasts until {ends}"
            ));
        }
        Ok(())
    }
}
