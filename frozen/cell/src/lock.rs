//! The lock: what a server gives up once it is warm, and what a cell gives up before a byte of an entry.
//!
//! The wall is seccomp; it is required everywhere, and a cell that cannot have it ends without an answer. What can
//! be given up by the server itself is given up there, once, for all of its cells ([`Ready::prepare`]):
//!
//! 1. The process has exactly one thread, before and after: a filter and a domain bind the thread that enters them.
//! 2. Handlers ([`handlers`]), which a cell cannot change.
//! 3. Landlock with no rights at all, where the kernel has it: the server opens nothing any more.
//! 4. The clock: `rdtsc` faults (`PR_SET_TSC`), and the pages from which the vDSO and `time()` read the wall clock
//!    without an instruction or a call are taken away. The vDSO's code stays: the loader reads its headers.
//!
//! A cell then, with its memory mapped and nothing else done ([`Ready::lock`]):
//!
//! 5. `PR_SET_PDEATHSIG`: it dies with the server, and the server with its host.
//! 6. The entry becomes descriptor 0; every descriptor from 3 on is closed. What a cell needs of them is mapped, and
//!    the mappings of inputs cannot become writable ([`wire::memory`]).
//! 7. Limits of address space, CPU time and processes.
//! 8. What the C library keeps of the thread that differs between two servers: its id, the stack's canary and the
//!    key of mangled pointers.
//! 9. `no_new_privs` and the filter ([`crate::filter`]).
//! 10. The server's stack and registers: whatever it knew of earlier cells, the kernel's random bytes, arguments ([`crate::stack`]).

use std::{
    arch::asm,
    fs, io,
    os::fd::RawFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, setrlimit};
use seccompiler::BpfProgram;

use wire::{abi::Ask, message::Question};

use crate::{
    fence, filter, fork,
    fork::Threads,
    handlers,
    profile::Profile,
    stack::{self, Stack},
};

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
    Landlock(#[from] landlock::RulesetError),
    /// The filter could not be built or installed.
    #[error("seccomp: {0}")]
    Seccomp(String),
}

/// What a question may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// CPU seconds, after which the kernel ends the cell.
    pub cpu_seconds: u64,
    /// Bytes of address space beyond the server's.
    pub memory_bytes: u64,
}

/// A server that has given up what it could.
#[derive(Debug)]
pub struct Ready {
    filter: BpfProgram,
    loader_only: BpfProgram,
    address_space: u64,
    threads: Threads,
    landlock: u32,
    server: Pid,
    stack: Stack,
}

/// Where the kernel shows a clock in memory: `[vvar]` and, on newer kernels, `[vvar_vclock]`.
const CLOCKS: &str = "[vvar";
/// See [`CLOCKS`].
pub static VVAR: [Range; 4] = [const { Range::nowhere() }; 4];

/// Addresses, written once before the first fork.
#[derive(Debug)]
pub struct Range {
    start: AtomicUsize,
    end: AtomicUsize,
}

impl Range {
    const fn nowhere() -> Self {
        Self { start: AtomicUsize::new(0), end: AtomicUsize::new(0) }
    }

    /// Whether an address is inside.
    pub fn holds(&self, address: usize) -> bool {
        (self.start.load(Ordering::Relaxed)..self.end.load(Ordering::Relaxed)).contains(&address)
    }
}

fn system<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> LockError {
    move |source| LockError::System { step, source: source.into() }
}

impl Ready {
    /// Gives up what neither server nor cells need after the warm-up.
    pub fn prepare(profile: &Profile) -> Result<Self, LockError> {
        let threads = Threads::open().map_err(system("threads"))?;
        let address_space = address_space().map_err(system("address space"))?;
        let stack = Stack::prepare(|name| profile.environment.contains(&name)).map_err(system("stack"))?;
        handlers::install().map_err(system("handlers"))?;
        let landlock = fork::landlock_version();
        let seccomp = |error: seccompiler::BackendError| LockError::Seccomp(error.to_string());
        let (filter, loader_only) = (filter::build(profile).map_err(seccomp)?, filter::loader_only().map_err(seccomp)?);
        clock_off().map_err(system("clock"))?;
        if landlock > 0 {
            fence::no_rights()?;
        }
        let server = rustix::process::getpid();
        Ok(Self { filter, loader_only, address_space, threads, landlock, server, stack })
    }

    /// Landlock's version in the domain that holds this process and its cells; 0 where the kernel has none.
    #[must_use]
    pub fn landlock(&self) -> u32 {
        self.landlock
    }

