//! The protocol of docker's credential helpers, as `docker-credential-helpers` has it:
//! `credentials/credentials.go` of github.com/docker/docker-credential-helpers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::place::Kind;
use crate::secret::Secret;
use crate::vault::{Contents, Credential};

/// The name that docker looks for on the `PATH`: `docker-credential-` and [`HELPER`].
pub const PROGRAM: &str = "docker-credential-cldkctl";
/// What docker's settings call it.
pub const HELPER: &str = "cldkctl";

/// Clients know these by their words, and go on without a credential.
pub const NOT_FOUND: &str = "credentials not found in native keychain";
/// No server was named.
pub const NO_SERVER: &str = "no credentials server URL";
/// No user was named.
pub const NO_USERNAME: &str = "no credentials username";

/// What `store` is given.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Login {
    /// The registry, however the client spells it.
    #[serde(rename = "ServerURL", default)]
    pub server: String,
    /// Whose it is; `<token>` with an identity token.
    #[serde(default)]
    pub username: String,
    /// A password, or an identity token.
    pub secret: Secret,
}

impl Login {
    /// Reads it, as docker writes it.
    ///
    /// # Errors
    /// What to answer.
    pub fn parse(json: &[u8]) -> Result<Self, &'static str> {
        const NOT_JSON: &str =
            "this is not JSON with ServerURL, Username and a Secret of at most 1 MiB";
        let login: Self = serde_json::from_slice(json).map_err(|_| NOT_JSON)?;
        match (login.server.trim(), login.username.as_str()) {
            ("", _) => Err(NO_SERVER),
            (_, "") => Err(NO_USERNAME),
            _ => Ok(login),
        }
    }

    /// The credential to store.
    ///
    /// # Errors
    /// What to answer.
    pub fn credential(self, now: Timestamp) -> Result<Credential, &'static str> {
        let place = Kind::Docker.place(&self.server);
        let place = place.map_err(|_| "the server URL is not the address of a registry")?;
        if !Credential::is_username(&self.username) {
            return Err("the username is too long or has a control character");
        }
        let kind = Kind::Docker.name();
        Ok(Credential::new(
            kind,
            place,
            self.username,
            self.secret,
            now,
        ))
    }
}

/// The login at a registry that docker names; the last one, if several users have one.
#[must_use]
pub fn find<'a>(contents: &'a Contents, server: &str, now: Timestamp) -> Option<&'a Credential> {
    let place = Kind::Docker.place(server).ok()?;
    contents
        .credentials_of(Kind::Docker.name())
        .filter(|it| it.place == place && !it.has_expired(now))
        .max_by_key(|it| it.stored_at)
}

/// The answer to `get`.
#[must_use]
pub fn answer(server: &str, credential: &Credential) -> Zeroizing<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer<'a> {
        #[serde(rename = "ServerURL")]
        server: &'a str,
        username: &'a str,
        secret: &'a Secret,
    }
    let answer = Answer {
        server,
        username: &credential.username,
        secret: &credential.secret,
    };
    Zeroizing::new(serde_json::to_vec(&answer).expect("text is JSON"))
}

/// The answer to `list`: each registry with its user.
#[must_use]
pub fn list(contents: Option<&Contents>, now: Timestamp) -> serde_json::Value {
    let all = contents.map_or(&[][..], |contents| &contents.credentials);
    let mut logins: Vec<_> = all
        .iter()
        .filter(|it| it.kind == Kind::Docker.name() && !it.has_expired(now))
        .collect();
    // The last one counts.
    logins.sort_by_key(|it| it.stored_at);
    logins
        .iter()
        .map(|it| (it.place.clone(), it.username.clone()))
        .collect()
}
