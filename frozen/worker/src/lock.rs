//! The second lock: what a child gives up before it runs a line of participant code.
//!
//! The wall is seccomp; it is required everywhere, and a child that cannot have it ends without an answer.
//! In this order, with everything that needs a file already done:
//!
//! 1. The process has exactly one thread. A filter binds the thread that installs it, so a thread that was
//!    started earlier (by a static initialiser, say) would be outside. The server does not fork otherwise.
//! 2. `PR_SET_PDEATHSIG`: the child dies with the server, and the server with the trainer.
//! 3. Every descriptor from 3 on is closed: socket, session, arenas, words. What a child needs of them is
//!    mapped, and the mappings of inputs cannot become writable ([`wire::memory`]).
//! 4. Limits: address space (what is mapped now and the protocol's `memory_mib`), CPU time (three times the
//!    protocol's `cpu_seconds`, see the host's attribution), no new processes, no locked memory, no file sizes.
//! 5. Landlock with no rights at all, where the kernel has it.
//! 6. Handlers that name a refused call or a written input; `rt_sigaction` is gone afterwards.
//! 7. `PR_SET_TSC`: `rdtsc`, and with it the clock in the vDSO, is a fault. No clock, no timing channel, no
//!    "honest until Friday".
//! 8. `no_new_privs` and the filter of [`ALLOWED`]: every other call traps, which ends the process with the
//!    call's name. Another architecture's calls (`int 0x80`) end it at once.
//!
//! What was measured: with a list of these calls and one more, and default kill, loss and backward in f32 and f64
//! up to B = 1024, AdamW over 8 million parameters, Newton-Schulz, `eigh`, QR, SVD, top-k, sort, einsum, C++
//! exceptions, tensors of 300 MB and graphs of 20,000 nodes gave the same bits as without; each entry was
//! also taken away in turn to see what breaks. That list had `read` for a socket; here a child has none.

use std::{collections::BTreeMap, io};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetError, Scope,
};
use records::protocol::WorkerLimits;
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use wire::{
    memory::Mapping,
    process::{fork, signals},
};

/// Of the limit on CPU time, how many times a child may use before it is ended; see the host's attribution.
pub const CPU_GRACE: u64 = 3;

/// The lock-down failed: this machine cannot judge.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A system call of the lock itself failed.
    #[error("{step}: {source}")]
    System {
        /// Which part of the lock.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Landlock is there and refused.
    #[error("landlock: {0}")]
    Landlock(#[from] RulesetError),
    /// The filter could not be built or installed.
    #[error("seccomp: {0}")]
    Seccomp(String),
}

/// On which arguments a call is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// On all.
    Any,
    /// Descriptor 1 or 2, which are the pipe for last words.
    LastWords,
    /// Anonymous memory that cannot be executed.
    PlainMemory,
    /// This process.
    Itself,
}

/// Every system call that a locked child can make, on what, and why.
pub const ALLOWED: &[(i64, On, &str)] = &[
    (libc::SYS_brk, On::Any, "allocation: small blocks"),
    (libc::SYS_mmap, On::PlainMemory, "allocation: large blocks; no files, nothing executable"),
    (libc::SYS_munmap, On::Any, "allocation: giving large blocks back"),
    (libc::SYS_mremap, On::Any, "allocation: growing large blocks; cannot change protection"),
    (libc::SYS_madvise, On::Any, "allocation: giving pages back; the seals refuse MADV_REMOVE on an input"),
    (libc::SYS_futex, On::Any, "locks of libtorch and the C library, never contended with one thread"),
    (libc::SYS_write, On::LastWords, "last words: a panic's message"),
    (libc::SYS_sigaltstack, On::Any, "the standard library takes the alternate stack down at the end"),
    (libc::SYS_gettid, On::Any, "abort: a readable end"),
    (libc::SYS_getpid, On::Any, "abort: a readable end"),
    (libc::SYS_rt_sigprocmask, On::Any, "abort: a readable end"),
    (libc::SYS_tgkill, On::Itself, "abort: a readable end"),
    (libc::SYS_exit_group, On::Any, "the end"),
];

/// Locks this process for good. What follows may be anybody's code.
///
/// `words` and `inputs` are where handlers write to and what nobody may write to.
pub fn lock(limits: &WorkerLimits, words: Mapping, inputs: &'static [u8], landlock: bool) -> Result<(), LockError> {
    let system = |step| move |error: io::Error| LockError::System { step, source: error };
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(io::Error::from)
        .map_err(system("parent death signal"))?;
    limit(limits).map_err(system("limits"))?;
    signals::install(words, inputs).map_err(system("handlers"))?;
    if landlock {
        no_rights()?;
    }
    fork::close_from(3).map_err(system("closing descriptors"))?;
    let filter = filter().map_err(|error| LockError::Seccomp(error.to_string()))?;
    fork::clock_off().map_err(system("clock"))?;
    seccompiler::apply_filter(&filter).map_err(|error| LockError::Seccomp(error.to_string()))
}

fn limit(limits: &WorkerLimits) -> io::Result<()> {
    let set = |resource, soft: u64, hard: u64| {
        setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) }).map_err(io::Error::from)
    };
    let memory = fork::address_space()? + (u64::from(limits.memory_mib) << 20);
    let seconds = u64::from(limits.cpu_seconds) * CPU_GRACE;
    set(Resource::As, memory, memory)?;
    // At the soft limit the kernel sends SIGXCPU, which says why; one second later it kills.
    set(Resource::Cpu, seconds, seconds + 1)?;
    set(Resource::Nproc, 0, 0)?;
    set(Resource::Memlock, 0, 0)?;
    set(Resource::Fsize, 0, 0)?;
    set(Resource::Core, 0, 0)
}

/// A Landlock domain without any right, as far as this kernel's version goes.
fn no_rights() -> Result<(), RulesetError> {
    let abi = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .restrict_self()?;
    Ok(())
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let own = std::process::id();
    let mut rules = BTreeMap::new();
    for (call, on, _) in ALLOWED {
        rules.insert(*call, on.rules(own)?);
    }
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Trap, SeccompAction::Allow, architecture)?.try_into()
}

impl On {
    /// Alternatives, each a list of conditions; none is no condition.
    fn rules(self, own: u32) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
        let argument = |index, operator, value: i32| {
            SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, u64::from(value.cast_unsigned()))
        };
        let masked = |index, mask: i32, value: i32| {
            argument(index, SeccompCmpOp::MaskedEq(u64::from(mask.cast_unsigned())), value)
        };
        let alternatives = match self {
            Self::Any => vec![],
            Self::LastWords => {
                vec![vec![argument(0, SeccompCmpOp::Eq, 1)?], vec![argument(0, SeccompCmpOp::Eq, 2)?]]
            }
            Self::PlainMemory => {
                vec![vec![masked(2, libc::PROT_EXEC, 0)?, masked(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?]]
            }
            Self::Itself => vec![vec![argument(0, SeccompCmpOp::Eq, own.cast_signed())?]],
        };
        alternatives.into_iter().map(SeccompRule::new).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_measured_one_and_each_entry_has_its_reason() {
        let names: Vec<_> =
            ALLOWED.iter().filter_map(|(call, ..)| wire::process::calls::name(call.cast_unsigned())).collect();
        let expected =
            "brk mmap munmap mremap madvise futex write sigaltstack gettid getpid rt_sigprocmask tgkill exit_group";
        assert_eq!(names.join(" "), expected);
        assert!(ALLOWED.iter().all(|(_, _, why)| !why.is_empty()));
        assert!(filter().unwrap().len() < 122);
    }
}
