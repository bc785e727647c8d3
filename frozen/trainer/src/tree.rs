//! One frozen tree in a run: what it was resolved for, this program, and the programs that it starts.
//!
//! A number is a function of the frozen tree, so a run that is trained by another one's programs would have a number
//! that belongs to neither.

use std::path::Path;

use records::{FrozenDigest, Problem, Reason, Stop, file};
use stamp::StampError;

const KIT_AGAIN: &str = "build all programs from one checkout: cargo xtask kit";

/// A program that does not say of which frozen tree it is.
fn unstamped(what: &str, why: &StampError) -> Problem {
    Problem::fault(format!("{what}: {why}")).hint(KIT_AGAIN)
}

/// Refuses a run that was resolved for another tree.
pub fn require_run(resolved_for: FrozenDigest) -> Result<(), Stop> {
    let own = stamp::own().map_err(|why| unstamped("this trainer", &why))?;
    if own == resolved_for {
        return Ok(());
    }
    let hint = "train with the programs of that frozen tree, or resolve the run again with `maxclip` of this one";
    let why = format!("this trainer was built from {own}, run.json was resolved for {resolved_for}");
    Err(Reason { why, hint: hint.to_owned() }.into())
}

/// Refuses a program or an object of another tree.
pub fn require_program(name: &str, path: &Path, run: FrozenDigest) -> Result<(), Stop> {
    let what = format!("the {name} ({})", path.display());
    let found = stamp::of(&file::read(path)?).map_err(|why| unstamped(&what, &why))?;
    if found == run {
        return Ok(());
    }
    let why = format!("{what} was built from {found}, run.json was resolved for {run}");
    let hint = KIT_AGAIN;
    Err(Reason { why, hint: hint.to_owned() }.into())
}
