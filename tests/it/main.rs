//! The one test program: stories that a user lives through, on the built binary.
//!
//! A folder is a subject: `cargo test keeper::` runs the stories about keepers, `cargo test
//! keeper::agent::` those about the agent. What they stand on is [`support`].
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test runs where the clock is right"
)]

mod snapshots;
mod support;

mod api {
    mod call;
    mod env;
    mod exec;
    mod proxies;
    mod retries;
    mod tls;
}

mod auth {
    mod another_account;
    mod clocks;
    mod contexts;
    mod ended_sessions;
    mod login;
    mod login_again;
    mod login_elsewhere;
    mod login_fails;
    mod login_refused;
    mod logout;
    mod pasted;
    mod sessions;
    mod status_check;
    mod verbs;
}

mod disk {
    mod crashes;
    mod crowds;
    mod faults;
    mod full;
    mod memory_limits;
    mod no_home;
    mod no_thread;
    mod others;
    mod places_further_up;
    mod power_failure;
    mod read_only;
    mod shared_places;
    mod sticks;
    mod vault;
}

mod docs {
    mod documents;
    mod drill;
    mod help;
    mod helpers;
    mod house;
    mod json;
    mod readme;
    mod recipes;
    mod security;
    mod unattended;
}

mod gate {
    mod aws;
    mod credentials;
    mod docker;
    mod git;
    mod install_docker;
    mod install_git;
    mod locked;
    mod merge;
    pub(crate) mod registry;
}

mod hostile {
    mod answers;
    mod clocks;
    mod names;
    mod parsers;
    mod places;
    mod servers;
    mod sessions;
    mod text;
    mod tls;
}

mod keeper {
    mod agent;
    mod agent_places;
    mod another_user;
    mod fallback;
    mod impostors;
    mod timeouts;
    mod unlock;
}

mod kit {
    mod standin;
    mod terminal;
}

mod memory {
    mod at_exit;
    mod leaks;
    mod locked;
    mod private_process;
}

mod terminal {
    mod closed;
    mod completion;
    mod interrupts;
    mod misplaced;
    mod missing;
    mod pasted;
    mod shared;
    mod supplied;
    mod tries;
    mod typed_ahead;
    mod untypable;
    mod usage;
}

mod vault {
    mod altered;
    mod backup;
    mod identities;
    mod interop;
    mod many_values;
    mod merge;
    mod named_files;
    mod passphrase;
    mod plugins;
    mod properties;
    mod recipients;
    mod recovery_key;
    mod recovery_sheet_out;
    mod removed_recipients;
    mod restore;
    mod rollback;
    mod touched_by_mail;
    mod tune;
    mod unsavable;
    mod unusable_recipients;
    mod vectors;
    mod verify;
}
