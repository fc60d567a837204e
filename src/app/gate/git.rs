//! The protocol of git's credential helpers, git-credential(7) and gitcredentials(7).
//!
//! A credential belongs to a server and perhaps a prefix of its paths. git names a path only
//! where `credential.useHttpPath` is set.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::error::{GateError, GitFault};
use super::place::{Kind, Parts, PlaceError};
use crate::secret::Secret;
use crate::vault::{Contents, Credential};

/// What git asks about, and what it knows.
#[derive(Debug, Default)]
pub struct Request {
    protocol: Option<String>,
    host: Option<String>,
    path: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_at: Option<Timestamp>,
}

impl Request {
    /// Reads what git writes: `name=value` lines, up to an empty one or the end.
    ///
    /// # Errors
    /// When it has bytes that would mean another line to somebody else (CVE-2020-5260,
    /// CVE-2024-52006), or is not of that form.
    pub fn parse(bytes: &[u8]) -> Result<Self, GitFault> {
        if bytes.contains(&0) || bytes.contains(&b'\r') {
            return Err(GitFault::Controls);
        }
        let text = str::from_utf8(bytes).map_err(|_| GitFault::NotText)?;
        let mut request = Self::default();
        for line in text.split('\n') {
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once('=').ok_or(GitFault::Line)?;
            request.take(name, value)?;
        }
        Ok(request)
    }

    /// Attributes of another name, such as `capability[]` and `wwwauth[]`, are not for us.
    fn take(&mut self, name: &str, value: &str) -> Result<(), GitFault> {
        let text = || Some(value.to_owned());
        let secret = || Secret::new(value).map(Some).ok_or(GitFault::TooLong);
        match name {
            "protocol" => self.protocol = text(),
            "host" => self.host = text(),
            "path" => self.path = text(),
            "username" => self.username = text(),
            "password" => self.password = secret()?,
            "oauth_refresh_token" => self.refresh_token = secret()?,
            "password_expiry_utc" => {
                let second = value.parse().ok();
                self.expires_at = second.and_then(|it| Timestamp::from_second(it).ok());
            }
            "url" => self.take_url(value)?,
            _ => {}
        }
        Ok(())
    }

    /// A URL stands for the attributes that it is made of; those it has not are unset.
    fn take_url(&mut self, url: &str) -> Result<(), GitFault> {
        let (protocol, rest) = url.split_once("://").ok_or(GitFault::Url)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        self.protocol = Some(protocol.to_owned());
        self.host = Some(decoded(host)?);
        let path = decoded(path)?;
        self.path = (!path.is_empty()).then_some(path);
        (self.username, self.password) = (None, None);
        if let Some(user) = user {
            let (name, password) = user
                .split_once(':')
                .map_or((user, None), |(name, password)| (name, Some(password)));
            self.username = Some(decoded(name)?);
            if let Some(password) = password {
                self.password = Secret::new(&Zeroizing::new(decoded(password)?));
            }
        }
        Ok(())
    }

    /// The server and path; `None` for what has no host, such as a client certificate.
    ///
    /// # Errors
    /// When there is no protocol or no host, which could stand for any (CVE-2020-11008), or
    /// not one that is.
    fn parts(&self) -> Result<Option<Parts>, GateError> {
        let (Some(protocol), Some(host)) = (&self.protocol, &self.host) else {
            return Err(GateError::Git(GitFault::Missing));
        };
        if host.is_empty() {
            return Ok(None);
        }
        if protocol.is_empty() {
            return Err(GateError::Git(GitFault::Missing));
        }
        // With these in it, it would be more than a host.
        if host.contains(['/', '?', '#', '@']) {
            return Err(GateError::Place(PlaceError::Host));
        }
        let path = self.path.as_deref().unwrap_or_default();
        let parts = Parts::of(protocol, host, path).map_err(GateError::Place)?;
        Ok(Some(parts))
    }

