//! `cldkctl vault recovery-key`: a key for the day the passphrase is lost.

mod kit;
mod sheet;
mod stdout;

use std::path::PathBuf;

use age::secrecy::ExposeSecret;
use age::x25519;
use clap::Args;
use zeroize::Zeroizing;

use self::kit::Kit;
use self::sheet::{Form, Sheet};
use self::stdout::Stdout;
use crate::cli::error::{Error, RecoveryKeyError};
use crate::cli::settings::Settings;
use crate::interrupt;
use crate::keeper::Touch;
use crate::platform;
use crate::qr::{Qr, Resilience};
use crate::vault::RecipientEntry;

/// What a recovery key is labelled.
const LABEL: &str = "recovery";

/// Make a key that opens the vault when the passphrase is lost
///
/// It is shown once, on the terminal, as text and as a QR code, or written to a sheet to
/// print. It is stored nowhere else. Each run adds another key; the earlier ones still work.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault recovery-key                     # shows it on the terminal",
    "cldkctl vault recovery-key --kit sheet.svg"
))]
pub(super) struct RecoveryKeyArgs {
    /// Write a sheet to print, FILE.svg or FILE.txt, in place of showing the key; - writes it
    /// as text to standard output
    #[arg(long, value_name = "FILE")]
    kit: Option<PathBuf>,

    /// Overwrite that file
    #[arg(long, requires = "kit")]
    force: bool,
}

/// Where the key goes.
enum Target {
    Terminal,
    Stdout(Stdout),
    File(Kit),
}

/// What is added to the vault.
struct Added {
    label: String,
    vault_id: String,
}

impl RecoveryKeyArgs {
    /// The key must reach paper or a screen before the vault names it, and yet no sheet may
    /// be found of a key that the vault does not name. So: the whole sheet is written under a
    /// temporary name; the vault is replaced; the sheet gets its own name. A crash before the
    /// second step leaves a temporary file at most, and the vault as it was; a crash after it
    /// leaves a key in the vault, and its sheet under a name that is less pretty. On a
    /// terminal and on standard output: the key is shown, the vault is replaced, and only then is
    /// it said that the key counts.
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        // What cannot be done is better known before a passphrase is typed.
        let target = self.target(settings)?;
        let mut vault = settings.vault.open(Touch::Use)?;

        let identity = x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        let secret = identity.to_string();
        let secret = secret.expose_secret();

        let added = vault.update_around(
            |contents| -> Result<_, Error> {
                let label = contents.free_label(LABEL);
                let entry = RecipientEntry::public(recipient.clone(), Some(label.clone()));
                contents.recipients.push(entry);
                Ok(Added {
                    label,
                    vault_id: contents.id.clone(),
                })
            },
            |added, replace| {
                let sheet = Sheet {
                    made: platform::now(),
                    vault_id: &added.vault_id,
                    label: &added.label,
                    recipient: &recipient,
                    secret,
                };
                match &target {
                    Target::File(kit) => {
                        let (draft, folder) = kit.draft(&sheet.written(kit.form))?;
                        replace()?;
                        Ok(kit.publish(draft, &folder)?)
                    }
                    Target::Stdout(stdout) => {
                        // Who reads it may be waiting to ask.
                        settings.asker.finish();
                        stdout.write(&sheet.written(Form::Text))?;
                        replace().map_err(|error| {
                            RecoveryKeyError::WrittenUnsaved(Box::new(error)).into()
                        })
                    }
                    Target::Terminal => {
                        show(settings, secret)?;
                        replace()
                            .map_err(|error| RecoveryKeyError::ShownUnsaved(Box::new(error)).into())
                    }
                }
            },
        )?;

        announce(settings, &target, &added.label);
        Ok(())
    }

    fn target(self, settings: &Settings) -> Result<Target, Error> {
        let Some(path) = self.kit else {
            find_terminal(settings)?;
            return Ok(Target::Terminal);
        };
        if path.as_os_str() == "-" {
            return Ok(Target::Stdout(Stdout::new()?));
        }
        let kit = Kit::new(path, self.force)?;
        kit.name_drafts(settings);
        Ok(Target::File(kit))
    }
}

/// Says what the key is called, and what to do with it.
fn announce(settings: &Settings, target: &Target, label: &str) {
    settings.console.note(&match target {
        Target::File(kit) => format!(
            "The key on {} opens the vault from now on, as {label}. Print it, then delete the file",
            kit.path.display()
        ),
        Target::Stdout(_) => format!(
            "The key on the sheet opens the vault from now on, as {label}. If the sheet is not whole, \
             take its key out with `cldkctl vault recipients remove {label}`"
        ),
        Target::Terminal => format!("The key above opens the vault from now on, as {label}"),
    });
    if label != LABEL {
        settings.console.note(
            "Earlier recovery keys still open it: see `cldkctl vault recipients list`, and remove those that are lost",
        );
    }
}

/// Makes sure that there is a terminal to show a key on.
fn find_terminal(settings: &Settings) -> Result<(), Error> {
    settings.asker.show("").map_err(|error| {
        if !error.is_silence() {
            error.into()
        } else if settings.asker.is_allowed() {
            RecoveryKeyError::NoTerminal.into()
        } else {
            RecoveryKeyError::Forbidden.into()
        }
    })
}

/// Shows the key on the terminal and nowhere else: stdout may be a log.
fn show(settings: &Settings, secret: &str) -> Result<(), Error> {
    let code = Qr::of(secret, Resilience::Screen).expect("74 characters are not too many");
    let code = match settings.asker.columns() {
        Some(columns) if columns < code.width() => Zeroizing::new(String::from(
            "(The terminal is too narrow for the QR code.)\n",
        )),
        _ => code.on_a_terminal(),
    };
    let before =
        "The recovery key of this vault is shown this once. Write it down, or scan the code:\n\n";
    // Sized beforehand: a String that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        before.len() + secret.len() + code.len() + 8,
    ));
    for part in [before, "    ", secret, "\n\n", &code, "\n"] {
        text.push_str(part);
    }
    Ok(settings.asker.show(&text)?)
}
