//! Choosing the passphrase of a vault: handed over, typed twice, or made up for the user.

use zeroize::Zeroizing;

use super::failure::Failure;
use super::global::{Handover, Settings};
use super::sources;
use crate::exit::Exit;
use crate::prompt::passphrase::{check_strength, generate};
use crate::secret::Passphrase;

/// The longest passphrase, in bytes, that the `argon2` command takes, with which a vault can
/// be opened without this program.
const LONGEST_FOR_ARGON2: usize = 127;

/// A new passphrase, strong enough unless `allow_weak`; asked for unless there is a `handover`,
/// which `flags` make.
///
/// # Errors
/// When there is nobody to ask (exit 4), the two answers differ, or it is refused.
pub fn choose(
    settings: &Settings,
    handover: Option<&Handover>,
    flags: &str,
    allow_weak: bool,
) -> Result<Passphrase, Failure> {
    let passphrase = match sources::handed_over(settings, handover)? {
        Some(passphrase) => passphrase,
        None => match ask_twice(settings, flags)? {
            Some(passphrase) => passphrase,
            None => return make_up(settings),
        },
    };
    if passphrase.expose().contains(['\n', '\r']) {
        return Err(
            Failure::new(Exit::Usage, "this passphrase has more than one line")
                .hint("take one that can be typed at a prompt; nothing was written"),
        );
    }
    if !allow_weak {
        refuse_weak(&passphrase)?;
    }
    if passphrase.expose().len() > LONGEST_FOR_ARGON2 {
        settings.console.warn(
            "the plain argon2 command takes no passphrase of more than 127 bytes, so it will not help to recover this vault",
        );
    }
    Ok(passphrase)
}

/// Asks for a new passphrase and for it again; `None` for an empty answer.
fn ask_twice(settings: &Settings, flags: &str) -> Result<Option<Passphrase>, Failure> {
    let ask = |question| {
        settings.asker.ask_hidden(question).map_err(|error| {
            if error.is_silence() {
                let path = settings.store.path().display();
                Failure::new(
                    Exit::Locked,
                    format!("there is no new passphrase for the vault {path}, and {error}"),
                )
                .hint(format!("hand it over with {flags}; nothing was written"))
            } else {
                error.into()
            }
        })
    };
    let first = Passphrase::new(&ask("New vault passphrase:")?);
    if first.is_empty() {
        return Ok(None);
    }
    let second = Passphrase::new(&ask("Repeat passphrase:")?);
    if first.expose() != second.expose() {
        return Err(Failure::new(Exit::Usage, "the two passphrases differ")
            .hint("start again; nothing was written"));
    }
    Ok(Some(first))
}

/// Makes up a passphrase and shows it, on the terminal and this once.
fn make_up(settings: &Settings) -> Result<Passphrase, Failure> {
    let generated = generate()?;
    // Sized beforehand: a String that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(256));
    text.push_str("Your new vault passphrase is shown this once. Write it down:\n\n    ");
    text.push_str(generated.expose());
    text.push_str("\n\n");
    settings.asker.show(&text)?;
    Ok(generated)
}

fn refuse_weak(passphrase: &Passphrase) -> Result<(), Failure> {
    check_strength(passphrase).map_err(|weak| {
        let mut what = format!("this passphrase is too easy to guess (strength {} of 4)", weak.score);
        if !weak.advice.is_empty() {
            what = format!("{what}. {}", weak.advice.trim_end_matches('.'));
        }
        Failure::new(Exit::Usage, what).hint(
            "take several words that do not belong together, answer with Enter alone to be given some, \
             or insist with --allow-weak-passphrase; nothing was written",
        )
    })
}
