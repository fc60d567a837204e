//! Certificates that the user trusts besides the system's.

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Why certificates cannot be used. The caller knows which file they are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// Nothing, or white space alone.
    #[error("it is empty")]
    Nothing,
    /// Not one `-----BEGIN CERTIFICATE-----`.
    #[error("there is no PEM certificate in it (-----BEGIN CERTIFICATE-----)")]
    Empty,
    /// A certificate, or something else, in binary.
    #[error("it is in DER, not in PEM (-----BEGIN CERTIFICATE-----)")]
    Der,
    /// Private keys and no certificate.
    #[error("it holds a private key and no certificate")]
    PrivateKey,
    /// Certificates in OpenSSL's form of its own, with what they are trusted for.
    #[error("it has a TRUSTED CERTIFICATE, a form of OpenSSL's own")]
    Trusted,
    /// A certificate that does not end, or is not base64 inside.
    #[error("certificate number {number} in it is not well-formed PEM")]
    Malformed {
        /// Which one, counted from one.
        number: usize,
    },
    /// The content of a PEM block is no X.509 certificate.
    #[error("certificate number {number} in it is not an X.509 certificate")]
    NotACertificate {
        /// Which one, counted from one.
        number: usize,
    },
    /// Some begin or end within a line, so that a reader passes over them.
    #[error(
        "of the {there} certificates in it, {read} can be read: each has to begin and end on a line of its own"
    )]
    PassedOver {
        /// How many were read.
        read: usize,
        /// How many there are.
        there: usize,
    },
}

/// Reads all certificates in `pem`; text and PEM blocks of other kinds are passed over.
///
/// Checked here one by one, because what the HTTP client says of a bad one is neither
/// which it was nor that it was a certificate.
pub(super) fn read(pem: &[u8]) -> Result<Vec<Certificate>, RootsError> {
    let mut roots = Vec::new();
    let there = count(pem, "BEGIN CERTIFICATE").max(count(pem, "END CERTIFICATE"));
    let trusted = count(pem, "BEGIN TRUSTED CERTIFICATE");
    if there + trusted == 0 {
        return Err(without_certificates(pem));
    }
    for (index, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let number = index + 1;
        let der = der.map_err(|_| RootsError::Malformed { number })?;
        let bad = RootsError::NotACertificate { number };
        roots.push(Certificate::from_der(&der).map_err(|_| bad)?);
        RootCertStore::empty().add(der).map_err(|_| bad)?;
    }
    match roots.len() {
        _ if trusted > 0 => Err(RootsError::Trusted),
        read if read < there => Err(RootsError::PassedOver { read, there }),
        _ => Ok(roots),
    }
}

/// Whether every certificate in `pem` can be read, of a file that somebody else reads.
///
/// # Errors
/// When one cannot, or there is none.
pub fn check_roots(pem: &[u8]) -> Result<(), RootsError> {
    read(pem).map(drop)
}

/// How often the mark is there, on a line of its own or not.
fn count(pem: &[u8], mark: &str) -> usize {
    let mark = format!("-----{mark}-----");
    pem.windows(mark.len())
        .filter(|window| *window == mark.as_bytes())
        .count()
}

/// What a file without certificates is.
fn without_certificates(bytes: &[u8]) -> RootsError {
    let text = String::from_utf8_lossy(bytes);
    if text.trim().is_empty() {
        RootsError::Nothing
    } else if text.contains("PRIVATE KEY-----") {
        RootsError::PrivateKey
    } else if matches!(bytes, [0x30, 0x80..=0x84, ..]) {
        // A SEQUENCE with a length in the long form.
        RootsError::Der
    } else {
        RootsError::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_and_what_is_none_is_named() {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let good = made.cert.pem().replace("\r\n", "\n");
        let key = made.signing_key.serialize_pem();
        let not_one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, count) in [
            (format!("# two\n{good}{key}{good}"), 2),
            (format!("{good}some text between\n\n{good}"), 2),
            (good.replace('\n', "\r\n"), 1),
            (good.trim_end().to_owned(), 1),
            (
                format!("{good}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
                1,
            ),
        ] {
            assert_eq!(read(pem.as_bytes()).expect(&pem).len(), count);
        }
        let glued = format!("{}{good}", good.trim_end());
        let cut = &good[..good.len() / 2];
        for (pem, error) in [
            ("", RootsError::Nothing),
            (" \r\n", RootsError::Nothing),
            ("hello", RootsError::Empty),
            (key.as_str(), RootsError::PrivateKey),
            (cut, RootsError::Malformed { number: 1 }),
            (&format!("{good}{cut}"), RootsError::Malformed { number: 2 }),
            (
                "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                RootsError::Malformed { number: 1 },
            ),
            (not_one, RootsError::NotACertificate { number: 1 }),
            (
                &format!("{good}{not_one}"),
                RootsError::NotACertificate { number: 2 },
            ),
            (&glued, RootsError::PassedOver { read: 1, there: 2 }),
            (
                &format!("{glued}{good}"),
                RootsError::PassedOver { read: 2, there: 3 },
            ),
            (
                &format!("{}{good}", glued.trim_end()),
                RootsError::PassedOver { read: 1, there: 3 },
            ),
            (
                &format!("\u{feff}{good}{good}"),
                RootsError::PassedOver { read: 1, there: 2 },
            ),
            (
                &format!("{good}{}", &good[28..]),
                RootsError::PassedOver { read: 1, there: 2 },
            ),
            (&good.replace(" CERT", " TRUSTED CERT"), RootsError::Trusted),
            (
                &format!("{good}{}", good.replace(" CERT", " TRUSTED CERT")),
                RootsError::Trusted,
            ),
        ] {
            assert_eq!(read(pem.as_bytes()).expect_err(pem), error, "{pem}");
        }
        let der = read(made.cert.der()).expect_err("no PEM");
        assert_eq!(der, RootsError::Der);
    }
}
