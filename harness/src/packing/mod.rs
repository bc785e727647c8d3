//! Pictures of an organizer's own, from a folder to shards: training sets ([`training`]) and evaluation tasks ([`task`]).
//!
//! It stands outside the frozen tree: a data set is what its samples are, whoever wrote its shards, so that nothing
//! here can change a result. Everything that is wrong with a folder is named at once, by path, and then nothing is
//! written. What is written appears whole or not at all.

mod pictures;
pub mod task;
pub mod training;

use std::{fs, path::Path};

use anyhow::Result;
use records::file::{self, FileError};
use tempfile::TempDir;

use crate::problem::Problem;

/// Starts a folder of shards beside its place, where nothing may be yet.
fn begin(out: &Path) -> Result<TempDir> {
    let occupied = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
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
