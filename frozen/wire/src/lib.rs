//! What passes between a host and a worker: memory that is handed over, messages of one size, and the numbers
//! that both sides must agree on.
//!
//! The seam between trusted and untrusted code. It is normative: what stands in this crate's documentation is
//! all that a worker in another language needs, it is versioned ([`message::VERSION`]), and the conformance
//! suite in `tests/conformance` holds every worker to it. Links no libtorch and sees no weights.
//!
//! # The three parts
//!
//! - The **host** (the trainer) owns all memory and asks.
//! - The **server** is a frozen program that holds no byte of a participant: it never maps, reads or parses an
//!   entry, a configuration or a declaration. It is started with the descriptors of [`descriptor`], warms up,
//!   and sends a first [`message::Report`] with sequence 0.
//! - A **cell** is a process that the server forks for one question. It maps the question's memory, locks itself,
//!   and only then loads the entry, answers and ends. Everything in it is untrusted from the lock on.
//!
//! # One question
//!
//! 1. The host fills the inputs, zeroes results and words, and sends a [`message::Question`].
//! 2. The server forks a cell. The cell maps the session, the question's inputs (read-only), its results and the
//!    words; locks itself; loads the entry from [`descriptor::ENTRY`]; answers in memory; says so in the words
//!    ([`words::SaidKind::Done`] or [`words::SaidKind::Declaration`], with the question's step); exits as [`exit`] says.
//! 3. The server reaps it and sends a [`message::Report`]. Only then, when nobody is left who could write, does
//!    the host look at results and words, and it copies what it uses.
//!
//! A server answers questions until the socket is closed, then exits with 0. On a message that is not one it
//! exits with [`exit::FAULT`] and a line on [`descriptor::ERROR`]. `declare` comes first; the host then sizes the
//! arenas ([`layout`]) and writes the session again. How long an answer may take stands in [`limits`].
//!
//! `unsafe` stands in [`memory`] and nowhere else here.

pub mod abi;
pub mod exit;
pub mod layout;
pub mod limits;
pub mod memory;
pub mod message;
pub mod probe;
pub mod session;
pub mod words;

pub use layout::{Layout, TensorPlace};
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
    /// [`crate::Session`] in its flat form, read-only for the worker.
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
    /// The entry, sealed against every change: a shared object, or whatever the kind of worker loads.
    pub const ENTRY: i32 = 10;
    /// The frozen probe in the entry's form: [`crate::message::QuestionKind::Probe`] loads it in the entry's place.
    pub const PROBE: i32 = 11;
}
