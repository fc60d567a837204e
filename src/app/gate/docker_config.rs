//! The settings of docker, podman and skopeo: which registries they ask us about, and the
//! passwords that lie in them.

mod file;

pub use file::ConfigFile;

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use super::docker::HELPER;
use super::error::ConfigFault;
use super::json_text::{Member, members, outermost, remove, set};
use super::place::{DOCKER_HUB, Kind, PlaceError};
use crate::secret::Secret;

const HELPERS: &str = "credHelpers";
const STORE: &str = "credsStore";
const LOGINS: &str = "auths";

/// The settings, as text.
#[derive(Clone)]
pub struct DockerConfig(Zeroizing<String>);

/// A password that lies in the settings.
pub struct Plain {
    /// What it is listed under.
    pub server: String,
    /// Whose it is.
    pub username: String,
    /// The password, or an identity token.
    pub secret: Secret,
}

/// A helper that was asked before.
#[derive(Debug, PartialEq, Eq)]
pub struct Before {
    /// For which registry; all if it is none.
    pub server: Option<String>,
    /// Its name.
    pub helper: String,
}

/// The names under which clients look for the helper of a registry.
///
/// # Errors
/// When it is not a registry.
pub fn names_of(registry: &str) -> Result<Vec<String>, PlaceError> {
    let place = Kind::Docker.place(registry)?;
    Ok(match place.as_str() {
        // docker's name for it, and that of podman and skopeo.
        DOCKER_HUB => vec![DOCKER_HUB.to_owned(), "docker.io".to_owned()],
        place => vec![place.strip_prefix("http://").unwrap_or(place).to_owned()],
    })
}

