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

    /// What it says of this machine where it is the baseline's: the baseline is ours, so a rule that it breaks here means
    /// that nothing can be judged here, and nothing about a submission.
    #[must_use]
    pub fn of_the_baseline(self, hint: &str) -> Self {
        let Self::Fail(findings) = self else { return self };
        let first = findings.first().map(|finding| format!("{} at {} {}", finding.rule, finding.place, finding.found));
        Self::Inconclusive(Reason {
            why: format!("the baseline is refused on this machine: {}", first.unwrap_or_default()),
            hint: hint.to_owned(),
        })
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

#[cfg(test)]
mod tests {
    use records::Rule;

    use super::*;

    #[test]
    fn a_baseline_that_is_refused_is_never_the_submissions_fault() {
        let halt = Halt::Fail(vec![Finding::new(Rule::TooSlow, "step 3, update")]).of_the_baseline("");
        let Halt::Inconclusive(reason) = halt else { panic!("{halt:?}") };
        assert!(reason.why.contains("worker-time") && reason.why.contains("step 3"), "{}", reason.why);
    }
}
