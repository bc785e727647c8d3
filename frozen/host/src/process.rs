//! One worker program: its process, its memory and the conversation with its server.

use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use cell::{Program, Started};

use numerics::Seed;
use records::{Reason, Stop};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
};
use wire::{
    Layout, Session, TensorPlace, layout,
    limits::{ENTRY_BYTES_MAX, SERVER_SECONDS, START_SECONDS, wall_seconds},
    memory::{self, Arena, ArenaKind, Empty},
    message::{BYTES, Question, Report},
    words,
};

use crate::{HostError, Launch, Server, confinement, error::system, talk::LastWords};

/// Bytes of the session's memory; pages that are not written cost nothing.
const SESSION_BYTES: usize = 16 << 20;

/// A running worker.
pub(crate) struct Process {
    started: Started,
    socket: OwnedFd,
    output: OwnedFd,
    session: Arena,
    words: Arena,
    files: [Empty; 4],
    landlock: u32,
    sequence: u32,
}

/// The memory of the four arenas.
pub(crate) struct Arenas {
    pub(crate) loss_inputs: Arena,
    pub(crate) loss_results: Arena,
    pub(crate) update_inputs: Arena,
    pub(crate) update_results: Arena,
}

/// What came back on a question.
pub(crate) struct Reply {
    /// The server's report; none where the server itself is gone, with its raw wait status beside.
    pub(crate) report: Option<Report>,
    pub(crate) last_words: LastWords,
}

impl Process {
    /// Starts the program; [`Process::ready`] waits for it.
    pub(crate) fn start(launch: &Launch) -> Result<Self, HostError> {
        let server = launch.server.program();
        let path = CString::new(server.as_os_str().as_bytes()).map_err(|_| HostError::Path(server.to_owned()))?;
        let arguments = match &launch.server {
            Server::Rust(_) => vec![],
            Server::Python(python) => python.arguments()?,
        };
        let no_landlock = |error: landlock::RulesetError| system("landlock")(io::Error::other(error));
        let landlock = confinement::landlock(launch).map_err(no_landlock)?;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(system("socket"))?;
        let (output, written) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(system("pipe"))?;
        // Only our end does not wait: a worker that writes much waits for us.
        rustix::fs::fcntl_setfl(&written, rustix::fs::OFlags::empty()).map_err(system("pipe"))?;
        let memory = |name| Empty::new(name).map_err(system("memory"));
        let (session, words) = (memory("session")?, memory("words")?);
        let files =
            [memory("loss-inputs")?, memory("loss-results")?, memory("update-inputs")?, memory("update-results")?];
        let null = std::fs::File::open("/dev/null").map_err(system("/dev/null"))?;
        let copy = |file: &dyn AsFd| file.as_fd().try_clone_to_owned().map_err(system("descriptor"));
        let mut descriptors = vec![null.into(), copy(&written)?, written, theirs, copy(&session.file())?];
        for file in &files {
            descriptors.push(copy(&file.file())?);
        }
        descriptors.push(copy(&words.file())?);
        descriptors.push(sealed("entry", &launch.entry)?);
        descriptors.push(sealed("probe", &launch.probe)?);
        let environment = confinement::environment(launch)?;
        let program = Program {
            path,
            arguments,
            environment,
            descriptors,
            limits: confinement::limits(&launch.server),
            landlock,
            view: None,
            folder: None,
            filter: None,
        };
        let session = session.map(SESSION_BYTES, ArenaKind::Inputs).map_err(system("session"))?;
        let words = words.map(words::BYTES, ArenaKind::Results).map_err(system("words"))?;
        let started = program.start().map_err(|source| HostError::Start { program: server.to_owned(), source })?;
        drop(program);
        Ok(Self { started, socket, output, session, words, files, landlock: 0, sequence: 0 })
    }

    /// Waits until the server is warm and judges what its first report says of this machine.
    pub(crate) fn ready(mut self) -> Result<Self, Stop> {
        let reply = self.receive(START_SECONDS)?;
        let Some(report) = reply.report else {
            let status = self.started.end().map_err(system("end"))?.status;
            if libc::WIFSIGNALED(status) {
                let why = format!("the worker's server was ended by signal {} as it started", libc::WTERMSIG(status));
                let hint = "look for the kernel's out-of-memory killer or whoever ended it, then run again".to_owned();
                return Err(Reason { why, hint }.into());
            }
            let last_words = records::verdict::escape(&String::from_utf8_lossy(&reply.last_words.bytes()));
            return Err(HostError::NotReady { status: format!("wait status {status:#x}"), last_words }.into());
        };
        if report.threads != 1 {
            let why = format!("a warm worker has {} threads on this machine, where a fork needs one", report.threads);
            let hint = "it runs no code of an entry: libtorch or a preloaded library started them".to_owned();
            return Err(Reason { why, hint }.into());
        }
        if report.status != 0 {
            let said = String::from_utf8_lossy(words::read(self.words.mapping().bytes()).text).into_owned();
            let why = format!("a worker cannot lock itself here: {}", records::verdict::escape(&said));
            let hint = "a Linux kernel with seccomp filters is needed; `maxclip doctor` says what is there".to_owned();
            return Err(Reason { why, hint }.into());
        }
        self.landlock = report.landlock;
        Ok(self)
    }

