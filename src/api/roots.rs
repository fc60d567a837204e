//! Certificates that the user trusts besides the system's.

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Why the extra roots cannot be used. The caller knows which file they are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// A PEM block that does not end, or is not base64 inside.
    #[error("the certificates are not well-formed PEM")]
    Malformed,
    /// Not one `-----BEGIN CERTIFICATE-----`: a key, a DER file, or something else.
    #[error("there is no PEM certificate in it (-----BEGIN CERTIFICATE-----)")]
    Empty,
    /// The content of a PEM block is no X.509 certificate.
    #[error("certificate number {number} in it is not an X.509 certificate")]
    NotACertificate {
        /// Which one, counted from one.
        number: usize,
    },
}

/// Reads all certificates in `pem`; other PEM blocks among them are passed over.
///
/// Checked here one by one, because what the HTTP client says of a bad one is neither
/// which it was nor that it was a certificate.
pub(super) fn read(pem: &[u8]) -> Result<Vec<Certificate>, RootsError> {
    let mut roots = Vec::new();
    for (index, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let der = der.map_err(|_| RootsError::Malformed)?;
        let bad = RootsError::NotACertificate { number: index + 1 };
        roots.push(Certificate::from_der(&der).map_err(|_| bad)?);
        RootCertStore::empty().add(der).map_err(|_| bad)?;
    }
    if roots.is_empty() {
        Err(RootsError::Empty)
    } else {
        Ok(roots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_and_what_is_none_is_named() {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let good = made.cert.pem();
        let key = made.signing_key.serialize_pem();
        let not_one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            read(format!("# two\n{good}{key}{good}").as_bytes())
                .expect("two")
                .len(),
            2
        );
        for (pem, error) in [
            ("", RootsError::Empty),
            ("hello", RootsError::Empty),
            (key.as_str(), RootsError::Empty),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", RootsError::Malformed),
            (
                "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                RootsError::Malformed,
            ),
            (not_one, RootsError::NotACertificate { number: 1 }),
            (
                &format!("{good}{not_one}"),
                RootsError::NotACertificate { number: 2 },
            ),
        ] {
            assert_eq!(read(pem.as_bytes()).expect_err(pem), error);
        }
    }
}
