//! The tables of Unicode 13 that captions are cleaned with, written anew.
//!
//! Python 3.10 is asked, since its answers are what the tables have to say; no other version will do.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use clap::Parser;
use records::file;

use crate::shell;

/// Arguments of `cargo xtask tables`.
#[derive(Parser)]
pub struct Args {
    /// A Python 3.10
    #[arg(default_value = "python3.10")]
    python: PathBuf,
}

/// Writes `frozen/data/src/text/tables.rs`.
pub fn run(checkout: &Path, args: &Args) -> Result<()> {
    let text = shell::output(Command::new(&args.python).arg(checkout.join("xtask/unicode.py")))?;
    let path = checkout.join("frozen/data/src/text/tables.rs");
    file::sweep_of(&path)?;
    Ok(file::write(&path, text.as_bytes())?)
}