    /// Landlock's version in the domain that holds every cell; 0 where the kernel has none.
    pub(crate) fn landlock(&self) -> u32 {
        self.landlock
    }

    /// Gives the arenas their size, maps and seals them.
    ///
    /// There are results of `loss` for so many lanes, one after the other.
    pub(crate) fn arenas(&self, layout: &Layout, lanes: usize) -> Result<Arenas, HostError> {
        let arena = |index: usize, places: &[TensorPlace], times: usize, kind| {
            self.files[index].map(layout::arena_bytes(places) * times, kind).map_err(system("arena"))
        };
        Ok(Arenas {
            loss_inputs: arena(0, &layout.loss_inputs, 1, ArenaKind::Inputs)?,
            loss_results: arena(1, &layout.loss_results, lanes, ArenaKind::Results)?,
            update_inputs: arena(2, &layout.update_inputs, 1, ArenaKind::Inputs)?,
            update_results: arena(3, &layout.update_results, 1, ArenaKind::Results)?,
        })
    }

    /// Writes the session; gives its length, which each question repeats.
    pub(crate) fn write_session(&mut self, session: &Session) -> Result<u32, HostError> {
        let text = session.encode().map_err(|error| HostError::Session(error.to_string()))?;
        let place = self.session.mapping().bytes_mut().get_mut(..text.len());
        place.ok_or_else(|| HostError::Session(format!("{} bytes", text.len())))?.copy_from_slice(&text);
        Ok(text.len() as u32)
    }

    /// The number of the next question.
    pub(crate) fn next(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    /// Sends a question and waits for the report of its end.
    pub(crate) fn ask(&mut self, question: &Question) -> Result<Reply, HostError> {
        // Words are memory too: what an earlier cell left in them must not reach the next.
        self.words.mapping().bytes_mut().fill(0);
        let bytes = question.encode();
        let mut written = 0;
        while written < bytes.len() {
            match rustix::io::retry_on_intr(|| rustix::io::write(&self.socket, &bytes[written..])) {
                Ok(count) => written += count,
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => break,
                Err(error) => return Err(system("write")(error)),
            }
        }
        // The server ends a cell that stands still before.
        self.receive(wall_seconds(u64::from(question.cpu_seconds)) + SERVER_SECONDS)
    }

    /// What the last cell said.
    pub(crate) fn said(&mut self) -> words::Said<'_> {
        words::read(self.words.mapping().bytes())
    }

    /// Ends the server and gives its wait status.
    pub(crate) fn end(self) -> Result<i32, HostError> {
        Ok(self.started.end().map_err(system("end"))?.status)
    }

    /// Its process, as this process sees it.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        self.started.pid()
    }

    fn receive(&mut self, seconds: u64) -> Result<Reply, HostError> {
        let limit = Timespec { tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX), tv_nsec: 0 };
        let mut last_words = LastWords::default();
        let (mut bytes, mut filled) = ([0; BYTES], 0);
        while filled < bytes.len() {
            let mut ready = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&self.output, PollFlags::IN)];
            let count = rustix::io::retry_on_intr(|| poll(&mut ready, Some(&limit))).map_err(system("poll"))?;
            if count == 0 {
                return Err(HostError::Silent);
            }
            let [socket, output] = ready.map(|ready| !ready.revents().is_empty());
            if output {
                drain(&self.output, &mut last_words)?;
            }
            if socket {
                match rustix::io::retry_on_intr(|| rustix::io::read(&self.socket, &mut bytes[filled..])) {
                    Ok(0) | Err(rustix::io::Errno::CONNRESET) => {
                        drain(&self.output, &mut last_words)?;
                        return Ok(Reply { report: None, last_words });
                    }
                    Ok(count) => filled += count,
                    Err(error) => return Err(system("read")(error)),
                }
            }
        }
        // The cell is dead: whatever it wrote is in the pipe.
        drain(&self.output, &mut last_words)?;
        let report = Report::decode(&bytes)?;
        if report.sequence != self.sequence {
            return Err(HostError::Silent);
        }
        Ok(Reply { report: Some(report), last_words })
    }
}

/// A file's content in memory that nobody can change. Never mapped here: it is somebody's code.
fn sealed(name: &'static str, path: &Path) -> Result<OwnedFd, HostError> {
    let content = records::file::read_named(path, ENTRY_BYTES_MAX as u64)?;
    memory::sealed(name, &content).map_err(system("memory"))
}

/// Takes what is in the pipe.
fn drain(output: &OwnedFd, last_words: &mut LastWords) -> Result<(), HostError> {
    let mut buffer = [0; 4096];
    loop {
        match rustix::io::retry_on_intr(|| rustix::io::read(output, &mut buffer)) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Ok(count) => last_words.add(&buffer[..count]),
            Err(error) => return Err(system("last words")(error)),
        }
    }
}

/// 64 hexadecimal digits.
pub(crate) fn seed_text(seed: &Seed) -> String {
    seed.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
