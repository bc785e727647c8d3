//! Files that are written once, with rights of their own: keys, secrets, what is published.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Result;
use records::file::FileError;

use crate::{problem::Problem, shell};

/// Says that a file is there and stays as it is.
pub fn taken(path: &Path) -> Problem {
    Problem::usage(format!("{} is there already: it is never overwritten", path.display()))
}

/// Writes a file that is not there yet; removes what was written where that fails.
pub fn create(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken(path).into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new("."));
            let missing = format!("cannot write {}: the folder {} is not there", path.display(), folder.display());
            let command = format!("mkdir -p {}", shell::path(folder));
            return Err(Problem::usage(missing).hint(format!("make it first: {command}")).into());
        }
        Err(error) => return Err(FileError::at("write", path)(error).into()),
    };
    if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        // The first failure is the one to report.
        fs::remove_file(path).ok();
        return Err(FileError::at("write", path)(error).into());
    }
    Ok(())
}
