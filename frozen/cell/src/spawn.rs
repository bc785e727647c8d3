//! Starts a program with a fixed environment, fixed descriptors, and what holds it from the start.
//!
//! The standard library's `Command` cannot start a program as the first process of a new process-id
//! namespace, so the child is made here. Between the clone and `execve` it makes system calls and nothing
//! else: the parent may have many threads, and the child has none of them, but all of their locks.

use std::{
    ffi::{CStr, CString},
    io::{self, Read as _},
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd},
    ptr,
};

use rustix::{
    io::fcntl_dupfd_cloexec,
    pipe::{PipeFlags, pipe_with},
    process::{Pid, Signal, kill_process},
};
use seccompiler::BpfProgram;

use crate::{
    fork::{ChildExit, reap},
    view::{self, Mounts},
};

/// Everything that decides how a program starts.
#[derive(Debug)]
pub struct Program {
    /// The file to execute; also its own name.
    pub path: CString,
    /// Its arguments, its own name left out.
    pub arguments: Vec<CString>,
    /// `NAME=value`, whole: nothing of the parent's environment is kept.
    pub environment: Vec<CString>,
    /// What becomes descriptor 0, 1, 2 and so on; all others are closed.
    pub descriptors: Vec<OwnedFd>,
    /// Limits (`RLIMIT_..`) and their values, soft and hard.
    pub limits: Vec<(Limit, u64)>,
    /// A Landlock ruleset to enter, where there is one.
    pub landlock: Option<OwnedFd>,
    /// A root of its own with a few folders, where there is one.
    pub view: Option<Mounts>,
    /// The folder to start in; the parent's where none is named.
    pub folder: Option<CString>,
    /// A filter of system calls that holds from the start; it must allow `execve`.
    pub filter: Option<BpfProgram>,
}

/// A resource that is limited.
pub type Limit = libc::__rlimit_resource_t;

/// Namespaces of the program's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespaces {
    /// User, process ids, network, System V objects: it sees no process but its own and no network.
    Own,
    /// The system refused: those of the parent.
    Shared,
}

/// A running program; dropped, it is ended and reaped, and with it every child that it has.
#[derive(Debug)]
pub struct Started {
    pid: Pid,
    namespaces: Namespaces,
}

const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC;
/// Descriptors of the parent are moved out of the way of the child's before the clone.
const OUT_OF_THE_WAY: RawFd = 100;

impl Program {
    /// Starts it, in namespaces of its own where the system allows them. Addresses are not randomised, so that two
    /// starts are the same to the program.
    ///
    /// The kernel ends it when the *thread* that calls this ends, so that thread must outlive it.
    ///
    /// Errors: with a view there is no start without namespaces.
    pub fn start(&self) -> io::Result<Started> {
        let environment = pointers(self.environment.iter().map(CString::as_c_str));
        let arguments =
            pointers([self.path.as_c_str()].into_iter().chain(self.arguments.iter().map(CString::as_c_str)));
        let aside = |file: &OwnedFd| Ok(fcntl_dupfd_cloexec(file.as_fd(), OUT_OF_THE_WAY)?);
        let descriptors = self.descriptors.iter().map(aside).collect::<io::Result<Vec<_>>>()?;
        let (failed, near) = pipe_with(PipeFlags::CLOEXEC)?;
        let failure = aside(&near)?;
        // The report ends when no copy of the writing end is left.
        drop(near);
        let raw: Vec<RawFd> = descriptors.iter().map(OwnedFd::as_raw_fd).collect();
        let plan = Plan {
            program: self,
            environment: &environment,
            arguments: &arguments,
            descriptors: &raw,
            failure: failure.as_raw_fd(),
        };
        let mount = if self.view.is_some() { libc::CLONE_NEWNS } else { 0 };
        let (pid, namespaces) = match clone_child(NAMESPACES | mount, &plan) {
            Ok(pid) => (pid, Namespaces::Own),
            Err(error) if mount != 0 => return Err(error),
            Err(_) => (clone_child(0, &plan)?, Namespaces::Shared),
        };
        let started = Started { pid, namespaces };
        drop(failure);
        let mut report = Vec::new();
        std::fs::File::from(failed).read_to_end(&mut report)?;
        match report.first_chunk::<8>() {
            None => Ok(started),
            Some(report) => Err(described(i64::from_le_bytes(*report))),
        }
    }
}

impl Started {
    /// The namespaces that it got.
    #[must_use]
    pub fn namespaces(&self) -> Namespaces {
        self.namespaces
    }

    /// Its process, as this process sees it.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Ends every process of its session, then it, and gives its raw wait status: for where it has no namespace that
    /// would take them with it.
    pub fn end_group(self) -> io::Result<ChildExit> {
        // The group may be gone already, which is what is wanted.
        rustix::process::kill_process_group(self.pid, Signal::KILL).ok();
        self.end()
    }

    /// Ends it and gives its raw wait status, and what it and all that it waited for have used.
    pub fn end(self) -> io::Result<ChildExit> {
        let pid = self.pid;
        std::mem::forget(self);
        end(pid)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let ended = end(self.pid);
        debug_assert!(ended.is_ok(), "{ended:?}");
    }
}

fn end(pid: Pid) -> io::Result<ChildExit> {
    // A process that has ended but was not reaped can still be signalled: no other one has its number.
    kill_process(pid, Signal::KILL)?;
    reap(pid, false)
}

