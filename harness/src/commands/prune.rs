//! `maxclip prune`: removes checkpoints that nobody needs to verify a certificate or to do a quarter of a run again.
//!
//! Which ones follows from the certificate by one rule (`verifier::evidence::part`), so that `verify` knows without
//! being told. Only what lies beside a certificate is pruned: `sign` reads everything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use records::{
    Exit, Verdict,
    file::{FileError, read_bounded},
    v1::{names, statement::Certificate},
};
use serde_json::json;
use verifier::{
    certificate,
    envelope::{self, CERTIFICATE_MAX},
    evidence::part::prunable,
};

use super::verify;
use crate::{named, terminal::Terminal};

/// Arguments of `maxclip prune`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The entry's folder, with certificate.json and the evidence
    entry: PathBuf,
    /// Say what would go, and leave it
    #[arg(long)]
    dry_run: bool,
    /// Print the folders as JSON
    #[arg(long)]
    json: bool,
}

/// Prunes.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    named::entry_folder(&args.entry)?;
    let path = args.entry.join(names::CERTIFICATE);
    let bytes = read_bounded(&path, CERTIFICATE_MAX)?;
    let statement = match envelope::peek::<Certificate>(&bytes) {
        Verdict::Pass((_, statement)) => statement,
        Verdict::Fail(findings) => return verify::tell_findings(&findings, args.json, terminal),
        Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, args.json, terminal),
    };
    // Whose signature it is plays no part here. So what it names must lie below the folder before anything goes.
    let findings = certificate::check_subjects(&statement);
    if !findings.is_empty() {
        return verify::tell_findings(&findings, args.json, terminal);
    }
    let (mut gone, mut total) = (Vec::new(), 0);
    for folder in prunable(&statement) {
        let inside = format!("{folder}/");
        let files = statement.subject.iter().filter(|subject| subject.name.starts_with(&inside));
        let bytes: u64 = files.filter_map(|file| file.annotations).map(|annotations| annotations.bytes).sum();
        let path = args.entry.join(&folder);
        if !is_folder(&args.entry, &folder) {
            continue;
        }
        if !args.dry_run {
            fs::remove_dir_all(&path).map_err(FileError::at("remove", &path))?;
        }
        if !args.json {
            terminal.line(format_args!("  {:>8} MiB   {folder}", bytes >> 20));
        }
        total += bytes;
        gone.push(folder);
    }
    if args.json {
        terminal.json(&json!({"exit": Exit::Pass, "pruned": gone, "bytes": total, "dry_run": args.dry_run}))?;
    } else {
        let word = if args.dry_run { "would go" } else { "pruned" };
        terminal.line(format_args!("{word}   {} checkpoints, {} MiB", gone.len(), total >> 20));
    }
    Ok(Exit::Pass)
}

/// Whether a path below a folder leads through folders alone: a link on it is nobody's checkpoint, and what that leads to
/// is not ours to remove.
fn is_folder(entry: &Path, below: &str) -> bool {
    let mut at = entry.to_owned();
    below.split('/').all(|part| {
        at.push(part);
        fs::symlink_metadata(&at).is_ok_and(|kind| kind.is_dir())
    })
}
