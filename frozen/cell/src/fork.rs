//! A cell a question: fork, wait with a limit, exit without ceremony.
//!
//! The fork is a raw `clone`: the C library's own writes the new process's id into its memory, and with it how many
//! questions were asked before.

use std::{fs, io, os::fd::OwnedFd, ptr};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Fork {
    /// The new process.
    Child,
    /// The old one, with the child that it must [`Child::wait`] for.
    Parent(Child),
}

/// A child that has not been reaped.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    handle: OwnedFd,
}

/// How a child ended, and what it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildExit {
    /// The raw wait status.
    pub status: i32,
    /// CPU time, user and system, in microseconds.
    pub cpu_micros: u64,
    /// Largest resident set, in KiB.
    pub max_rss_kib: u64,
    /// Whether the limit of waiting ended it.
    pub stalled: bool,
}

/// Counts this process's threads as the kernel does, also where no file can be opened any more.
#[derive(Debug)]
pub struct Threads {
    folder: OwnedFd,
}

impl Threads {
    /// Opens the folder that has a folder for each thread.
    pub fn open() -> io::Result<Self> {
        Ok(Self { folder: fs::File::open("/proc/self/task")?.into() })
    }

    /// How many there are: a folder's links are itself, its parent and the folders in it.
    pub fn count(&self) -> io::Result<u32> {
        Ok(u32::try_from(rustix::fs::fstat(&self.folder)?.st_nlink).unwrap_or(u32::MAX).saturating_sub(2))
    }
}

/// Bytes of this process's address space.
pub fn address_space() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("no size in /proc/self/statm"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Forks. Refused where the process has more than one thread: the others would be missing in the child, with
/// whatever locks they held.
pub fn fork(threads: &Threads) -> io::Result<Fork> {
    let threads = threads.count()?;
    if threads != 1 {
        return Err(io::Error::other(format!("{threads} threads where a fork needs exactly one")));
    }
    // SAFETY: without CLONE_VM this is a fork, and the only thread of this process makes it, so the child has all
    // that it had. The C library is not told: it has no handlers for a fork here, and no other thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(libc::SIGCHLD), 0, 0, 0, 0) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => {
            let pid = Pid::from_raw(pid as i32).ok_or_else(|| io::Error::other("fork gave no process"))?;
            let handle = pidfd_open(pid, PidfdFlags::empty())?;
            Ok(Fork::Parent(Child { pid, handle }))
        }
    }
}

impl Child {
    /// Waits for the end, at most so many seconds; then ends the child itself.
    pub fn wait(self, seconds: u64) -> io::Result<ChildExit> {
        let limit = Timespec { tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX), tv_nsec: 0 };
        let ready = loop {
            match poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&limit)) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        let stalled = ready == 0;
        if stalled {
            kill_process(self.pid, Signal::KILL)?;
        }
        reap(self.pid, stalled)
    }
}

pub(crate) fn reap(pid: Pid, stalled: bool) -> io::Result<ChildExit> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is a value of that type.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to values of this frame.
        let reaped = unsafe { libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, 0, &raw mut usage) };
        if reaped == pid.as_raw_nonzero().get() {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let micros = |time: libc::timeval| time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned();
    Ok(ChildExit {
        status,
        cpu_micros: micros(usage.ru_utime) + micros(usage.ru_stime),
        max_rss_kib: usage.ru_maxrss.cast_unsigned(),
        stalled,
    })
}

/// Ends this process because it could not be locked: by a signal that a locked cell cannot raise.
pub fn end_unlocked() -> ! {
    // SAFETY: raises a signal in this process, whose default action is its end.
    unsafe { libc::raise(wire::exit::UNLOCKED_SIGNAL) };
    exit_now(wire::exit::FAULT)
}

/// Ends the process at once: no destructors, no handlers that libraries left for the exit.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: never returns, and nothing runs afterwards.
    unsafe { libc::_exit(code) }
}

/// The version of Landlock that the kernel offers; 0 where it has none or has it switched off.
#[must_use]
pub fn landlock_version() -> u32 {
    const VERSION: libc::c_int = 1;
    // SAFETY: with this flag the call takes no attributes and answers with a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // A test runs in a process of several threads, where the safe `fork` refuses; the raw one is safe for
    // children that only make system calls.
    fn raw_fork(child: impl FnOnce()) -> Child {
        // SAFETY: the child only makes system calls and exits.
        match unsafe { libc::fork() } {
            0 => {
                child();
                exit_now(7)
            }
            pid => {
                let pid = Pid::from_raw(pid).unwrap();
                Child { pid, handle: pidfd_open(pid, PidfdFlags::empty()).unwrap() }
            }
        }
    }

    #[test]
    fn a_child_is_reaped_with_its_status() {
        let ended = raw_fork(|| ()).wait(10).unwrap();
        assert_eq!((ended.status, ended.stalled), (7 << 8, false));
    }

    #[test]
    fn a_child_that_stands_still_is_ended() {
        let ended = raw_fork(|| {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        })
        .wait(1)
        .unwrap();
        assert_eq!((ended.status, ended.stalled), (libc::SIGKILL, true));
    }

    #[test]
    fn a_process_of_several_threads_does_not_fork() {
        let (_keep, wait) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || wait.recv());
        assert_eq!(
            Threads::open().unwrap().count().unwrap() as usize,
            fs::read_dir("/proc/self/task").unwrap().count()
        );
        assert!(fork(&Threads::open().unwrap()).is_err());
    }
}
