//! Pictures of an organizer's own, from a folder to shards: training sets ([`training`]) and evaluation tasks ([`task`]).
//!
//! It stands outside the frozen tree: a data set is what its samples are, whoever wrote its shards, so that nothing
//! here can change a result. Everything that is wrong with a folder is named at once, by path, and then nothing is
//! written. What is written appears whole or not at all.

mod pictures;
pub mod task;
pub mod training;

use std::{fs, io::ErrorKind, path::Path};

use anyhow::Result;
use records::file::{self, FileError};
use tempfile::TempDir;

use crate::problem::Problem;

/// Starts a folder of shards beside its place, where nothing may be yet.
fn begin(out: &Path) -> Result<TempDir> {
    let occupied = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(FileError::at("read", out)(error).into()),
    };
    if occupied {
        let problem = Problem::usage(format!("{} is not empty", out.display()));
        return Err(problem
            .hint("name a folder that is not there yet: what was packed once is not written over")
            .into());
    }
    Ok(file::folder_beside(out)?)
}

/// Puts a whole folder where it belongs, which two that pack at once may both want.
fn settle(part: TempDir, out: &Path) -> Result<()> {
    file::settle(part, out).map_err(|error| match error.source.kind() {
        ErrorKind::DirectoryNotEmpty => {
            let problem = Problem::usage(format!("{} was filled while this was packed", out.display()));
            problem.hint("look at what lies there, or name another folder").into()
        }
        _ => error.into(),
    })
}

/// Nothing where nothing is wrong, else all of it.
fn all_right(folder: &Path, wrong: &[String]) -> Result<()> {
    match wrong {
        [] => Ok(()),
        [one] => Err(Problem::usage(one).into()),
        many => {
            let what = format!("{}: {} things are wrong\n{}", folder.display(), many.len(), many.join("\n"));
            Err(Problem::usage(what).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use records::Exit;

    use super::*;

    #[test]
    fn of_two_that_pack_at_once_the_later_is_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("set");
        let parts = [begin(&out).unwrap(), begin(&out).unwrap()];
        let [first, later] = parts.map(|part| {
            fs::write(part.path().join("0.tar"), "").unwrap();
            settle(part, &out)
        });
        first.unwrap();
        let error = later.unwrap_err();
        assert!(error.to_string().contains("was filled while this was packed"), "{error}");
        assert_eq!(crate::problem::exit(&error), Exit::Usage);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing half-packed stays");
    }
}
