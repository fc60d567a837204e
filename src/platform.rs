//! What only the operating system can give: memory that is wiped, and a process that
//! nobody looks into.
//!
//! This is the one module with `unsafe`, in the files of its folder; each block says why it is sound.
#![allow(unsafe_code)]

mod background;
mod clock;
mod given;
mod lock;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod math;
mod memory;
mod memory_limit;
mod process;
mod stack;
mod start;

pub use background::{without_job_control, without_stop};
pub use clock::now;
pub use given::{hide_argument, hide_arguments, take_variable};
pub use lock::{lock_for_job, process_group};
pub(crate) use memory::Argon2Memory;
pub use memory::{LockedMemory, OutOfMemory, WipingAllocator};
pub use memory_limit::memory_left;
pub use process::{close_inherited_files, harden, own_program, peer_uid, soften, stat};
pub use stack::wipe_stack;
pub use start::pass_ignored_signals_on;
