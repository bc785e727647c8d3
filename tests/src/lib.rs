//! Whole flows through the real programs, and the rules that the checkout itself must keep.
//!
//! The programs are built first, by `cargo xtask kit`: `cargo test` does not. A test that finds no kit
//! fails and says so.

pub mod flags;
pub mod pages;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The checkout: found from the folder of the package whose tests these are, in which they run. A path that is
/// compiled in would lead from a copied checkout back into its original.
///
/// # Panics
///
/// Where that folder lies in no checkout.
#[must_use]
pub fn root() -> PathBuf {
    let own = std::env::current_dir().unwrap_or_default();
    let root = own.ancestors().find(|folder| folder.join("frozen/Cargo.lock").is_file());
    root.map(Path::to_owned).unwrap_or_else(|| panic!("{} lies in no checkout", own.display()))
}

/// The folder of the built programs: the one that this test was built in.
///
/// # Panics
///
/// Where the programs were not built.
#[must_use]
pub fn programs() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let folder = own.ancestors().find(|folder| folder.join("kit.json").is_file());
    let Some(folder) = folder else { panic!("no kit.json above {}: run `cargo xtask kit`", own.display()) };
    folder.to_owned()
}

/// What a command ended with.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `maxclip` in a folder of its own, with an empty environment.
///
/// # Panics
///
/// Where the program does not start.
#[must_use]
pub fn maxclip(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(programs().join("maxclip"));
    let output = command.env_clear().current_dir(folder).args(arguments).output();
    ended(output.unwrap_or_else(|error| panic!("maxclip does not start: {error}")))
}

/// Reads a child's end.
#[must_use]
pub fn ended(output: Output) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
