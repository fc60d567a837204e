//! The one test program: stories that a user lives through, on the built binary.
//!
//! A module is a subject. `cargo test agent::` runs the stories about the agent, and
//! `cargo test --test it -- --list` names all of them. What they stand on is [`support`].
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

mod agent;
mod agent_places;
mod altered;
mod another_account;
mod another_user;
mod api;
mod backup;
mod completion;
mod contexts;
mod crashes;
mod crowds;
mod drill;
mod exec;
mod failed_login;
mod faults;
mod full_disk;
mod handed_over_oddly;
mod hostile_answers;
mod hostile_names;
mod hostile_places;
mod hostile_servers;
mod hostile_sessions;
mod hostile_text;
mod hostile_tls;
mod impostors;
mod interop_reader;
mod interrupts;
mod kit;
mod leaks;
mod locked_memory;
mod login;
mod login_elsewhere;
mod logout;
mod many_values;
mod memory;
mod memory_interrupted;
mod merge;
mod no_terminal;
mod no_thread;
mod passphrase;
mod places_further_up;
mod power_failure;
mod private_process;
mod properties_of_a_vault;
mod properties_of_parsers;
mod readme;
mod recipients;
mod recovery_key;
mod refused_login;
mod restore;
mod retries;
mod rollback;
mod second_login;
mod security_document;
mod sessions;
mod shared_places;
mod standin;
mod status_check;
mod terminal_shared;
mod timeouts;
mod tls;
mod tune;
mod typed_ahead;
mod unattended;
mod unlock_once;
mod usage;
mod vault_among_others;
mod vault_on_disk;
mod vectors;
mod verify;
