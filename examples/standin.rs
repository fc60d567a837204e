//! A stand-in for the Cloudeka API, to try things out on:
//!
//! ```text
//! cargo run --example standin -- TOKEN …
//! ```
//!
//! It listens on loopback, accepts these tokens and no others, prints its address, and ends
//! when its standard input does (Ctrl-D). It is the one that the tests and the demo use.
#![allow(clippy::print_stdout, reason = "its address is what it has to say")]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::io::{self, Write};

use support::Standin;

fn main() -> io::Result<()> {
    let cloudeka = Standin::start();
    for token in std::env::args().skip(1) {
        cloudeka.accept_token(&token);
    }
    println!("{}", cloudeka.base_url());
    io::stdout().flush()?;
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}
