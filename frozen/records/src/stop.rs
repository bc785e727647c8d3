//! Why a chain of stages stops before its end: the one type that the host, the trainer, the evaluator and `maxclip` share.
//!
//! A [`Verdict`] is what one rule or one stage came to; a [`Stop`] is what keeps the next one from being done. What to do
//! about it is a field, set where the error is made.

use std::{error::Error, fmt};

use crate::{Exit, Finding, Reason, Verdict, file::FileError, v1::protocol::ProtocolError};

/// The three reasons not to go on.
#[derive(Debug)]
pub enum Stop {
    /// Rules were broken: a verdict.
    Fail(Vec<Finding>),
    /// This machine cannot judge.
    Inconclusive(Reason),
    /// Our own fault, the caller's or the machine's; says nothing about what is judged.
    Fault(Problem),
}

/// Something that could not be done, which knows its exit code and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Problem {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Problem {
    /// The command line, or a file that the caller wrote, is wrong.
    #[must_use]
    pub fn usage(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, what: what.to_string(), hint: None }
    }

    /// This machine cannot judge.
    #[must_use]
    pub fn inconclusive(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Inconclusive, ..Self::usage(what) }
    }

    /// Our own fault, or the machine's.
    #[must_use]
    pub fn fault(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Fault, ..Self::usage(what) }
    }

    /// The reason to stop that it is; a [`Reason`] where its exit code is that of one, and it says what to do.
    #[must_use]
    pub fn stop(self) -> Stop {
        match self {
            Self { exit: Exit::Inconclusive, what: why, hint: Some(hint) } => Reason { why, hint }.into(),
            other => Stop::Fault(other),
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Self::inconclusive(reason.why).hint(reason.hint)
    }
}

/// Whatever is an error stops as a fault, a [`Problem`] with what it knows. An error that means something else, such as
/// data that are damaged, is turned into a [`Reason`] where it is met.
impl<E: Error + 'static> From<E> for Stop {
    fn from(error: E) -> Self {
        let error: &(dyn Error + 'static) = &error;
        match error.downcast_ref::<Problem>() {
            Some(problem) => problem.clone().stop(),
            None => Self::Fault(Problem { exit: exit(error), what: sentences(error), hint: None }),
        }
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::Fail(vec![finding])
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Inconclusive(reason)
    }
}

impl Stop {
    /// Says in what training a rule was broken.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        let Self::Fail(findings) = self else { return self };
        let named = |finding: Finding| Finding { place: format!("{place}: {}", finding.place), ..finding };
        Self::Fail(findings.into_iter().map(named).collect())
    }

    /// The exit code of a program that it ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Fail(_) => Exit::Fail,
            Self::Inconclusive(_) => Exit::Inconclusive,
            Self::Fault(problem) => problem.exit,
        }
    }
}

/// As the programs below `maxclip` tell it on stderr: each hint on a line of its own.
impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail(findings) => {
                write!(f, "FAIL: {} finding(s)", findings.len())?;
                for finding in findings {
                    write!(f, "\n  {}  {}", finding.rule, finding.place)?;
                    if !finding.expected.is_empty() || !finding.found.is_empty() {
                        write!(f, "\n    expected {}  found {}", finding.expected, finding.found)?;
                    }
                    write!(f, "\n    hint: {}", finding.rule.repair())?;
                }
                Ok(())
            }
            Self::Inconclusive(reason) => write!(f, "INCONCLUSIVE: {}\nhint: {}", reason.why, reason.hint),
            Self::Fault(Problem { what, hint: None, .. }) => f.write_str(what),
            Self::Fault(Problem { what, hint: Some(hint), .. }) => write!(f, "{what}\nhint: {hint}"),
        }
    }
}

impl<T> Verdict<T> {
    /// What passed, or the reason to stop.
    pub fn into_result(self) -> Result<T, Stop> {
        match self {
            Self::Pass(value) => Ok(value),
            Self::Fail(findings) => Err(Stop::Fail(findings)),
            Self::Inconclusive(reason) => Err(Stop::Inconclusive(reason)),
        }
    }
}

/// The sentences of an error and its causes, each that the one before does not already hold.
#[must_use]
pub fn sentences(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).fold(String::new(), |text, cause| match text {
        text if text.is_empty() => cause,
        text if text.contains(&cause) => text,
        text => format!("{text}: {cause}"),
    })
}

/// The exit code of an error: the nearest cause's that has one, else our own fault.
#[must_use]
pub fn exit(error: &(dyn Error + 'static)) -> Exit {
    let of_cause = |cause: &(dyn Error + 'static)| {
        let protocol = cause.is::<ProtocolError>().then_some(Exit::Usage);
        protocol.or_else(|| cause.downcast_ref::<FileError>().map(FileError::exit))
    };
    causes(error).find_map(of_cause).unwrap_or(Exit::Fault)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::Rule;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot check: {0}")]
    struct Outer(#[source] FileError);

    fn file_error(action: &'static str, kind: io::ErrorKind) -> FileError {
        FileError::at(action, "a.zip")(kind.into())
    }

    #[test]
    fn a_file_that_is_not_there_is_the_callers_and_a_full_disk_is_not() {
        for (action, kind, expected) in [
            ("read", io::ErrorKind::NotFound, Exit::Usage),
            ("write", io::ErrorKind::NotFound, Exit::Fault),
            ("write", io::ErrorKind::StorageFull, Exit::Fault),
            ("write", io::ErrorKind::FileTooLarge, Exit::Fault),
        ] {
            assert_eq!(Stop::from(file_error(action, kind)).exit(), expected, "{action} {kind}");
        }
        assert_eq!(Stop::from(io::Error::other("odd")).exit(), Exit::Fault);
    }

    #[test]
    fn the_nearest_cause_decides_and_no_sentence_stands_twice() {
        let stop = Stop::from(Outer(file_error("read", io::ErrorKind::NotFound)));
        let Stop::Fault(problem) = stop else { panic!("{stop:?}") };
        assert_eq!((problem.exit, problem.what.matches("cannot read").count()), (Exit::Usage, 1), "{problem}");
        assert!(problem.what.starts_with("cannot check: cannot read a.zip: "), "{problem}");
    }

    #[test]
    fn every_reason_has_its_exit_code_and_each_hint_a_line_of_its_own() {
        let reason = Reason { why: "no data".to_owned(), hint: "fetch them".to_owned() };
        let stops = [
            (Stop::from(Finding::new(Rule::TooSlow, "step 3")).within("small/1"), Exit::Fail, "small/1: step 3"),
            (Stop::from(reason).within("small/1"), Exit::Inconclusive, "no data\nhint: fetch them"),
            (Stop::from(Problem::usage("a.toml: odd").hint("see b")), Exit::Usage, "a.toml: odd\nhint: see b"),
            (Stop::from(Problem::fault("a bug")), Exit::Fault, "a bug"),
            (Stop::from(Problem::inconclusive("no kit").hint("build it")), Exit::Inconclusive, "INCONCLUSIVE: no kit"),
        ];
        for (stop, exit, text) in stops {
            assert_eq!(stop.exit(), exit);
            assert!(stop.to_string().contains(text), "{stop}");
        }
    }
}
