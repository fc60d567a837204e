//! `cldkctl context delete`.

use clap::Args;

use crate::cli::error::Error;
use crate::cli::removal::{self, Consent};
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::vault::ContextName;

/// Remove a context and its token from the vault
///
/// The token stays valid at the API until it expires or is deleted in the portal.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl context delete work",
    "cldkctl context delete --yes default"
))]
pub(super) struct DeleteArgs {
    /// The context
    #[arg(value_name = "NAME")]
    name: ContextName,
    #[command(flatten)]
    consent: Consent,
}

impl DeleteArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let mut vault = settings.vault.open(Touch::Use)?;
        removal::ask_about(settings, &self.consent, &vault, &self.name)?;
        removal::remove(settings, &mut vault, &self.name)
    }
}
