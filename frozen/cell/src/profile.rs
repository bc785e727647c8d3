//! Profiles: what a kind of jail may do, as data with a reason an entry.
//!
//! The list of a worker is short because everything is done before the lock: libtorch is warm, memory is mapped,
//! and the loader's questions are answered in the process. It is the only filter there is: constructors, interposed
//! symbols and module bodies run behind it like everything else.

use libc::c_long;

/// On what a call is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// On anything.
    Any,
    /// On descriptor 0: the entry.
    Entry,
    /// On descriptors 1 and 2: the pipe for last words.
    LastWords,
    /// Memory of its own that is not executable, or a private mapping of descriptor 0.
    Memory,
    /// Advice that only gives memory back or asks for huge pages.
    Advice,
    /// A mode, the argument of this number, that gives a file nobody else's rights.
    PlainMode(u8),
    /// Flags that ask for no namespace.
    NoNamespace,
    /// A name for a thread.
    ThreadName,
    /// This process.
    Itself,
}

/// A call of the kernel's, on what, and what for.
pub type KernelCall = (c_long, On, &'static str);

/// What happens to a call that is not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// SIGSYS: the handler answers it or ends the process with its name.
    Trap,
    /// `ENOSYS`, as from a kernel that does not know it.
    Unknown,
}

/// What a kind of jail may do.
#[derive(Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What is readable before the lock, besides the files of the program at hand, and what for.
    pub readable: &'static [(&'static str, &'static str)],
    /// Variables of the environment that are left in a cell: those that decide bits.
    pub environment: &'static [&'static str],
    /// Limits from the first instruction on, and what for.
    pub limits: &'static [(crate::spawn::Limit, u64, &'static str)],
    /// The kernel's list.
    pub calls: &'static [KernelCall],
    /// What becomes of all others.
    pub otherwise: Otherwise,
    /// What the process's own handler answers in the kernel's place, without any right of its own.
    pub answered: &'static [(c_long, &'static str)],
}

/// Rust entries: a shared object over libtorch.
pub const RUST: Profile = Profile {
    name: "rust",
    readable: &[
        ("/lib", "the C library"),
        ("/lib64", "the loader"),
        ("/usr/lib", "the C++ library"),
        ("/usr/lib64", "the same elsewhere"),
        ("/etc/ld.so.cache", "where libraries are"),
        ("/proc", "libtorch and oneDNN look at cpuinfo and their own environment"),
        ("/sys/devices/system/cpu", "oneDNN and MKL look at caches"),
        ("/dev/null", "standard input"),
        ("/dev/urandom", "libtorch's default generator, seeded again for each question"),
    ],
    environment: &[
        "ATEN_CPU_CAPABILITY",
        "MKL_CBWR",
        "ONEDNN_MAX_CPU_ISA",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "LC_ALL",
    ],
    limits: &[
        (libc::RLIMIT_CORE, 0, "no memory reaches a disk"),
        (libc::RLIMIT_FSIZE, 0, "no file is written"),
        (libc::RLIMIT_MEMLOCK, 0, "no memory is pinned"),
        (libc::RLIMIT_NOFILE, 64, "descriptors are few"),
        (libc::RLIMIT_STACK, 8 << 20, "the same stack everywhere"),
    ],
    calls: &[
        (libc::SYS_brk, On::Any, "allocation"),
        (libc::SYS_mmap, On::Memory, "allocation, and the loader's mappings of the entry"),
        (libc::SYS_munmap, On::Any, "allocation"),
        (libc::SYS_madvise, On::Advice, "allocation"),
        (libc::SYS_pread64, On::Entry, "the loader reads the entry; without an offset that forks would share"),
        (libc::SYS_close, On::Entry, "the loader has mapped the entry"),
        (libc::SYS_write, On::LastWords, "last words: a panic's message"),
        (libc::SYS_rt_sigreturn, On::Any, "the handler's return"),
        (libc::SYS_exit_group, On::Any, "the end"),
    ],
    otherwise: Otherwise::Trap,
    answered: &[
        (libc::SYS_openat, "the loader opens `/entry`, and nothing else: it is descriptor 0 already"),
        (libc::SYS_read, "the loader reads the entry's header: `pread64` at 0"),
        (libc::SYS_newfstatat, "the loader looks at the entry: a fixed answer"),
        (libc::SYS_fstat, "the same in other versions of the C library"),
        (libc::SYS_getpid, "1: the same in every cell"),
        (libc::SYS_gettid, "1"),
        (libc::SYS_sigaltstack, "done, without effect"),
        (libc::SYS_rt_sigprocmask, "done, without effect"),
        (
            libc::SYS_mremap,
            "no memory: the C library copies instead. A mapping that grows would show what lies behind it",
        ),
        (libc::SYS_futex, "nobody to wake; a wait would never end, and ends the cell"),
        (libc::SYS_tgkill, "`abort`: ends the cell, with the signal's name"),
    ],
};

