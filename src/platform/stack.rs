//! Overwriting what calls that returned left on the stack.

use rustix::process::{Resource, getrlimit};
use zeroize::zeroize_stack;

/// Depths, in bytes, of which the smallest that is enough is overwritten. The first two are those
/// of a command that opens an unlocked vault; the last is more than any command takes, unoptimised
/// ones included, and less than systems give.
const DEPTHS: [usize; 5] = [16 << 10, 40 << 10, 64 << 10, 160 << 10, 512 << 10];

/// Overwrites what is left on the stack of this thread below the frame of the caller: copies of
/// keys that moved from one call to another, and working variables of ciphers.
///
/// To have its own callees wiped, a function must be called by one that then calls this.
#[inline(never)]
pub fn wipe_stack() {
    let in_use = in_use();
    let room = getrlimit(Resource::Stack).current.unwrap_or(u64::MAX) / 2;
    // Each page that is written for the first time costs as much as a system call.
    let enough = DEPTHS.iter().take_while(|depth| in_use > **depth).count();
    let fits = DEPTHS.iter().rposition(|depth| *depth as u64 <= room);
    match enough.min(fits.unwrap_or(0)) {
        0 => zeroize_stack::<{ DEPTHS[0] }>(),
        1 => zeroize_stack::<{ DEPTHS[1] }>(),
        2 => zeroize_stack::<{ DEPTHS[2] }>(),
        3 => zeroize_stack::<{ DEPTHS[3] }>(),
        _ => zeroize_stack::<{ DEPTHS[4] }>(),
    }
}

/// How far below this frame the stack was written, in bytes; at most the largest of [`DEPTHS`].
/// mincore(2) tells: a page that was never written is not in memory. Neither is one that was
/// swapped out, which then counts as not written unless a deeper page is in memory.
#[cfg(target_os = "linux")]
#[inline(never)]
fn in_use() -> usize {
    const WINDOW: usize = 64 << 10;
    let page = rustix::param::page_size();
    let frame = 0_u8;
    // The end of the page that this frame is in, so that what is below in it counts.
    let top = ((&raw const frame).addr() & !(page - 1)) + page;
    let mut deepest = page;
    for window in (0..DEPTHS[4]).step_by(WINDOW) {
        let mut pages = [0_u8; WINDOW / 4096];
        let start = top - window - WINDOW;
        // SAFETY: the call reads no memory, whatever `start` is, and writes one byte to `pages` for
        // each page of the window, of which there are no more than that has: pages have 4 KiB at least.
        let done = unsafe { libc::mincore(start as *mut _, WINDOW, pages.as_mut_ptr()) };
        if done != 0 {
            // The stack ends somewhere in this window: it grows only as far as it is written.
            return window + WINDOW;
        }
        if let Some(lowest) = pages.iter().position(|page| page & 1 != 0) {
            deepest = window + WINDOW - lowest * page;
        }
    }
    deepest
}

/// Nothing tells here.
#[cfg(not(target_os = "linux"))]
fn in_use() -> usize {
    DEPTHS[4]
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[inline(never)]
    fn deep<const N: usize>() -> u8 {
        std::hint::black_box([1_u8; N])[N / 2]
    }

    #[test]
    fn the_depth_is_that_of_the_deepest_call() {
        let thread = std::thread::Builder::new().stack_size(8 << 20);
        let used = thread.spawn(|| {
            assert!(in_use() < DEPTHS[2], "{}", in_use());
            deep::<{ 100 << 10 }>();
            let after = in_use();
            assert!((100 << 10..DEPTHS[4]).contains(&after), "{after}");
            deep::<{ 1 << 20 }>();
            assert_eq!(in_use(), DEPTHS[4]);
        });
        used.expect("a thread").join().expect("the thread ends");
    }
}
