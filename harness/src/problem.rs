//! Errors for people: what went wrong, what to do about it, and the exit code it ends in.

use data::DataError;
pub use records::Problem;
use records::{Exit, file::FileError, stop};
use tasks::LayoutError;

use crate::terminal::Terminal;

/// Prints `error:` and `hint:` lines and gives the exit code.
pub fn tell(error: &anyhow::Error, terminal: &mut Terminal) -> Exit {
    terminal.error(&chain(error));
    if let Some(hint) = hint(error) {
        terminal.hint(&hint);
    }
    exit(error)
}

/// The sentences of an error and its causes.
pub fn chain(error: &anyhow::Error) -> String {
    stop::sentences(error.as_ref())
}

/// What to do about an error: the outermost [`Problem`]'s hint, else that of data that are damaged.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    let of_problem = error.downcast_ref::<Problem>().and_then(|problem| problem.hint.clone());
    of_problem.or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<DataError>()?.hint()))
}

/// The exit code of an error: the outermost [`Problem`]'s, else the nearest cause that has one, else our own fault.
pub fn exit(error: &anyhow::Error) -> Exit {
    // What was attached as context is seen by `anyhow`'s own downcast only, not in the chain.
    let of_problem = error.downcast_ref::<Problem>().map(|problem| problem.exit);
    let exit = of_problem.or_else(|| error.chain().find_map(of_data));
    exit.unwrap_or_else(|| stop::exit(error.as_ref()))
}

/// What is wrong with data is for their owner to repair; a file of theirs is a file like any other.
fn of_data(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    let file = match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(DataError::File(file)), _) | (_, Some(LayoutError::File(file))) => Some(file),
        (None, None) => return None,
        _ => None,
    };
    Some(file.map_or(Exit::Usage, FileError::exit))
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn context_stands_before_its_cause_and_the_outermost_problem_decides() {
        let not_found = FileError::at("read", "a.zip")(io::ErrorKind::NotFound.into());
        let error = anyhow::Error::from(not_found).context("cannot check");
        assert_eq!(exit(&error), Exit::Usage);
        let text = chain(&error);
        assert!(text.starts_with("cannot check: cannot read a.zip: "), "{text}");
        assert_eq!(text.matches("cannot read").count(), 1);
        let wrapped: anyhow::Result<()> = Err(error).context(Problem::inconclusive("this machine cannot judge"));
        assert_eq!(exit(&wrapped.unwrap_err()), Exit::Inconclusive);
        assert_eq!(exit(&anyhow::anyhow!("odd")), Exit::Fault);
    }

    #[test]
    fn data_are_their_owners_to_repair_wherever_they_are_read() {
        let dir = || "runs/data/own".into();
        assert_eq!(exit(&DataError::NoIndex { dir: dir() }.into()), Exit::Usage);
        let text = LayoutError::Text { path: dir(), why: "no line".to_owned() };
        assert_eq!(exit(&anyhow::Error::from(text).context("cannot read")), Exit::Usage);
        let file = |kind: io::ErrorKind| FileError::at("read", "classnames.txt")(kind.into());
        assert_eq!(exit(&LayoutError::File(file(io::ErrorKind::NotFound)).into()), Exit::Usage);
        assert_eq!(exit(&DataError::File(file(io::ErrorKind::StorageFull)).into()), Exit::Fault);
    }

    #[test]
    fn data_say_what_to_do_about_them() {
        let error = anyhow::Error::from(DataError::NoShards { dir: "a".into() }).context("cannot train");
        assert!(hint(&error).unwrap().contains("shards"));
        assert_eq!(hint(&anyhow::anyhow!("odd")), None);
    }
}
