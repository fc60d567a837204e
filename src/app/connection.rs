//! How the API is reached: certificates, retries, and what is told of it.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::error::{CertificatesError, Error};
use super::ui::{Notice, Step, Ui};
use crate::api::{self, Client, Event, Options, RootsError};
use crate::base_url::BaseUrl;
use crate::files::{StoreError, input};

/// More than any bundle of certificates, in bytes.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

/// What a client of the API is set up with.
#[derive(Clone)]
pub struct Connection {
    /// How often a request may be repeated.
    pub max_retries: u32,
    /// An extra certificate authority, in PEM.
    pub ca_cert: Option<PathBuf>,
    /// What stands in place of the system's certificate authorities.
    pub system_roots: SystemRoots,
    /// Who is told.
    pub ui: Rc<dyn Ui>,
    /// Whether it was told that the clocks differ, which is said once.
    pub told_of_clocks: Rc<Cell<bool>>,
}

/// Where the HTTP client looks for certificate authorities in place of the system's.
#[derive(Clone)]
pub struct SystemRoots {
    /// `SSL_CERT_FILE`
    pub file: Option<PathBuf>,
    /// Those of `SSL_CERT_DIR`.
    pub folders: Vec<PathBuf>,
}

impl Connection {
    /// A client for the API at `base_url`.
    ///
    /// # Errors
    /// When the extra certificate cannot be read or used.
    pub fn client(&self, base_url: BaseUrl) -> Result<Client, Error> {
        if !base_url.is_http() {
            self.check_system_roots();
        }
        let mut options = Options::new(base_url);
        options.max_retries = self.max_retries;
        if let Some(path) = &self.ca_cert {
            options.extra_roots_pem = Some(self.extra_roots(path)?);
        }
        Client::new(&options).map_err(|error| match (error, &self.ca_cert) {
            (api::Error::Roots(why), Some(path)) => {
                CertificatesError::Unusable(path.clone(), why).into()
            }
            (error, _) => Error::from(error),
        })
    }

    /// Tells, with `-v`, what happens on the wire; and that the clocks differ.
    pub fn observer(&self) -> impl FnMut(Event<'_>) {
        |event| match event {
            Event::ClocksDiffer {
                origin,
                server_ahead,
            } => {
                if !self.told_of_clocks.replace(true) {
                    self.ui.tell(&Notice::ClocksDiffer(origin, server_ahead));
                }
            }
            event => self.ui.detail(&Step::Wire(event)),
        }
    }

    fn extra_roots(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let mut file = input::open(path).map_err(CertificatesError::File)?;
        // Like anything else that decides where a token goes; but it may be in a checkout.
        if file.others_can_change() {
            self.ui.tell(&Notice::OthersCanChange(path));
        }
        let pem = file
            .read_at_most(MAX_PEM_BYTES)
            .map_err(|error| CertificatesError::Unreadable(path.to_owned(), error))?;
        Ok(pem.ok_or_else(|| CertificatesError::TooLarge(path.to_owned()))?)
    }

    /// Warns of what the client would pass over in silence.
    fn check_system_roots(&self) {
        let unread = |variable, path: &Path, why: &io::Error| {
            self.ui.tell(&Notice::RootsUnread(variable, path, why));
        };
        if let Some(path) = &self.system_roots.file
            && let Err(error) = self.check_roots_in(path, true)
        {
            unread("SSL_CERT_FILE", path, &error);
        }
        for path in &self.system_roots.folders {
            match std::fs::read_dir(path) {
                Ok(entries) => {
                    for entry in entries.flatten() {
                        // There may be anything else in a folder, such as another folder.
                        let _ = self.check_roots_in(&entry.path(), false);
                    }
                }
                Err(error) => unread("SSL_CERT_DIR", path, &error),
            }
        }
    }

    fn check_roots_in(&self, path: &Path, has_to_have_some: bool) -> io::Result<()> {
        let mut file = input::open(path).map_err(|error| match error {
            StoreError::Io { source, .. } => source,
            _ => io::Error::other("it is neither a file nor a pipe"),
        })?;
        let pem = file.read_at_most(MAX_PEM_BYTES)?;
        let Some(Err(why)) = pem.map(|pem| api::check_roots(&pem)) else {
            return Ok(());
        };
        let has_none = matches!(
            why,
            RootsError::Nothing | RootsError::Empty | RootsError::Binary | RootsError::PrivateKey
        );
        if has_to_have_some || !has_none {
            self.ui.tell(&Notice::RootsPassedOver(path, why));
        }
        Ok(())
    }
}
