//! The token that a command authenticates with, and the session it is exchanged for.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::account;
use super::connection::Connection;
use super::error::{Error, LoginError};
use super::ui::{Notice, Step, Task};
use super::vault::{OpenVault, Vault, named_context};
use crate::api::{self, Answer, Client, Fault, Login, Request};
use crate::base_url::BaseUrl;
use crate::keeper::Touch;
use crate::platform;
use crate::secret::Token;
use crate::vault::{Contents, Context, ContextName, Defaults, Session, Time};

/// Which address a command is to use.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// The one asked for on the command line or in the environment.
    pub asked: Option<BaseUrl>,
    /// The one in `CLDKCTL_BASE_URL`, whatever a flag says.
    pub variable: Option<BaseUrl>,
    /// That of a new login where none was asked for.
    pub default: BaseUrl,
}

impl Address {
    /// Where a new login goes.
    #[must_use]
    pub fn of_login(&self) -> BaseUrl {
        self.asked.clone().unwrap_or_else(|| self.default.clone())
    }
}

/// Finds the credential of a command: `CLDKCTL_TOKEN`, or else a context of the vault.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// The value of `CLDKCTL_TOKEN`.
    pub variable: Option<&'a Token>,
    /// The context that was named.
    pub context: Option<&'a ContextName>,
    /// The address that was asked for.
    pub address: &'a Address,
    /// Namespace, project and so on, where they were given.
    pub defaults: &'a Defaults,
    /// How the API is reached.
    pub connection: &'a Connection,
}

/// A token, and where it may go.
pub struct Credential<'a> {
    /// Where it was verified; it is sent nowhere else.
    pub base_url: BaseUrl,
    /// The long-lived token.
    pub token: Token,
    /// What was given at login, overridden by what was given now.
    pub defaults: Defaults,
    connection: &'a Connection,
    session: Option<Session>,
    verified_at: Timestamp,
    home: Option<(OpenVault<'a>, ContextName)>,
}

impl<'a> Credentials<'a> {
    /// The credential to use.
    ///
    /// # Errors
    /// When there is none, or the vault cannot be opened.
    pub fn find(&self, touch: Touch) -> Result<Credential<'a>, Error> {
        if let Some(token) = self.variable {
            return self.of_variable(token.clone());
        }
        let vault = self.vault.open(touch)?;
        let context = self.context_of(&vault.contents)?.clone();
        Ok(Credential {
            defaults: self.defaults.over(&context.defaults),
            base_url: context.base_url,
            token: context.token,
            connection: self.connection,
            session: context.session,
            verified_at: context.verified_at.timestamp(),
            home: Some((vault, context.name)),
        })
    }

    /// The context to use: the one that was named, or the current one.
    ///
    /// # Errors
    /// When there is none, or it was verified at another address than the one asked for.
    pub fn context_of<'b>(&self, contents: &'b Contents) -> Result<&'b Context, Error> {
        let context = named_context(contents, self.context, self.vault.path())?;
        match &self.address.asked {
            // The path as well: a host may have several APIs, behind a gateway.
            Some(asked) if *asked != context.base_url => Err(LoginError::OtherAddress {
                context: context.name.clone(),
                verified_at: Box::new(context.base_url.clone()),
                asked: Box::new(asked.clone()),
            }
            .into()),
            _ => Ok(context),
        }
    }

    /// The token of the environment may go where the environment says, which `exec` sets to
    /// where the token was verified; a flag may say the same, and nothing else.
    fn of_variable(&self, token: Token) -> Result<Credential<'a>, Error> {
        if let Some(name) = self.context {
            self.vault.ui.tell(&Notice::ContextIgnored(name));
        }
        let base_url = self.address.of_login();
        if let Some(bound) = &self.address.variable
            && *bound != base_url
        {
            return Err(LoginError::OtherAddressThanVariable {
                verified_at: Box::new(bound.clone()),
                asked: Box::new(base_url),
            }
            .into());
        }
        Ok(Credential {
            base_url,
            token,
            defaults: self.defaults.clone(),
            connection: self.connection,
            session: None,
            verified_at: Timestamp::UNIX_EPOCH,
            home: None,
        })
    }
}

