//! The warm server: a question in, a child that answers it, a report out.
//!
//! It runs no participant code. It reads the session only in the host's own form, from memory that nobody but
//! the host can write, and knows of a child's answer nothing but how the child ended.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    panic,
};

use contract::Algorithm;
use records::protocol::WorkerLimits;
use wire::{
    Session, descriptor,
    memory::{Mapping, view},
    message::{self, Kind, MessageError, Question, Report},
    process::{Fork, fork, fork::exit_now, fork::landlock_version, fork::threads, pages, signals},
    words,
};

use crate::{
    answer,
    lock::{CPU_GRACE, LockError, lock},
    warm::{WarmError, warm_up},
};

/// Of the CPU time after which a child is ended, how many times it may take by the clock on the wall.
const WALL_GRACE: u64 = 4;
/// Exit code of a child whose algorithm panicked; the standard library's own.
pub const PANICKED: i32 = 101;
/// Exit code of a child that said what went wrong.
pub const SAID: i32 = 1;

/// The worker itself cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A system call failed.
    #[error("{step}: {source}")]
    System {
        /// What was tried.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The host sent something else than a question.
    #[error("{0}")]
    Message(#[from] MessageError),
    /// The session is not what the host writes.
    #[error("session: {0}")]
    Session(#[from] serde_json::Error),
    /// libtorch did not start.
    #[error("{0}")]
    Warm(#[from] WarmError),
}

/// Warms up, shows that the lock holds here, and answers until the host closes the socket.
pub fn run<A: Algorithm>() -> Result<(), ServerError> {
    let socket = inherited(descriptor::SOCKET)?;
    warm_up()?;
    // Refused or not, answers are the same.
    pages::make_forks_cheap().ok();
    panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        eprintln!("{text}");
        signals::say(words::Kind::Panicked, 0, text.as_bytes());
    }));
    let landlock = landlock_version();
    let first = first_report(landlock)?;
    send(&socket, &first)?;
    let mut session = None;
    while let Some(question) = receive(&socket)? {
        if question.kind == Kind::Declare || session.is_none() {
            session = Some(read_session(question.session_bytes as usize)?);
        }
        if let Some(session) = &session {
            let report = ask::<A>(&question, session, landlock > 0)?;
            send(&socket, &report)?;
        }
        if question.kind == Kind::Declare {
            // The host writes it again, with the places of every tensor.
            session = None;
        }
    }
    Ok(())
}

/// Locks a child that runs nothing: whether it is possible here must not be told by one with foreign code.
fn first_report(landlock: u32) -> Result<Report, ServerError> {
    const PROBE: WorkerLimits = WorkerLimits { cpu_seconds: 10, memory_mib: 64 };
    let threads = threads().map_err(system("threads"))?;
    let mut report = Report { threads, landlock, ..Report::default() };
    if threads != 1 {
        return Ok(report);
    }
    match fork().map_err(system("fork"))? {
        Fork::Child => {
            let code = child(&PROBE, &[], landlock > 0, || 0);
            exit_now(code)
        }
        Fork::Parent(child) => {
            let ended = child.wait(PROBE.cpu_seconds).map_err(system("wait"))?;
            report.status = ended.status;
            report.stalled = ended.stalled;
            Ok(report)
        }
    }
}

fn ask<A: Algorithm>(question: &Question, session: &Session, landlock: bool) -> Result<Report, ServerError> {
    let limits = &session.limits;
    match fork().map_err(system("fork"))? {
        Fork::Child => {
            let code = match answer::Memory::map(question.kind, session) {
                Ok(memory) => {
                    let inputs = memory.inputs();
                    child(limits, inputs, landlock, || answer::answer::<A>(question, session, memory))
                }
                Err(error) => {
                    eprintln!("worker: {error}");
                    70
                }
            };
            exit_now(code)
        }
        Fork::Parent(child) => {
            let seconds = u64::from(limits.cpu_seconds) * CPU_GRACE * WALL_GRACE;
            let ended = child.wait(u32::try_from(seconds).unwrap_or(u32::MAX)).map_err(system("wait"))?;
            Ok(Report {
                sequence: question.sequence,
                status: ended.status,
                cpu_micros: ended.cpu_micros,
                max_rss_kib: ended.max_rss_kib,
                stalled: ended.stalled,
                threads: 1,
                landlock: 0,
            })
        }
    }
}

/// The life of a child: lock, then somebody's code, to an exit code.
fn child(limits: &WorkerLimits, inputs: &'static [u8], landlock: bool, run: impl FnOnce() -> i32) -> i32 {
    let words = match inherited(descriptor::WORDS).and_then(|words| map_words(&words)) {
        Ok(words) => words,
        Err(error) => {
            eprintln!("worker: {error}");
            return 70;
        }
    };
    match lock(limits, words, inputs, landlock) {
        Ok(()) => panic::catch_unwind(panic::AssertUnwindSafe(run)).unwrap_or(PANICKED),
        Err(error) => refuse(&error),
    }
}

fn map_words(words: &OwnedFd) -> Result<Mapping, ServerError> {
    Mapping::new(words.as_fd(), words::BYTES).map_err(system("words"))
}

fn refuse(error: &LockError) -> i32 {
    let text = error.to_string();
    eprintln!("worker: {text}");
    signals::say(words::Kind::Lock, 0, text.as_bytes());
    70
}

fn read_session(bytes: usize) -> Result<Session, ServerError> {
    let file = inherited(descriptor::SESSION)?;
    let text = view(file.as_fd(), bytes).map_err(system("session"))?;
    Ok(serde_json::from_slice(text)?)
}

/// A duplicate of a descriptor that the program was started with.
pub(crate) fn inherited(number: i32) -> Result<OwnedFd, ServerError> {
    wire::process::spawn::inherited(number).map_err(system("descriptor"))
}

fn receive(socket: &OwnedFd) -> Result<Option<Question>, ServerError> {
    let mut bytes = [0; message::BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::io::retry_on_intr(|| rustix::io::read(socket, &mut bytes[filled..])) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(MessageError::Form.into()),
            Ok(read) => filled += read,
            Err(error) => return Err(system("read")(error.into())),
        }
    }
    Ok(Some(Question::decode(&bytes)?))
}

fn send(socket: &OwnedFd, report: &Report) -> Result<(), ServerError> {
    let bytes = report.encode();
    let mut written = 0;
    while written < bytes.len() {
        let result = rustix::io::retry_on_intr(|| rustix::io::write(socket, &bytes[written..]));
        written += result.map_err(|error| system("write")(error.into()))?;
    }
    Ok(())
}

pub(crate) fn system(step: &'static str) -> impl Fn(io::Error) -> ServerError {
    move |source| ServerError::System { step, source }
}
