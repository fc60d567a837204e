//! The use cases: what the commands do, without the command line.
//!
//! - [`Vault`]: open and save a vault.
//! - [`Unlocker`]: where its key comes from, in which order.
//! - [`Credentials`]: the token or session that a command authenticates with.
//! - [`gate`]: credentials of other services, and the programs that ask for them.
//! - [`Rollback`]: which revisions this machine has seen, so that an old copy is noticed.
//! - [`Connection`]: how the API is reached.
//!
//! They know no clap, no terminal and no exit code. What they have to say or ask goes through
//! [`Ui`]; what goes wrong is an [`Error`] with the facts. `cli::report` turns both into words.

pub mod account;
mod connection;
mod credentials;
mod error;
pub mod gate;
mod new_passphrase;
mod passphrase_source;
mod rollback;
mod similar;
mod tries;
mod ui;
mod unlock;
mod vault;
mod vault_key;

pub use connection::{Connection, SystemRoots};
pub use credentials::{Address, Credential, Credentials};
pub use error::{
    CertificatesError, Error, IdentityKind, Input, KeyError, LoginError, MemoryError,
    NewPassphraseError,
};
pub use new_passphrase::NewPassphrase;
pub use passphrase_source::PassphraseSource;
pub use rollback::{Rollback, Standing};
pub use similar::similar;
pub use tries::{another_may_do, tries};
pub use ui::{Notice, Progress, Step, Task, Ui};
pub use unlock::{KeySource, Unlocker};
pub use vault::{OpenVault, Vault, named_context};
pub use vault_key::VaultKey;