impl<'a> Credential<'a> {
    /// The vault that it came from, open.
    #[must_use]
    pub fn into_vault(self) -> Option<OpenVault<'a>> {
        self.home.map(|(vault, _)| vault)
    }

    /// A client for its address.
    ///
    /// # Errors
    /// As [`Connection::client`].
    pub fn client(&self) -> Result<Client, Error> {
        self.connection.client(self.base_url.clone())
    }

    /// A session that is not due: the cached one, or a new one for the token.
    ///
    /// # Errors
    /// When the API rejects the token or cannot be asked.
    pub fn session(&mut self, client: &Client) -> Result<Token, Error> {
        match &self.session {
            Some(session) if !session.is_due(platform::now(), self.verified_at) => {
                Ok(session.token.clone())
            }
            _ => self.renew(client),
        }
    }

    /// A new session in place of one that is due or was refused. It is saved, so that the next
    /// command need not ask; if another command renewed it meanwhile, that one is taken.
    ///
    /// # Errors
    /// When the API rejects the token or cannot be asked.
    pub fn renew(&mut self, client: &Client) -> Result<Token, Error> {
        let now = platform::now();
        if let Some((session, verified_at)) = self.renewed_by_another()
            && !session.is_due(now, verified_at)
        {
            self.session = Some(session.clone());
            return Ok(session.token);
        }
        let login = self.exchange(client, now, Task::Renew)?;
        self.keep(&login);
        Ok(login.session.token)
    }

    /// A new session in place of one that may be good still. Gives its end.
    ///
    /// # Errors
    /// When the API rejects the token or cannot be asked, or the session cannot be saved.
    pub fn refresh(&mut self, client: &Client) -> Result<Time, Error> {
        let now = platform::now();
        let login = self.exchange(client, now, Task::Renew)?;
        self.save(&login)?;
        Ok(login.session.expires_at)
    }

    /// The facts about the account: those that are stored, or else what the API says now.
    ///
    /// # Errors
    /// When nothing is stored, and the API rejects the token or cannot be asked.
    pub fn account(&mut self) -> Result<Map<String, Value>, Error> {
        let stored = self.context().map(|context| context.account.clone());
        if let Some(known) = stored.filter(|account| account::describe(account).is_some()) {
            return Ok(known);
        }
        let client = self.client()?;
        let now = platform::now();
        let login = self.exchange(&client, now, Task::Check)?;
        self.keep(&login);
        Ok(login.account)
    }

    /// The context that it is from.
    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        let (vault, name) = self.home.as_ref()?;
        vault.contents.context(name)
    }

    /// Asks the API whether it accepts the token. Only an exchange says so: a session can live on
    /// after its token was deleted. The new session is kept if the stored one is due; otherwise a
    /// check that runs every minute would save the vault every minute.
    ///
    /// # Errors
    /// When the API rejects the token. Any other error says nothing about the token.
    pub fn check(&mut self, client: &Client) -> Result<(), Error> {
        let now = platform::now();
        let login = self.exchange(client, now, Task::Check)?;
        let is_due = |old: &Session| old.is_due(now, self.verified_at);
        if self.session.as_ref().is_none_or(is_due) {
            self.keep(&login);
        }
        Ok(())
    }

    fn exchange(&self, client: &Client, now: Timestamp, task: Task) -> Result<Login, Error> {
        let _progress = self.connection.ui.progress(task);
        Ok(client.login(&self.token, now, &mut self.connection.observer())?)
    }

    /// Uses the new session from here on, and saves it for the next command.
    fn keep(&mut self, login: &Login) {
        self.session = Some(login.session.clone());
        self.verified_at = login.at;
        let ui = &self.connection.ui;
        // The command can do its work all the same.
        match self.save(login) {
            Ok(()) => {}
            // Nothing can be done about it, and so it is each time.
            Err(Error::Store(error)) if error.is_read_only() => {
                ui.detail(&Step::SessionNotSaved(&error));
            }
            Err(error) => ui.tell(&Notice::SessionNotSaved(&error)),
        }
    }

    /// Calls with the cached session; if the API refuses it, once more with a new one. A second
    /// refusal is returned.
    ///
    /// # Errors
    /// When the API cannot be asked, or rejects the token.
    pub fn call(&mut self, client: &Client, request: &Request) -> Result<Answer, Error> {
        let session = self.session(client)?;
        let answer = self.call_with(client, &session, request)?;
        if !answer.refuses_session() {
            return Ok(answer);
        }
        let session = self.renew(client)?;
        self.call_with(client, &session, request)
    }

    /// What an answer to a call says to people, without the token and the session.
    #[must_use]
    pub fn said(&self, answer: &Answer) -> Option<String> {
        let session = self.session.as_ref().map(|session| session.token.expose());
        let secrets: Vec<_> = session.into_iter().chain([self.token.expose()]).collect();
        answer.said(&secrets)
    }

    fn call_with(
        &self,
        client: &Client,
        session: &Token,
        request: &Request,
    ) -> Result<Answer, Error> {
        let _progress = self.connection.ui.progress(Task::Call);
        client
            .call(session, request, &mut self.connection.observer())
            .map_err(|error| match error {
                api::Error::NotSensible {
                    fault: Fault::TooLarge { .. },
                    ..
                } => Error::AnswerTooLarge(error),
                error => error.into(),
            })
    }

    /// The session that is in the vault by now and when its token was verified, if it is another
    /// one.
    fn renewed_by_another(&mut self) -> Option<(Session, Timestamp)> {
        let (vault, name) = self.home.as_mut()?;
        vault.reread().ok()?;
        let context = vault.contents.context(name)?;
        if context.token.expose() != self.token.expose() {
            return None;
        }
        let stored = context.session.as_ref()?;
        let known = self.session.as_ref().map(|session| session.token.expose());
        (known != Some(stored.token.expose()))
            .then(|| (stored.clone(), context.verified_at.timestamp()))
    }

    fn save(&mut self, login: &Login) -> Result<(), Error> {
        let Some((vault, name)) = &mut self.home else {
            return Ok(());
        };
        let token = &self.token;
        vault.update(|contents| {
            // The context may be another by now; then its session stays as it is.
            if let Some(context) = contents.context_mut(name)
                && context.token.expose() == token.expose()
            {
                context.session = Some(login.session.clone());
                context.account = account::renewed(&context.account, &login.account);
                context.verified_at = login.at.into();
            }
            Ok(())
        })
    }
}