    /// The credential to answer with: of the longest path, and of those the last stored.
    ///
    /// # Errors
    /// When git asks about nothing, or its protocol cannot carry the answer.
    pub fn find<'a>(
        &self,
        contents: &'a Contents,
        now: Timestamp,
    ) -> Result<Option<&'a Credential>, GateError> {
        let Some(parts) = self.parts()? else {
            return Ok(None);
        };
        let is_of_user = |it: &&Credential| {
            let asked = self.username.as_ref();
            asked.is_none_or(|name| *name == it.username)
        };
        let found = contents
            .credentials_of(Kind::Git.name())
            .filter(is_of_user)
            .filter(|it| covers(&it.place, &parts))
            // git renews one that is over, if it can.
            .filter(|it| !it.has_expired(now) || it.second_secret.is_some())
            .max_by_key(|it| (it.place.len(), it.stored_at));
        if let Some(found) = found {
            let second = found.second_secret.iter();
            for secret in second.chain([&found.secret]) {
                check_carried(secret.expose())?;
            }
        }
        Ok(found)
    }

    /// The credential that git tells us to store; `None` where there is nothing to be stored.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn credential(self, now: Timestamp) -> Result<Option<Credential>, GateError> {
        let Some(parts) = self.parts()? else {
            return Ok(None);
        };
        let (Some(username), Some(password)) = (self.username, self.password) else {
            return Ok(None);
        };
        if !Credential::is_username(&username) {
            return Err(GateError::Username);
        }
        let kind = Kind::Git.name();
        let mut credential = Credential::new(kind, parts.url(), username, password, now);
        credential.second_secret = self.refresh_token;
        credential.expires_at = self.expires_at.map(Into::into);
        Ok(Some(credential))
    }

    /// Whether git means this credential when it tells us to forget: exactly its place, its
    /// user and its password, as far as they are given.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn erases(&self) -> Result<impl Fn(&Credential) -> bool + '_, GateError> {
        let place = self.parts()?.map(|parts| parts.url());
        Ok(move |it: &Credential| {
            let same_user = self
                .username
                .as_ref()
                .is_none_or(|name| *name == it.username);
            let same_password = self.password.as_ref().is_none_or(|one| *one == it.secret);
            it.kind == Kind::Git.name()
                && Some(&it.place) == place.as_ref()
                && same_user
                && same_password
        })
    }
}

/// What git's protocol can carry: no line end and no zero byte. git refuses a carriage return.
///
/// # Errors
/// When it has one.
pub fn check_carried(secret: &str) -> Result<(), GateError> {
    match secret.contains(['\n', '\r', '\0']) {
        true => Err(GateError::SecretNotCarried("git")),
        false => Ok(()),
    }
}

/// The answer to `get`.
#[must_use]
pub fn answer(credential: &Credential, now: Timestamp) -> Zeroizing<String> {
    let mut answer = Zeroizing::new(String::new());
    let mut line = |name: &str, value: &str| {
        for part in [name, "=", value, "\n"] {
            answer.push_str(part);
        }
    };
    line("username", &credential.username);
    if !credential.has_expired(now) {
        line("password", credential.secret.expose());
    }
    if let Some(end) = credential.expires_at {
        line(
            "password_expiry_utc",
            &end.timestamp().as_second().to_string(),
        );
    }
    if let Some(second) = &credential.second_secret {
        line("oauth_refresh_token", second.expose());
    }
    answer
}

/// Whether a credential for `place` is one for what git asks about: the same server, and the
/// same path or one above it.
fn covers(place: &str, asked: &Parts) -> bool {
    let Some(prefix) = place.strip_prefix(&asked.server()) else {
        return false;
    };
    let path = asked.path.as_str();
    match prefix.strip_prefix('/') {
        None => prefix.is_empty(),
        Some(prefix) if prefix == path => true,
        // A server may take such a path for one beside the prefix.
        Some(_) if path.split('/').any(goes_elsewhere) => false,
        Some(prefix) => path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('/')),
    }
}

fn goes_elsewhere(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..") || plain.contains("%2f") || plain.contains("%5c")
}

/// Takes back what stands for one byte in a URL.
fn decoded(text: &str) -> Result<String, GitFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(mut byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = digit().zip(digit()).ok_or(GitFault::Url)?;
            byte = u8::try_from(high * 16 + low).map_err(|_| GitFault::Url)?;
        }
        if matches!(byte, 0 | b'\n' | b'\r') {
            return Err(GitFault::Controls);
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| GitFault::NotText)
}

#[cfg(test)]
mod tests;
