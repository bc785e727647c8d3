//! `maxclip compare`: the first step, then the columns, where two runs part.

use std::path::PathBuf;

use anyhow::Result;
use records::Exit;
use serde_json::json;

use super::verify;
use crate::{
    named,
    terminal::{Paint, Terminal},
    traces,
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
    [&args.a, &args.b].into_iter().try_for_each(|folder| named::run_folder(folder))?;
    let compared = traces::beside(&args.a, &args.b, None, true)?;
    if !compared.findings.is_empty() {
        return verify::tell_findings(&compared.findings, args.json, terminal);
    }
    let steps = compared.steps;
    if args.json {
        terminal.json(&json!({"exit": Exit::Pass, "steps": steps}))?;
    } else {
        let word = terminal.paint(Paint::Good, "pass");
        let columns = traces::transcript(&args.a)?.header().columns.len();
        terminal.line(format_args!("{word}       {steps} of {steps} steps equal in {columns} fingerprints each"));
    }
    Ok(Exit::Pass)
}
