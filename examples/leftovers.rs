//! Ends in the middle of its work, with a secret in every place where one may be: what the
//! tests search the memory of. The secret comes on stdin, how it is to end as an argument.
#![allow(clippy::unwrap_used, reason = "it runs in tests alone")]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cldkctl::platform::{self, End, LockedMemory};
use cldkctl::{interrupt, prompt::source};

fn main() {
    platform::harden().unwrap();
    interrupt::end_at_a_bug();
    interrupt::end_at_an_abort();
    let how = std::env::args().nth(1).unwrap();
    let secret = source::read_stdin().unwrap().to_string();

    // On the heap, of this thread's arena and of another's, large and small.
    let small = secret.clone();
    let large = secret.repeat(64 * 1024);
    // On the stacks of threads: one that computes, one that waits, one that sleeps, this one.
    let (ready, all_ready) = mpsc::channel();
    let (_never, waits) = mpsc::channel::<()>();
    let copy = |secret: &str| {
        let mut copy = [0_u8; 64];
        copy[..secret.len()].copy_from_slice(secret.as_bytes());
        copy
    };
    let works: [Box<dyn FnOnce() + Send>; 3] = [
        Box::new(|| {
            loop {
                std::hint::spin_loop();
            }
        }),
        Box::new(move || waits.recv().unwrap()),
        Box::new(|| thread::sleep(Duration::from_secs(600))),
    ];
    for work in works {
        let (ready, secret) = (ready.clone(), secret.clone());
        thread::spawn(move || {
            let on_stack = copy(&secret);
            ready.send(()).unwrap();
            work();
            drop((on_stack, secret));
        });
    }
    for _ in 0..3 {
        all_ready.recv().unwrap();
    }
    let on_stack = std::hint::black_box(copy(&secret));
    let mut locked = LockedMemory::new(secret.len());
    locked.copy_from_slice(secret.as_bytes());

    match how.as_str() {
        "exit" => std::process::exit(7),
        "end" => platform::end(End::Code(7)),
        "signal" => platform::end(End::Signal(15)),
        "panic" => panic!("{secret}"),
        "no memory" => drop(Vec::<u8>::with_capacity(isize::MAX as usize)),
        "no memory elsewhere" => {
            let _ = thread::spawn(|| Vec::<u8>::with_capacity(isize::MAX as usize)).join();
        }
        "panic elsewhere" => {
            let _ = thread::spawn(|| panic!("{}", 1)).join();
        }
        other => unreachable!("{other}"),
    }
    drop((small, large, on_stack, locked));
}
