//! What becomes of a [`Stop`] in `maxclip`: how it is told, and what it means where the baseline is what stopped.

use anyhow::Result;
use records::{Exit, Reason, Stop};

use crate::{
    findings,
    problem::{self, Problem},
    terminal::Terminal,
};

/// The reason to stop that an error of this program is: what a [`Problem`] knows stays known.
pub fn stop(error: anyhow::Error) -> Stop {
    Problem { exit: problem::exit(&error), what: problem::chain(&error), hint: problem::hint(&error) }.stop()
}

/// What it says of this machine where it is the baseline's: the baseline is ours, so a rule that it breaks here means
/// that nothing can be judged here, and nothing about a submission.
pub fn of_the_baseline(stop: Stop, hint: &str) -> Stop {
    let Stop::Fail(findings) = stop else { return stop };
    let first = findings.first().map(|finding| format!("{} at {} {}", finding.rule, finding.place, finding.found));
    let why = format!("the baseline is refused on this machine: {}", first.unwrap_or_default());
    Reason { why, hint: hint.to_owned() }.into()
}

/// Prints broken rules and gives their exit code; everything else is an error.
pub fn tell(stop: Stop, terminal: &mut Terminal) -> Result<Exit> {
    match stop {
        Stop::Fail(list) => {
            findings::print(&list.iter().collect::<Vec<_>>(), None, terminal);
            Ok(Exit::Fail)
        }
        Stop::Inconclusive(reason) => Err(Problem::from(reason).into()),
        Stop::Fault(problem) => Err(problem.into()),
    }
}

#[cfg(test)]
mod tests {
    use records::{Finding, Rule};

    use super::*;

    #[test]
    fn a_baseline_that_is_refused_is_never_the_submissions_fault() {
        let stop = of_the_baseline(Finding::new(Rule::TooSlow, "step 3, update").into(), "");
        let Stop::Inconclusive(reason) = stop else { panic!("{stop:?}") };
        assert!(reason.why.contains("worker-time") && reason.why.contains("step 3"), "{}", reason.why);
    }

    #[test]
    fn what_a_problem_knows_stays_known_on_the_way_through_a_chain() {
        let problem = Problem::usage("no scale `x`").hint("small, medium");
        let Stop::Fault(problem) = stop(problem.into()) else { panic!("a fault was expected") };
        assert_eq!((problem.exit, problem.hint.as_deref()), (Exit::Usage, Some("small, medium")));
        let Stop::Inconclusive(reason) = stop(Problem::inconclusive("no data").hint("fetch them").into()) else {
            panic!("a reason was expected")
        };
        assert_eq!((&*reason.why, &*reason.hint), ("no data", "fetch them"));
    }
}
