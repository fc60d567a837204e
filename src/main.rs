//! The `cldkctl` command: harden the process, parse, run, turn errors into exit codes.

use std::process::ExitCode;

use cldkctl::cli::console::Console;
use cldkctl::cli::exit::Exit;
use cldkctl::{cli, interrupt, platform};

/// Freed memory is wiped, that of the libraries included.
#[global_allocator]
static ALLOCATOR: platform::WipingAllocator = platform::WipingAllocator(std::alloc::System);

fn main() -> ExitCode {
    let hardened = platform::harden();
    interrupt::outlive_file_size_limit();
    interrupt::end_at_a_panic();
    if let Err(error) = hardened {
        Console::default().warn(&format!(
            "other programs that you run can read the memory of this one: \
             the system refuses to prevent that (PR_SET_DUMPABLE): {error}"
        ));
    }
    let exit = work();
    platform::wipe_stack();
    exit.into()
}

/// In a frame of its own, so that all that it leaves on the stack is below that of `main`.
#[inline(never)]
fn work() -> Exit {
    cli::main()
}