/// What the child needs, prepared before the clone: it must not allocate.
struct Plan<'a> {
    program: &'a Program,
    environment: &'a [*const libc::c_char],
    arguments: &'a [*const libc::c_char],
    descriptors: &'a [RawFd],
    failure: RawFd,
}

fn pointers<'a>(texts: impl Iterator<Item = &'a CStr>) -> Vec<*const libc::c_char> {
    texts.map(CStr::as_ptr).chain([ptr::null()]).collect()
}

/// Steps of the child that can fail, in order; the number goes through the pipe with the error.
const STEPS: [&str; 13] = [
    "signal mask",
    "session",
    "parent death signal",
    "no new privileges",
    "limit",
    "descriptor",
    "closing descriptors",
    "landlock",
    "execve",
    "addresses",
    "view",
    "folder",
    "filter",
];

fn described(report: i64) -> io::Error {
    let (step, errno) = (report >> 32, report as i32);
    let step = usize::try_from(step).ok().and_then(|step| STEPS.get(step)).unwrap_or(&"start");
    let error = io::Error::from_raw_os_error(errno);
    io::Error::new(error.kind(), format!("{step}: {error}"))
}

fn clone_child(flags: libc::c_int, plan: &Plan<'_>) -> io::Result<Pid> {
    // SAFETY: without CLONE_VM this is a fork; the child returns with a copy of this stack and, until it
    // executes or exits, only makes system calls.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(flags | libc::SIGCHLD), 0, 0, 0, 0) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let step = become_program(plan);
            let report = ((step as i64) << 32 | i64::from(errno())).to_le_bytes();
            // SAFETY: writes eight bytes of this frame to the parent's pipe and ends the process.
            unsafe {
                libc::write(plan.failure, report.as_ptr().cast(), report.len());
                libc::_exit(127)
            }
        }
        pid => Pid::from_raw(pid as i32).ok_or_else(|| io::Error::other("clone gave no process")),
    }
}

/// Runs in the child. Gives the step that failed; does not return where all succeed.
fn become_program(plan: &Plan<'_>) -> usize {
    let program = plan.program;
    // SAFETY: plain system calls on values that live in the parent's frames, of which this process has a
    // copy; nothing allocates, takes a lock or unwinds. Descriptors belong to this process alone.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        if libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) != 0 {
            return 0;
        }
        if libc::setsid() == -1 {
            return 1;
        }
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) != 0 {
            return 2;
        }
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return 3;
        }
        if libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) == -1 {
            return 9;
        }
        if let Some(view) = &program.view
            && !view::enter(view)
        {
            return 10;
        }
        if let Some(folder) = &program.folder
            && libc::chdir(folder.as_ptr()) != 0
        {
            return 11;
        }
        for (limit, value) in &program.limits {
            let limits = libc::rlimit { rlim_cur: *value, rlim_max: *value };
            if libc::setrlimit(*limit, &raw const limits) != 0 {
                return 4;
            }
        }
        if let Some(ruleset) = &program.landlock
            && libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) != 0
        {
            return 7;
        }
        for (target, source) in plan.descriptors.iter().enumerate() {
            if libc::dup2(*source, target as RawFd) == -1 {
                return 5;
            }
        }
        let first = plan.descriptors.len() as libc::c_uint;
        let close_on_exec = libc::CLOSE_RANGE_CLOEXEC;
        if libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, close_on_exec) != 0 {
            return 6;
        }
        if let Some(filter) = &program.filter
            && !install(filter)
        {
            return 12;
        }
        libc::execve(program.path.as_ptr(), plan.arguments.as_ptr(), plan.environment.as_ptr());
        8
    }
}

/// Installs a filter without allocating; `no_new_privs` is set.
fn install(filter: &BpfProgram) -> bool {
    let program = libc::sock_fprog {
        len: filter.len() as libc::c_ushort,
        filter: filter.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: the program outlives the call, and both crates give a filter the kernel's own layout.
    unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) == 0 }
}

fn errno() -> i32 {
    // SAFETY: the location is this thread's own.
    unsafe { *libc::__errno_location() }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn shell(script: &str, output: OwnedFd) -> Program {
        let script_file = tempfile_of(script);
        Program {
            path: CString::new("/bin/sh").unwrap(),
            arguments: vec![],
            environment: vec![CString::new("ONLY=this").unwrap()],
            descriptors: vec![script_file, output],
            limits: vec![(libc::RLIMIT_CORE, 0), (libc::RLIMIT_NOFILE, 50)],
            landlock: None,
            view: None,
            folder: None,
            filter: None,
        }
    }

    fn tempfile_of(text: &str) -> OwnedFd {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        io::Write::write_all(&mut File::from(write), text.as_bytes()).unwrap();
        read
    }

    #[test]
    fn a_program_gets_what_was_listed_and_nothing_else() {
        let (output, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let mut program = shell("env -i /bin/true; echo $ONLY $HOME; ulimit -n; ls /proc/self/fd | wc -l", write);
        let started = program.start().unwrap();
        program.descriptors.clear();
        let mut text = String::new();
        File::from(output).read_to_string(&mut text).unwrap();
        drop(started);
        // Script, output and the folder that `ls` reads; the pipe to `wc` stands for output.
        assert_eq!(text, "this\n50\n3\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_with_its_step() {
        let (_output, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let mut program = shell("", write);
        program.path = CString::new("/no/such/program").unwrap();
        let error = program.start().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("execve: "), "{error}");
    }

    #[test]
    fn a_dropped_program_is_gone() {
        let (_output, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let started = shell("sleep 100", write).start().unwrap();
        let pid = started.pid();
        drop(started);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