    /// The threads of this process.
    #[must_use]
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Locks this process for good, around the entry in a descriptor. What follows may be anybody's code.
    ///
    /// Without `filtered` nothing is refused: only ever for the frozen probe, which looks at what stands behind.
    pub fn lock(&self, limits: Limits, entry: RawFd, filtered: bool) -> Result<(), LockError> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(system("parent death signal"))?;
        if rustix::process::getppid() != Some(self.server) {
            // It was gone before it could be followed.
            fork::exit_now(wire::exit::FAULT);
        }
        self.stack.map().map_err(system("stack"))?;
        only(entry).map_err(system("descriptors"))?;
        self.limit(limits).map_err(system("limits"))?;
        forget_thread();
        let filter = if filtered { &self.filter } else { &self.loader_only };
        filter::apply(filter).map_err(|error| LockError::Seccomp(error.to_string()))
    }

    /// Leaves the server's stack behind and ends with what `answer` gives; what follows is [`crate::stack`]'s.
    pub fn leave(&self, ask: Ask, question: &Question, answer: fn(&Ask) -> i32) -> ! {
        self.stack.leave(ask, question, answer)
    }

    fn limit(&self, limits: Limits) -> io::Result<()> {
        let set = |resource, soft: u64, hard: u64| {
            setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) }).map_err(io::Error::from)
        };
        let memory = self.address_space + stack::BYTES_ALL as u64 + limits.memory_bytes;
        set(Resource::As, memory, memory)?;
        // At the soft limit the kernel sends SIGXCPU, which says why; one second later it kills.
        set(Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds + 1)?;
        set(Resource::Nproc, 0, 0)
    }
}

/// Makes the entry descriptor 0 and closes every one from 3 on. Whoever owns one must not use it again.
fn only(entry: RawFd) -> io::Result<()> {
    // SAFETY: called in a cell, which ends without running the owners' destructors.
    let done =
        unsafe { libc::dup2(entry, 0) == 0 && libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) == 0 };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes of this process's address space.
fn address_space() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("no size in /proc/self/statm"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Takes every clock that needs no call away from this process and its forks: the time stamp counter, and the
/// pages that the kernel keeps the time in.
fn clock_off() -> io::Result<()> {
    const PR_SET_TSC: i32 = 26;
    const PR_TSC_SIGSEGV: libc::c_ulong = 2;
    let maps = fs::read_to_string("/proc/self/maps")?;
    let pages: Vec<_> = maps.lines().filter_map(|line| stack::addresses(line, CLOCKS)).collect();
    if pages.is_empty() || pages.len() > VVAR.len() {
        return Err(io::Error::other(format!(
            "{} mappings of [vvar] where 1 to {} are known",
            pages.len(),
            VVAR.len()
        )));
    }
    for (std::ops::Range { start, end }, range) in pages.into_iter().zip(&VVAR) {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let pages = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: nothing of this process reads the clock any more: whoever does faults, and the handler says so. Pages
        // without rights stand there now, so that no other mapping comes to lie at a clock's address.
        if unsafe { libc::mmap(pages, end - start, libc::PROT_NONE, flags, -1, 0) } == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        range.start.store(start, Ordering::Relaxed);
        range.end.store(end, Ordering::Relaxed);
    }
    // SAFETY: changes a flag of this thread and its forks only.
    match unsafe { libc::prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sets what the C library keeps in the thread's own memory to the same in every cell: the thread's id, the stack's
/// canary and the key of mangled pointers (glibc's `struct pthread` and `tcbhead_t` on x86-64).
///
/// No function with a canary is active that will return, and no pointer that was mangled before is used again: a
/// cell ends by `exit_group`, which runs nothing.
fn forget_thread() {
    let (found, own): (i32, i32);
    // SAFETY: reads a word of this thread's own block, which is longer.
    unsafe { asm!("mov {found:e}, fs:[0x2d0]", found = out(reg) found, options(nostack, readonly)) };
    own = rustix::thread::gettid().as_raw_nonzero().get();
    // The fork is a raw one, so what stands there is the server's, which is 1 in a namespace of its own.
    let server = rustix::process::getppid().map_or(own, |pid| pid.as_raw_nonzero().get());
    // SAFETY: words of this thread's own block; see above for why nobody misses what stood there.
    unsafe {
        if found == server {
            asm!("mov dword ptr fs:[0x2d0], 1", options(nostack));
        }
        asm!("mov qword ptr fs:[0x28], {0}", "mov qword ptr fs:[0x30], {0}", in(reg) 0x6d61_7863_6c69_7000_u64,
            options(nostack));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_the_clock_are_found_and_the_code_of_the_vdso_is_not() {
        let line = "7ffff7fbf000-7ffff7fc3000 r--p 00000000 00:00 0                          [vvar]";
        let clock = |line: &str| stack::addresses(line, CLOCKS);
        assert_eq!(clock(line), Some(0x7fff_f7fb_f000..0x7fff_f7fc_3000));
        assert!(clock(&line.replace("[vvar]", "[vvar_vclock]")).is_some());
        assert_eq!(clock(&line.replace("[vvar]", "[vdso]")), None);
        assert!(fs::read_to_string("/proc/self/maps").unwrap().lines().any(|line| clock(line).is_some()));
    }
}
