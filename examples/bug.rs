//! Panics with a secret in the message, which comes on stdin: a test sees what is shown of it.
//! The argument says where.
#![allow(clippy::unwrap_used, reason = "it runs in tests alone")]

use cldkctl::interrupt;
use cldkctl::prompt::{source, terminal::Terminal};

fn main() {
    interrupt::end_at_a_panic();
    let secret = source::read_stdin().unwrap().to_string();
    match std::env::args().nth(1).unwrap().as_str() {
        "here" => panic!("{secret}"),
        "in a thread" => drop(std::thread::spawn(move || panic!("{secret}")).join()),
        "at a question" => {
            let mut terminal = Terminal::open().unwrap();
            terminal.ask_hidden("Question:").unwrap();
            panic!("{secret}");
        }
        other => unreachable!("{other}"),
    }
}
