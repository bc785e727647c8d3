//! How a cell may end, and what each end means. A server's own exit codes are 0 and [`FAULT`].
//!
//! Everything that a locked cell can bring about is *its* end: none of these codes, and no code at all, can pose
//! as a signal, as a limit that was reached or as the machine's fault. What only the kernel or somebody outside
//! can do to a cell is a signal, and a locked cell can raise none.

use libc::{SIGKILL, SIGUSR2, SIGXCPU};

/// There is an answer; the words say `Done` or `Declaration` with the question's step.
pub const ANSWERED: i32 = 0;
/// There is none, and the words say why.
pub const SAID: i32 = 1;
/// The algorithm panicked; the words hold the message. The Rust standard library's own code.
pub const PANICKED: i32 = 101;
/// A server that cannot work, with a line on standard error.
pub const FAULT: i32 = 70;

/// Ends a cell that could not be locked, before any byte of an entry was looked at: ours, and so a signal that a
/// locked cell cannot raise. The words hold the step ([`crate::words::SaidKind::Lock`]).
pub const UNLOCKED_SIGNAL: i32 = SIGUSR2;
/// The limit of CPU time, from the kernel.
pub const TIME_SIGNAL: i32 = SIGXCPU;
/// The hard limit of CPU time, the machine's memory, or somebody outside.
pub const OUTSIDE_SIGNAL: i32 = SIGKILL;
