//! The token of a login: typed, from standard input, or from the command line.

use zeroize::Zeroizing;

use super::LoginArgs;
use crate::app::{self, Notice, another_may_do, similar};
use crate::cli::command_names::{near_at_the_top, place_of};
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
            refuse_command(&text)?;
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

/// What other tools have behind `auth`, and what is here in its place, if anything is.
const HABITS: [(&str, Option<&str>); 44] = [
    ("account", Some("whoami")),
    ("accounts", Some("context list")),
    ("activate", Some("context use")),
    ("add", None),
    ("change", Some("vault passphrase")),
    ("check", Some("auth status --check")),
    ("close", Some("lock")),
    ("configure", None),
    ("create", None),
    ("del", Some("context delete")),
    ("describe", Some("context show")),
    ("export", Some("env")),
    ("forget", Some("logout")),
    ("get", Some("auth token")),
    ("import", None),
    ("init", None),
    ("logoff", Some("logout")),
    ("ls", Some("context list")),
    ("me", Some("whoami")),
    ("new", None),
    ("open", Some("unlock")),
    ("passwd", Some("vault passphrase")),
    ("password", Some("vault passphrase")),
    ("print", Some("auth token")),
    ("profile", Some("whoami")),
    ("profiles", Some("context list")),
    ("renew", Some("auth refresh")),
    ("reset", None),
    ("revoke", None),
    ("rm", Some("context delete")),
    ("rotate", None),
    ("select", Some("context use")),
    ("session", Some("auth status")),
    ("sessions", Some("auth status")),
    ("set", None),
    ("setup", None),
    ("sign-in", Some("auth")),
    ("sign-out", Some("logout")),
    ("signin", Some("auth")),
    ("signout", Some("logout")),
    ("switch", Some("context use")),
    ("tokens", Some("context list")),
    ("update", None),
    ("user", Some("whoami")),
];

/// A command would be sent to the API as a token. Of a word that is not known to be one nothing
/// is assumed: nothing is known of the form of a token.
fn refuse_command(text: &str) -> Result<(), AuthError> {
    const NAMES: [&str; 6] = ["login", "status", "token", "refresh", "logout", "help"];
    let word = text.to_lowercase();
    if let Some((_, place)) = HABITS.iter().find(|(habit, _)| *habit == word) {
        return Err(AuthError::NoSuchCommand(place.map(ToOwned::to_owned)));
    }
    if let Some(place) = place_of(&word) {
        return Err(AuthError::NoSuchCommand(Some(place)));
    }
    let is_word = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let near = similar(text, NAMES).filter(|_| is_word);
    let near = near.and_then(|near| NAMES.into_iter().find(|name| *name == near));
    match (near, near_at_the_top(text)) {
        (Some(name), _) => Err(AuthError::Misspelt(name)),
        (None, Some(place)) => Err(AuthError::NoSuchCommand(Some(place))),
        (None, None) => Ok(()),
    }
}
