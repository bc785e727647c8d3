//! What a probe tries from inside a cell, and what must become of it.
//!
//! A certificate states what a cell showed, not what was intended. So before a worker is asked anything, the frozen
//! probe is loaded into cells exactly as an entry is, and tries each forbidden thing, one a cell. The question's
//! `probe` is the place in [`FILTERED`] ([`crate::message::QuestionKind::Probe`]) or [`BEHIND`]
//! ([`crate::message::QuestionKind::ProbeBehind`], where the filter of calls is left out to see what stands behind it).
//! A probe of another kind of worker tries the same list.

/// What must become of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// An answer: the thing is allowed, and as it should be.
    Answer,
    /// The cell ends, and the words name this call.
    Call(&'static str),
    /// The cell ends, and the words name the clock.
    Clock,
    /// The cell ends by SIGSYS from the kernel, without words.
    Killed,
}

/// A forbidden thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeAttempt {
    /// The word by which a probe knows it, and a person reads it.
    pub name: &'static str,
    /// What must become of it.
    pub expected: Expected,
}

const fn call(name: &'static str, call: &'static str) -> ProbeAttempt {
    ProbeAttempt { name, expected: Expected::Call(call) }
}

const fn answer(name: &'static str) -> ProbeAttempt {
    ProbeAttempt { name, expected: Expected::Answer }
}

/// With the filter. The first is no attempt but the load itself: where it does not answer, this machine's loader makes
/// calls that a cell has not, and no entry could be judged here.
pub const FILTERED: &[ProbeAttempt] = &[
    answer("load"),
    answer("ids"),
    call("open a file", "openat"),
    call("open the memory of an input again", "openat"),
    call("make a file in memory", "memfd_create"),
    call("move the offset of the entry", "lseek"),
    call("map the entry to share it", "mmap"),
    call("map memory to execute", "mmap"),
    call("change the protection of memory", "mprotect"),
    call("open a socket", "socket"),
    call("start a process", "clone"),
    call("start a thread", "clone"),
    call("start a program", "execve"),
    call("signal the server", "kill"),
    call("read the server's memory", "process_vm_readv"),
    call("trace the server", "ptrace"),
    call("limit the server", "prlimit64"),
    call("ask the time", "clock_gettime"),
    call("draw random bytes", "getrandom"),
    call("change a handler", "rt_sigaction"),
    call("change the filter", "seccomp"),
    call("turn the clock on", "prctl"),
    call("use io_uring", "io_uring_setup"),
    call("handle page faults", "userfaultfd"),
    ProbeAttempt { name: "read the counter of the processor", expected: Expected::Clock },
    ProbeAttempt { name: "read the clock without a call", expected: Expected::Clock },
    ProbeAttempt { name: "call as a 32-bit program", expected: Expected::Killed },
];

/// Without the filter: what is there besides. An answer shows the wall; anything else shows that it is not there.
pub const BEHIND: &[ProbeAttempt] = &[
    answer(NO_NEW_PRIVILEGES),
    answer(LIMITS),
    answer(DESCRIPTORS),
    answer(CLOCK_OFF),
    answer(NAMESPACES),
    answer(LANDLOCK),
];

/// Walls by the word that stands in a certificate.
pub const NO_NEW_PRIVILEGES: &str = "no-new-privs";
/// No file size, process, core or pinned memory; an end to address space and CPU time.
pub const LIMITS: &str = "rlimits";
/// Descriptors 0 to 2 and no other.
pub const DESCRIPTORS: &str = "descriptors";
/// The time stamp counter faults.
pub const CLOCK_OFF: &str = "tsc-off";
/// Nobody's user, a process-id namespace whose first process is the server, and no network.
pub const NAMESPACES: &str = "namespaces:user,pid,net";
/// No file can be opened.
pub const LANDLOCK: &str = "landlock";

/// The word for the filter, with how many attempts it refused: `seccomp:25`.
pub const FILTER: &str = "seccomp";
