//! The `cldkctl` command.
fn main() {}
