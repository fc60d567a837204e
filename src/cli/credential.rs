//! What a command authenticates with: a context of the vault, or `CLDKCTL_TOKEN`.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::account;
use super::failure::Failure;
use super::global::Settings;
use super::online;
use super::open::{self, OpenVault};
use crate::base_url::BaseUrl;
use crate::cloudeka::{self, Client};
use crate::exit::Exit;
use crate::keeper::Touch;
use crate::platform;
use crate::secret::Token;
use crate::vault::{ContextName, Defaults, Session};

/// The variable that stands in for the vault when it is set.
pub const TOKEN_VARIABLE: &str = "CLDKCTL_TOKEN";

/// The variable that `exec --session` sets.
pub const SESSION_VARIABLE: &str = "CLDKCTL_SESSION_TOKEN";

/// The value of [`TOKEN_VARIABLE`].
static TAKEN: Mutex<Option<Zeroizing<Vec<u8>>>> = Mutex::new(None);

/// Takes the tokens out of the environment, where the programs that this one starts would
/// find them: a plugin of age has no use for a token. While the guard lives, that of
/// [`TOKEN_VARIABLE`] is kept here.
#[must_use]
pub fn take_from_environment() -> impl Drop {
    struct Kept;
    impl Drop for Kept {
        fn drop(&mut self) {
            *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
    let token = platform::take_variable(TOKEN_VARIABLE);
    *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = token;
    // Of an `exec` around this one, and nothing that we read.
    drop(platform::take_variable(SESSION_VARIABLE));
    Kept
}

/// A token, and where it may go.
pub struct Credential {
    /// Where it was verified; it is sent nowhere else.
    pub base_url: BaseUrl,
    /// The long-lived token.
    pub token: Token,
    /// What was given at login, overridden by what was given now.
    pub defaults: Defaults,
    session: Option<cloudeka::Session>,
    home: Option<(OpenVault, ContextName)>,
}

impl Credential {
    /// The credential to use: `CLDKCTL_TOKEN` if it is set, else the vault's.
    ///
    /// # Errors
    /// When there is none, or the vault cannot be opened.
    pub fn find(settings: &Settings, touch: Touch) -> Result<Self, Failure> {
        if let Some(token) = token_from_environment()? {
            if let Some(name) = &settings.context {
                settings.console.warn(&format!(
                    "{TOKEN_VARIABLE} is set, so the context {name} is not used; unset it to use the vault"
                ));
            }
            return Ok(Self {
                base_url: base_url_of_environment(settings)?,
                token,
                defaults: settings.defaults.clone(),
                session: None,
                home: None,
            });
        }
        let vault = open::open(settings, touch)?;
        let context = open::context(settings, &vault.contents)?;
        let name = context.name.clone();
        Ok(Self {
            base_url: context.base_url.clone(),
            token: context.token.clone(),
            defaults: settings.defaults.over(&context.defaults),
            session: context.session.as_ref().map(cached),
            home: Some((vault, name)),
        })
    }

    /// The vault that it is from, open.
    #[must_use]
    pub fn into_vault(self) -> Option<OpenVault> {
        self.home.map(|(vault, _)| vault)
    }

    /// A session that has not come to its end: the cached one, or a new one for the token.
    ///
    /// # Errors
    /// When the API rejects the token or cannot be asked.
    pub fn session(&mut self, settings: &Settings, client: &Client) -> Result<Token, Failure> {
        match &self.session {
            Some(session) if !session.is_due(Timestamp::now()) => Ok(session.token.clone()),
            _ => self.renew(settings, client),
        }
    }

    /// A new session in place of one that is due or was refused.
    ///
    /// Another command may have renewed it meanwhile; then that one is taken. What is new
    /// is saved, so that the next command need not ask.
    ///
    /// # Errors
    /// When the API rejects the token or cannot be asked.
    pub fn renew(&mut self, settings: &Settings, client: &Client) -> Result<Token, Failure> {
        let now = Timestamp::now();
        if let Some(session) = self.renewed_by_another(settings)
            && !session.is_due(now)
        {
            self.session = Some(session.clone());
            return Ok(session.token);
        }
        let login = self.exchange(settings, client, now, "Asking for a new session…")?;
        self.keep(settings, &login, now);
        Ok(login.session.token)
    }

    /// Asks the API whether it accepts the token. Only an exchange says so: a session can live on
    /// after its token was deleted. The new session is kept where the stored one is due; otherwise
    /// a check that runs every minute would save the vault every minute.
    ///
    /// # Errors
    /// Exit 3 when the API rejects the token. Any other failure says nothing about the token.
    pub fn check(&mut self, settings: &Settings, client: &Client) -> Result<(), Failure> {
        let now = Timestamp::now();
        let login = self.exchange(settings, client, now, "Asking the API…")?;
        if self.session.as_ref().is_none_or(|old| old.is_due(now)) {
            self.keep(settings, &login, now);
        }
        Ok(())
    }

    fn exchange(
        &self,
        settings: &Settings,
        client: &Client,
        now: Timestamp,
        progress: &'static str,
    ) -> Result<cloudeka::Login, Failure> {
        let _spinner = settings.console.spinner(progress);
        client
            .login(&self.token, now, &mut online::observer(settings.console))
            .map_err(online::failure)
    }

    /// Uses the new session from here on, and saves it for the next command.
    fn keep(&mut self, settings: &Settings, login: &cloudeka::Login, now: Timestamp) {
        self.session = Some(login.session.clone());
        if let Err(failure) = self.save(settings, login, now) {
            // The command can do its work all the same.
            let what = failure.what;
            settings
                .console
                .warn(&format!("trouble with keeping the new session: {what}"));
        }
    }

    /// The session that is in the vault by now, if it is another one.
    fn renewed_by_another(&mut self, settings: &Settings) -> Option<cloudeka::Session> {
        let (vault, name) = self.home.as_mut()?;
        vault.reread(settings).ok()?;
        let context = vault.contents.context(name)?;
        if context.token.expose() != self.token.expose() {
            return None;
        }
        let stored = cached(context.session.as_ref()?);
        let known = self.session.as_ref().map(|session| session.token.expose());
        (known != Some(stored.token.expose())).then_some(stored)
    }

    fn save(
        &mut self,
        settings: &Settings,
        login: &cloudeka::Login,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some((vault, name)) = &mut self.home else {
            return Ok(());
        };
        let token = &self.token;
        vault.update(settings, |contents| {
            // The context may be another by now; its session is not ours to set then.
            if let Some(context) = contents.context_mut(name)
                && context.token.expose() == token.expose()
            {
                let cloudeka::Session { token, expires_at } = login.session.clone();
                context.session = Some(Session::new(token, expires_at));
                context.account = account::renewed(&context.account, &login.account);
                context.verified_at = now;
            }
            Ok(())
        })
    }
}

/// Where the token of the environment may go: where the environment says, which `exec` sets
/// to where the token was verified; a flag may say the same, and nothing else.
fn base_url_of_environment(settings: &Settings) -> Result<BaseUrl, Failure> {
    let asked = settings.login_base_url();
    match &settings.base_url_variable {
        Some(bound) if *bound != asked => Err(Failure::not_logged_in(format!(
            "the token in {TOKEN_VARIABLE} is for {bound}, and goes nowhere else, not to {asked}"
        ))
        .hint("set CLDKCTL_BASE_URL to where the token was made for")),
        _ => Ok(asked),
    }
}

fn cached(session: &Session) -> cloudeka::Session {
    cloudeka::Session {
        token: session.token.clone(),
        expires_at: session.expires_at,
    }
}

/// The token in `CLDKCTL_TOKEN`; an empty one counts as unset.
///
/// # Errors
/// When it is no token.
pub fn token_from_environment() -> Result<Option<Token>, Failure> {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(value) = taken.as_deref().filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // What is not text is no token either.
    Token::parse(str::from_utf8(value).unwrap_or("\0"))
        .map(Some)
        .map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("{TOKEN_VARIABLE} cannot be used: {error}"),
            )
            .hint("set it to a whole token, or unset it to use the vault")
        })
}
