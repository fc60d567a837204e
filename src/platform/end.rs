//! The end of a process that is interrupted in the middle of its work, with secrets in use.
//!
//! A command that comes to its own end has wiped what it held. One that a signal ends, or a
//! bug, has not: the main thread waits somewhere, and what it holds stays as it is. So the
//! other threads are stopped for good, signals are kept off, and then all memory is
//! overwritten, whoever it belongs to.

/// How the process is to end.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// By this signal, so that whoever waits sees which one it was; with 128 and its number
    /// where that does not end it.
    Signal(i32),
}

/// Ends the process at once, its memory overwritten. No destructor runs and no buffer is
/// written.
///
/// On Linux. Elsewhere it ends and nothing is overwritten: the system gives its memory to
/// nobody else as it is.
pub fn end(how: End) -> ! {
    #[cfg(target_os = "linux")]
    linux::end(how);
    #[cfg(not(target_os = "linux"))]
    {
        if let End::Signal(signal) = how {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        std::process::exit(code(how));
    }
}

fn code(how: End) -> i32 {
    match how {
        End::Code(code) => code,
        End::Signal(signal) => 128 + signal,
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::ops::Range;
    use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

    use rustix::fs::{Mode, OFlags, RawDir};
    use zeroize::{optimization_barrier, zeroize_stack};

    use super::{End, code};

    /// More threads than there ever are: Argon2 has one for each processor.
    const MOST_THREADS: usize = 4096;
    /// More mappings than there ever are.
    const MOST_RANGES: usize = 2048;
    /// How often the other threads are waited for, a millisecond each time.
    const PATIENCE: u32 = 500;
    /// As much of a mapping as one look takes in.
    const WINDOW: usize = 64 * 1024;
    /// `MADV_DONTNEED`, as wide as the kernel takes it.
    const DROP: usize = libc::MADV_DONTNEED as usize;
    /// What the functions here take of the stack of the thread that they run on.
    const OWN_STACK: usize = 32 * 1024;

    /// Whether a thread is at the end already.
    static ENDING: AtomicBool = AtomicBool::new(false);
    /// The threads that were stopped. Filled by themselves, from the first on.
    static STOPPED: [AtomicI32; MOST_THREADS] = [const { AtomicI32::new(0) }; MOST_THREADS];
    static STOPPED_COUNT: AtomicUsize = AtomicUsize::new(0);
    /// What to overwrite: starts and ends. Here, because nothing can be allocated.
    static RANGES: [AtomicUsize; 2 * MOST_RANGES] =
        [const { AtomicUsize::new(0) }; 2 * MOST_RANGES];

    /// What separates what is spared of this stack from what is not, in bytes.
    const GAP: usize = 1024;

    #[inline(never)]
    pub(super) fn end(how: End) -> ! {
        // All that is needed from here on is below this, in the frames of what is called;
        // the frames above are overwritten, whoever they belong to.
        let gap = [0_u8; GAP];
        optimization_barrier(&gap);
        end_below(how, &gap)
    }

    /// Not a part of [`end`], nor are the functions that it calls a part of it.
    #[inline(never)]
    fn end_below(how: End, gap: &[u8; GAP]) -> ! {
        let here = gap.as_ptr().addr();
        if ENDING.swap(true, Ordering::AcqRel) {
            // Another thread is at it, and stops this one.
            wait_forever();
        }
        // A handler would find nothing of what it works with. (A thread that waits above
        // has to be stopped, and so takes signals.)
        take_signals(0);
        // From here on no allocation: a thread that was stopped may have the heap's lock.
        if stop_other_threads() {
            zeroize_stack::<{ 64 * 1024 }>();
            wipe(here);
        }
        if let End::Signal(signal) = how {
            die_by(signal);
        }
        exit(code(how))
    }

    /// Stops all threads but this one, wherever they are, for good. Whether that is done.
    #[inline(never)]
    fn stop_other_threads() -> bool {
        let signal = libc::SIGRTMAX();
        // SAFETY: a `sigaction` of zeros is a valid one; `stop` is a handler of the right
        // type that calls only what a handler may, signal-safety(7); the pointers are to
        // locals that outlive the calls.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = stop as extern "C" fn(libc::c_int) as *const () as usize;
            // Nothing is to interrupt one that was stopped.
            libc::sigfillset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
        let process = rustix::process::getpid().as_raw_nonzero().get();
        for attempt in 0..PATIENCE {
            let mut others = 0;
            let listed = each_other_thread(|thread| {
                others += 1;
                // Again now and then: a signal of this kind is sent once.
                if attempt % 50 == 0 || attempt < 5 {
                    // SAFETY: takes three numbers, tgkill(2). A thread that is gone
                    // meanwhile is an error that does not matter.
                    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
                }
            });
            match listed {
                // Each that was there was stopped, in the listing before this one or now.
                Some(()) if others == 0 => return true,
                Some(()) => {}
                None => return false,
            }
            // SAFETY: the time outlives the call, and nothing is written back.
            unsafe {
                let moment = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: 1_000_000,
                };
                libc::syscall(libc::SYS_nanosleep, &raw const moment, 0_usize);
            }
        }
        false
    }

    /// Calls `act` with each thread but this one and those that were stopped.
    fn each_other_thread(mut act: impl FnMut(i32)) -> Option<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(c"/proc/self/task", flags, Mode::empty()).ok()?;
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        let mut entries = RawDir::new(folder, &mut buffer);
        let own = rustix::thread::gettid().as_raw_nonzero().get();
        let stopped = STOPPED_COUNT.load(Ordering::Acquire).min(MOST_THREADS);
        while let Some(entry) = entries.next() {
            let number = number(entry.ok()?.file_name().to_bytes(), 10);
            let Some(thread) = number.and_then(|number| i32::try_from(number).ok()) else {
                continue; // . and ..
            };
            let was_stopped = |slot: &AtomicI32| slot.load(Ordering::Acquire) == thread;
            if thread != own && !STOPPED[..stopped].iter().any(was_stopped) {
                act(thread);
            }
        }
        Some(())
    }

    /// Runs in each thread that is to be stopped, and never returns: what it would return
    /// to is overwritten.
    extern "C" fn stop(_: libc::c_int) {
        // SAFETY: takes no arguments.
        let thread = unsafe { libc::syscall(libc::SYS_gettid) };
        let thread = i32::try_from(thread).unwrap_or(-1);
        let slot = STOPPED_COUNT.fetch_add(1, Ordering::AcqRel);
        if let Some(slot) = STOPPED.get(slot) {
            slot.store(thread, Ordering::Release);
        }
        wait_forever();
    }

    fn wait_forever() -> ! {
        loop {
            // SAFETY: waits for nothing and without end, ppoll(2); reads and writes no memory.
            unsafe { libc::syscall(libc::SYS_ppoll, 0_usize, 0, 0_usize, 0_usize, 0) };
        }
    }

    /// Overwrites all memory that is this process's alone, but for what belongs to files,
    /// which is code and what links it together, and the top of this stack, up to `here`.
    #[inline(never)]
    fn wipe(here: usize) {
        let spared = [
            here.saturating_sub(OWN_STACK)..here + GAP / 2,
            range_of(&RANGES),
            range_of(&STOPPED),
        ];
        let page = rustix::param::page_size();
        let count = find_ranges().unwrap_or(0);
        for pair in RANGES[..2 * count].chunks_exact(2) {
            let [start, end] = [0, 1].map(|n| pair[n].load(Ordering::Relaxed));
            wipe_but(start..end, &spared, page);
        }
    }

    /// `range` without what is to be spared of it.
    fn wipe_but(range: Range<usize>, spared: &[Range<usize>], page: usize) {
        let mut start = range.start;
        // In their order, whatever that is: there are three.
        while start < range.end {
            if let Some(within) = spared.iter().find(|spared| spared.contains(&start)) {
                start = within.end;
                continue;
            }
            let next = spared.iter().map(|spared| spared.start);
            let next = next
                .filter(|next| *next > start)
                .min()
                .unwrap_or(usize::MAX);
            let end = range.end.min(next);
            wipe_range(start..end, page);
            start = end;
        }
    }

    /// Overwrites what is in memory of it, and gives all of it back: a mapping can be many times
    /// as large as what was ever written of it.
    fn wipe_range(range: Range<usize>, page: usize) {
        let mut start = range.start;
        while start < range.end {
            // On a page's edge, wherever it begins.
            let end = range.end.min((start + WINDOW) & !(page - 1));
            wipe_window(start..end, page);
            start = end;
        }
    }

    fn wipe_window(range: Range<usize>, page: usize) {
        let place = std::ptr::with_exposed_provenance_mut::<u8>;
        let whole_pages = range.start.is_multiple_of(page) && range.end.is_multiple_of(page);
        // A byte for each page, of which there are 16 at most: the smallest have 4 KiB.
        let mut pages = [1_u8; 16];
        // SAFETY: the kernel has said that this is mapped, private and writable. No other
        // thread runs or will run, no signal is taken, and this thread uses nothing of it:
        // neither the heap, nor thread-local variables, nor anything that is on its stack
        // beyond what is spared, and it does not return to where it came from. mincore(2)
        // writes to the array, and madvise(2) makes whole pages zeros.
        unsafe {
            let (start, length) = (place(range.start), range.len());
            if whole_pages {
                libc::syscall(libc::SYS_mincore, start, length, pages.as_mut_ptr());
            }
            for (n, start) in range.clone().step_by(page).enumerate() {
                if pages[n] & 1 != 0 {
                    libc::explicit_bzero(place(start).cast(), page.min(range.end - start));
                }
            }
            // The others were never written, or are swapped out and dropped with this.
            if whole_pages {
                libc::syscall(libc::SYS_madvise, start, length, DROP);
            }
        }
    }

    fn range_of<T>(object: &T) -> Range<usize> {
        let start = (&raw const *object).addr();
        start..start + size_of::<T>()
    }

    /// Reads proc_pid_maps(5) into [`RANGES`]: what is private, writable and of no file.
    /// How many there are.
    fn find_ranges() -> Option<usize> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let maps = rustix::fs::open(c"/proc/self/maps", flags, Mode::empty()).ok()?;
        let (mut line, mut length, mut count) = ([0_u8; 512], 0, 0);
        let mut buffer = [0_u8; 4096];
        loop {
            let read = match rustix::io::read(&maps, &mut buffer) {
                Ok(0) => return Some(count),
                Ok(read) => read,
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return Some(count),
            };
            for byte in &buffer[..read] {
                if *byte != b'\n' {
                    // What is cut off of a long line is the end of a file's name.
                    if length < line.len() {
                        line[length] = *byte;
                        length += 1;
                    }
                    continue;
                }
                if let Some(range) = range(&line[..length])
                    && count < MOST_RANGES
                {
                    RANGES[2 * count].store(range.start, Ordering::Relaxed);
                    RANGES[2 * count + 1].store(range.end, Ordering::Relaxed);
                    count += 1;
                }
                length = 0;
            }
        }
    }

    /// `7f415c000000-7f415c021000 rw-p 00000000 00:00 0   [stack]`
    fn range(line: &[u8]) -> Option<Range<usize>> {
        let mut words = line
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty());
        let (range, mode) = (words.next()?, words.next()?);
        let inode = words.nth(2)?;
        if !mode.starts_with(b"rw") || mode.last() != Some(&b'p') || inode != b"0" {
            return None;
        }
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let (start, end) = (number(&range[..dash], 16)?, number(&range[dash + 1..], 16)?);
        (start < end).then_some(start..end)
    }

    fn number(digits: &[u8], base: u32) -> Option<usize> {
        if digits.is_empty() {
            return None;
        }
        digits.iter().try_fold(0_usize, |number, digit| {
            let digit = char::from(*digit).to_digit(base)?;
            number
                .checked_mul(base as usize)?
                .checked_add(digit as usize)
        })
    }

    /// Lets this thread take the signals of this set and no others; the lowest bit is signal 1.
    fn take_signals(set: u64) {
        let others = !set;
        let how = libc::SIG_SETMASK as usize;
        // SAFETY: the kernel reads a mask of the size that goes with it, rt_sigprocmask(2).
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                how,
                &raw const others,
                0_usize,
                SET,
            );
        }
    }

    /// The size of a set of signals, in bytes.
    const SET: usize = size_of::<u64>();

    #[inline(never)]
    fn die_by(signal: i32) {
        // SAFETY: a `sigaction` of zeros is the default action without flags; the kernel reads
        // it, and the size that goes with its mask. The rest are numbers.
        unsafe {
            let action = [0_u64; 8];
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                action.as_ptr(),
                0_usize,
                SET,
            );
            let process = libc::syscall(libc::SYS_getpid);
            libc::syscall(libc::SYS_kill, process, signal);
        }
        // It can only be delivered to this thread: those that were stopped block all. And no
        // other: their handlers are in ruins.
        take_signals(1 << (signal - 1));
    }

    fn exit(code: i32) -> ! {
        loop {
            // SAFETY: takes one number, exit_group(2), and does not return.
            unsafe { libc::syscall(libc::SYS_exit_group, code) };
        }
    }
}
