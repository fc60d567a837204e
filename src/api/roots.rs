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
    /// A certificate in binary.
    #[error("it is in DER, not in PEM (-----BEGIN CERTIFICATE-----)")]
    Der,
    /// PKCS#12 in binary.
    #[error("it is PKCS#12, not PEM (-----BEGIN CERTIFICATE-----)")]
    Pkcs12,
    /// PKCS#7, in binary or not.
    #[error("it is PKCS#7, not a list of certificates (-----BEGIN CERTIFICATE-----)")]
    Pkcs7 {
        /// Whether it is in PEM.
        pem: bool,
    },
    /// Something else in binary.
    #[error("it is neither PEM (-----BEGIN CERTIFICATE-----) nor a DER certificate")]
    Binary,
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
        "of the {there} certificate{} in it, {read} can be read: each has to begin and end on a line of its own, with nothing in front",
        if *.there == 1 { "" } else { "s" }
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
    read_as_it_is(&without_indent(pem))
}

/// Without a byte order mark, and without blanks that lines begin with.
fn without_indent(pem: &[u8]) -> Vec<u8> {
    let pem = pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem);
    if matches!(pem, [0x30, ..]) {
        return pem.to_owned();
    }
    let lines = pem.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.map(|line| {
        let blanks = line.iter().take_while(|byte| b" \t".contains(byte));
        &line[blanks.count()..]
    });
    lines.collect::<Vec<_>>().concat()
}

fn read_as_it_is(pem: &[u8]) -> Result<Vec<Certificate>, RootsError> {
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
    read_as_it_is(pem).map(drop)
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
    } else if text.contains("-----BEGIN PKCS7-----") || text.contains("-----BEGIN CMS-----") {
        RootsError::Pkcs7 { pem: true }
    } else if let [0x30, 0x80..=0x84, ..] = bytes {
        in_der(bytes)
    } else if bytes.contains(&0) {
        RootsError::Binary
    } else {
        RootsError::Empty
    }
}

/// What a SEQUENCE with a length in the long form is.
fn in_der(bytes: &[u8]) -> RootsError {
    let inside = bytes.get(2 + usize::from(bytes[1] & 0x7f)..);
    let inside = inside.unwrap_or_default();
    // The object identifier signedData, RFC 2315, and the version 3, RFC 7292 section 4.
    if inside.starts_with(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02") {
        RootsError::Pkcs7 { pem: false }
    } else if inside.starts_with(b"\x02\x01\x03\x30") {
        RootsError::Pkcs12
    } else {
        let der = CertificateDer::from(bytes);
        let is_certificate = RootCertStore::empty().add(der).is_ok();
        match is_certificate {
            true => RootsError::Der,
            false => RootsError::Binary,
        }
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
        let pkcs7 = b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0";
        let in_pem = b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n";
        for (bytes, error) in [
            (&made.cert.der()[..], RootsError::Der),
            (&made.cert.der()[..60], RootsError::Binary),
            (b"\x30\x82\x01\x00\x02\x01\x03\x30", RootsError::Pkcs12),
            (b"\xfe\xed\xfe\xed\0\0", RootsError::Binary),
            (pkcs7, RootsError::Pkcs7 { pem: false }),
            (in_pem, RootsError::Pkcs7 { pem: true }),
        ] {
            assert_eq!(read(bytes).expect_err("no PEM"), error);
        }
        let indented = good.replace("\n", "\n  ");
        for pem in [
            format!("\u{feff}{good}"),
            format!("  {indented}"),
            format!("\t{good}"),
        ] {
            assert_eq!(read(pem.as_bytes()).expect(&pem).len(), 1);
            let told = check_roots(pem.as_bytes()).expect_err(&pem).to_string();
            assert!(
                told.starts_with("of the 1 certificate in it, 0 can"),
                "{told}"
            );
        }
    }
}
