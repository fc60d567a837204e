//! `cldkctl vault recovery-key`: a key for the day the passphrase is lost.

mod sheet;

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519;
use clap::Args;
use jiff::Timestamp;
use tempfile::{NamedTempFile, PersistError};
use zeroize::Zeroizing;

use self::sheet::{Form, Sheet};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::files::{names_in, sync_folder};
use crate::interrupt;
use crate::keeper::Touch;
use crate::qr::{Qr, Resilience};
use crate::vault::RecipientEntry;

/// What a recovery key is labelled.
const LABEL: &str = "recovery";

/// What the name of a sheet begins with until the vault has its key.
const DRAFT: &str = ".cldkctl-recovery-";

/// Make a key that opens the vault when the passphrase is lost
///
/// It is shown once, on the terminal, as text and as a QR code, or written to a sheet to
/// print. It is stored nowhere else. Each run adds another key; the earlier ones still work.
#[derive(Args, Debug)]
pub(super) struct RecoveryKeyArgs {
    /// Write a sheet to print, FILE.svg or FILE.txt, in place of showing the key
    #[arg(long, value_name = "FILE")]
    kit: Option<PathBuf>,

    /// Overwrite that file
    #[arg(long, requires = "kit")]
    force: bool,
}

/// What is added to the vault.
struct Added {
    label: String,
    vault_id: String,
}

impl RecoveryKeyArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        interrupt::watch();
        // What cannot be done is better known before a passphrase is typed.
        let kit = match self.kit {
            Some(path) => {
                let kit = Kit::new(path, self.force)?;
                kit.name_drafts(settings);
                Some(kit)
            }
            None => {
                find_terminal(settings)?;
                None
            }
        };
        let mut vault = settings.vault.open(Touch::Use)?;

        let identity = x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        let secret = identity.to_string();
        let secret = secret.expose_secret();

        // The key must reach paper or a screen before the vault names it, and yet no sheet may
        // be found of a key that the vault does not name. So: the whole sheet is written under a
        // temporary name; the vault is replaced; the sheet gets its own name. A crash before the
        // second step leaves a temporary file at most, and the vault as it was; a crash after it
        // leaves a key in the vault, and its sheet under a name that is less pretty. On a
        // terminal: the key is shown, the vault is replaced, and only then is it said that the
        // key counts.
        let added = vault.update_around(
            |contents| -> Result<_, Failure> {
                let label = contents.free_label(LABEL);
                let entry = RecipientEntry::public(recipient.clone(), Some(label.clone()));
                contents.recipients.push(entry);
                Ok(Added {
                    label,
                    vault_id: contents.id.clone(),
                })
            },
            |added, replace| match &kit {
                Some(kit) => {
                    let sheet = Sheet {
                        made: Timestamp::now(),
                        vault_id: &added.vault_id,
                        label: &added.label,
                        recipient: &recipient,
                        secret,
                    };
                    let (draft, folder) = kit.draft(&sheet.written(kit.form))?;
                    replace()?;
                    kit.publish(draft, &folder)
                }
                None => {
                    show(settings, secret)?;
                    replace().map_err(|error| {
                        let failure = Failure::from(error);
                        Failure {
                            what: format!("{}; the key above opens nothing", failure.what),
                            ..failure
                        }
                    })
                }
            },
        )?;

        let label = &added.label;
        settings.console.note(&match &kit {
            Some(kit) => format!(
                "The key on {} opens the vault from now on, as {label}. Print it, then delete the file",
                kit.path.display()
            ),
            None => format!("The key above opens the vault from now on, as {label}"),
        });
        if label != LABEL {
            settings.console.note(
                "Earlier recovery keys still open it: see `cldkctl vault recipients list`, and remove those that are lost",
            );
        }
        Ok(())
    }
}

/// Makes sure that there is a terminal to show a key on.
fn find_terminal(settings: &Settings) -> Result<(), Failure> {
    settings.asker.show("").map_err(|error| {
        if error.is_silence() {
            let what = if settings.asker.is_allowed() {
                "there is no terminal to show the key on"
            } else {
                "--no-input forbids to show the key on the terminal"
            };
            Failure::new(Exit::Usage, what)
                .hint("have it written to a sheet with --kit FILE.svg or --kit FILE.txt; the vault is as it was")
        } else {
            error.into()
        }
    })
}

