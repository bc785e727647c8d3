//! What passes between the trainer and a worker: memory that is handed over, messages of one size, and the
//! pieces of a process that need system calls.
//!
//! The seam between trusted and untrusted code, so its form is written down here and versioned
//! ([`message::VERSION`]); a worker in another language needs nothing else. The descriptors that a worker
//! program starts with are those of [`descriptor`]. Links no libtorch and sees no weights.
//!
//! One question goes like this. The host fills the inputs, zeroes the results and sends a
//! [`message::Question`]. The server, which runs no participant code, forks a child. The child maps the pair
//! of arenas of its question, locks itself, answers in memory and exits. The server reaps it and sends a
//! [`message::Report`]. Only then, when nobody is left who could write, does the host look at the results.
//!
//! `unsafe` stands in [`memory`] and [`process`], nowhere else in the project but `frozen/shim`.

pub mod layout;
pub mod memory;
pub mod message;
pub mod process;
pub mod session;
pub mod words;

pub use layout::{Layout, Place};
pub use session::{Declaration, ParameterKind, ParameterShape, Session, Setup};

/// The descriptors that a worker program starts with.
pub mod descriptor {
    /// `/dev/null`.
    pub const INPUT: i32 = 0;
    /// A pipe whose other end the host reads: last words.
    pub const OUTPUT: i32 = 1;
    /// The same pipe.
    pub const ERROR: i32 = 2;
    /// A stream socket: [`crate::message::Question`] in, [`crate::message::Report`] out.
    pub const SOCKET: i32 = 3;
    /// [`crate::Session`] as JSON, read-only for the worker.
    pub const SESSION: i32 = 4;
    /// Inputs of `loss`; this and the next three are empty until the declaration is known.
    pub const LOSS_INPUTS: i32 = 5;
    /// Results of `loss`.
    pub const LOSS_RESULTS: i32 = 6;
    /// Inputs of `update` and `publish`.
    pub const UPDATE_INPUTS: i32 = 7;
    /// Results of `update` and `publish`.
    pub const UPDATE_RESULTS: i32 = 8;
    /// [`crate::words`]: a declaration, or what went wrong.
    pub const WORDS: i32 = 9;
}
