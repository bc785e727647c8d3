//! Real images and captions: trains on two vendors' emoji, evaluates on a third one's, which no training
//! sees. Names become captions; the same names are the classes of zero-shot classification.

mod catalogue;
mod packages;
mod picture;
mod shards;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::shell;

/// Arguments of `cargo xtask emoji`.
#[derive(Parser)]
pub struct Args {
    /// Where data and runs go
    #[arg(long, default_value = "runs")]
    home: PathBuf,
    /// Write the data and stop
    #[arg(long)]
    data_only: bool,
}

/// Fetches, trains, evaluates, prints a table.
pub fn run(args: Args) -> Result<()> {
    let home = if args.home.is_absolute() { args.home } else { shell::root().join(args.home) };
    let packages = packages::Packages::provide()?;
    let counts = shards::write(&packages, &home.join("data"))?;
    eprintln!(
        "{} samples of {} names for training, {} images of an unseen vendor",
        counts.samples, counts.names, counts.unseen
    );
    Ok(())
}
