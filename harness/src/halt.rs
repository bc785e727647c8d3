//! Why a chain of stages stops: a rule was broken, this machine cannot judge, or we could not work.

use records::{Finding, Verdict, verdict::Reason};

/// The three ways not to go on.
#[derive(Debug)]
pub enum Halt {
    /// Rules were broken: a verdict.
    Fail(Vec<Finding>),
    /// This machine cannot judge.
    Inconclusive(Reason),
    /// Our own fault, or the caller's; says nothing about a submission.
    Error(anyhow::Error),
}

/// What a stage gives.
pub type Went<T> = Result<T, Halt>;

impl<E: Into<anyhow::Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Turns a verdict into a value or a reason to stop.
pub fn settle<T>(verdict: Verdict<T>) -> Went<T> {
    match verdict {
        Verdict::Pass(value) => Ok(value),
        Verdict::Fail(findings) => Err(Halt::Fail(findings)),
        Verdict::Inconclusive(reason) => Err(Halt::Inconclusive(reason)),
    }
}
