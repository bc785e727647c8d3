//! Why a chain of stages stops: a rule was broken, this machine cannot judge, or we could not work.

use anyhow::Result;
use records::{Exit, Finding, Verdict, verdict::Reason};

use crate::{findings, problem::Problem, terminal::Terminal};

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

impl Halt {
    /// Says in what training a rule was broken.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        let Self::Fail(findings) = self else { return self };
        let named = |mut finding: Finding| {
            finding.place = format!("{place}: {}", finding.place);
            finding
        };
        Self::Fail(findings.into_iter().map(named).collect())
    }

    /// Prints broken rules and gives their exit code; everything else is an error.
    pub fn tell(self, terminal: &mut Terminal) -> Result<Exit> {
        match self {
            Self::Fail(list) => {
                findings::print(&list.iter().collect::<Vec<_>>(), None, terminal);
                Ok(Exit::Fail)
            }
            Self::Inconclusive(reason) => Err(Problem::from(reason).into()),
            Self::Error(error) => Err(error),
        }
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
