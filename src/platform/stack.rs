//! Overwriting what calls that are over left on the stack.

use rustix::process::{Resource, getrlimit};
use zeroize::zeroize_stack;

use super::registers::clear_vector_registers;

/// The deepest that is overwritten, in bytes: more than any command takes, unoptimised ones
/// included, and less than systems give.
const DEEP: usize = 512 * 1024;
/// Depths in between. The first two are those of a command that opens an unlocked vault.
const SHALLOW: [usize; 4] = [16 * 1024, 40 * 1024, 64 * 1024, 160 * 1024];
/// How far below [`lock_stack`] a hash goes, in bytes.
#[cfg(target_os = "linux")]
const LOCKED: usize = 64 * 1024;

/// Overwrites what the calls that are over left on the stack of this thread, below the
/// frame of the caller: copies of keys that moved from one call to another, and the working
/// variables of ciphers that do not wipe their own. The vector registers as well, which may hold
/// the same.
///
/// What wants its own callees wiped has to be called by another function that does this.
#[inline(never)]
pub fn wipe_stack() {
    // Nothing is computed here: this frame lies where others were, and is not overwritten.
    clear_vector_registers();
    match depth() {
        0 => zeroize_stack::<{ SHALLOW[0] }>(),
        1 => zeroize_stack::<{ SHALLOW[1] }>(),
        2 => zeroize_stack::<{ SHALLOW[2] }>(),
        3 => zeroize_stack::<{ SHALLOW[3] }>(),
        4 => zeroize_stack::<DEEP>(),
        _ => {}
    }
}

/// How deep to go, as a place among the depths; none of them where the stack has no room for it.
#[inline(never)]
fn depth() -> usize {
    // Each page that is written for the first time costs as much as a system call.
    let in_use = in_use();
    let depth = SHALLOW.iter().take_while(|depth| in_use > **depth).count();
    let limit = getrlimit(Resource::Stack).current;
    match depth {
        0..=2 => depth,
        _ if limit.is_none_or(|limit| limit >= 4 * DEEP as u64) => depth,
        _ => usize::MAX,
    }
}

/// Keeps the stack of this thread below this frame from being swapped out (mlock(2)), as far
/// as the limits allow and a hash goes: its working variables are copies of what is hashed.
#[inline(never)]
pub fn lock_stack() {
    #[cfg(target_os = "linux")]
    {
        let frame = 0_u8;
        let start = (&raw const frame).addr() - LOCKED;
        // SAFETY: the call changes nothing in memory; where no stack is, it fails.
        let _ = unsafe { libc::mlock(start as *const _, LOCKED) };
    }
}

/// How far below this frame the stack was ever written, in bytes, no less; at most [`DEEP`].
/// A page that nobody wrote is not in memory, which mincore(2) tells.
///
/// One that is swapped out counts as never written if none below it is in memory.
#[cfg(target_os = "linux")]
fn in_use() -> usize {
    let page = rustix::param::page_size();
    let frame = 0_u8;
    // The end of the page that this frame is in, so that what is below in it counts, too.
    let top = ((&raw const frame).addr() & !(page - 1)) + page;
    in_use_below(top, page, |start, length| {
        lowest_in_memory(start, length, page)
    })
}

/// The same below `top`, as `lowest` tells of a place and a length.
#[cfg(target_os = "linux")]
fn in_use_below(
    top: usize,
    page: usize,
    lowest: impl Fn(usize, usize) -> rustix::io::Result<Option<usize>>,
) -> usize {
    use rustix::io::Errno;

    const WINDOW: usize = 64 * 1024;
    let mut deepest = page;
    for window in (0..DEEP).step_by(WINDOW) {
        match lowest(top - window - WINDOW, WINDOW) {
            Ok(Some(lowest)) => deepest = window + WINDOW - lowest,
            Ok(None) => {}
            // The stack ends somewhere in it: in the upper half, or in the lower one.
            Err(Errno::NOMEM) => {
                let (mut above, mut half) = (window, WINDOW / 2);
                while half >= page {
                    if let Ok(found) = lowest(top - above - half, half) {
                        above += half;
                        deepest = found.map_or(deepest, |lowest| above - lowest);
                    }
                    half /= 2;
                }
                return deepest;
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

    #[test]
    fn the_end_of_a_stack_is_found_wherever_it_is() {
        const PAGE: usize = 4096;
        let top = 1000 * PAGE;
        for (pages, written) in (1..200).flat_map(|pages| (1..=pages).map(move |it| (pages, it))) {
            // A stack of so many pages, of which the last that was written is this one.
            let (end, deepest) = (top - pages * PAGE, top - written * PAGE);
            let lowest = |start: usize, length: usize| {
                let found = deepest.max(start) - start;
                match start < end {
                    true => Err(rustix::io::Errno::NOMEM),
                    false => Ok((found < length).then_some(found)),
                }
            };
            let expected = (written * PAGE).min(DEEP);
            assert_eq!(
                in_use_below(top, PAGE, lowest),
                expected,
                "{pages} {written}"
            );
        }
    }
}
