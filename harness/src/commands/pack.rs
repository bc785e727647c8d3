//! `maxclip pack`: a folder becomes the ZIP to hand in.

use std::path::PathBuf;

use anyhow::Result;
use records::{Exit, file};
use verifier::tree::Tree;

use crate::{archive, terminal::Terminal};

/// What to pack.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that holds `src/`, `config.toml` and `submission.toml`.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The ZIP to write.
    #[arg(short, long, value_name = "ZIP")]
    output: PathBuf,
}

/// Packs it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let folder = archive::read_folder(&args.folder)?;
    let bytes = archive::zip(&folder.files)?;
    file::write(&args.output, &bytes)?;
    if !folder.left_out.is_empty() {
        terminal.say(format_args!("left out: {}", folder.left_out.join(", ")));
    }
    let tree = Tree { files: folder.files };
    let (files, kilobytes) = (tree.files.len(), bytes.len().div_ceil(1000));
    let plural = if files == 1 { "" } else { "s" };
    terminal.line(format_args!("{files} file{plural}, {kilobytes} kB  {}", tree.digest().short()));
    Ok(Exit::Pass)
}
