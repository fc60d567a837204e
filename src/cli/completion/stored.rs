//! The names that are inside the vault, if it is unlocked. Looking for them asks nobody, says
//! nothing, writes nothing, and does not keep the vault unlocked for longer.

use crate::cli::global::GlobalArgs;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::vault::{Contents, RecipientEntry};

/// The names of the contexts.
pub(super) fn contexts(global: GlobalArgs) -> Vec<String> {
    let contents = contents(global);
    let contexts = contents.iter().flat_map(|contents| &contents.contexts);
    contexts.map(|context| context.name.to_string()).collect()
}

/// What the recipients are called, all but the passphrase, which is not one to choose.
pub(super) fn recipients(global: GlobalArgs) -> Vec<String> {
    let contents = contents(global);
    let recipients = contents.iter().flat_map(|contents| &contents.recipients);
    recipients
        .filter(|entry| entry.kdf().is_none())
        .map(RecipientEntry::name)
        .collect()
}

/// An identity or a passphrase that is supplied is not used: the one may ask for a PIN, and the
/// other takes a second.
fn contents(global: GlobalArgs) -> Option<Contents> {
    let settings = Settings::new(global, &None).ok()?;
    let sealed = settings.vault.find().ok()??;
    let unlocker = &settings.vault.unlocker;
    let kdf = unlocker.kdf(&sealed).ok()??;
    unlocker.kept(kdf, Touch::Look)?.open(&sealed).ok()
}
