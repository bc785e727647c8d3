//! What the host could not do: never the submission's fault.

use std::{io, path::PathBuf};

use records::file::FileError;
use wire::message::MessageError;

/// The host cannot work.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The worker program did not start.
    #[error("`{}`: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's answer, with the step of the start.
        source: io::Error,
    },
    /// An entry's object, or the probe, that cannot be read.
    #[error(transparent)]
    Entry(#[from] FileError),
    /// A path that no C string can hold.
    #[error("`{}` holds a zero byte", .0.display())]
    Path(PathBuf),
    /// The server ended, or refused, before any participant code ran.
    #[error("the worker did not start ({status}): {last_words}")]
    NotReady {
        /// How it ended.
        status: String,
        /// What it wrote, escaped.
        last_words: String,
    },
    /// The server did not report a question's end, which it must whatever the cell does.
    #[error("the worker's server does not report")]
    Silent,
    /// A system call failed.
    #[error("worker: {step}: {source}")]
    System {
        /// What was tried.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The server sent something else than a report.
    #[error("the worker's server: {0}")]
    Message(#[from] MessageError),
    /// The session does not serialise or does not fit.
    #[error("session: {0}")]
    Session(String),
}

/// Names the step of a system call that failed.
pub(crate) fn system<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> HostError {
    move |source| HostError::System { step, source: source.into() }
}
