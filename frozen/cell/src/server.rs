//! The warm server: a question in, a cell that answers it, a report out.
//!
//! It runs no participant code, and looks at no byte of a participant: sizes and limits stand in the question. It
//! knows of a cell's answer nothing but how the cell ended.

use std::{
    io,
    os::fd::{BorrowedFd, RawFd},
    ptr,
};

use wire::{
    abi::Ask,
    descriptor, exit,
    memory::{self, Mapping},
    message::{self, MessageError, Question, QuestionKind, Report, VERSION},
    words,
};

use crate::{
    fork::{self, ChildExit, Fork, exit_now, fork},
    handlers,
    lock::{Limits, LockError, Ready},
    pages,
    profile::Profile,
};

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
    /// What the server should give up cannot be given up here.
    #[error("{0}")]
    Lock(#[from] LockError),
}

fn system<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> ServerError {
    move |source| ServerError::System { step, source: source.into() }
}

/// A server at work.
struct Server {
    ready: Ready,
    /// Loads and asks an entry: what a cell does after its lock. Gives the cell's exit code.
    answer: fn(&Ask) -> i32,
}

/// Gives up what a warm server does not need, shows that a cell can be locked here, and answers until the host closes
/// the socket.
///
/// Call it when everything is warm, from the only thread. `answer` runs in cells alone.
pub fn serve(profile: &Profile, answer: fn(&Ask) -> i32) -> Result<(), ServerError> {
    // Refused or not, answers are the same.
    pages::make_forks_cheap().ok();
    // On a kernel that cannot, SECURITY.md's last section holds.
    pages::make_resident().ok();
    let server = Server { ready: Ready::prepare(profile)?, answer };
    send(&server.first_report()?)?;
    while let Some(question) = receive()? {
        send(&server.ask(&question)?)?;
    }
    Ok(())
}

impl Server {
    /// Locks a cell that loads nothing: whether it is possible here must not be told by one with foreign code.
    fn first_report(&self) -> Result<Report, ServerError> {
        const SECONDS: u64 = 10;
        let threads = self.ready.threads().count().map_err(system("threads"))?;
        let mut report = Report { threads, landlock: self.ready.landlock(), ..Report::default() };
        if threads != 1 {
            return Ok(report);
        }
        match fork(self.ready.threads()).map_err(system("fork"))? {
            Fork::Child => {
                let limits = Limits { cpu_seconds: SECONDS, memory_bytes: 64 << 20 };
                self.locked(limits, descriptor::PROBE, true);
                exit_now(exit::ANSWERED)
            }
            Fork::Parent(cell) => {
                let ended = cell.wait(SECONDS).map_err(system("wait"))?;
                (report.status, report.stalled) = (ended.status, ended.stalled);
                Ok(report)
            }
        }
    }

    fn ask(&self, question: &Question) -> Result<Report, ServerError> {
        match fork(self.ready.threads()).map_err(system("fork"))? {
            Fork::Child => self.cell(question),
            Fork::Parent(cell) => {
                let seconds = wire::limits::wall_seconds(u64::from(question.cpu_seconds));
                let ChildExit { status, cpu_micros, max_rss_kib, stalled } =
                    cell.wait(seconds).map_err(system("wait"))?;
                let (sequence, landlock) = (question.sequence, self.ready.landlock());
                Ok(Report { sequence, status, cpu_micros, max_rss_kib, stalled, threads: 1, landlock })
            }
        }
    }

    /// The life of a cell: its memory, its lock, then somebody's code.
    fn cell(&self, question: &Question) -> ! {
        // How many were asked before is between host and server.
        let told = Question { sequence: 0, ..*question };
        let ask = map(question).unwrap_or_else(|error| unlocked(&error.to_string()));
        let arenas = question.inputs_bytes + question.results_bytes + u64::from(question.session_bytes);
        let memory_bytes = arenas + (u64::from(question.memory_mib) << 20);
        let limits = Limits { cpu_seconds: u64::from(question.cpu_seconds), memory_bytes };
        let probe = matches!(question.kind, QuestionKind::Probe | QuestionKind::ProbeBehind);
        let entry = if probe { descriptor::PROBE } else { descriptor::ENTRY };
        self.locked(limits, entry, question.kind != QuestionKind::ProbeBehind);
        self.ready.leave(ask, &told, self.answer)
    }

    fn locked(&self, limits: Limits, entry: RawFd, filtered: bool) {
        if let Err(error) = self.ready.lock(limits, entry, filtered) {
            unlocked(&error.to_string())
        }
    }
}

/// Ends a cell that could not be locked, before anything of an entry was looked at.
fn unlocked(why: &str) -> ! {
    eprintln!("worker: {why}");
    handlers::say(words::SaidKind::Lock, 0, why.as_bytes());
    fork::end_unlocked()
}

/// Maps the memory of a question, and no other: `loss` never sees a parameter.
fn map(question: &Question) -> Result<Ask, ServerError> {
    let words = Mapping::new(started_with(descriptor::WORDS), words::BYTES).map_err(system("words"))?.leak();
    let (at, bytes) = (words.as_mut_ptr(), words.len());
    handlers::words(words);
    let session = match question.session_bytes as usize {
        0 => &[],
        bytes => memory::view(started_with(descriptor::SESSION), bytes).map_err(system("session"))?,
    };
    let mut ask = Ask {
        version: u64::from(VERSION),
        question: ptr::null(),
        session: session.as_ptr(),
        session_bytes: session.len(),
        inputs: ptr::null(),
        inputs_bytes: 0,
        results: ptr::null_mut(),
        results_bytes: 0,
        words: at,
        words_bytes: bytes,
    };
    let arenas = match question.kind {
        QuestionKind::Declare | QuestionKind::Probe | QuestionKind::ProbeBehind => return Ok(ask),
        QuestionKind::Loss => (descriptor::LOSS_INPUTS, descriptor::LOSS_RESULTS),
        QuestionKind::Update | QuestionKind::Publish => (descriptor::UPDATE_INPUTS, descriptor::UPDATE_RESULTS),
    };
    let inputs = memory::view(started_with(arenas.0), question.inputs_bytes as usize).map_err(system("inputs"))?;
    handlers::inputs(inputs);
    let results = Mapping::new(started_with(arenas.1), question.results_bytes as usize).map_err(system("results"))?;
    let results = results.leak();
    (ask.inputs, ask.inputs_bytes) = (inputs.as_ptr(), inputs.len());
    (ask.results, ask.results_bytes) = (results.as_mut_ptr(), results.len());
    Ok(ask)
}

/// A descriptor that the program was started with.
fn started_with(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the host starts a worker with all of them, and the server closes none.
    unsafe { BorrowedFd::borrow_raw(number) }
}

fn receive() -> Result<Option<Question>, ServerError> {
    let socket = started_with(descriptor::SOCKET);
    let mut bytes = [0; message::BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::io::retry_on_intr(|| rustix::io::read(socket, &mut bytes[filled..])) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(MessageError::Form.into()),
            Ok(read) => filled += read,
            Err(error) => return Err(system("read")(error)),
        }
    }
    Ok(Some(Question::decode(&bytes)?))
}

fn send(report: &Report) -> Result<(), ServerError> {
    let bytes = report.encode();
    let mut written = 0;
    while written < bytes.len() {
        let result =
            rustix::io::retry_on_intr(|| rustix::io::write(started_with(descriptor::SOCKET), &bytes[written..]));
        written += result.map_err(system("write"))?;
    }
    Ok(())
}
