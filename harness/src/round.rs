//! The round that the caller names by its file; what a round is stands in [`verifier::round`].

use std::path::Path;

use anyhow::{Context as _, Result};
use records::file::read_named;
pub use verifier::round::Round;

use crate::problem::Problem;

/// The longest round's file, in bytes.
const ROUND_MAX: u64 = 64 << 10;

/// Reads a round's file, or gives the practice round.
pub fn load(path: Option<&Path>) -> Result<Round> {
    let Some(path) = path else { return Ok(Round::practice()) };
    let bytes = read_named(path, ROUND_MAX)?;
    let text = std::str::from_utf8(&bytes).ok().context(Problem::usage(format!("{} is not UTF-8", path.display())))?;
    Round::parse(text).map_err(|error| {
        Problem::usage(format!("{} is not a round: {error}", path.display())).hint(error.hint()).into()
    })
}
