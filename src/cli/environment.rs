//! The tokens in the environment of this process.

use zeroize::Zeroizing;

use crate::platform;
use crate::secret::{Token, TokenError};

/// The variable that stands in for the vault when it is set.
pub const TOKEN_VARIABLE: &str = "CLDKCTL_TOKEN";

/// The variable that `exec --session` sets.
pub const SESSION_VARIABLE: &str = "CLDKCTL_SESSION_TOKEN";

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
