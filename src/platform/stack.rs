//! Overwriting what calls that are over left on the stack.

use rustix::process::{Resource, getrlimit};
use zeroize::zeroize_stack;

/// The deepest that is overwritten, in bytes: more than any command takes, unoptimised ones
/// included, and less than systems give.
const DEEP: usize = 512 * 1024;
/// Depths in between. The first two are those of a command that opens an unlocked vault.
const SHALLOW: [usize; 3] = [16 * 1024, 64 * 1024, 160 * 1024];

/// Overwrites what the calls that are over left on the stack of this thread, below the
/// frame of the caller: copies of keys that moved from one call to another, and the working
/// variables of ciphers that do not wipe their own.
///
/// What wants its own callees wiped has to be called by another function that does this.
pub fn wipe_stack() {
    let room = getrlimit(Resource::Stack).current;
    let room = room.is_none_or(|limit| limit >= 4 * DEEP as u64);
    // Each page that is written for the first time costs as much as a system call.
    let in_use = in_use();
    if in_use <= SHALLOW[0] {
        zeroize_stack::<{ SHALLOW[0] }>();
    } else if in_use <= SHALLOW[1] {
        zeroize_stack::<{ SHALLOW[1] }>();
    } else if in_use <= SHALLOW[2] && room {
        zeroize_stack::<{ SHALLOW[2] }>();
    } else if room {
        zeroize_stack::<DEEP>();
    }
}

/// How far below this frame the stack was ever written, in bytes, to the page; at most
/// [`DEEP`]. A page that nobody wrote is not in memory, which mincore(2) tells.
///
/// One that is swapped out counts as never written if none below it is in memory.
#[cfg(target_os = "linux")]
fn in_use() -> usize {
    use rustix::io::Errno;

    const WINDOW: usize = 64 * 1024;
    let page = rustix::param::page_size();
    let frame = 0_u8;
    let top = (&raw const frame).addr() & !(page - 1);
    let mut deepest = 0;
    for window in (0..DEEP).step_by(WINDOW) {
        match lowest_in_memory(top - window - WINDOW, WINDOW, page) {
            Ok(Some(lowest)) => deepest = window + WINDOW - lowest,
            Ok(None) => {}
            // The stack ends somewhere in it, so each page by itself.
            Err(Errno::NOMEM) => {
                let depths = (window..window + WINDOW).step_by(page).map(|at| at + page);
                let used = |depth: &usize| {
                    matches!(lowest_in_memory(top - depth, page, page), Ok(Some(_)))
                };
                return depths.rev().find(used).unwrap_or(deepest);
            }
            Err(_) => return DEEP,
        }
    }
    deepest
}

/// How far from `start` the first page in memory lies, if one does in `length` bytes, which
/// are whole pages.
#[cfg(target_os = "linux")]
fn lowest_in_memory(start: usize, length: usize, page: usize) -> rustix::io::Result<Option<usize>> {
    // Enough for 64 KiB, as pages have 4 KiB at least.
    let mut pages = [0_u8; 16];
    assert!(length / page <= pages.len(), "a byte for each page");
    // SAFETY: the call looks at the tables of pages and at no memory, whatever `start` is, and
    // writes one byte to `pages` for each page, of which there are no more than that has.
    let done = unsafe { libc::mincore(start as *mut _, length, pages.as_mut_ptr()) };
    if done != 0 {
        let error = std::io::Error::last_os_error();
        return Err(rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::INVAL));
    }
    let found = pages[..length / page].iter().position(|it| it & 1 != 0);
    Ok(found.map(|at| at * page))
}

/// Nobody tells here.
#[cfg(not(target_os = "linux"))]
fn in_use() -> usize {
    DEEP
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_depth_is_that_of_the_deepest_call_and_not_more_than_is_overwritten() {
        #[inline(never)]
        fn deep<const N: usize>() -> u8 {
            std::hint::black_box([1_u8; N])[N / 2]
        }
        let thread = std::thread::Builder::new().stack_size(16 * DEEP);
        let used = thread.spawn(|| {
            let before = in_use();
            assert!(before < SHALLOW[1], "{before}");
            deep::<{ 100 * 1024 }>();
            let after = in_use();
            assert!((100 * 1024..DEEP).contains(&after), "{after}");
            deep::<{ 1024 * 1024 }>();
            assert_eq!(in_use(), DEEP);
        });
        used.expect("a thread").join().expect("the thread ends");
    }
}
