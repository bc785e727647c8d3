//! `maxclip pack`: a folder becomes the ZIP to hand in, where the gate admits it.

use std::path::PathBuf;

use anyhow::Result;
use records::Exit;
use verifier::tree::Tree;

use crate::{
    archive, entry, findings,
    outputs::Output,
    protocols,
    terminal::{Paint, Terminal},
};

/// What to pack.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that holds `src/`, `config.toml` and `submission.toml`.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The ZIP to write.
    #[arg(short, long, value_name = "ZIP")]
    out: PathBuf,
    /// The file of an organizer's own protocol, whose name and scales `config.toml` may then have tables for
    #[arg(long, value_name = "FILE")]
    protocol: Option<String>,
    /// Write it even where the gate refuses it; the exit code stays 1.
    #[arg(long)]
    anyway: bool,
}

/// Packs it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let out = Output::named(&args.out, "entry.zip")?;
    let folder = archive::read_folder(&args.folder)?;
    let bytes = archive::zip(&folder.files)?;
    let pinned = args.protocol.as_deref().map(protocols::chosen).transpose()?;
    let judgement = entry::gate(&bytes, pinned.as_ref().map(|pinned| &pinned.protocol))?;
    if !folder.left_out.is_empty() {
        terminal.say(format_args!("left out: {}", folder.left_out.join(", ")));
    }
    let tree = Tree { files: folder.files };
    let found: Vec<_> = judgement.findings().collect();
    if !found.is_empty() {
        let fail = terminal.paint(Paint::Bad, "FAIL");
        terminal.line(format_args!("{fail}: {}", findings::count(found.len())));
        terminal.line("");
        findings::print(&found, Some(&tree), terminal);
        if !args.anyway {
            terminal.say(format_args!("{} is not written", args.out.display()));
            return Ok(judgement.exit());
        }
    }
    out.write(&bytes)?;
    let (files, kilobytes) = (tree.files.len(), bytes.len().div_ceil(1000));
    let plural = if files == 1 { "" } else { "s" };
    terminal.line(format_args!("{files} file{plural}, {kilobytes} kB  {}", tree.digest().short()));
    Ok(judgement.exit())
}
