//! `cldkctl whoami`: the account and the context that commands use here.

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::console::{show, table};
use super::environment::TOKEN_VARIABLE;
use super::error::Error;
use super::settings::Settings;
use crate::app::account::describe;
use crate::interrupt;
use crate::keeper::Touch;

/// Show whose login commands use here, and its context
///
/// The API is asked only if nothing is stored of the account.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl whoami",
    "cldkctl whoami --context work -o json"
))]
pub struct WhoamiArgs {}

#[derive(Serialize)]
struct Whoami {
    /// None if `CLDKCTL_TOKEN` is used in place of the vault.
    context: Option<String>,
    base_url: String,
    account: Map<String, Value>,
}

impl WhoamiArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let mut credential = settings.credentials()?.find(Touch::Use)?;
        let account = credential.account()?;
        let context = credential.context();
        let whoami = Whoami {
            context: context.map(|context| context.name.to_string()),
            base_url: credential.base_url.to_string(),
            account,
        };
        show(settings.output, &whoami, Whoami::table)
    }
}

impl Whoami {
    fn table(&self) -> String {
        let account = describe(&self.account);
        let context = self.context.clone();
        table(&[
            (
                "Account",
                account.unwrap_or_else(|| "the API does not say".to_owned()),
            ),
            (
                "Context",
                context.unwrap_or_else(|| format!("none: {TOKEN_VARIABLE} is set")),
            ),
            ("API", self.base_url.clone()),
        ])
    }
}