/// Shows the key on the terminal and nowhere else: stdout may be a log.
fn show(settings: &Settings, secret: &str) -> Result<(), Failure> {
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

/// The file that a sheet goes to.
struct Kit {
    path: PathBuf,
    form: Form,
    overwrite: bool,
}

impl Kit {
    fn new(path: PathBuf, overwrite: bool) -> Result<Self, Failure> {
        let extension = path.extension().map(|end| end.to_ascii_lowercase());
        let form = match extension.as_ref().and_then(|end| end.to_str()) {
            Some("svg") => Form::Svg,
            Some("txt") => Form::Text,
            _ => {
                return Err(
                    Failure::new(Exit::Usage, "the name of a kit ends in .svg or .txt").hint(
                        "an .svg prints as one page from any browser; the vault is as it was",
                    ),
                );
            }
        };
        let kit = Self {
            path,
            form,
            overwrite,
        };
        if !overwrite && fs::symlink_metadata(&kit.path).is_ok() {
            return Err(kit.exists());
        }
        Ok(kit)
    }

    fn exists(&self) -> Failure {
        let path = self.path.display();
        Failure::new(Exit::Failure, format!("{path} is there already"))
            .hint("take another name, or overwrite it with --force; the vault is as it was")
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        let path = self.path.display();
        Failure::new(Exit::Failure, format!("cannot write {path}: {error}"))
            .hint("check the folder; the vault is as it was")
    }

    /// Says which drafts are in the folder: of a run that was killed, or that goes on at the
    /// moment. Each has a key on it that perhaps nobody else has, so none is removed.
    fn name_drafts(&self, settings: &Settings) {
        for name in names_in(self.folder()) {
            let path = self.folder().join(&name);
            let name = name.to_string_lossy();
            if name.starts_with(DRAFT) && name.ends_with(".tmp") {
                settings.console.warn(&format!(
                    "{} is the sheet of a run that did not come to its end; print it if `cldkctl vault recipients \
                     list` has the recipient on it, and delete it",
                    path.display()
                ));
            }
        }
    }

    /// The sheet on disk, mode 0600, under a name of its own that nobody had (`O_EXCL`). It is
    /// gone again when this is dropped. And its folder, open.
    fn draft(&self, sheet: &str) -> Result<(NamedTempFile, File), Failure> {
        let write = || {
            let folder = File::open(self.folder())?;
            let mut file = tempfile::Builder::new()
                .prefix(DRAFT)
                .suffix(".tmp")
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(self.folder())?;
            file.write_all(sheet.as_bytes())?;
            file.as_file().sync_all()?;
            sync_folder(&folder)?;
            Ok((file, folder))
        };
        write().map_err(|error| self.unwritable(&error))
    }

    /// Gives the sheet its name. If that fails the sheet stays where it is: the vault has its
    /// key by now.
    fn publish(&self, mut draft: NamedTempFile, folder: &File) -> Result<(), Failure> {
        let published = loop {
            let published = if self.overwrite {
                draft.persist(&self.path)
            } else {
                draft.persist_noclobber(&self.path)
            };
            match published {
                Err(PersistError { error, file }) if error.kind() == io::ErrorKind::Interrupted => {
                    draft = file;
                }
                published => break published,
            }
        };
        match published {
            // On disk it is already, if perhaps under its first name.
            Ok(_) => {
                let _ = sync_folder(folder);
                Ok(())
            }
            Err(PersistError { error, file }) => {
                let path = self.path.display();
                let what = format!("cannot write {path}: {error}");
                Err(match file.keep() {
                    Ok((_, kept)) => Failure::new(Exit::Failure, what).hint(format!(
                        "the key is in the vault, and its sheet is {}: rename it",
                        kept.display()
                    )),
                    Err(_) => Failure::new(Exit::Failure, what).hint(
                        "the key is in the vault, and nobody has it: take it out with `cldkctl vault recipients remove`, and try again",
                    ),
                })
            }
        }
    }
}
