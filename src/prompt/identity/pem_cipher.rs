//! A PEM key with a passphrase, as OpenSSL wrote them before PKCS#8: the key is one MD5 of the
//! passphrase (`EVP_BytesToKey`), which is why `ssh-keygen` no longer makes them.

use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// How such a key is encrypted: the value of its `DEK-Info`, RFC 1421 section 4.6.1.3.
pub(super) struct PemCipher {
    open: Open,
    iv: Vec<u8>,
}

/// Decrypts in place, with this passphrase and this IV.
type Open = fn(&str, &[u8], &mut [u8]) -> Option<usize>;

impl PemCipher {
    /// Reads `AES-128-CBC,0123…`; gives the name of a cipher that is not known.
    pub(super) fn parse(value: &str) -> Result<Self, &str> {
        let (name, iv) = value.split_once(',').unwrap_or((value, ""));
        let open: Open = match name.trim() {
            "AES-128-CBC" => open::<Decryptor<aes::Aes128>>,
            "AES-192-CBC" => open::<Decryptor<aes::Aes192>>,
            "AES-256-CBC" => open::<Decryptor<aes::Aes256>>,
            "DES-EDE3-CBC" => open::<Decryptor<des::TdesEde3>>,
            "DES-CBC" => open::<Decryptor<des::Des>>,
            name => return Err(name),
        };
        let digits = iv.trim().as_bytes().chunks(2);
        let byte = |digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let iv: Option<Vec<u8>> = digits.map(byte).collect();
        Ok(Self {
            open,
            iv: iv.unwrap_or_default(),
        })
    }

    /// Decrypts `bytes` in place; `None` if the passphrase is another.
    pub(super) fn decrypt<'a>(&self, passphrase: &str, bytes: &'a mut [u8]) -> Option<&'a [u8]> {
        let length = (self.open)(passphrase, &self.iv, bytes)?;
        bytes.get(..length)
    }
}

fn open<C: KeyIvInit + BlockDecryptMut>(
    passphrase: &str,
    iv: &[u8],
    bytes: &mut [u8],
) -> Option<usize> {
    let key = derive(passphrase, iv.get(..8)?, C::key_size());
    let cipher = C::new_from_slices(&key, iv).ok()?;
    let plain = cipher.decrypt_padded_mut::<Pkcs7>(bytes).ok()?;
    Some(plain.len())
}

/// `EVP_BytesToKey` with MD5 and one round.
fn derive(passphrase: &str, salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut block: Option<Zeroizing<[u8; 16]>> = None;
    while key.len() < length {
        let mut hash = Md5::new();
        if let Some(block) = block {
            hash.update(*block);
        }
        hash.update(passphrase);
        hash.update(salt);
        let next = Zeroizing::new(<[u8; 16]>::from(hash.finalize()));
        key.extend_from_slice(&*next);
        block = Some(next);
    }
    key.truncate(length);
    key
}