impl DockerConfig {
    /// Reads settings; nothing at all is those of somebody who has none.
    ///
    /// # Errors
    /// When they are not JSON, or not of the form that docker gives them.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigFault> {
        let text = str::from_utf8(bytes)
            .map_err(|_| ConfigFault::NotJson("it is not UTF-8 text".to_owned()))?;
        if text.trim().is_empty() {
            return Ok(Self(Zeroizing::new("{}".to_owned())));
        }
        // What serde says could quote a password; the place alone does not.
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ConfigFault::NotJson(format!("it is not JSON at line {line}, column {column}"))
        })?;
        let whole = outermost(text);
        if !text[whole.clone()].starts_with('{') {
            return Err(ConfigFault::Shape("it is not a JSON object"));
        }
        let config = Self(Zeroizing::new(text.to_owned()));
        for name in [HELPERS, STORE, LOGINS] {
            if config.named(name).len() > 1 {
                return Err(ConfigFault::Twice(name));
            }
        }
        for name in [HELPERS, LOGINS] {
            let is_object = |it: &Member| config.0[it.value.clone()].starts_with('{');
            if !config.named(name).iter().all(is_object) {
                return Err(ConfigFault::Shape(match name {
                    HELPERS => "its credHelpers are not a JSON object",
                    _ => "its auths are not a JSON object",
                }));
            }
        }
        Ok(config)
    }

    /// The settings, to be written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        members(&self.0, &outermost(&self.0)).is_empty()
    }

    /// Whether we are asked about anything.
    #[must_use]
    pub fn asks_us(&self) -> bool {
        self.store().as_deref() == Some(HELPER)
            || self.helpers().iter().any(|(_, helper)| helper == HELPER)
    }

    /// Has clients ask us about these registries, or about all that have no helper of their
    /// own; says who was asked before.
    pub fn ask_us(&mut self, servers: &[String], all: bool) -> Vec<Before> {
        let mut before = Vec::new();
        let ours = format!("\"{HELPER}\"");
        if all {
            let helper = self.store();
            before.extend(helper.map(|helper| Before {
                server: None,
                helper,
            }));
            let whole = outermost(&self.0);
            let name = self.spelling(STORE);
            set(&mut self.0, &whole, 1, &name, &ours);
        }
        for server in servers {
            let old = self.helpers().into_iter().find(|(name, _)| name == server);
            before.extend(old.map(|(name, helper)| Before {
                server: Some(name),
                helper,
            }));
            let helpers = self.helpers_to_change();
            set(&mut self.0, &helpers, 2, server, &ours);
        }
        before.retain(|it| it.helper != HELPER);
        before
    }

    /// Has nobody ask us any more about these registries, or about anything if none is named;
    /// those that were asked before, as `old` settings have it, are asked again.
    pub fn ask_others(&mut self, old: Option<&Self>, servers: &[String]) {
        let old_helpers = old.map(Self::helpers).unwrap_or_default();
        let whole_before = old.is_some_and(|old| !old.named(HELPERS).is_empty());
        for (server, helper) in self.helpers() {
            if helper != HELPER || !servers.is_empty() && !servers.contains(&server) {
                continue;
            }
            let helpers = self.helpers_to_change();
            match old_helpers.iter().find(|(name, _)| *name == server) {
                Some((_, helper)) if helper != HELPER => {
                    let helper = serde_json::Value::from(helper.as_str()).to_string();
                    set(&mut self.0, &helpers, 2, &server, &helper);
                }
                _ => drop(remove(&mut self.0, &helpers, &server)),
            }
        }
        let whole = outermost(&self.0);
        if self.helpers().is_empty() && !whole_before {
            let name = self.spelling(HELPERS);
            remove(&mut self.0, &whole, &name);
        }
        if servers.is_empty() && self.store().as_deref() == Some(HELPER) {
            let whole = outermost(&self.0);
            let name = self.spelling(STORE);
            match old.and_then(Self::store).filter(|helper| helper != HELPER) {
                Some(helper) => {
                    let helper = serde_json::Value::from(helper).to_string();
                    set(&mut self.0, &whole, 1, &name, &helper);
                }
                None => drop(remove(&mut self.0, &whole, &name)),
            }
        }
    }

    /// Whether they say the same, however they are written.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let value = |it: &Self| serde_json::from_str::<serde_json::Value>(&it.0).ok();
        value(self) == value(other)
    }

    /// The passwords that lie in the settings, of the registries that we are asked about.
    #[must_use]
    pub fn passwords(&self) -> Vec<Plain> {
        self.logins()
            .iter()
            .filter(|it| self.is_ours(&it.name))
            .filter_map(|login| {
                let text = &self.0[login.value.clone()];
                let (username, secret) = password_in(text)?;
                let server = login.name.clone();
                Some(Plain {
                    server,
                    username,
                    secret,
                })
            })
            .collect()
    }

    /// Takes the password of a login out of the settings; the rest of the login stays.
    pub fn forget_password(&mut self, server: &str) {
        for name in ["auth", "identitytoken", "username", "password"] {
            // Each removal moves what follows.
            while let Some(login) = self.logins().into_iter().find(|it| {
                let inner = members(&self.0, &it.value);
                it.name == server && inner.iter().any(|it| it.name.eq_ignore_ascii_case(name))
            }) {
                let inner = members(&self.0, &login.value);
                let found = inner.iter().find(|it| it.name.eq_ignore_ascii_case(name));
                let found = found.map(|it| it.name.clone()).unwrap_or_default();
                remove(&mut self.0, &login.value, &found);
            }
        }
    }

    /// Whether clients ask us about a login.
    fn is_ours(&self, server: &str) -> bool {
        let names = names_of(server).unwrap_or_default();
        let helpers = self.helpers();
        match helpers.iter().find(|(name, _)| names.contains(name)) {
            Some((_, helper)) => helper == HELPER,
            None => self.store().as_deref() == Some(HELPER),
        }
    }

    /// The outermost members of that name, which docker reads in any case.
    fn named(&self, name: &str) -> Vec<Member> {
        let mut all = members(&self.0, &outermost(&self.0));
        all.retain(|it| it.name.eq_ignore_ascii_case(name));
        all
    }

    fn spelling(&self, name: &str) -> String {
        let found = self.named(name).into_iter().next();
        found.map_or_else(|| name.to_owned(), |it| it.name)
    }

    fn logins(&self) -> Vec<Member> {
        let logins = self.named(LOGINS).into_iter().next();
        logins.map_or_else(Vec::new, |it| members(&self.0, &it.value))
    }

    fn text_of(&self, value: &Range<usize>) -> Option<String> {
        serde_json::from_str(&self.0[value.clone()]).ok()
    }

    fn store(&self) -> Option<String> {
        let store = self.named(STORE).into_iter().next()?;
        self.text_of(&store.value).filter(|it| !it.is_empty())
    }

    fn helpers(&self) -> Vec<(String, String)> {
        let helpers = self.named(HELPERS).into_iter().next();
        let all = helpers.map_or_else(Vec::new, |it| members(&self.0, &it.value));
        let named = |it: Member| Some((it.name.clone(), self.text_of(&it.value)?));
        all.into_iter().filter_map(named).collect()
    }

    /// Where the helpers stand; an empty object is put there if there are none.
    fn helpers_to_change(&mut self) -> Range<usize> {
        if self.named(HELPERS).is_empty() {
            let whole = outermost(&self.0);
            set(&mut self.0, &whole, 1, HELPERS, "{}");
        }
        let helpers = self.named(HELPERS).into_iter().next();
        helpers.expect("it is there by now").value
    }
}

/// User and password of a login, as docker reads them; `None` if there is nothing to take.
fn password_in(login: &str) -> Option<(String, Secret)> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(login).ok()?;
    let text = |name: &str| {
        let found = fields.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found
            .and_then(|(_, value)| value.as_str())
            .filter(|it| !it.is_empty())
    };
    if let Some(token) = text("identitytoken") {
        return Some(("<token>".to_owned(), Secret::new(token)?));
    }
    if let Some(encoded) = text("auth") {
        let encoded = encoded.trim();
        let bytes = STANDARD.decode(encoded);
        let bytes = bytes.or_else(|_| STANDARD_NO_PAD.decode(encoded)).ok()?;
        let pair = Zeroizing::new(String::from_utf8(bytes).ok()?);
        let (username, password) = pair.split_once(':')?;
        let secret = Secret::new(password.trim_matches('\0'))?;
        return (!username.is_empty()).then(|| (username.to_owned(), secret));
    }
    let (username, password) = (text("username")?, text("password")?);
    Some((username.to_owned(), Secret::new(password)?))
}

#[cfg(test)]
mod tests;
