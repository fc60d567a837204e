//! What only the operating system can give: memory that is wiped, and a process that
//! nobody looks into.
//!
//! This is the one module with `unsafe`, in this file and its folder; each block says why it is sound.
#![allow(unsafe_code)]

mod abort;
mod background;
mod end;
mod given;
mod lock;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod math;
mod stack;

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::io;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;

use std::sync::OnceLock;

use argon2::Block;
use memmap2::MmapMut;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zeroize::optimization_barrier;

pub use abort::at_an_abort;
pub use background::without_stop;
pub use end::{End, end};
pub use given::{hide_argument, take_variable};
pub use lock::lock_for_job;
pub use stack::wipe_stack;

/// Makes this process private: its memory is not dumped, and from now on no other process of
/// the same user may begin to trace it or open its `/proc/PID/mem`.
///
/// Sets the core size limit to 0 (setrlimit(2)) and, on Linux, clears the dumpable flag
/// (`PR_SET_DUMPABLE`, prctl(2)).
///
/// # Errors
/// When the flag cannot be cleared, as under a seccomp filter that refuses it.
pub fn harden() -> io::Result<()> {
    let found = getrlimit(Resource::Core);
    let (current, maximum) = (Some(0), found.maximum);
    let _ = setrlimit(Resource::Core, Rlimit { current, maximum });
    let _ = CORE_LIMIT_BEFORE.set(found);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Gives the core size limit back as it was found, for another program that takes the place
/// of this one: it inherits the limit, and its core dumps are its user's business. (The
/// dumpable flag is not inherited, execve(2).)
pub fn soften() {
    if let Some(found) = CORE_LIMIT_BEFORE.get() {
        let Rlimit { current, maximum } = *found;
        let _ = setrlimit(Resource::Core, Rlimit { current, maximum });
    }
}

/// The core size limit that [`harden`] found.
static CORE_LIMIT_BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// The user id of the process at the other end of a Unix socket.
///
/// # Errors
/// When the socket is not connected.
pub fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SO_PEERCRED, unix(7): as they were when it connected.
        let credentials = rustix::net::sockopt::socket_peercred(stream)?;
        Ok(credentials.uid.as_raw())
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: the descriptor is open while `stream` is borrowed, and the two pointers
        // are to initialised integers of the right type that outlive the call, getpeereid(3).
        let result = unsafe { libc::getpeereid(stream.as_raw_fd(), &raw mut uid, &raw mut gid) };
        if result == 0 {
            Ok(uid)
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// Closes whatever files the parent left open in this process, but for the three standard
/// ones. For the agent, which must not keep somebody's pipe from coming to its end.
///
/// To be called before anything was opened here.
pub fn close_inherited_files() {
    // Read whole before the first is closed: the listing itself is one of them.
    let Ok(listing) = std::fs::read_dir("/dev/fd") else {
        return;
    };
    let numbers: Vec<i32> = listing
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // SAFETY: nothing in this process has opened a file yet, as the caller promises, so
        // no one here owns the number, and none is opened in this loop. The listing's own
        // is closed already, which asking first finds out.
        unsafe {
            if rustix::io::fcntl_getfd(BorrowedFd::borrow_raw(number)).is_ok() {
                rustix::io::close(number);
            }
        }
    }
}

/// An allocator, the system's by default, except that memory is overwritten with zeros before it is
/// freed.
///
/// Libraries that we hand secrets to (HTTP, TLS, JSON) do not wipe their buffers. Through
/// this allocator all of them do, growing vectors included: the default
/// [`GlobalAlloc::realloc`] allocates, copies and frees, so the old place is wiped as well.
#[derive(Debug)]
pub struct WipingAllocator<A = System>(pub A);

// SAFETY: every call goes to an allocator that fulfils the contract of `GlobalAlloc`, with the
// caller's own arguments.
unsafe impl<A: GlobalAlloc> GlobalAlloc for WipingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are passed on unchanged.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are passed on unchanged.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` was allocated with `layout` (the caller's obligation), so it is
        // valid for writes of `layout.size()` bytes, and nobody else uses it any more.
        let bytes = unsafe {
            place.write_bytes(0, layout.size());
            std::slice::from_raw_parts(place, layout.size())
        };
        // Otherwise the compiler drops the zeros as writes to memory that is freed next.
        optimization_barrier(bytes);
        // SAFETY: the caller's obligations are passed on unchanged.
        unsafe { self.0.dealloc(place, layout) }
    }
}

/// Working memory for Argon2, wiped before it goes back to the system.
///
/// It is mapped apart from the heap, on huge pages where the system has them: the cost of
/// Argon2 is the cost of reaching memory, and with 4 KiB pages half the time goes to
/// building page tables.
pub(crate) struct Argon2Memory(MmapMut);

impl Argon2Memory {
    /// Maps `blocks` blocks of 1 KiB, all zeros.
    ///
    /// # Errors
    /// When the system refuses that much memory.
    pub(crate) fn new(blocks: usize) -> io::Result<Self> {
        let bytes = blocks
            .checked_mul(Block::SIZE)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(bytes)?;
        #[cfg(target_os = "linux")]
        {
            // Both are wishes; the result is the same without them.
            let _ = map.advise(memmap2::Advice::HugePage);
            let _ = map.advise(memmap2::Advice::DontDump);
        }
        Ok(Self(map))
    }

    /// The memory as Argon2 wants it.
    pub(crate) fn blocks(&mut self) -> &mut [Block] {
        let count = self.0.len() / Block::SIZE;
        // SAFETY: the mapping is page-aligned, which covers the 64 bytes that `Block` asks
        // for; it is `count * size_of::<Block>()` bytes long and exclusively borrowed; and
        // `Block` is an array of integers, for which every bit pattern is valid.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<Block>(), count) }
    }
}

/// A few bytes in memory of their own: locked, so that they are not swapped out where the
/// limits allow (`RLIMIT_MEMLOCK`, mlock(2)), left out of core dumps, and wiped when dropped.
pub struct LockedMemory {
    map: MmapMut,
    len: usize,
}

impl LockedMemory {
    /// `len` zeros.
    ///
    /// Where the system has not even a page to give, it ends the process as any allocation does.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let map = MmapMut::map_anon(len.max(1))
            .unwrap_or_else(|_| handle_alloc_error(Layout::new::<u8>()));
        // Wishes again: without them the bytes are as safe as the rest of the heap.
        let _ = map.lock();
        #[cfg(target_os = "linux")]
        {
            let _ = map.advise(memmap2::Advice::DontDump);
            // A process that is forked off has no use for it.
            let _ = map.advise(memmap2::Advice::DontFork);
        }
        Self { map, len }
    }
}

impl std::ops::Deref for LockedMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[..self.len]
    }
}

impl std::ops::DerefMut for LockedMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.map[..self.len]
    }
}

impl AsMut<[u8]> for LockedMemory {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Drop for LockedMemory {
    fn drop(&mut self) {
        self.map.fill(0);
        optimization_barrier(&self.map[..]);
    }
}

const _: () = assert!(size_of::<Block>() == Block::SIZE);

impl Drop for Argon2Memory {
    fn drop(&mut self) {
        self.0.fill(0);
        optimization_barrier(&self.0[..]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts the bytes that are not zero when they are freed.
    struct Witness(AtomicUsize);

    // SAFETY: every call goes to `System` with the caller's own arguments.
    unsafe impl GlobalAlloc for Witness {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's obligations are passed on unchanged.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
            // SAFETY: `place` is valid for reads of `layout.size()` bytes, which the test wrote.
            let bytes = unsafe { std::slice::from_raw_parts(place, layout.size()) };
            let left = bytes.iter().filter(|byte| **byte != 0).count();
            self.0.fetch_add(left, Ordering::Relaxed);
            // SAFETY: the caller's obligations are passed on unchanged.
            unsafe { System.dealloc(place, layout) };
        }
    }

    /// Allocates with `allocator`, grows what it got, and frees it.
    fn use_memory(allocator: &impl GlobalAlloc) {
        let layout = |size| Layout::from_size_align(size, 8).expect("a layout");
        // SAFETY: the layouts are not empty; the place is written within its bounds before it is
        // read, and freed once with the layout that it has by then.
        unsafe {
            let place = allocator.alloc(layout(64));
            assert!(!place.is_null());
            place.write_bytes(0xaa, 64);
            let grown = allocator.realloc(place, layout(64), 128);
            assert_eq!(*grown.add(63), 0xaa, "what was there is kept");
            grown.write_bytes(0xaa, 128);
            allocator.dealloc(grown, layout(128));
        }
    }

    #[test]
    fn freed_memory_is_wiped() {
        let plain = Witness(AtomicUsize::new(0));
        use_memory(&plain);
        assert_eq!(
            plain.0.into_inner(),
            64 + 128,
            "the witness sees what is left"
        );

        let wiping = WipingAllocator(Witness(AtomicUsize::new(0)));
        use_memory(&wiping);
        assert_eq!(wiping.0.0.into_inner(), 0);
    }

    #[test]
    fn argon2_memory_starts_as_zeros_and_refuses_the_impossible() {
        let mut memory = Argon2Memory::new(64).expect("64 KiB");
        assert_eq!(memory.blocks().len(), 64);
        assert!(
            memory
                .blocks()
                .iter()
                .all(|block| block.as_ref().iter().all(|word| *word == 0))
        );
        assert!(Argon2Memory::new(usize::MAX / 2).is_err());
    }
}
