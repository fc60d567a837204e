//! What people give in place of a token: a key, a mask, a word that stands for one.

/// How private keys begin: those of age and its plugins, and of PuTTY.
const PRIVATE: [&str; 3] = ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "PuTTY-User-Key-File-"];

/// How public keys begin.
const PUBLIC: [&str; 5] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "age1"];

/// The words of `YOUR_TOKEN`, `<api key>` and `paste-your-token-here`.
const OF_A_PLACEHOLDER: [&str; 32] = [
    "a",
    "an",
    "the",
    "my",
    "your",
    "new",
    "api",
    "auth",
    "access",
    "bearer",
    "cldkctl",
    "cldk",
    "cloudeka",
    "token",
    "apitoken",
    "mytoken",
    "yourtoken",
    "key",
    "apikey",
    "secret",
    "value",
    "here",
    "paste",
    "insert",
    "enter",
    "put",
    "replace",
    "with",
    "me",
    "changeme",
    "redacted",
    "placeholder",
];

/// Also with comments around it, as in the files of `age-keygen`.
pub(super) fn is_private_key(text: &str) -> bool {
    let begins = |line: &str| begins_with_one(line.trim(), &PRIVATE);
    text.lines().any(begins)
        || text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----")
        || text.contains("---- BEGIN ") && text.contains("PRIVATE KEY ----")
}

pub(super) fn is_public_key(text: &str) -> bool {
    // A token has no more than its first characters in common with a key.
    let is_long = text.len() > 40;
    is_long && begins_with_one(text, &PUBLIC) && (!text.starts_with("ssh-") || text.contains(' '))
        || text.contains("-----BEGIN ") && text.contains("PUBLIC KEY-----")
}

/// Another block of PEM, such as a certificate or an encrypted file.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN ")
}

/// `********`, `••••`, `xxxx`, and a token with such a part.
pub(super) fn is_mask(text: &str) -> bool {
    let mut characters = text.chars();
    let is_one_over_and_over = characters.next().is_some_and(|first| {
        "*xX.-_#".contains(first) && text.len() > 2 && characters.all(|c| c == first)
    });
    is_one_over_and_over
        || text.contains("***")
        || text.contains(['•', '●', '∙', '·', '⋅', '○', '◦', '⬤', '∗', '＊', '█'])
}

/// A part was left out where it was shown.
pub(super) fn is_cut_short(text: &str) -> bool {
    text.contains('…') || text.contains("...")
}

pub(super) fn is_placeholder(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    !text.contains(['=', ':', '$', '/'])
        && words.peek().is_some()
        && words.all(|word| {
            OF_A_PLACEHOLDER
                .iter()
                .any(|it| it.eq_ignore_ascii_case(word))
        })
}

/// The mark of a list or a sentence behind a token. A JWT without a signature ends with a dot.
pub(super) fn has_mark_behind(text: &str) -> bool {
    let is_unsigned = text.starts_with("eyJ") && text.matches('.').count() == 2;
    text.ends_with([',', ';']) || text.ends_with('.') && !is_unsigned
}

fn begins_with_one(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| {
        let begin = text.get(..start.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    })
}

#[cfg(test)]
mod tests {
    use crate::secret::pasted::{Pasted, pasted};

    #[test]
    fn what_is_given_in_place_of_a_token_is_told() {
        use Pasted::*;
        for (text, found) in [
            ("AGE-SECRET-KEY-1QQPQZSPQYQ\n", PrivateKey),
            ("age-secret-key-pq-1qqpqzspqyq", PrivateKey),
            ("# public key: age1qq\nAGE-SECRET-KEY-1QQ", PrivateKey),
            ("\u{feff}AGE-PLUGIN-YUBIKEY-1QQPQZSPQYQ", PrivateKey),
            ("\"AGE-SECRET-KEY-1QQPQZSPQYQ\"", PrivateKey),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", PrivateKey),
            ("-----BEGIN RSA PRIVATE KEY-----\nAAAA", PrivateKey),
            ("PuTTY-User-Key-File-3: ssh-ed25519", PrivateKey),
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPt me@host",
                PublicKey,
            ),
            (
                "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
                PublicKey,
            ),
            (
                "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
                PublicKey,
            ),
            ("-----BEGIN PUBLIC KEY-----\nAAAA", PublicKey),
            ("-----BEGIN CERTIFICATE-----\nAAAA", Pem),
            ("-----BEGIN AGE ENCRYPTED FILE-----\nAAAA", Pem),
            ("********", Mask),
            ("••••••••", Mask),
            ("xxxxxxxx", Mask),
            ("cldkctl_****a5", Mask),
            ("\"****\"", Mask),
            ("YOUR_TOKEN", Placeholder),
            ("<token>", Placeholder),
            ("<your-api-token>", Placeholder),
            ("[REDACTED]", Placeholder),
            ("{token}", Placeholder),
            ("changeme", Placeholder),
            ("paste your token here", Placeholder),
            ("cldkctl_0a1b…", CutShort),
            ("cldkctl_0a1b...9f", CutShort),
            ("cldkctl_0a1b,", MarkBehind),
            ("cldkctl_0a1b;\n", MarkBehind),
            ("cldkctl_0a1b.", MarkBehind),
        ] {
            assert_eq!(pasted(text), Some(found), "{text}");
        }
    }
}
