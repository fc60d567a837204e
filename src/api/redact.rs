//! Cuts credentials out of text that a server sent back.

use std::collections::HashSet;

use zeroize::Zeroizing;

/// How many bytes in a row a text may share with a secret. A server that shows a token back
/// "shortened" still shows this much; less is no help to whoever reads it, and begins to be
/// found in innocent words.
const WINDOW: usize = 16;

/// What stands where a secret stood.
const MARK: &str = "[redacted]";

/// `text` with each occurrence of a secret, or of 16 bytes in a row of one, replaced by
/// `[redacted]`, in whatever case: a host name is brought to lower case, and a token in the
/// other case is as good as told. Secrets are ASCII, as [`Token`](crate::secret::Token)
/// guarantees.
///
/// Takes time linear in the text and the secrets.
pub(super) fn redact(text: &str, secrets: &[&str]) -> String {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let secrets: Vec<_> = secrets
        .iter()
        .map(|secret| Zeroizing::new(secret.to_ascii_lowercase()))
        .collect();
    let mut secret_at = vec![false; text.len()];
    for width in secrets
        .iter()
        .map(|secret| secret.len().min(WINDOW))
        .collect::<HashSet<_>>()
    {
        if width == 0 {
            continue;
        }
        let windows: HashSet<&[u8]> = secrets
            .iter()
            .filter(|secret| secret.len().min(WINDOW) == width)
            .flat_map(|secret| secret.as_bytes().windows(width))
            .collect();
        for (start, window) in lower.as_bytes().windows(width).enumerate() {
            if windows.contains(window) {
                secret_at[start..start + width].fill(true);
            }
        }
    }

    let mut redacted = String::with_capacity(text.len());
    let mut before = false;
    for (at, c) in text.char_indices() {
        if !secret_at[at] {
            redacted.push(c);
        } else if !before {
            redacted.push_str(MARK);
        }
        before = secret_at[at];
    }
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_shortened_secrets_are_cut_out() {
        let secret = "cldkctl_0123456789abcdef";
        for (text, redacted) in [
            ("no such token", "no such token"),
            ("unknown cldkctl_0123456789abcdef!", "unknown [redacted]!"),
            ("cldkctl_0123456789abcdef", "[redacted]"),
            ("é cldkctl_01234567… é", "é [redacted]… é"),
            ("…0123456789abcdef", "…[redacted]"),
            ("CLDKCTL_0123456789ABCDEF", "[redacted]"),
            ("cldkctl_0123456", "cldkctl_0123456"),
            (
                "cldkctl_0123456789abcdefcldkctl_0123456789abcdef",
                "[redacted]",
            ),
        ] {
            assert_eq!(redact(text, &[secret]), redacted);
        }
    }

    #[test]
    fn a_short_secret_is_cut_out_where_it_is_whole() {
        assert_eq!(
            redact(
                "key abc and ab",
                &["abc", "a-longer-secret-than-the-window"]
            ),
            "key [redacted] and ab"
        );
        assert_eq!(redact("", &["abc"]), "");
        assert_eq!(redact("abc", &[""]), "abc");
        assert_eq!(redact("abc", &[]), "abc");
    }
}
