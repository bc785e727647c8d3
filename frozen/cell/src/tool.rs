//! A foreign program that reads hostile text (the compiler, and the linker that it starts): confined, bounded in time
//! and in what it says, and ended with everything that it started.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    pipe::{PipeFlags, pipe_with},
    process::{PidfdFlags, pidfd_open},
};

use crate::{Namespaces, Program, Started, fence, filter, fork::ChildExit, profile::Profile, view::Mounts};

/// What to run, and what it may see.
#[derive(Debug)]
pub struct Tool<'a> {
    /// The kind of jail.
    pub profile: &'a Profile,
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// Its whole environment.
    pub environment: Vec<(&'a str, &'a Path)>,
    /// The folder it starts in.
    pub folder: &'a Path,
    /// What it may read.
    pub readable: Vec<PathBuf>,
    /// What it may write as well.
    pub writable: Vec<PathBuf>,
    /// An empty folder outside of all of these.
    pub staging: &'a Path,
    /// When it is ended.
    pub deadline: Instant,
    /// Bytes that it may say; the program is ended when it says more.
    pub output_max: usize,
}

/// How a tool ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// The raw wait status.
    pub status: i32,
    /// CPU time of it and of all that it waited for, in microseconds.
    pub cpu_micros: u64,
    /// What it wrote to standard output and error.
    pub output: Vec<u8>,
    /// Why it was ended, where it did not end itself.
    pub stopped: Option<Stopped>,
    /// What held it.
    pub walls: Walls,
}

/// Why a tool was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The deadline passed.
    Time,
    /// It said too much.
    Output,
}

/// What holds a tool besides its limits and its filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walls {
    /// A root of its own.
    pub view: bool,
    /// A Landlock domain.
    pub landlock: bool,
}

