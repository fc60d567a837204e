//! skeleton

pub mod cloudeka;
pub mod printable;
pub mod secret;
