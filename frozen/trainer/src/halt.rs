//! Why a run ends before its last step: a broken rule, a machine that cannot judge, or a fault.

use std::path::PathBuf;

use clip::{ClipError, ConfigError, ValuesError};
use data::DataError;
use host::HostError;
use records::{
    Exit, Finding, Reason, Verdict, canonical::CanonicalError, file::FileError, framed::LengthError,
    v1::protocol::ProtocolError,
};
use shim::ShimError;
use stamp::StampError;
use tch::TchError;

/// Something that could not be done; never says anything about a submission.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file that the caller wrote is not what it should be.
    #[error("{}: {why}", path.display())]
    Usage {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The environment differs from the one that decides bits.
    #[error(
        "the environment must hold {name}={expected}, found {found}\nhint: `maxclip` starts the trainer with the right one"
    )]
    Environment {
        /// The variable.
        name: &'static str,
        /// Its value in every run.
        expected: &'static str,
        /// Its value here.
        found: String,
    },
    /// A program that does not say of which frozen tree it is.
    #[error("{what}: {why}\nhint: build all programs from one checkout: cargo xtask kit")]
    Stamp {
        /// The program.
        what: String,
        /// What it lacks.
        why: StampError,
    },
    /// The protocol inside `run.json`.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The model's configuration inside `run.json`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file system.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// A tensor file of ours.
    #[error("{0}")]
    Values(#[from] ValuesError),
    /// A tensor whose shape and numbers disagree.
    #[error("a tensor's leaf: {0}")]
    Length(#[from] LengthError),
    /// libtorch's switches or memory.
    #[error(transparent)]
    Shim(#[from] ShimError),
    /// libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
    /// What a signal does to this process.
    #[error("cannot set what a signal does: {0}")]
    Signal(std::io::Error),
    /// Another trainer works in the same folder.
    #[error("another trainer is at work in {}\nhint: wait for it to end, or end it", .0.display())]
    Busy(PathBuf),
    /// The worker's host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A record that has no canonical form.
    #[error("{0}")]
    Canonical(#[from] CanonicalError),
    /// A micro-batch that was computed twice, with two answers.
    #[error(
        "step {step}, lane {lane}: the same embeddings were computed twice and differ in {tower} row {row}\n\
         hint: this machine computes wrongly or without determinism; test its memory, then run again"
    )]
    Twice {
        /// From 0.
        step: u64,
        /// 0 to 7.
        lane: usize,
        /// `image` or `text`.
        tower: &'static str,
        /// Row of the global batch.
        row: usize,
    },
    /// A loader thread ended without an answer.
    #[error("a loader thread died before step {0}")]
    Loader(u64),
}

/// What ends a run early.
#[derive(Debug)]
pub enum Halt {
    /// Rules that the worker's answers broke.
    Fail(Vec<Finding>),
    /// Something that judging needs is not here.
    Inconclusive(Reason),
    /// It could not be done.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl From<DataError> for Halt {
    /// Data that are missing or damaged: this machine cannot judge until they are repaired.
    fn from(error: DataError) -> Self {
        let text = error.to_string();
        let (why, hint) = text.split_once("\nhint: ").unwrap_or((&text, "fetch the data set again"));
        Self::Inconclusive(Reason { why: why.to_owned(), hint: hint.to_owned() })
    }
}

impl Halt {
    /// A single broken rule.
    pub fn rule(finding: Finding) -> Self {
        Self::Fail(vec![finding])
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Fail(_) => Exit::Fail,
            Self::Inconclusive(_) => Exit::Inconclusive,
            Self::Fault(Fault::Usage { .. } | Fault::Environment { .. } | Fault::Protocol(_) | Fault::Config(_)) => {
                Exit::Usage
            }
            Self::Fault(_) => Exit::Fault,
        }
    }
}

/// What a verdict passed on, or the halt that it asks for.
pub fn pass<T>(verdict: Verdict<T>) -> Result<T, Halt> {
    match verdict {
        Verdict::Pass(value) => Ok(value),
        Verdict::Fail(findings) => Err(Halt::Fail(findings)),
        Verdict::Inconclusive(reason) => Err(Halt::Inconclusive(reason)),
    }
}
