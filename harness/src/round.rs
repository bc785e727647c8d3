//! The round that the caller names by its file; what a round is stands in [`verifier::round`].

use std::path::Path;

use anyhow::{Context as _, Result};
use records::file::read_named;
pub use verifier::round::{Round, RoundError, RoundFile};

use crate::problem::Problem;

/// The longest round's file, in bytes.
const ROUND_MAX: u64 = 64 << 10;

/// Reads a round's file, or gives the practice round; it must be one that entries can be certified under.
pub fn load(path: Option<&Path>) -> Result<Round> {
    match path {
        None => Ok(Round::practice()),
        Some(path) => Ok(read(path)?.ready().map_err(|error| refused(path, &error))?),
    }
}

/// Reads a round's file, whose beacon may be missing.
pub fn read(path: &Path) -> Result<RoundFile> {
    let bytes = read_named(path, ROUND_MAX)?;
    let text = std::str::from_utf8(&bytes).ok().context(Problem::usage(format!("{} is not UTF-8", path.display())))?;
    Ok(RoundFile::parse(text).map_err(|error| refused(path, &error))?)
}

/// Says why a file is no round, or not one that was asked for.
pub fn refused(path: &Path, error: &RoundError) -> Problem {
    Problem::usage(format!("{} is not a round: {error}", path.display())).hint(error.hint())
}
