//! The tokens in the environment of this process, and what other programs get in theirs.

use zeroize::Zeroizing;

use super::error::{Error, ExecError};
use crate::app::Credential;

use crate::platform;
use crate::secret::{Token, TokenError};

/// The variable that stands in for the vault when it is set.
pub const TOKEN_VARIABLE: &str = "CLDKCTL_TOKEN";

/// The variable that `exec --session` sets.
pub const SESSION_VARIABLE: &str = "CLDKCTL_SESSION_TOKEN";

/// A variable for another program; without a value it is taken away.
pub type Variable = (&'static str, Option<Zeroizing<String>>);

/// The value of [`TOKEN_VARIABLE`], which may be anything.
pub type TokenVariable = Option<Zeroizing<Vec<u8>>>;

/// Takes the tokens out of the environment, where the programs that this one starts would find
/// them: an age plugin needs no token.
#[must_use]
pub fn take_tokens() -> TokenVariable {
    // That of an `exec` around this one, which nothing here reads.
    drop(platform::take_variable(SESSION_VARIABLE));
    platform::take_variable(TOKEN_VARIABLE)
}

/// The token in the variable; an empty one counts as unset.
///
/// # Errors
/// When it is not a token.
pub fn parse(value: &TokenVariable) -> Result<Option<Token>, TokenError> {
    let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // Bytes that are not text are not a token either.
    Token::from_a_person(str::from_utf8(value).unwrap_or("\0")).map(Some)
}

/// The variables that other programs find a login in. The session of another login, of another
/// origin, is taken away.
///
/// # Errors
/// When a value cannot stand in a variable, or there is no session.
pub fn variables(
    credential: &mut Credential<'_>,
    with_session: bool,
) -> Result<Vec<Variable>, Error> {
    let secret = |token: &Token| Some(Zeroizing::new(token.expose().to_owned()));
    let session = match with_session {
        true => {
            let client = credential.client()?;
            secret(&credential.session(&client)?)
        }
        false => None,
    };
    let mut all = vec![
        (SESSION_VARIABLE, session),
        (
            "CLDKCTL_BASE_URL",
            Some(Zeroizing::new(credential.base_url.to_string())),
        ),
        (TOKEN_VARIABLE, secret(&credential.token)),
    ];
    // Where no project is known, one in the environment would have been it.
    if let Some(project) = &credential.defaults.project {
        if project.contains('\0') {
            return Err(ExecError::Project.into());
        }
        all.push((
            "CLDKCTL_DEFAULT_PROJECT_ID",
            Some(Zeroizing::new(project.clone())),
        ));
    }
    Ok(all)
}
