//! The token of a login: typed, from standard input, or from the command line.

use zeroize::Zeroizing;

use super::LoginArgs;
use crate::app::{self, Notice, another_may_do, similar};
use crate::cli::error::{AuthError, Error};
use crate::cli::settings::Settings;
use crate::prompt::source;
use crate::secret::Token;

impl LoginArgs {
    pub(super) fn token(&mut self, settings: &Settings) -> Result<Token, Error> {
        if self.token.is_none() && !self.token_stdin {
            let ask = || ask_token(settings);
            return app::tries(&*settings.ui, ask, |error| match error {
                Error::Auth(AuthError::NotAToken(why)) => Some(Notice::NotAToken(*why)),
                Error::App(error) => another_may_do(error),
                _ => None,
            });
        }
        let text = if let Some(text) = self.token.take() {
            refuse_misspelt_command(&text)?;
            settings.console.warn(
                "a token on the command line can be seen by other users and stays in the shell's history; \
                 leave it out to be asked for it, or use --token-stdin",
            );
            Zeroizing::new(text)
        } else {
            source::read_stdin().map_err(AuthError::TokenUnread)?
        };
        Ok(Token::from_a_person(&text).map_err(AuthError::NotAToken)?)
    }
}

fn ask_token(settings: &Settings) -> Result<Token, Error> {
    let answer = settings.asker.ask_hidden("Enter your token:");
    let text = answer.map_err(|error| match error {
        why if why.is_silence() => AuthError::NoToken(why).into(),
        error => Error::from(error),
    })?;
    Ok(Token::from_a_person(&text).map_err(AuthError::NotAToken)?)
}

/// A sub-command with a typing error would be sent to the API as a token.
fn refuse_misspelt_command(text: &str) -> Result<(), AuthError> {
    const NAMES: [&str; 6] = ["login", "status", "token", "refresh", "logout", "help"];
    let is_word = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let near = similar(text, NAMES).filter(|_| is_word);
    let near = near.and_then(|near| NAMES.into_iter().find(|name| *name == near));
    // What other tools have here; `cldkctl auth` itself is the login.
    let habit = [
        "list", "switch", "use", "show", "add", "delete", "remove", "whoami",
    ]
    .contains(&text);
    match near {
        None if habit => Err(AuthError::NoSuchCommand),
        Some(name) => Err(AuthError::Misspelt(name)),
        None => Ok(()),
    }
}
