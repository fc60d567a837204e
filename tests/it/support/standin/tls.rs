//! TLS for the stand-in, with a CA made on the fly that nobody trusts unless told to.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::wire::Stream;

/// What kind of certificate the server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For 127.0.0.1 and localhost, of the stand-in's CA.
    Good,
    /// Of the stand-in's CA, but for another name.
    OtherName,
    /// Good until 2001.
    Expired,
    /// Good from 2100 on.
    NotYetValid,
    /// For 127.0.0.1 and localhost, of no CA at all.
    SelfSigned,
    /// The same, and a CA's: its own CA, as `openssl req -x509` makes it.
    OfItself,
}

#[derive(Clone)]
pub(super) struct Tls {
    pub(super) ca_pem: String,
    config: Arc<ServerConfig>,
}

impl Tls {
    pub(super) fn new(kind: Certificate) -> Self {
        let ca = authority();
        let key = KeyPair::generate().expect("a key");
        let names: &[&str] = match kind {
            Certificate::OtherName => &["cloudeka.example"],
            _ => &["127.0.0.1", "localhost"],
        };
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut leaf = CertificateParams::new(names).expect("names of a certificate");
        leaf.distinguished_name
            .push(DnType::CommonName, "Cloudeka stand-in");
        if kind == Certificate::Expired {
            leaf.not_before = rcgen::date_time_ymd(2000, 1, 1);
            leaf.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        if kind == Certificate::NotYetValid {
            leaf.not_before = rcgen::date_time_ymd(2100, 1, 1);
            leaf.not_after = rcgen::date_time_ymd(2101, 1, 1);
        }
        if kind == Certificate::OfItself {
            leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = match kind {
            Certificate::SelfSigned | Certificate::OfItself => leaf.self_signed(&key),
            _ => leaf.signed_by(&key, &ca),
        }
        .expect("a certificate");

        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("ring knows TLS")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key is the certificate's");
        Self {
            ca_pem: match kind {
                Certificate::OfItself => certificate.pem(),
                _ => ca.pem(),
            },
            config: Arc::new(config),
        }
    }

    /// Shakes hands.
    pub(super) fn accept(&self, mut tcp: TcpStream) -> io::Result<impl Stream + use<>> {
        let mut tls = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(tls, tcp))
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn close(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.conn.complete_io(&mut self.sock).map(|_| ())
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name
        .push(DnType::CommonName, "Cloudeka stand-in CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(ca, KeyPair::generate().expect("a key")).expect("a CA")
}
