//! skeleton

pub mod base_url;
pub mod cli;
pub mod cloudeka;
pub mod exit;
pub mod interrupt;
pub mod keeper;
pub mod platform;
pub mod printable;
pub mod prompt;
pub mod secret;
pub mod vault;
