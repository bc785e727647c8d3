//! The worker: answers the trainer's questions with a participant's algorithm, each in a locked process.
//!
//! [`serve`] is all that a worker program runs. It warms libtorch up ([`warm`]), then waits for questions and
//! forks a child for each ([`server`]). The child maps the memory of its question, locks itself ([`lock`]),
//! and only then builds the algorithm, starting with its configuration, and answers ([`answer`]). Nothing
//! outlives an answer: no memory, thread or descriptor.
//!
//! The server never runs participant code, and a child never touches the socket. What a worker is started
//! with is described in `wire`; it reads no argument, no environment and no file of its own.

pub mod answer;
pub mod lock;
pub mod server;
pub mod warm;

use std::process::ExitCode;

use contract::Algorithm;

/// Serves an algorithm until the host goes away.
///
/// Exit codes: 0 when the socket was closed; 70 when the worker itself could not work, with a line on
/// standard error.
pub fn serve<A: Algorithm>() -> ExitCode {
    match server::run::<A>() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::from(70)
        }
    }
}
