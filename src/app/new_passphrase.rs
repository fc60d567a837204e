//! Choosing a new passphrase: supplied, typed twice, or generated.

use zeroize::Zeroizing;

use super::error::{Error, NewPassphraseError};
use super::passphrase_source::{PassphraseSource, read_passphrase};
use super::tries::{another_may_do, tries};
use super::ui::{Notice, Ui};
use super::unlock::Unlocker;
use crate::prompt::passphrase::{Flaw, check_strength, generate};
use crate::secret::Passphrase;

/// The longest passphrase, in bytes, that the `argon2` command takes, with which a vault can
/// be opened without this program.
const LONGEST_FOR_ARGON2: usize = 127;

/// How a new passphrase is chosen.
pub struct NewPassphrase<'a> {
    /// Where it is supplied, if it is.
    pub source: Option<&'a PassphraseSource>,
    /// The flags that supply one, for a message.
    pub flags: &'static str,
    /// Whether a weak one is accepted.
    pub allow_weak: bool,
}

impl NewPassphrase<'_> {
    /// Chooses a new passphrase for the vault of `unlocker`.
    ///
    /// # Errors
    /// When there is no one to ask, the two answers differ, or it is refused.
    pub fn choose(&self, unlocker: &Unlocker) -> Result<Passphrase, Error> {
        let ui = &*unlocker.ui;
        let passphrase = if let Some(source) = self.source {
            let passphrase = read_passphrase(source, ui)?;
            check_new(&passphrase, self.allow_weak)?;
            passphrase
        } else {
            ui.tell(&Notice::EnterMakesOne);
            match tries(ui, || self.ask_twice(unlocker), another_may_do)? {
                Some(passphrase) => passphrase,
                None => return make_up(ui),
            }
        };
        if passphrase.expose().len() > LONGEST_FOR_ARGON2 {
            ui.tell(&Notice::TooLongForArgon2);
        }
        Ok(passphrase)
    }

    /// Asks for it and, if it may be used, for it again; `None` for an empty answer.
    fn ask_twice(&self, unlocker: &Unlocker) -> Result<Option<Passphrase>, Error> {
        let ask = |question| {
            unlocker.ui.ask_hidden(question).map_err(|why| {
                if why.is_silence() {
                    let (path, flags) = (unlocker.path.clone(), self.flags);
                    NewPassphraseError::Missing { path, why, flags }.into()
                } else {
                    Error::from(why)
                }
            })
        };
        let first = Passphrase::new(&ask("New vault passphrase:")?);
        if first.is_empty() {
            return Ok(None);
        }
        check_new(&first, self.allow_weak)?;
        let second = Passphrase::new(&ask("Repeat passphrase:")?);
        if first.expose() != second.expose() {
            return Err(NewPassphraseError::Differ.into());
        }
        Ok(Some(first))
    }
}

/// Refuses what cannot be typed at a prompt, and what is too easy to guess.
fn check_new(passphrase: &Passphrase, allow_weak: bool) -> Result<(), Error> {
    if let Some(flaw) = Flaw::of(passphrase).filter(|flaw| *flaw != Flaw::Blanks) {
        return Err(NewPassphraseError::Untypable(flaw).into());
    }
    if !allow_weak {
        check_strength(passphrase).map_err(NewPassphraseError::Weak)?;
    }
    Ok(())
}

/// Generates a passphrase and shows it once, on the terminal.
fn make_up(ui: &dyn Ui) -> Result<Passphrase, Error> {
    let generated = generate()?;
    // Sized beforehand: a String that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(256));
    text.push_str("Your new vault passphrase is shown this once. Write it down:\n\n    ");
    text.push_str(generated.expose());
    text.push_str("\n\n");
    ui.asker().show(&text)?;
    Ok(generated)
}
