//! `cldkctl vault info`: what the file says of itself, without a passphrase.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::recipients;
use crate::cli::console::{show, table};
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::cli::{context, credential};
use crate::printable::printable;
use crate::vault::{Cost, Time};

/// Show what the vault file says of itself; asks for no passphrase
///
/// The header is only proven to be genuine when the vault is opened. With a passphrase or
/// an identity on the command line it is, and what is inside is shown, too.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault info",
    "cldkctl vault info -o json"
))]
pub(super) struct InfoArgs {}

#[derive(Serialize)]
struct Info {
    vault: String,
    bytes: u64,
    modified: Option<Time>,
    armored: bool,
    kdf: Option<Cost>,
    /// What a vault made today would have.
    recommended_kdf: Cost,
    stanzas: Vec<String>,
    opened: Option<Opened>,
}

/// What is known once the vault is open.
#[derive(Serialize)]
struct Opened {
    version: u64,
    id: String,
    revision: u64,
    contexts: Vec<context::Shown>,
    credentials: Vec<credential::Shown>,
    recipients: Vec<recipients::Shown>,
}

impl InfoArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let sealed = settings.vault.sealed()?;
        let vault = settings.vault.unseal_unasked(&sealed)?;
        let contents = vault.as_ref().map(|vault| &vault.contents);
        let kdf = settings.vault.cost(&sealed, contents)?;
        let opened = vault.map(|vault| Opened {
            version: vault.contents.version(),
            revision: vault.contents.revision,
            contexts: context::Shown::all(&vault.contents),
            credentials: credential::Shown::all(&vault.contents),
            recipients: recipients::Shown::all(&vault.contents),
            id: vault.contents.id,
        });
        let metadata = std::fs::metadata(settings.vault.path()).ok();
        let modified = metadata
            .as_ref()
            .and_then(|metadata| metadata.modified().ok());
        let info = Info {
            vault: settings.vault.path().display().to_string(),
            bytes: metadata.as_ref().map_or(0, std::fs::Metadata::len),
            modified: modified
                .and_then(|time| Timestamp::try_from(time).ok())
                .map(|time| Time::from(time).to_the_second()),
            armored: sealed.is_armored(),
            kdf,
            recommended_kdf: Cost::DEFAULT,
            stanzas: sealed.stanza_types().to_vec(),
            opened,
        };
        show(settings.output, &info, as_table)
    }
}

fn as_table(info: &Info) -> String {
    let kind = if info.armored {
        "age, ASCII-armored"
    } else {
        "age, binary"
    };
    let mut rows = vec![
        ("Vault", printable(&info.vault).to_string()),
        ("Format", kind.to_owned()),
        ("Size", format!("{} bytes", info.bytes)),
    ];
    if let Some(modified) = info.modified {
        rows.push((
            "Modified",
            modified
                .date_time()
                .strftime("%Y-%m-%d %H:%M:%S UTC")
                .to_string(),
        ));
    }
    let cost = info.kdf.map_or_else(
        || "none; opened by identities".to_owned(),
        |kdf| kdf.to_string(),
    );
    rows.push(("Key derivation", cost));
    if let Some(cost) = info.kdf {
        rows.push(("Recommended", compared(cost, info.recommended_kdf)));
    }
    rows.push(("Stanzas", printable(&info.stanzas.join(", ")).to_string()));
    if let Some(opened) = &info.opened {
        rows.push(("Vault id", opened.id.clone()));
        rows.push(("Version", opened.version.to_string()));
        rows.push(("Revision", opened.revision.to_string()));
        rows.push(("Contexts", opened.contexts.len().to_string()));
        rows.push(("Credentials", opened.credentials.len().to_string()));
        rows.push(("Recipients", opened.recipients.len().to_string()));
    }
    table(&rows)
}

/// How a cost compares with today's recommendation.
fn compared(cost: Cost, recommended: Cost) -> String {
    if cost.work() >= recommended.work() {
        return format!("{recommended}; this vault has at least that");
    }
    let ratio = recommended.work().div_ceil(cost.work().max(1));
    format!("{recommended}, about {ratio} times as much; see `cldkctl vault tune`")
}
