//! The `cldkctl` command: harden the process, parse, run, turn errors into exit codes.

use std::process::ExitCode;

use cldkctl::exit::Exit;
use cldkctl::{cli, interrupt, platform};

/// Freed memory is wiped, that of the libraries included.
#[global_allocator]
static ALLOCATOR: platform::WipingAllocator = platform::WipingAllocator;

fn main() -> ExitCode {
    platform::harden();
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote what was being worked on; where it happened
        // says enough.
        interrupt::restore_terminal();
        let place = panic
            .location()
            .map_or_else(String::new, |place| format!(" at {place}"));
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("error: a bug in cldkctl{place}; the vault is as it was\n").as_bytes(),
        );
        platform::end(platform::End::Code(1));
    }));
    let exit = work();
    platform::wipe_stack();
    exit.into()
}

/// In a frame of its own, so that all that it leaves on the stack is below that of `main`.
#[inline(never)]
fn work() -> Exit {
    cli::main()
}