/// A tool that could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// Neither a mount namespace nor Landlock is to be had here: the program would see this machine's files.
    #[error("neither a mount namespace ({0}) nor Landlock is to be had here")]
    Unconfined(io::Error),
    /// A path that no C string can hold.
    #[error("`{}` holds a zero byte", .0.display())]
    Path(PathBuf),
    /// Landlock is there and refused.
    #[error("landlock: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// The filter could not be built.
    #[error("seccomp: {0}")]
    Seccomp(#[from] seccompiler::BackendError),
    /// The program did not start, or its end could not be seen.
    #[error("`{}`: {source}", program.display())]
    System {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Tool<'_> {
    /// Runs the tool to its end, in a view of its own where the system gives one, else in a Landlock domain alone.
    ///
    /// Errors: neither is to be had, or the program does not start. How it *ended* is never an error.
    pub fn run(&self) -> Result<ToolOutput, ToolError> {
        let failed = |source| ToolError::System { program: self.program.to_owned(), source };
        let (output, written) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
        let mut program = self.program(written)?;
        let landlock = program.landlock.is_some();
        let (started, view) = match program.start() {
            Ok(started) => (started, true),
            Err(error) if landlock => {
                program.view = None;
                match program.start() {
                    Ok(started) => (started, false),
                    Err(_) => return Err(failed(error)),
                }
            }
            Err(error) => return Err(ToolError::Unconfined(error)),
        };
        drop(program);
        let (output, stopped) = self.listen(&started, &output).map_err(failed)?;
        // As the first process of a namespace it takes all that it started with it.
        let alone = started.namespaces() == Namespaces::Own;
        let ended = if stopped.is_some() || !alone { started.end_group() } else { started.end() }.map_err(failed)?;
        let ChildExit { status, cpu_micros, .. } = ended;
        Ok(ToolOutput { status, cpu_micros, output, stopped, walls: Walls { view, landlock } })
    }

    fn program(&self, written: OwnedFd) -> Result<Program, ToolError> {
        let text = |bytes: &[u8]| CString::new(bytes).map_err(|_| ToolError::Path(self.program.to_owned()));
        let failed = |source| ToolError::System { program: self.program.to_owned(), source };
        let variable =
            |(name, value): &(&str, &Path)| text(&[name.as_bytes(), b"=", value.as_os_str().as_bytes()].concat());
        let null = File::open("/dev/null").map_err(failed)?;
        let mut readable = self.readable.to_vec();
        readable.push(PathBuf::from("/dev/null"));
        Ok(Program {
            path: text(self.program.as_os_str().as_bytes())?,
            arguments: self.arguments.iter().map(|argument| text(argument)).collect::<Result<_, _>>()?,
            environment: self.environment.iter().map(variable).collect::<Result<_, _>>()?,
            descriptors: vec![null.into(), written.try_clone().map_err(failed)?, written],
            limits: self.profile.limits.iter().map(|(limit, value, _)| (*limit, *value)).collect(),
            landlock: fence::domain(&readable, &self.writable)?,
            view: Some(Mounts::new(self.staging, &self.readable, &self.writable).map_err(failed)?),
            folder: Some(text(self.folder.as_os_str().as_bytes())?),
            filter: Some(filter::build(self.profile)?),
        })
    }

    /// Takes what the program says until it has ended, too much was said, or the deadline is there.
    fn listen(&self, started: &Started, pipe: &OwnedFd) -> io::Result<(Vec<u8>, Option<Stopped>)> {
        let handle = pidfd_open(started.pid(), PidfdFlags::empty())?;
        let (mut output, mut buffer) = (Vec::new(), [0; 1 << 14]);
        let mut open = true;
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok((output, Some(Stopped::Time)));
            }
            let mut ready = [PollFd::new(&handle, PollFlags::IN), PollFd::new(pipe, PollFlags::IN)];
            let watched = if open { &mut ready[..] } else { &mut ready[..1] };
            match poll(watched, Some(&timespec(left))) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            let [ended, said] = ready.map(|ready| !ready.revents().is_empty());
            if said {
                let read = rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut buffer))?;
                output.extend_from_slice(&buffer[..read]);
                if output.len() > self.output_max {
                    output.truncate(self.output_max);
                    return Ok((output, Some(Stopped::Output)));
                }
                open = read > 0;
                if open {
                    continue;
                }
            }
            if ended {
                return Ok((output, None));
            }
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: i64::from(duration.subsec_nanos()) }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, thread};

    use libc::c_long;
    use seccompiler::{SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};
    use tempfile::TempDir;

    use super::*;
    use crate::profile::COMPILER;

    /// Folders of one run: what may be written, and where the root is made.
    struct Place {
        out: TempDir,
        staging: TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { out: tempfile::tempdir().unwrap(), staging: tempfile::tempdir().unwrap() }
        }

        fn shell(&self, script: &str, seconds: u64) -> Result<ToolOutput, ToolError> {
            let system = ["/bin", "/usr/bin", "/lib", "/lib64", "/usr/lib"].map(PathBuf::from);
            let tool = Tool {
                profile: &COMPILER,
                program: Path::new("/bin/sh"),
                arguments: vec![b"-c".to_vec(), script.as_bytes().to_vec()],
                environment: vec![("PATH", Path::new("/usr/bin:/bin"))],
                folder: self.out.path(),
                readable: system.to_vec(),
                writable: vec![self.out.path().to_owned()],
                staging: self.staging.path(),
                deadline: Instant::now() + Duration::from_secs(seconds),
                output_max: 1 << 16,
            };
            tool.run()
        }

        fn says(&self, script: &str) -> String {
            let told = self.shell(script, 30).unwrap();
            String::from_utf8_lossy(&told.output).into_owned()
        }
    }

    /// Runs work in a thread that lacks some calls, as on another kernel.
    fn without(calls: &[(c_long, Vec<SeccompRule>)], work: impl FnOnce() + Send) {
        let rules: BTreeMap<_, _> = calls.iter().cloned().collect();
        let refuse = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
        let architecture = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture).unwrap();
        let program = filter.try_into().unwrap();
        thread::scope(|scope| {
            let worked = scope.spawn(move || {
                filter::apply(&program).unwrap();
                work();
            });
            worked.join().unwrap();
        });
    }

    fn namespaces() -> (c_long, Vec<SeccompRule>) {
        let user = u64::from(libc::CLONE_NEWUSER.cast_unsigned());
        let asked = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(user), user).unwrap();
        (libc::SYS_clone, vec![SeccompRule::new(vec![asked]).unwrap()])
    }

    const LANDLOCK: (c_long, Vec<SeccompRule>) = (libc::SYS_landlock_create_ruleset, vec![]);
    const READ: &str = "cat /etc/passwd /proc/self/environ /dev/zero 2>&1; echo own > own; cat own; id -u";

    #[test]
    fn a_tool_sees_its_view_and_nothing_else() {
        let place = Place::new();
        // Landlock would not even let it look.
        without(&[LANDLOCK], || {
            let seen = Place::new().says("ls /; ls /dev; ls /proc /etc /home 2>&1; cat /dev/null");
            let names: Vec<_> = seen.lines().collect();
            assert!(["bin", "dev", "lib", "lib64", "null", "usr"].iter().all(|name| names.contains(name)), "{seen}");
            assert!(["proc", "etc", "home", "root", "sys", "zero"].iter().all(|name| !names.contains(name)), "{seen}");
        });
        let said = place.says(READ);
        assert!(!said.contains("root:") && said.contains("own\n"), "{said}");
        assert_eq!(fs::read_to_string(place.out.path().join("own")).unwrap(), "own\n");
        let said = place.says("echo x > /usr/lib/x; echo x > /x; mkdir /tmp/x; echo done");
        assert!(said.ends_with("done\n") && !Path::new("/usr/lib/x").exists(), "{said}");
    }

    #[test]
    fn what_it_says_and_how_long_it_lives_have_an_end() {
        let place = Place::new();
        let told = place.shell("while :; do echo more; done", 30).unwrap();
        assert_eq!((told.stopped, told.output.len()), (Some(Stopped::Output), 1 << 16));
        let start = Instant::now();
        let told = place.shell("(sleep 100; echo late > late) & (while :; do :; done) & wait", 2).unwrap();
        assert_eq!(told.stopped, Some(Stopped::Time));
        assert!(start.elapsed().as_secs() < 20);
        // All of it is gone: nobody holds the pipe, and nothing is written any more.
        assert!(!place.out.path().join("late").exists());
        let told = place.shell("exit 7", 30).unwrap();
        assert_eq!((libc::WEXITSTATUS(told.status), told.stopped), (7, None));
    }

    #[test]
    fn calls_that_no_compiler_needs_are_not_there() {
        let place = Place::new();
        let said = place.says("python3 -c 'import socket; socket.socket()' 2>&1; unshare -U true 2>&1; echo done");
        assert!(said.contains("Function not implemented") && said.ends_with("done\n"), "{said}");
    }

    #[test]
    fn one_of_view_and_landlock_is_enough_and_none_is_no_run() {
        let walls = |told: &ToolOutput| (told.walls.view, told.walls.landlock);
        let reads = |told: &ToolOutput| String::from_utf8_lossy(&told.output).contains("root:");
        without(&[LANDLOCK], || {
            let told = Place::new().shell(READ, 30).unwrap();
            assert_eq!((walls(&told), reads(&told)), ((true, false), false));
        });
        without(&[namespaces()], || {
            let told = Place::new().shell(READ, 30).unwrap();
            assert_eq!((walls(&told), reads(&told)), ((false, true), false));
        });
        without(&[namespaces(), LANDLOCK], || {
            let refused = Place::new().shell(READ, 30).unwrap_err();
            assert!(matches!(refused, ToolError::Unconfined(_)), "{refused}");
        });
    }
}
