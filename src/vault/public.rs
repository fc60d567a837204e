//! Recipients besides the passphrase's: the public keys that age can encrypt to.
//!
//! | text | kind | opened with |
//! | --- | --- | --- |
//! | `age1…` | X25519 | an age identity file |
//! | `ssh-ed25519 …`, `ssh-rsa …` | SSH | the SSH private key |
//! | `age1tag1…` | tagged P-256 | a hardware key, through its plugin |
//! | `age1NAME1…` | plugin | what `age-plugin-NAME` makes of it |
//!
//! Hybrid post-quantum recipients (`age1pq1…`, `age1tagpq1…`) are none of them: age refuses to
//! mix those with any other kind, and the passphrase's is X25519 (`vault-format.md`, section 10).

use std::fmt;
use std::str::FromStr;

use age::ssh::{self, ParseRecipientKeyError};
use age::{Callbacks, Recipient, plugin, tag, x25519};
use curve25519_dalek::MontgomeryPoint;

use super::plugin::{PluginError, PluginRecipient};
use super::ssh_key::{self, RsaFault};

/// A public key that a vault can be sealed to. Its `Display` is the one spelling that is
/// stored and compared: an SSH key comes without its comment.
#[derive(Clone)]
pub enum PublicRecipient {
    /// age's own.
    X25519(x25519::Recipient),
    /// age's own for hardware keys.
    Tag(Box<tag::Recipient>),
    /// An SSH public key.
    Ssh(ssh::Recipient),
    /// Something that a plugin encrypts to.
    Plugin(plugin::Recipient),
}

/// Why a text is no recipient. Holds nothing of the text: it may be a secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicRecipientError {
    /// A secret key stands where a public one belongs.
    #[error("this is a secret key, and a vault is sealed to public ones")]
    Secret,
    /// A hybrid post-quantum recipient.
    #[error("post-quantum recipients cannot be mixed with others, so a vault has none")]
    PostQuantum,
    /// An SSH key with fewer than 2,048 bits.
    #[error("an RSA key must have 2,048 to 4,096 bits")]
    RsaSmall,
    /// An SSH key with more than 4,096 bits.
    #[error("an RSA key must have 2,048 to 4,096 bits")]
    RsaLarge,
    /// A point of low order, or an RSA key that anybody can decrypt with.
    #[error("this key protects nothing: anybody could open what is encrypted to it")]
    Worthless,
    /// ECDSA, DSA, or a security key's.
    #[error("age encrypts to no SSH key of this type; ssh-ed25519 and ssh-rsa work")]
    UnsupportedSsh,
    /// An SSH key that is cut short or mistyped.
    #[error("this SSH public key is damaged")]
    DamagedSsh,
    /// Several lines, or control characters.
    #[error("a recipient is one line of text")]
    Characters,
    /// Anything else.
    #[error("this is neither an age recipient (age1…) nor an SSH public key")]
    Unknown,
}

impl FromStr for PublicRecipient {
    type Err = PublicRecipientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use PublicRecipientError as Error;

