//! Identity files that cannot be used, or do not fit.

use std::path::Path;

use super::Report;
use crate::app::IdentityKind;
use crate::cli::exit::Exit;
use crate::prompt::identity::IdentityError;
use crate::vault::contents::short;

pub(super) const ALTERED: &str = "a vault whose header was altered looks the same";

/// As many identities are named in one sentence.
const NAMED: usize = 3;

/// No identity of `file` opens the vault.
pub(super) fn misfit(what_file: &str, vault: &Path, file: &Path, public: &[String]) -> Report {
    let mut names: Vec<String> = public.iter().map(|name| short(name)).collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let mut names = names.join(", ");
    if more > 0 {
        names = format!("{names} and {more} more");
    }
    let what = match public.len() {
        1 => "this identity is not one",
        _ => "none of these identities is one",
    };
    Report::new(
        Exit::WrongPassphrase,
        format!(
            "cannot open the {what_file} {} with {}: {what} of the {what_file}'s recipients: {names}",
            vault.display(),
            file.display()
        ),
    )
    .hint(format!("name another identity with --identity; {ALTERED}"))
}

pub(super) fn unusable(path: &Path, kind: IdentityKind, error: &IdentityError) -> Report {
    let name = path.display();
    let (kind, check) = match kind {
        IdentityKind::Ssh => ("SSH key", "; `ssh-keygen -y -f` checks it"),
        IdentityKind::Age => ("identity file", ""),
    };
    match error {
        IdentityError::Unanswered(why) => Report::new(
            Exit::Locked,
            format!("the {kind} {name} has a passphrase, and {why}"),
        )
        .hint("run this on a terminal without --no-input, or name an identity without a passphrase with --identity"),
        IdentityError::WrongPassphrase => Report::new(
            Exit::WrongPassphrase,
            format!("wrong passphrase for the {kind} {name}"),
        )
        .hint(format!("try again with the passphrase of that {kind}, which is not the vault's{check}")),
        error => Report::new(
            Exit::WrongPassphrase,
            format!("cannot use the identity file {name}: {error}"),
        )
        .hint(cure(path, error)),
    }
}

/// What makes an identity of it.
fn cure(path: &Path, error: &IdentityError) -> String {
    let name = quoted(path);
    match error {
        IdentityError::Utf16 => "save it as UTF-8".to_owned(),
        IdentityError::SshNotFirst => {
            "put the SSH key into a file of its own, and name that with --identity".to_owned()
        }
        IdentityError::SshInAge => {
            format!("run `age -d -o NEW {name}` and `ssh-keygen -p -f NEW`, and name NEW with --identity")
        }
        IdentityError::Cipher(_) | IdentityError::EncryptedPkcs8 => {
            format!("run `ssh-keygen -p -f {name}`, which writes the key anew in OpenSSH's format")
        }
        IdentityError::Foreign("PuTTY") => {
            format!("run `puttygen {name} -O private-openssh -o NEW`, and name NEW with --identity")
        }
        IdentityError::Foreign(_) => {
            format!("run `ssh-keygen -i -f {name} > NEW`, and name NEW with --identity")
        }
        IdentityError::UnsupportedSsh(_)
        | IdentityError::UnsupportedType(_)
        | IdentityError::SecurityKey(_) => {
            "make a key with `ssh-keygen -t ed25519`, and add it with `cldkctl vault recipients add`".to_owned()
        }
        IdentityError::PostQuantum => {
            "name an age identity that begins with AGE-SECRET-KEY-1, or an SSH private key".to_owned()
        }
        IdentityError::Public => {
            "name the private half with --identity: the file that `age-keygen` or `ssh-keygen` made".to_owned()
        }
        IdentityError::Mistyped => {
            "compare it with the original: AGE-SECRET-KEY-1 and 58 characters".to_owned()
        }
        _ => "name an age identity file or an SSH private key with --identity".to_owned(),
    }
}

/// The name of a file as a word of a command that a person copies into a shell.
pub(super) fn quoted(path: &Path) -> String {
    let name = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    match name {
        // Not a flag of the command.
        name if name.starts_with('-') => quoted(&Path::new(".").join(path)),
        name if !name.is_empty() && name.chars().all(is_plain) => name,
        name => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_one_word_for_the_shell() {
        for (name, word) in [
            ("/home/sari/.ssh/id_ed25519", "/home/sari/.ssh/id_ed25519"),
            ("k/my key's", r"'k/my key'\''s'"),
            ("k/$(x)", "'k/$(x)'"),
            ("a*b", "'a*b'"),
            ("~key", "'~key'"),
            ("-key", "./-key"),
            ("-my key", "'./-my key'"),
            ("schlüssel", "schlüssel"),
        ] {
            assert_eq!(quoted(Path::new(name)), word);
        }
    }
}
