//! `cldkctl helper aws`.

use clap::Args;

use crate::app::gate::aws;
use crate::cli::console::{finish, write_to_stdout};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::platform;

/// Print the JSON of a credential_process, for aws, boto3, rclone and other S3 tools
#[derive(Args, Clone, Debug, Default)]
#[command(after_long_help = examples!(
    "cldkctl helper aws --endpoint https://s3.example"
))]
pub(in crate::cli) struct AwsArgs {
    /// The endpoint that the credential belongs to [default: that of the only one]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The access key id, if there are several for the endpoint
    #[arg(long, value_name = "ID")]
    username: Option<String>,
}

impl AwsArgs {
    pub(super) fn answer(self, settings: &Settings) -> Result<Exit, Error> {
        let vault = settings.vault.open(Touch::Use)?;
        let (endpoint, username) = (self.endpoint.as_deref(), self.username.as_deref());
        let found = aws::find(&vault.contents, endpoint, username, platform::now())?;
        finish(write_to_stdout([&aws::answer(found)[..], b"\n"]))?;
        Ok(Exit::Success)
    }
}
