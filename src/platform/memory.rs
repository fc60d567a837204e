//! Memory that is wiped before it goes back to the system.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::panic::panic_any;

use argon2::Block;
use memmap2::MmapMut;
use zeroize::optimization_barrier;

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
        unsafe {
            place.write_bytes(0, layout.size());
            // Otherwise the compiler drops the zeros as writes to memory that is freed next.
            optimization_barrier(std::slice::from_raw_parts(place, layout.size()));
            self.0.dealloc(place, layout);
        }
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

const _: () = assert!(size_of::<Block>() == Block::SIZE);

impl Drop for Argon2Memory {
    fn drop(&mut self) {
        self.0.fill(0);
        optimization_barrier(&self.0[..]);
    }
}

/// What [`LockedMemory::new`] panics with: nobody is to blame.
#[derive(Debug)]
pub struct OutOfMemory;

/// A few bytes in memory of their own: locked, so that they are not swapped out where the
/// limits allow (`RLIMIT_MEMLOCK`, mlock(2)), left out of core dumps, and wiped when dropped.
pub struct LockedMemory {
    map: MmapMut,
    len: usize,
}

impl LockedMemory {
    /// `len` zeros.
    ///
    /// # Panics
    /// With [`OutOfMemory`] when the system does not have a page to give.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let map = MmapMut::map_anon(len.max(1)).unwrap_or_else(|_| panic_any(OutOfMemory));
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
