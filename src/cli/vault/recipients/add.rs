//! `cldkctl vault recipients add`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::recipient::NewRecipient;
use crate::cli::settings::Settings;
use crate::interrupt;
use crate::keeper::Touch;
use crate::vault::{Contents, RecipientEntry};

/// Let another key open the vault
///
/// Its holder sees all that is in the vault, tokens included, and can change it.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault recipients add --recipients-file ~/.ssh/id_ed25519.pub",
    "cldkctl vault recipients add --label machine \"$(cat machine.pub)\""
))]
pub(super) struct AddArgs {
    /// age1…, an SSH public key in quotes, or the recipient of an age plugin
    #[arg(value_name = "RECIPIENT", required_unless_present = "recipients_file")]
    recipient: Option<String>,

    /// Add those in this file, one on each line, such as ~/.ssh/id_ed25519.pub
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipient", "label"])]
    recipients_file: Option<PathBuf>,

    /// What to call it [default: the comment of an SSH key]
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

impl AddArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        // What cannot be used is better known before a passphrase is typed.
        let new = match (&self.recipient, &self.recipients_file) {
            (Some(text), _) => vec![NewRecipient::parse(text, "the recipient")?],
            (None, Some(path)) => NewRecipient::parse_file(path)?,
            (None, None) => unreachable!("clap asks for one of them"),
        };
        let mut vault = settings.vault.open(Touch::Use)?;
        // A file says who opens the vault, and may be applied again.
        let again = self.recipients_file.is_some();
        if again && new.iter().all(|new| new.name_in(&vault.contents).is_some()) {
            tell_there(settings, &new, &vault.contents);
            return Ok(());
        }
        let added = vault.update(|contents| -> Result<_, Error> {
            let before = contents.recipients.len();
            if again {
                tell_there(settings, &new, contents);
            }
            for new in new {
                if !again || new.name_in(contents).is_none() {
                    new.add_to(contents, self.label.as_deref())?;
                }
            }
            let added = &contents.recipients[before..];
            Ok(added.iter().map(RecipientEntry::name).collect::<Vec<_>>())
        })?;
        for name in added {
            settings
                .console
                .note(&format!("The vault opens with the key of {name} as well"));
        }
        Ok(())
    }
}

/// Says which of `new` the vault has already.
fn tell_there(settings: &Settings, new: &[NewRecipient], contents: &Contents) {
    for name in new.iter().filter_map(|new| new.name_in(contents)) {
        settings
            .console
            .note(&format!("The vault opens with the key of {name} already"));
    }
}