        let text = text.trim();
        let upper = text.get(..32).unwrap_or(text).to_ascii_uppercase();
        if upper.starts_with("AGE-SECRET-KEY-")
            || upper.starts_with("AGE-PLUGIN-")
            || upper.contains("PRIVATE KEY")
        {
            return Err(Error::Secret);
        }
        if text.contains(char::is_control) {
            return Err(Error::Characters);
        }
        // Before the plugins, which these look like to whoever does not know them.
        if text.starts_with("age1pq1") || text.starts_with("age1tagpq1") {
            return Err(Error::PostQuantum);
        }
        if let Ok(recipient) = text.parse() {
            return check_x25519(&recipient).map(|()| Self::X25519(recipient));
        }
        if text.starts_with("age1tag1") {
            let recipient = text.parse().map_err(|_| Error::Unknown)?;
            return Ok(Self::Tag(Box::new(recipient)));
        }
        if text.starts_with("age1") {
            return text.parse().map(Self::Plugin).map_err(|_| Error::Unknown);
        }
        match ssh_key::rsa_fault(text) {
            Some(RsaFault::Zero) => return Err(Error::DamagedSsh),
            Some(RsaFault::Small) => return Err(Error::RsaSmall),
            Some(RsaFault::Trivial) => return Err(Error::Worthless),
            None => {}
        }
        match text.parse() {
            Ok(ssh::Recipient::SshEd25519(_, point)) if point.is_small_order() => {
                Err(Error::Worthless)
            }
            Ok(recipient) => Ok(Self::Ssh(recipient)),
            Err(ParseRecipientKeyError::RsaModulusTooLarge) => Err(Error::RsaLarge),
            // age says of these that it does not know their type.
            Err(_) if text.starts_with("ssh-ed25519 ") || text.starts_with("ssh-rsa ") => {
                Err(Error::DamagedSsh)
            }
            Err(ParseRecipientKeyError::Unsupported(_)) => Err(Error::UnsupportedSsh),
            Err(_)
                if ["ssh-", "ecdsa-", "sk-"]
                    .iter()
                    .any(|it| text.starts_with(it)) =>
            {
                Err(Error::UnsupportedSsh)
            }
            Err(_) => Err(Error::Unknown),
        }
    }
}

/// Refuses the points that age would take: those of low order, with which every shared secret is
/// zero, and those in another spelling than an identity's own, which no identity opens.
fn check_x25519(recipient: &x25519::Recipient) -> Result<(), PublicRecipientError> {
    let text = recipient.to_string();
    let (_, bytes) = bech32::decode(&text).expect("age wrote it");
    let point = MontgomeryPoint(bytes.try_into().expect("age read 32 bytes"));
    let times = |bits: &[bool]| point.mul_bits_be(bits.iter().copied()).to_bytes();
    if times(&[true, false, false, false]) == [0; 32] {
        return Err(PublicRecipientError::Worthless);
    }
    if times(&[true]) != point.to_bytes() {
        return Err(PublicRecipientError::Unknown);
    }
    Ok(())
}

/// Whether `text` is a public key that anybody can decrypt with. What is no recipient at all is
/// not: nothing is sealed to it.
pub(super) fn protects_nothing(text: &str) -> bool {
    matches!(
        text.parse::<PublicRecipient>(),
        Err(PublicRecipientError::Worthless | PublicRecipientError::RsaSmall)
    )
}

impl fmt::Display for PublicRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X25519(recipient) => recipient.fmt(f),
            Self::Tag(recipient) => recipient.fmt(f),
            Self::Ssh(recipient) => recipient.fmt(f),
            Self::Plugin(recipient) => recipient.fmt(f),
        }
    }
}

impl PublicRecipient {
    /// The kind, in a word or two.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::X25519(_) => "X25519".to_owned(),
            Self::Tag(_) => "tag".to_owned(),
            Self::Ssh(ssh::Recipient::SshRsa(..)) => "ssh-rsa".to_owned(),
            Self::Ssh(ssh::Recipient::SshEd25519(..)) => "ssh-ed25519".to_owned(),
            Self::Plugin(recipient) => format!("plugin {}", recipient.plugin()),
        }
    }
}

