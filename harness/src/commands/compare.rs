//! `maxclip compare`: the first step, then the columns, where two runs part.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{Exit, Verdict, file::read_bounded};
use serde_json::json;
use verifier::{
    evidence::bytes_max,
    replay,
    transcript::{self, Evidence, Names},
};

use super::verify;
use crate::{
    problem::Problem,
    terminal::{Paint, Terminal},
};

/// Arguments of `maxclip compare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run folder
    a: PathBuf,
    /// Another
    b: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// Compares.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    let steps = a.lines.len().max(b.lines.len()) as u64;
    let findings = replay::compare(&a, &b, steps, true);
    if !findings.is_empty() {
        return verify::tell_findings(&findings, args.json, terminal);
    }
    if args.json {
        terminal.json(&json!({"exit": Exit::Pass, "steps": steps}))?;
    } else {
        let word = terminal.paint(Paint::Good, "pass");
        let columns = a.header.columns.len();
        terminal.line(format_args!("{word}       {steps} of {steps} steps equal in {columns} fingerprints each"));
    }
    Ok(Exit::Pass)
}

fn read(folder: &Path) -> Result<Evidence> {
    let transcript = read_bounded(&folder.join("transcript.jsonl"), bytes_max("transcript.jsonl"))?;
    // How long the other file may be, the transcript says: a row a step.
    let fingerprints = read_bounded(&folder.join("fingerprints.bin"), transcript::rows_bytes(&transcript))?;
    let names = Names { transcript: "transcript.jsonl", fingerprints: "fingerprints.bin" };
    match Evidence::read(&transcript, &fingerprints, names) {
        Verdict::Pass(evidence) => Ok(evidence),
        Verdict::Fail(findings) => {
            let place = findings.first().map(|finding| finding.place.clone()).unwrap_or_default();
            Err(Problem::usage(format!("{} is damaged at {place}", folder.display())).into())
        }
        Verdict::Inconclusive(reason) => Err(Problem::from(reason).into()),
    }
}
