//! Why an identity file cannot be used.

use crate::prompt::PromptError;

/// Why an identity file cannot be used. Holds nothing of the file.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Neither an age identity file nor an SSH private key.
    #[error("it holds no age identity and no SSH private key")]
    NoIdentity,
    /// Bytes that are no text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// UTF-16, as PowerShell writes it.
    #[error("it is UTF-16 text")]
    Utf16,
    /// An SSH private key with something else before it.
    #[error("it holds an SSH private key with other lines before it")]
    SshNotFirst,
    /// An SSH private key in a file that is encrypted with a passphrase by age.
    #[error("it holds an SSH private key that age encrypted, which age does not use")]
    SshInAge,
    /// An age identity that is cut short or mistyped.
    #[error("an age identity in it is cut short or mistyped")]
    Mistyped,
    /// The public half of a key.
    #[error("it is a public key")]
    Public,
    /// An age file that is sealed to recipients, such as a vault.
    #[error("it is an age file that no passphrase opens")]
    SealedToRecipients,
    /// Hybrid post-quantum identities, and no others.
    #[error("it holds a post-quantum identity, and no vault is sealed to one")]
    PostQuantum,
    /// An SSH key of a type that age does not use.
    #[error("it is an SSH key of type {0}; age supports ed25519 and RSA")]
    UnsupportedSsh(String),
    /// A key in PKCS#8 that no SSH key has the type of.
    #[error("it is a private key of type {0}; age supports ed25519 and RSA")]
    UnsupportedType(String),
    /// The handle of a key that does not leave its device.
    #[error("it is the handle of a security key ({0}), which age does not support")]
    SecurityKey(String),
    /// An SSH key that is encrypted in a way that age does not read.
    #[error("it is encrypted with {0}, which age does not read")]
    Cipher(String),
    /// A PKCS#8 key with a passphrase.
    #[error("it is an encrypted PKCS#8 key, which age does not read")]
    EncryptedPkcs8,
    /// A key of another program; its format.
    #[error("it is a key in the format of {0}, which age does not read")]
    Foreign(&'static str),
    /// It has a passphrase, and there was no answer.
    #[error("it has a passphrase, and {0}")]
    Unanswered(PromptError),
    /// The answer does not decrypt it.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// It is cut short or damaged.
    #[error("it is cut short or damaged")]
    Damaged,
    /// A file with a passphrase that age does not decrypt.
    #[error("{0}")]
    Age(String),
}
