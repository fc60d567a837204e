//! Where a credential belongs, in the one spelling of `vault-format.md`, section 7.6, so that
//! it is found however a program spells it, and never for another host.

use std::net::Ipv6Addr;

/// The longest place, in characters.
const MAX_CHARACTERS: usize = 2048;

/// What docker calls Docker Hub.
pub const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// The hosts of Docker Hub: clients name any of them.
const DOCKER_HUB_HOSTS: [&str; 3] = ["index.docker.io", "docker.io", "registry-1.docker.io"];

/// A kind of credential that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Registries of container images.
    Docker,
    /// Git servers.
    Git,
    /// Kubernetes clusters.
    Kube,
    /// S3 and what else signs as AWS does.
    Aws,
}

/// Why a text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Nothing is left of it.
    #[error("it is empty")]
    Empty,
    /// It is longer than 2,048 characters.
    #[error("it is longer than 2,048 characters")]
    TooLong,
    /// A control character, a blank or a backslash.
    #[error("it has a blank, a control character or a backslash")]
    Characters,
    /// A scheme that this kind does not have.
    #[error("it begins with a scheme that has no place here")]
    Scheme,
    /// A user name or a password.
    #[error("it has a user name in it")]
    UserInfo,
    /// A query or a fragment.
    #[error("it has a query or a fragment")]
    Query,
    /// No host, or not the name or address of one.
    #[error("it has no host")]
    Host,
    /// Not a port.
    #[error("its port is not one of 1 to 65535")]
    Port,
}

impl Kind {
    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Docker, Self::Git, Self::Kube, Self::Aws]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// What the vault calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Git => "git",
            Self::Kube => "kube",
            Self::Aws => "aws",
        }
    }

    /// The place that a person or a program names.
    ///
    /// # Errors
    /// When it is not one of this kind.
    pub fn place(self, text: &str) -> Result<String, PlaceError> {
        let parts = Parts::read(text)?;
        match self {
            Self::Docker => parts.docker(),
            Self::Git => Ok(parts.url()),
            Self::Kube | Self::Aws => match parts.scheme.as_str() {
                "https" | "http" => Ok(parts.url()),
                _ => Err(PlaceError::Scheme),
            },
        }
    }
}

/// A place taken apart.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) scheme: String,
    host: String,
    port: Option<u16>,
    /// Without slashes at its ends.
    pub(super) path: String,
}

impl Parts {
    /// Takes a URL apart; one without a scheme is of https.
    pub(super) fn read(text: &str) -> Result<Self, PlaceError> {
        let text = text.trim();
        if text.contains(['?', '#']) {
            return Err(PlaceError::Query);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(PlaceError::UserInfo);
        }
        if text.is_empty() {
            return Err(PlaceError::Empty);
        }
        Self::of(scheme, authority, path)
    }

    /// Puts a place together; `authority` is a host and perhaps a port, and nothing else.
    pub(super) fn of(scheme: &str, authority: &str, path: &str) -> Result<Self, PlaceError> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if authority.contains(odd) || path.contains(|c: char| c.is_control() || c == '\\') {
            return Err(PlaceError::Characters);
        }
        let mut letters = scheme.bytes();
        let is_scheme = letters.next().is_some_and(|it| it.is_ascii_alphabetic())
            && letters.all(|it| it.is_ascii_alphanumeric() || b"+.-".contains(&it));
        if !is_scheme {
            return Err(PlaceError::Scheme);
        }
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = host_and_port(authority)?;
        let own = match scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        let parts = Self {
            scheme,
            host,
            port: port.filter(|port| Some(*port) != own),
            path: path.trim_matches('/').to_owned(),
        };
        if parts.url().chars().count() > MAX_CHARACTERS {
            return Err(PlaceError::TooLong);
        }
        Ok(parts)
    }

    /// `scheme://host[:port]`
    pub(super) fn server(&self) -> String {
        format!("{}://{}", self.scheme, self.authority())
    }

    fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// `scheme://host[:port][/path]`
    pub(super) fn url(&self) -> String {
        match self.path.as_str() {
            "" => self.server(),
            path => format!("{}/{path}", self.server()),
        }
    }

    /// `host[:port][/path]`. The path of the registry's API belongs to the host.
    fn docker(mut self) -> Result<String, PlaceError> {
        let is_api = ["v1", "v2"].contains(&self.path.as_str());
        let is_hub = DOCKER_HUB_HOSTS.contains(&self.host.as_str()) && self.port.is_none();
        match self.scheme.as_str() {
            "https" if is_hub && (is_api || self.path.is_empty()) => return Ok(DOCKER_HUB.into()),
            // Such as docker's own tokens, `https://index.docker.io/v1/access-token`.
            "https" if is_hub => return Ok(format!("https://index.docker.io/{}", self.path)),
            "https" | "http" => {}
            _ => return Err(PlaceError::Scheme),
        }
        if is_api {
            self.path.clear();
        }
        let url = self.url();
        Ok(url.strip_prefix("https://").unwrap_or(&url).to_owned())
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), PlaceError> {
    if let Ok(address) = authority.parse::<Ipv6Addr>() {
        return Ok((format!("[{address}]"), None));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(PlaceError::Host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| PlaceError::Host)?;
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':').ok_or(PlaceError::Port)?),
            };
            (format!("[{address}]"), port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (authority.to_ascii_lowercase(), None),
        },
    };
    let odd = |c: char| "/?#@:<>\"'%^`{}|[]\\".contains(c);
    if host.is_empty() || !host.starts_with('[') && host.contains(odd) {
        return Err(PlaceError::Host);
    }
    let port = match port {
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => match text.parse() {
            Ok(port @ 1..) => Some(port),
            _ => return Err(PlaceError::Port),
        },
        Some(_) => return Err(PlaceError::Port),
        None => None,
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests;
