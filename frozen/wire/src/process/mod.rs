//! The pieces of a process that need system calls: starting a program in a confined child, forking a child a
//! question, and handlers that name what ended one.
//!
//! Nothing here decides policy: the host says what the first lock is ([`spawn`]), the worker what the second
//! one is, and `worker::lock` argues for it.
#![expect(unsafe_code, reason = "fork, exec, wait and signal handlers have no safe form")]

pub mod calls;
pub mod fork;
pub mod pages;
pub mod signals;
pub mod spawn;

pub use fork::{Ended, Fork, fork};
pub use spawn::{Namespaces, Program, Started};
