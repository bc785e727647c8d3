//! The trainer's side of a worker: starts it, asks it, and says whose fault it is when there is no answer.
//!
//! A cell runs foreign code, so nothing that it writes is believed. Inputs are memory that it can only read, results
//! memory that is looked at when the cell that wrote it has been reaped, messages have one size, and last words are
//! escaped text in a finding's attachment.
//!
//! Before a worker is asked anything, the frozen probe shows what holds its cells ([`walls`]); that, and not what was
//! intended, is what a certificate states.
//!
//! Memory order of a question: the results are zeroed, padding and all; the question is sent; a cell answers
//! and is reaped by the server; the server reports; [`Answer`] lends the results for copying. The trainer
//! copies with [`Answer::copy`], which fingerprints and checks what it copied, and computes from its copy only.
//!
//! A worker must be started from a thread that outlives it: the kernel ends it with that thread.

mod attribution;
mod confinement;
mod error;
mod process;
mod python;
mod talk;
mod walls;
mod worker;

pub use error::HostError;
pub use python::Python;
pub use worker::{Answer, AnswerCost, Launch, Server, Worker};
