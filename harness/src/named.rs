//! Files and folders of an entry, named on the command line: a certificate where its folder is named, and the other way
//! round, is answered with what was meant.

use std::path::Path;

use anyhow::Result;
use records::{file::read_named, v1::names};
use verifier::envelope::CERTIFICATE_MAX;

use crate::problem::Problem;

/// Reads a certificate, or another statement, that the caller named.
pub fn certificate(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        let problem = Problem::usage(format!("{} is a folder", path.display()));
        let certificate = path.join(names::CERTIFICATE);
        return Err(problem.hint(format!("name the certificate: {}", certificate.display())).into());
    }
    Ok(read_named(path, CERTIFICATE_MAX)?)
}

/// Refuses what is no folder where an entry's is asked for.
pub fn entry_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let beside = path.parent().filter(|_| path.is_file()).filter(|folder| folder.join(names::STATEMENT).is_file());
    let problem = if path.exists() {
        Problem::usage(format!("{} is no folder", path.display()))
    } else {
        Problem::usage(format!("there is no folder {}", path.display()))
    };
    let hint = beside.map_or_else(
        || "name the entry's folder; `maxclip status HOME` lists them".to_owned(),
        |folder| format!("name the entry's folder: {}", folder.display()),
    );
    Err(problem.hint(hint).into())
}

/// Refuses what is no run's folder.
pub fn run_folder(path: &Path) -> Result<()> {
    if path.join(names::TRANSCRIPT).is_file() {
        return Ok(());
    }
    let problem = Problem::usage(format!("{} is no run: it holds no {}", path.display(), names::TRANSCRIPT));
    Err(problem.hint("name a run's folder, such as `small/1` of an entry's, or `runs/try-0001`").into())
}
