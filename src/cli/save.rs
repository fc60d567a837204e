//! Saving the vault: under its lock, from what it holds by then.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::global::Settings;
use super::open::{self, OpenVault};
use super::seen;
use crate::exit::Exit;
use crate::interrupt;
use crate::vault::{Contents, Locked, RecipientEntry, Sealed, is_done, seal};

/// How long a command waits for another that is changing the vault.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

impl OpenVault {
    /// Changes the vault: takes its lock, reads it again, applies `change`, saves.
    ///
    /// # Errors
    /// What `change` returns, or when the vault cannot be saved. It is then as it was, unless
    /// the failure says otherwise.
    pub fn update<T>(
        &mut self,
        settings: &Settings,
        change: impl FnOnce(&mut Contents) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.change(settings, Self::check_agrees, change, |_, replace| replace())
    }

    /// As [`update`](Self::update), saving as [`save_around`] does; `around` is handed what
    /// `change` returned, too.
    ///
    /// # Errors
    /// What `change` or `around` returns, or when the vault cannot be saved.
    pub fn update_around<T>(
        &mut self,
        settings: &Settings,
        change: impl FnOnce(&mut Contents) -> Result<T, Failure>,
        around: impl FnOnce(&T, &dyn Fn() -> Result<(), Failure>) -> Result<(), Failure>,
    ) -> Result<T, Failure> {
        self.change(settings, Self::check_agrees, change, around)
    }

    /// The same for a change of the passphrase itself, which mends a vault whose header and
    /// contents disagree about it.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub fn update_passphrase(
        &mut self,
        settings: &Settings,
        entry: Option<RecipientEntry>,
    ) -> Result<(), Failure> {
        self.change(
            settings,
            |_, _, _| Ok(()),
            |contents| {
                contents.set_passphrase(entry);
                Ok(())
            },
            |(), replace| replace(),
        )
    }

    fn change<T>(
        &mut self,
        settings: &Settings,
        check: impl FnOnce(&Self, &Settings, &Sealed) -> Result<(), Failure>,
        change: impl FnOnce(&mut Contents) -> Result<T, Failure>,
        around: impl FnOnce(&T, &dyn Fn() -> Result<(), Failure>) -> Result<(), Failure>,
    ) -> Result<T, Failure> {
        let locked = lock(settings)?;
        let sealed = open::parse(locked.read()?, &settings.store)?.ok_or_else(|| {
            let path = settings.store.path().display();
            Failure::not_logged_in(format!("the vault {path} was removed meanwhile"))
        })?;
        self.open_again(settings, &sealed)?;
        check(self, settings, &sealed)?;
        self.file = None;
        let result = change(&mut self.contents)?;
        save_around(settings, &locked, &mut self.contents, |replace| {
            around(&result, replace)
        })?;
        Ok(result)
    }
}

/// Seals `contents` and replaces the vault by them.
///
/// # Errors
/// When they cannot be sealed or written. The vault is then as it was, unless the failure
/// says otherwise.
pub fn save(settings: &Settings, locked: &Locked, contents: &mut Contents) -> Result<(), Failure> {
    save_around(settings, locked, contents, |replace| replace())
}

/// As [`save`], where something has to happen right before and after the vault is replaced:
/// `around` is handed what replaces it. No signal ends the process meanwhile.
///
/// # Errors
/// What `around` returns, or when the contents cannot be sealed.
pub fn save_around(
    settings: &Settings,
    locked: &Locked,
    contents: &mut Contents,
    around: impl FnOnce(&dyn Fn() -> Result<(), Failure>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let base = contents.revision;
    // A plugin may ask for a PIN, which must not come between the two.
    let bytes = seal(contents, &settings.asker)
        .map_err(|error| Failure::unsaved(&error, &settings.store))?;
    let _hold = interrupt::hold();
    let before = seen::note_save(settings, contents, base);
    // A save that a power failure may undo is one all the same: what goes with it is done,
    // such as giving the sheet of a new key its name, before the failure is told.
    let (replaced, unconfirmed) = (Cell::new(false), Cell::new(None));
    let result = around(&|| {
        let result = locked.replace(&bytes);
        replaced.set(is_done(&result));
        match result {
            Err(error) if error.is_done() => {
                unconfirmed.set(Some(error));
                Ok(())
            }
            result => Ok(result?),
        }
    });
    // Whatever came of what goes with it.
    if replaced.get() {
        seen::clean(settings);
        seen::raise(settings, contents);
    } else if let Some(before) = before {
        seen::take_back(settings, contents, before);
    }
    result?;
    if let Some(error) = unconfirmed.take() {
        return Err(error.into());
    }
    let path = settings.store.path().display();
    settings
        .console
        .detail(&format!("saved {path}, revision {}", contents.revision));
    Ok(())
}

/// Takes the vault's lock, waiting for another command for a while.
///
/// # Errors
/// When the other one does not come to an end.
pub fn lock(settings: &Settings) -> Result<Locked, Failure> {
    let start = Instant::now();
    let mut told = false;
    loop {
        if let Some(locked) = settings.store.try_lock()? {
            return Ok(locked);
        }
        let path = settings.store.path().display();
        if start.elapsed() > LOCK_PATIENCE {
            return Err(Failure::new(
                Exit::Failure,
                format!("another cldkctl has been changing the vault {path} for 30 seconds"),
            )
            .hint("see what it waits for, end it, and try again; the vault is as it was"));
        }
        if !told && start.elapsed() > Duration::from_secs(1) {
            settings.console.note(&format!(
                "Waiting for another cldkctl that is changing {path} …"
            ));
            told = true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
