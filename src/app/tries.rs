//! Another try for a person whose answer cannot be used.

use super::error::{Error, KeyError, NewPassphraseError};
use super::ui::{Notice, Ui};
use crate::prompt::identity::IdentityError;

/// How often one secret is asked for, as with sudo(8) and ssh(1).
const TRIES: usize = 3;

/// Does `ask` until an answer can be used, three times at most. Says on the terminal `why` one
/// cannot; an error that has nothing to do with the answer has no notice, and ends it.
///
/// # Errors
/// That of the last try.
pub fn tries<T, E>(
    ui: &dyn Ui,
    mut ask: impl FnMut() -> Result<T, E>,
    why: impl Fn(&E) -> Option<Notice<'_>>,
) -> Result<T, E> {
    for _ in 1..TRIES {
        match ask() {
            Err(error) => match why(&error) {
                Some(notice) => ui.tell(&notice),
                None => return Err(error),
            },
            answered => return answered,
        }
    }
    ask()
}

/// Why another answer may do, if it may.
#[must_use]
pub fn another_may_do(error: &Error) -> Option<Notice<'_>> {
    let may = match error {
        Error::Key(KeyError::Wrong(_) | KeyError::NothingTyped)
        | Error::Key(KeyError::Identity(_, _, IdentityError::WrongPassphrase))
        | Error::NewPassphrase(
            NewPassphraseError::Untypable(_)
            | NewPassphraseError::Weak(_)
            | NewPassphraseError::Differ,
        ) => true,
        Error::Key(KeyError::Identity(_, _, IdentityError::Unanswered(why)))
        | Error::Prompt(why) => why.is_unclear(),
        _ => false,
    };
    may.then_some(Notice::TryAgain(error))
}
