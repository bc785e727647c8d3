//! Errors for people: what went wrong, what to do about it, and the exit code it ends in.

use std::{fmt, io};

use records::{Exit, Reason, file::FileError, v1::protocol::ProtocolError};

use crate::terminal::Terminal;

/// An error that knows its exit code and what to do about it.
#[derive(Debug)]
pub struct Problem {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// The command line, or a file that the caller wrote, is wrong.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, what: what.to_string(), hint: None }
    }

    /// This machine cannot judge.
    pub fn inconclusive(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Inconclusive, what: what.to_string(), hint: None }
    }

    /// Our own fault.
    pub fn fault(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Fault, what: what.to_string(), hint: None }
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Self::inconclusive(reason.why).hint(reason.hint)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

/// Prints `error:` and `hint:` lines and gives the exit code.
pub fn tell(error: &anyhow::Error, terminal: &mut Terminal) -> Exit {
    terminal.error(&chain(error));
    if let Some(hint) = error.downcast_ref::<Problem>().and_then(|problem| problem.hint.as_deref()) {
        terminal.hint(hint);
    }
    exit(error)
}

/// The sentences of an error and its causes, each that the one before does not already hold.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text {
        text if text.is_empty() => cause,
        text if text.contains(&cause) => text,
        text => format!("{text}: {cause}"),
    })
}

/// The exit code of an error: the outermost [`Problem`]'s, else the nearest cause that has one, else our own fault.
fn exit(error: &anyhow::Error) -> Exit {
    // What was attached as context is seen by `anyhow`'s own downcast only, not in the chain.
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.exit;
    }
    let of_cause = |cause: &(dyn std::error::Error + 'static)| {
        let protocol = cause.is::<ProtocolError>().then_some(Exit::Usage);
        protocol.or_else(|| cause.downcast_ref::<FileError>().map(file_exit))
    };
    error.chain().find_map(of_cause).unwrap_or(Exit::Fault)
}

/// A file that is not there, or that may not be read, was named by the caller; a failed write is not his fault.
fn file_exit(error: &FileError) -> Exit {
    match error.source.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidData
            if error.action == "read" =>
        {
            Exit::Usage
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Exit::Usage,
        _ => Exit::Fault,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn file_error(action: &'static str, kind: io::ErrorKind) -> anyhow::Error {
        FileError::at(action, "a.zip")(kind.into()).into()
    }

    #[test]
    fn a_file_that_is_not_there_is_the_callers_and_a_full_disk_is_not() {
        assert_eq!(exit(&file_error("read", io::ErrorKind::NotFound)), Exit::Usage);
        assert_eq!(exit(&file_error("write", io::ErrorKind::StorageFull)), Exit::Fault);
        assert_eq!(exit(&file_error("write", io::ErrorKind::FileTooLarge)), Exit::Fault);
        assert_eq!(exit(&anyhow::anyhow!("odd")), Exit::Fault);
    }

    #[test]
    fn the_nearest_cause_decides_and_no_sentence_stands_twice() {
        let error = file_error("read", io::ErrorKind::NotFound).context("cannot check");
        assert_eq!(exit(&error), Exit::Usage);
        let text = chain(&error);
        assert!(text.starts_with("cannot check: cannot read a.zip: "), "{text}");
        assert_eq!(text.matches("cannot read").count(), 1);
        let wrapped: anyhow::Result<()> = Err(error).context(Problem::inconclusive("this machine cannot judge"));
        assert_eq!(exit(&wrapped.unwrap_err()), Exit::Inconclusive);
    }
}
