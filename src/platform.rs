//! What only the operating system can give: memory that is wiped, and a process that
//! nobody looks into.
//!
//! This is the one module with `unsafe`, in the files of its folder; each block says why it is sound.
#![allow(unsafe_code)]

mod background;
mod given;
mod lock;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod math;
mod memory;
mod process;
mod stack;

pub use background::without_stop;
pub use given::{hide_argument, take_variable};
pub use lock::{lock_for_job, process_group};
pub(crate) use memory::Argon2Memory;
pub use memory::{LockedMemory, OutOfMemory, WipingAllocator};
pub use process::{close_inherited_files, harden, peer_uid, soften, stat};
pub use stack::wipe_stack;
