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

use crate::{Namespaces, Program, Started, fence, filter, fork::Ended, profile::Profile, view::View};

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
pub struct Told {
    /// The raw wait status.
    pub status: i32,
    /// CPU time of it and of all that it waited for, in microseconds.
    pub cpu_micros: u64,
    /// Largest resident set of one of them, in KiB.
    pub max_rss_kib: u64,
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
    pub fn run(&self) -> Result<Told, ToolError> {
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
        let Ended { status, cpu_micros, max_rss_kib, .. } = ended;
        Ok(Told { status, cpu_micros, max_rss_kib, output, stopped, walls: Walls { view, landlock } })
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
            view: Some(View::new(self.staging, &self.readable, &self.writable).map_err(failed)?),
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
