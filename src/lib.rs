//! A login to the Cloudeka cloud, kept in one encrypted file.
//!
//! This is the library behind the `cldkctl` command. If you want to use the command, read the
//! README. If you want to change it, or to open its vaults from a program of your own, begin
//! here.
//!
//! # The problem
//!
//! Cloudeka's API takes a long-lived token, made once in a web portal. Whoever has the token
//! is you. It has to lie somewhere between two commands, and the usual place, a desktop's
//! keyring, does not exist where much of the work is done: on a jump host, in a container, on
//! a GPU node reached over SSH. What tools do there instead is to write the token to a file in
//! the clear.
//!
//! So the token goes into a file that is useless to whoever copies it: the *vault*. It is a
//! standard [age] file, encrypted to a key that is derived from a passphrase. What the key is
//! derived with stands in the file's own header, so the passphrase and this one file are all
//! it takes, anywhere, with this library or without it.
//!
//! [age]: https://c2sp.org/age
//!
//! # A vault, sealed and opened
//!
//! ```
//! use cldkctl::base_url::BaseUrl;
//! use cldkctl::secret::{Passphrase, Token};
//! use cldkctl::vault::{
//!     Ceiling, Contents, Context, Cost, Kdf, PassphraseIdentity, RecipientEntry, Salt, Sealed, seal,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let passphrase = Passphrase::new("marble teapot orbits quietly");
//!
//! // The key of a vault. This is the cheapest one allowed, for the sake of this example; a
//! // vault for use gets `Cost::DEFAULT`.
//! let cost = Cost { memory_kib: 19 * 1024, iterations: 2, lanes: 1 };
//! let kdf = Kdf { salt: Salt::generate()?, cost };
//! let identity = PassphraseIdentity::new(kdf.clone(), &kdf.derive(&passphrase)?);
//!
//! // What goes into it: to whom it is sealed, and one login.
//! let mut contents = Contents::new()?;
//! contents.recipients.push(RecipientEntry::passphrase(identity.recipient().to_string(), kdf));
//! let token = Token::parse("cldkctl_0123456789")?;
//! contents.log_in(Context::new("work".parse()?, BaseUrl::default(), token, jiff::Timestamp::now()));
//! let file: Vec<u8> = seal(&mut contents, &age::NoCallbacks)?;
//!
//! // Another day, with nothing but the file and the passphrase. The ceiling says how much
//! // work a header may ask for: until the key is there, anybody can have written it.
//! let sealed = Sealed::parse(&file)?;
//! let kdf = sealed.kdf(Ceiling::DEFAULT)?.expect("this vault has a passphrase");
//! let identity = PassphraseIdentity::new(kdf.clone(), &kdf.derive(&passphrase)?);
//! let opened = sealed.open(std::iter::once(&identity as &dyn age::Identity))?;
//!
//! assert_eq!(opened.contexts[0].token.expose(), "cldkctl_0123456789");
//! assert_eq!(opened.revision, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # The way of a login
//!
//! ```text
//!   cldkctl auth             cli::auth reads top to bottom like this picture
//!        │
//!        ▼
//!   a token, asked for       prompt    hidden, on the controlling terminal or from stdin
//!        │                   secret    as a type that wipes itself and does not print
//!        ▼
//!   verified at the API      api       rejected: the end, and nothing was written
//!        │
//!        ▼
//!   a passphrase             prompt    typed twice, scored; or supplied; or made up
//!        │
//!        ▼
//!   Argon2id ─▶ identity     vault::kdf, vault::recipient
//!        │
//!        ▼
//!   contents ─▶ age file     vault::contents, vault::seal
//!        │
//!        ▼
//!   one file on disk         files     lock, write beside, fsync, rename
//! ```
//!
//! The other commands walk a part of it backwards: `auth token` opens what was sealed and
//! never goes near the network. Where a [`keeper`] holds the key since an earlier command, it
//! does not go near the passphrase either: that is a process start and little more.
//!
//! # The house
//!
//! Arrows point downwards only: what is in a room may use its own room and those further down.
//! `tests/it/docs/house.rs` reads this map and the imports, and fails where they disagree.
//!
//! ```text map
//! cli        the command line: one file a command, its arguments and how its result is shown;
//!            `cli::report` has the words, the hint and the exit code of every error
//! app        the use cases: open and save a vault, find its key, find a credential. They know
//!            no clap, no terminal and no exit code
//! keeper     who holds the key between commands: the kernel keyring, or an agent
//! prompt     asking a person; passphrases and tokens from standard input and files
//! api        the Cloudeka API: login, calls, what an answer means. Knows no files
//! vault      the sealed file, to be read beside `vault-format.md`. Knows no network, no
//!            terminal, no clock and no disk
//! files      opening, locking and replacing a file, with suspicion
//! qr         a secret that a phone reads
//! base_url   the address of the API, and what counts as the same place
//! secret     the types that hold secrets: tokens, passphrases, keys
//! printable  text of others, made harmless for a terminal
//! interrupt  the terminal while it is silent, and Ctrl-C then or while a file is being replaced
//! platform   what only the system can give, and the only `unsafe`
//! ```
//!
//! Two rooms are not in the usual picture of such a program. [`base_url`] lies below [`vault`]
//! and [`api`], which both bind a token to an address. [`interrupt`] lies near the ground, since
//! asking, saving and the agent all have something to undo when a signal comes.
//!
//! # Why it is like this
//!
//! *Why age?* Because a format of our own would have to be trusted, and would be lost with us.
//! No cipher is put together here. `age -d` opens a vault, given the identity; the plain
//! `argon2` command makes the identity, given the passphrase.
//!
//! *Why is a public key made of the passphrase, when a symmetric one would do?* Because saving
//! then takes the recipient alone. A command that opened the vault with another key can store
//! a new session in it, and the passphrase works as before.
//!
//! *Why one file, replaced whole, for a few hundred bytes?* Because it can be copied, backed up
//! and reasoned about. After a crash there is the old one or the new one.
//!
//! *Why is the token verified before the passphrase is asked for?* Because a wrong token should
//! cost nobody a new passphrase. It is also how a failed login leaves no trace.
//!
//! # Where the edges are
//!
//! - The types of [`secret`] wipe their memory. Buffers inside other libraries are wiped by
//!   [`platform::WipingAllocator`], which the binary installs; a program that uses this
//!   library has to do so itself, along with [`platform::harden`], and with
//!   [`platform::wipe_stack`] at its end. What a signal or a panic ends is not wiped.
//! - [`vault::Contents`] holds tokens in the clear, in memory. So it has no place in a log,
//!   although its `Debug` redacts them.
//! - An old copy of a vault is a good vault: the file cannot tell that it was put back.
//!   [`vault::Contents::revision`] lets a program that remembers it notice.
//! - Passphrases get no stronger by being kept well. [`prompt::passphrase`] refuses the weak
//!   ones when they are chosen; the library itself takes any.
//! - Unix alone: permissions, terminals and signals are used as they are there.
//! - The modules are public so that they can be tested and read, not as a promise. What is
//!   promised is the command line, the exit codes and the file.

// From the top floor to the ground. The empty lines keep rustfmt from sorting them.
pub mod cli;

pub mod app;

pub mod keeper;

pub mod prompt;

pub mod api;

pub mod vault;

pub mod files;

pub mod qr;

pub mod base_url;

pub mod secret;

pub mod printable;

pub mod interrupt;

pub mod platform;