/// Finds the plugin of a recipient, if it needs one. Does not start it.
///
/// # Errors
/// When its binary is not on the `PATH`.
pub fn find_plugin(recipient: &PublicRecipient) -> Result<(), PluginError> {
    match recipient {
        PublicRecipient::Plugin(recipient) => {
            PluginRecipient::new(recipient.plugin(), &[], age::NoCallbacks).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// What age encrypts to for all of `recipients`, in their order but for those of plugins,
/// which come last: one run of a plugin serves all of its recipients, as with `age` itself.
///
/// `callbacks` are what a plugin that has a question is answered by.
///
/// # Errors
/// When the binary of a plugin is not on the `PATH`.
pub(super) fn to_age(
    recipients: Vec<PublicRecipient>,
    callbacks: &impl Callbacks,
) -> Result<Vec<Box<dyn Recipient>>, PluginError> {
    let mut ready: Vec<Box<dyn Recipient>> = Vec::new();
    let mut plugins = Vec::new();
    for recipient in recipients {
        match recipient {
            PublicRecipient::X25519(recipient) => ready.push(Box::new(recipient)),
            PublicRecipient::Tag(recipient) => ready.push(recipient),
            PublicRecipient::Ssh(recipient) => ready.push(Box::new(recipient)),
            PublicRecipient::Plugin(recipient) => plugins.push(recipient),
        }
    }
    let mut names: Vec<&str> = plugins.iter().map(plugin::Recipient::plugin).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let plugin = PluginRecipient::new(name, &plugins, callbacks.clone())?;
        ready.push(Box::new(plugin));
    }
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X25519: &str = "age1h35tyf6zzhtal8wxhj8w5puh9mp6efaghwp00dqst3q5x56w53cquqs0wg";
    // From `ssh-keygen -t ed25519`, and made for nothing else.
    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8ZRsDRTOe0bwAY1fB4pTkDw4bnEoYDTEYKbvYqRbc9";

    fn error(text: &str) -> PublicRecipientError {
        text.parse::<PublicRecipient>().map(|_| ()).expect_err(text)
    }

    #[test]
    fn each_kind_is_known_by_its_looks_and_spelt_in_one_way() {
        // In BIP-173's Bech32 a text is as good in capitals, which age does not take.
        for (text, kind, spelt) in [
            (X25519.to_owned(), "X25519", X25519),
            (format!(" {X25519}\n"), "X25519", X25519),
            (format!("{ED25519} sari@laptop"), "ssh-ed25519", ED25519),
        ] {
            let recipient: PublicRecipient = text.parse().expect("a recipient");
            assert_eq!(recipient.kind(), kind);
            assert_eq!(recipient.to_string(), spelt);
        }
    }

    #[test]
    fn what_is_no_recipient_is_refused_with_its_reason() {
        use PublicRecipientError as Error;
        for (text, reason) in [
            ("", Error::Unknown),
            ("age1", Error::Unknown),
            ("age1tag1qqqq", Error::Unknown),
            ("/home/sari/.ssh/id_ed25519.pub", Error::Unknown),
            (&X25519[..X25519.len() - 1], Error::Unknown),
            (&ED25519[..50], Error::DamagedSsh),
            ("ssh-rsa AAAA", Error::DamagedSsh),
            // A number of nothing but zeros, on which age's parser panics.
            ("ssh-rsa AAAAB3NzaC1yc2EAAAABAAAAAAEB", Error::DamagedSsh),
            (
                "ssh-rsa AAAAB3NzaC1yc2EAAAABAAAAAAEB!sari",
                Error::DamagedSsh,
            ),
            (
                "ssh-rsa AAAAB3NzaC1yc2EAAAABAQAAAAMAAAA= sari",
                Error::DamagedSsh,
            ),
            // A point that is none of the curve's.
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                Error::DamagedSsh,
            ),
            // 9, the base point, with its top bit set: no identity is made for it.
            (
                "age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqyr3apl",
                Error::Unknown,
            ),
            ("ssh-rsa AAAAB3NzaC1yc2EAAAABAwAAAAEP", Error::RsaSmall),
            // Whatever the numbers of a key are that is of another type by its first word.
            ("SSH-RSA AAAAB3NzaC1yc2EAAAABAwAAAAEP", Error::Unknown),
            (
                "ssh-dss AAAAB3NzaC1yc2EAAAABAwAAAAEP",
                Error::UnsupportedSsh,
            ),
            ("ssh-dss AAAA", Error::UnsupportedSsh),
            ("ecdsa-sha2-nistp256 AAAA", Error::UnsupportedSsh),
            ("age1pq1qqqq", Error::PostQuantum),
            ("age1tagpq1qqqq", Error::PostQuantum),
            ("AGE-SECRET-KEY-1QQQQ", Error::Secret),
            ("AGE-PLUGIN-YUBIKEY-1QQQQ", Error::Secret),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n", Error::Secret),
            ("age1qqqq\nage1qqqq", Error::Characters),
        ] {
            assert_eq!(error(text), reason, "{text:?}");
        }
    }
}
