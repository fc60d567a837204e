//! SSH keys that must not get to `age`: those on which its parser panics, and RSA keys that protect
//! nothing.
//!
//! Its reader of `mpint` (RFC 4251 section 5) skips the zeros in front, and panics where there is
//! nothing behind them. No key has such a number; whoever writes one writes it for that panic.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// As forgiving as a reader may be: what is no base64 at all is not for us to tell.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const RSA: &[u8] = b"ssh-rsa";
/// n, e, d, the inverse of q, p and q.
const PRIVATE_NUMBERS: usize = 6;
/// e and n.
const PUBLIC_NUMBERS: usize = 2;
/// The smallest modulus that age encrypts to.
const MIN_RSA_BITS: usize = 2048;

/// What is wrong with an RSA public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RsaFault {
    /// A number of nothing but zeros, on which age's parser panics.
    Zero,
    /// Fewer bits than age takes.
    Small,
    /// Anybody can decrypt with it: the exponent is 1 or even, or the modulus is even.
    Trivial,
}

/// What is wrong with the numbers of a public key, `ssh-rsa BASE64 …`. It cannot tell whether
/// somebody knows the factors of the modulus.
pub(crate) fn rsa_fault(line: &str) -> Option<RsaFault> {
    let words = line.strip_prefix("ssh-rsa ")?;
    // age reads as far as there is base64, and takes anything for a comment.
    let end = words.find(|c| !is_base64(c)).unwrap_or(words.len());
    let blob = BASE64.decode(&words[..end]).ok()?;
    if numbers_have_zero(&blob, PUBLIC_NUMBERS) {
        return Some(RsaFault::Zero);
    }
    let (RSA, rest) = string(&blob)? else {
        return None;
    };
    let (exponent, rest) = string(rest)?;
    let (modulus, _) = string(rest)?;
    let is_even = |number: &[u8]| number.last().is_none_or(|byte| byte % 2 == 0);
    if bits(modulus) < MIN_RSA_BITS {
        Some(RsaFault::Small)
    } else if is_even(exponent) || is_even(modulus) || bits(exponent) == 1 {
        Some(RsaFault::Trivial)
    } else {
        None
    }
}

/// The length of an `mpint`.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match &number[zeros..] {
        [] => 0,
        digits => digits.len() * 8 - digits[0].leading_zeros() as usize,
    }
}

/// Whether a private key in OpenSSH's format (PROTOCOL.key) has one in what is not encrypted.
pub(crate) fn private_has_zero(key: &[u8]) -> bool {
    parts(key).is_some_and(|(public, secret)| {
        numbers_have_zero(public, PUBLIC_NUMBERS)
            || (secret.get(8..)).is_some_and(|it| numbers_have_zero(it, PRIVATE_NUMBERS))
    })
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '/'
}

/// The public half, and the part with the secret numbers, behind the two that check a passphrase.
fn parts(blob: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = blob.strip_prefix(b"openssh-key-v1\0")?;
    for _ in ["cipher", "kdf", "options of the kdf"] {
        rest = string(rest)?.1;
    }
    let (_count, rest) = rest.split_first_chunk::<4>()?;
    let (public, rest) = string(rest)?;
    let (secret, _) = string(rest)?;
    Some((public, secret))
}

/// Whether one of the first `count` numbers of an RSA key is made of zeros alone.
fn numbers_have_zero(key: &[u8], count: usize) -> bool {
    let Some((RSA, mut rest)) = string(key) else {
        return false;
    };
    for _ in 0..count {
        let Some((number, after)) = string(rest) else {
            return false;
        };
        if !number.is_empty() && number.iter().all(|byte| *byte == 0) {
            return true;
        }
        rest = after;
    }
    false
}

/// A `string` of RFC 4251 section 5, and what follows.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