/// Python entries: sources over torch, in CPython. What it may ask of the kernel is what a Rust entry may; what is
/// readable before the lock besides is the interpreter's own, which the host names.
pub const PYTHON: Profile = Profile { name: "python", ..RUST };

/// The compiler and the linker that it starts: they read hostile text.
///
/// What rustc 1.95, gcc 12 and lld ask for over the starter kits, and their like elsewhere. No change of a file's mode or
/// times by a path, which Landlock would not stop; no sockets, no tracing, no mounts, no keys, no io_uring, no user faults, no namespaces.
pub const COMPILER: Profile = Profile {
    name: "compiler",
    readable: &[],
    environment: &[],
    limits: &[
        (libc::RLIMIT_CORE, 0, "no memory reaches a disk"),
        (libc::RLIMIT_DATA, 640 << 20, "memory of one process"),
        (libc::RLIMIT_CPU, 30, "time of one process"),
        (libc::RLIMIT_FSIZE, 256 << 20, "one file"),
        (libc::RLIMIT_NOFILE, 256, "descriptors"),
        (libc::RLIMIT_MEMLOCK, 0, "no memory is pinned"),
    ],
    calls: COMPILER_CALLS,
    otherwise: Otherwise::Unknown,
    answered: &[],
};

const COMPILER_CALLS: &[KernelCall] = &[
    (libc::SYS_read, On::Any, "files"),
    (libc::SYS_pread64, On::Any, "files"),
    (libc::SYS_readv, On::Any, "files"),
    (libc::SYS_write, On::Any, "files"),
    (libc::SYS_pwrite64, On::Any, "files"),
    (libc::SYS_writev, On::Any, "files"),
    (libc::SYS_open, On::PlainMode(2), "files of the view"),
    (libc::SYS_openat, On::PlainMode(3), "files of the view"),
    (libc::SYS_close, On::Any, "files"),
    (libc::SYS_close_range, On::Any, "files"),
    (libc::SYS_stat, On::Any, "files"),
    (libc::SYS_fstat, On::Any, "files"),
    (libc::SYS_lstat, On::Any, "files"),
    (libc::SYS_newfstatat, On::Any, "files"),
    (libc::SYS_statx, On::Any, "files"),
    (libc::SYS_statfs, On::Any, "files"),
    (libc::SYS_fstatfs, On::Any, "files"),
    (libc::SYS_lseek, On::Any, "files"),
    (libc::SYS_access, On::Any, "files"),
    (libc::SYS_faccessat, On::Any, "files"),
    (libc::SYS_faccessat2, On::Any, "files"),
    (libc::SYS_getdents64, On::Any, "folders"),
    (libc::SYS_readlink, On::Any, "links"),
    (libc::SYS_readlinkat, On::Any, "links"),
    (libc::SYS_getcwd, On::Any, "paths"),
    (libc::SYS_chdir, On::Any, "paths"),
    (libc::SYS_mkdir, On::PlainMode(1), "what is written"),
    (libc::SYS_mkdirat, On::PlainMode(2), "what is written"),
    (libc::SYS_rmdir, On::Any, "what is written"),
    (libc::SYS_unlink, On::Any, "what is written"),
    (libc::SYS_unlinkat, On::Any, "what is written"),
    (libc::SYS_rename, On::Any, "what is written"),
    (libc::SYS_renameat, On::Any, "what is written"),
    (libc::SYS_renameat2, On::Any, "what is written"),
    (libc::SYS_link, On::Any, "what is written"),
    (libc::SYS_linkat, On::Any, "what is written"),
    (libc::SYS_fchmod, On::PlainMode(1), "what is written"),
    (libc::SYS_umask, On::Any, "what is written"),
    (libc::SYS_ftruncate, On::Any, "what is written"),
    (libc::SYS_fallocate, On::Any, "what is written"),
    (libc::SYS_copy_file_range, On::Any, "what is written"),
    (libc::SYS_fsync, On::Any, "what is written"),
    (libc::SYS_flock, On::Any, "locks of what is written"),
    (libc::SYS_fcntl, On::Any, "descriptors"),
    (libc::SYS_dup, On::Any, "descriptors"),
    (libc::SYS_dup2, On::Any, "descriptors"),
    (libc::SYS_dup3, On::Any, "descriptors"),
    (libc::SYS_pipe, On::Any, "pipes between the compiler and its linker"),
    (libc::SYS_pipe2, On::Any, "pipes between the compiler and its linker"),
    (libc::SYS_poll, On::Any, "pipes"),
    (libc::SYS_ppoll, On::Any, "pipes"),
    (libc::SYS_select, On::Any, "pipes"),
    (libc::SYS_pselect6, On::Any, "pipes"),
    (libc::SYS_ioctl, On::Any, "whether a stream is a terminal"),
    (libc::SYS_mmap, On::Any, "memory"),
    (libc::SYS_munmap, On::Any, "memory"),
    (libc::SYS_mremap, On::Any, "memory"),
    (libc::SYS_mprotect, On::Any, "memory"),
    (libc::SYS_madvise, On::Any, "memory"),
    (libc::SYS_brk, On::Any, "memory"),
    (libc::SYS_msync, On::Any, "the linker's output"),
    (libc::SYS_clone, On::NoNamespace, "threads and the linker; `clone3` hides its flags"),
    (libc::SYS_fork, On::Any, "the linker"),
    (libc::SYS_vfork, On::Any, "the linker"),
    (libc::SYS_execve, On::Any, "the linker"),
    (libc::SYS_wait4, On::Any, "the linker's end"),
    (libc::SYS_waitid, On::Any, "the linker's end"),
    (libc::SYS_exit, On::Any, "the end of a thread"),
    (libc::SYS_exit_group, On::Any, "the end"),
    (libc::SYS_tgkill, On::Any, "an abort"),
    (libc::SYS_rt_sigaction, On::Any, "signals"),
    (libc::SYS_rt_sigprocmask, On::Any, "signals"),
    (libc::SYS_rt_sigreturn, On::Any, "signals"),
    (libc::SYS_sigaltstack, On::Any, "signals"),
    (libc::SYS_futex, On::Any, "threads"),
    (libc::SYS_set_robust_list, On::Any, "threads"),
    (libc::SYS_rseq, On::Any, "threads"),
    (libc::SYS_set_tid_address, On::Any, "threads"),
    (libc::SYS_arch_prctl, On::Any, "threads"),
    (libc::SYS_prctl, On::ThreadName, "names of threads, and nothing that outlives a parent"),
    (libc::SYS_sched_yield, On::Any, "threads"),
    (libc::SYS_sched_getaffinity, On::Any, "how many threads"),
    (libc::SYS_getpid, On::Any, "names of temporary files"),
    (libc::SYS_gettid, On::Any, "threads"),
    (libc::SYS_getppid, On::Any, "names of temporary files"),
    (libc::SYS_getpgrp, On::Any, "the linker"),
    (libc::SYS_getuid, On::Any, "the loader"),
    (libc::SYS_geteuid, On::Any, "the loader"),
    (libc::SYS_getgid, On::Any, "the loader"),
    (libc::SYS_getegid, On::Any, "the loader"),
    (libc::SYS_getrandom, On::Any, "hash maps"),
    (libc::SYS_uname, On::Any, "the loader"),
    (libc::SYS_sysinfo, On::Any, "memory there is"),
    (libc::SYS_getrusage, On::Any, "time that was used"),
    (libc::SYS_times, On::Any, "time that was used"),
    (libc::SYS_prlimit64, On::Itself, "the stack's size"),
    (libc::SYS_getrlimit, On::Any, "the stack's size"),
    (libc::SYS_setrlimit, On::Any, "the stack's size: a limit only falls"),
    (libc::SYS_clock_gettime, On::Any, "time"),
    (libc::SYS_gettimeofday, On::Any, "time"),
    (libc::SYS_clock_nanosleep, On::Any, "time"),
    (libc::SYS_nanosleep, On::Any, "time"),
    (libc::SYS_eventfd2, On::Any, "waking a thread"),
    (libc::SYS_fadvise64, On::Any, "files"),
    (libc::SYS_memfd_create, On::Any, "the linker's output"),
    (libc::SYS_membarrier, On::Any, "threads"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_of_a_worker_is_the_measured_one_and_each_entry_has_its_reason() {
        let name = |call: c_long| crate::calls::name(call.cast_unsigned()).unwrap();
        let names: Vec<_> = RUST.calls.iter().map(|(call, ..)| name(*call)).collect();
        let expected = "brk mmap munmap madvise pread64 close write rt_sigreturn exit_group";
        assert_eq!(names.join(" "), expected);
        let answered: Vec<_> = RUST.answered.iter().map(|(call, _)| name(*call)).collect();
        let expected = "openat read newfstatat fstat getpid gettid sigaltstack rt_sigprocmask mremap futex tgkill";
        assert_eq!(answered.join(" "), expected);
        for profile in [&RUST, &COMPILER] {
            assert!(profile.calls.iter().all(|(_, _, why)| !why.is_empty()));
            assert!(profile.answered.iter().all(|(_, why)| !why.is_empty()));
            let calls: BTreeSet<_> = profile.calls.iter().map(|(call, ..)| call).collect();
            assert_eq!(calls.len(), profile.calls.len(), "a call twice in {}", profile.name);
            assert!(profile.answered.iter().all(|(call, _)| !calls.contains(call)));
        }
    }

    /// The table of SECURITY.md: its rows name the calls of the kernel's list and no other.
    #[test]
    fn the_page_lists_what_the_code_allows() {
        let page = include_str!("../../../SECURITY.md");
        let section = page.split("## What a cell may ask of the kernel").nth(1).unwrap().split("\n## ").next().unwrap();
        let (table, text) = section.split_once("\nNine. ").unwrap();
        let words = |line: &str| -> Vec<String> { line.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        let listed: BTreeSet<_> = rows.flat_map(|line| words(line.split('|').nth(1).unwrap())).collect();
        let name = |call: c_long| crate::calls::name(call.cast_unsigned()).unwrap().to_owned();
        assert_eq!(listed, RUST.calls.iter().map(|(call, ..)| name(*call)).collect());
        let told: BTreeSet<_> = words(text).into_iter().collect();
        assert!(RUST.answered.iter().all(|(call, _)| told.contains(&name(*call))), "{told:?}");
    }

    #[test]
    fn nothing_that_keeps_an_offset_or_tells_the_time_is_on_the_list_of_a_worker() {
        for call in [libc::SYS_openat, libc::SYS_read, libc::SYS_lseek, libc::SYS_clock_gettime, libc::SYS_futex] {
            assert!(RUST.calls.iter().all(|(allowed, ..)| *allowed != call));
        }
    }
}
