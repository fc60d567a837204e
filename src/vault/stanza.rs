//! The `cldkctl-argon2id` stanza: how a vault's header says what its key is derived with.
//!
//! ```text
//! -> cldkctl-argon2id v1 <salt> <memory KiB> <iterations> <lanes>
//!
//! ```
//! The body is empty. Other implementations of age skip a stanza that they do not know, as
//! <https://c2sp.org/age#recipient-stanza> demands; the header's MAC covers it all the same.

use age_core::format::Stanza;

use super::kdf::{Cost, Kdf, Salt};

/// The stanza's type, its first word.
pub const TAG: &str = "cldkctl-argon2id";

/// The stanza's version, its first argument.
const VERSION: &str = "v1";

/// Why a header's derivation parameters cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StanzaError {
    /// More than one such stanza.
    #[error("its header has more than one {TAG} stanza")]
    Several,
    /// A version that this program does not know.
    #[error("its {TAG} stanza is of a newer version")]
    Newer,
    /// Not what the grammar says.
    #[error("its {TAG} stanza is malformed")]
    Malformed,
}

/// The stanza that says `kdf`.
#[must_use]
pub fn write(kdf: &Kdf) -> Stanza {
    let Cost {
        memory_kib,
        iterations,
        lanes,
    } = kdf.cost;
    Stanza {
        tag: TAG.to_owned(),
        args: vec![
            VERSION.to_owned(),
            kdf.salt.as_str().to_owned(),
            memory_kib.to_string(),
            iterations.to_string(),
            lanes.to_string(),
        ],
        body: Vec::new(),
    }
}

/// Finds the derivation parameters among a header's stanzas; `None` when there are none,
/// as in a vault for public keys alone.
///
/// # Errors
/// When there are several, or they are not what the grammar in `vault-format.md` says.
pub fn find(stanzas: &[Stanza]) -> Result<Option<Kdf>, StanzaError> {
    let mut found = stanzas.iter().filter(|stanza| stanza.tag == TAG);
    let Some(stanza) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(StanzaError::Several);
    }
    match stanza.args.first().map(String::as_str) {
        Some(VERSION) => read(stanza).map(Some),
        Some(other) if is_newer(other) => Err(StanzaError::Newer),
        _ => Err(StanzaError::Malformed),
    }
}

/// What the one stanza of a newer version would say in this version: a bit that flipped in its
/// version leaves the rest as it was.
#[must_use]
pub fn find_misnamed(stanzas: &[Stanza]) -> Option<Kdf> {
    match find(stanzas) {
        Err(StanzaError::Newer) => read(stanzas.iter().find(|stanza| stanza.tag == TAG)?).ok(),
        _ => None,
    }
}

/// Whether a version, such as `v2`, is above this one.
pub(super) fn is_newer(version: &str) -> bool {
    let number = version.strip_prefix('v').and_then(number);
    number.is_some_and(|number| number > 1)
}

/// Everything but the version.
fn read(stanza: &Stanza) -> Result<Kdf, StanzaError> {
    let [_, salt, memory, iterations, lanes] = &stanza.args[..] else {
        return Err(StanzaError::Malformed);
    };
    let read = || {
        let cost = Cost {
            memory_kib: number(memory)?,
            iterations: number(iterations)?,
            lanes: number(lanes)?,
        };
        let salt = Salt::parse(salt)?;
        (cost.is_valid() && stanza.body.is_empty()).then_some(Kdf { salt, cost })
    };
    read().ok_or(StanzaError::Malformed)
}

/// A decimal number in its one spelling: no sign, no leading zero, 1 to 2^32 - 1.
fn number(text: &str) -> Option<u32> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn stanza(args: &[&str]) -> Stanza {
        Stanza {
            tag: TAG.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let kdf = Kdf {
            salt: Salt::parse(SALT).expect("a salt"),
            cost: Cost::DEFAULT,
        };
        let written = write(&kdf);
        assert_eq!(written.args, ["v1", SALT, "262144", "3", "4"]);
        assert_eq!(find(&[written]), Ok(Some(kdf)));
    }

    #[test]
    fn a_header_without_parameters_is_fine_and_two_are_not() {
        let other = Stanza {
            tag: "X25519".to_owned(),
            args: vec![],
            body: vec![],
        };
        assert_eq!(find(&[other]), Ok(None));
        let one = || stanza(&["v1", SALT, "19456", "2", "1"]);
        assert_eq!(find(&[one(), one()]), Err(StanzaError::Several));
    }

    #[test]
    fn a_newer_version_is_told_apart_from_nonsense() {
        assert_eq!(
            find(&[stanza(&["v2", "whatever"])]),
            Err(StanzaError::Newer)
        );
        assert_eq!(find(&[stanza(&["v02"])]), Err(StanzaError::Malformed));
        assert_eq!(find(&[stanza(&["w1"])]), Err(StanzaError::Malformed));
        assert_eq!(find(&[stanza(&[])]), Err(StanzaError::Malformed));
    }

    #[test]
    fn only_the_one_spelling_is_accepted() {
        for args in [
            &["v1", SALT, "19456", "2"][..],
            &["v1", SALT, "19456", "2", "1", "0"],
            &["v1", "AAAAAAAAAAAAAAAAAAAAAB", "19456", "2", "1"],
            &["v1", SALT, "019456", "2", "1"],
            &["v1", SALT, "+19456", "2", "1"],
            &["v1", SALT, "-1", "2", "1"],
            &["v1", SALT, "many", "2", "1"],
            &["v1", SALT, "4294967296", "2", "1"],
            &["v1", SALT, "19456", "0", "1"],
            &["v1", SALT, "19456", "2", "0"],
            &["v1", SALT, "7", "2", "1"],
            &["v1", SALT, "4294967295", "2", "16777216"],
        ] {
            assert_eq!(
                find(&[stanza(args)]),
                Err(StanzaError::Malformed),
                "{args:?}"
            );
        }
        let mut with_body = stanza(&["v1", SALT, "19456", "2", "1"]);
        with_body.body = vec![0];
        assert_eq!(find(&[with_body]), Err(StanzaError::Malformed));
    }
}
