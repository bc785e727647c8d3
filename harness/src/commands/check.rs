//! `maxclip check`: what the gate says of a ZIP. Needs no libtorch, no data and no network.

use std::path::PathBuf;

use anyhow::Result;
use records::{Exit, v1::statement::StageValue};

use crate::{
    archive, entry, findings, protocols,
    terminal::{Paint, Terminal},
};

/// What to check.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The submission.
    #[arg(value_name = "ZIP")]
    archive: PathBuf,
    /// The file of an organizer's own protocol, whose name and scales `config.toml` may then have tables for
    #[arg(long, value_name = "FILE")]
    protocol: Option<String>,
    /// The verdict as one line of canonical JSON: it depends on the ZIP, the protocol and this release alone.
    #[arg(long)]
    json: bool,
}

/// Checks it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let pinned = args.protocol.as_deref().map(protocols::chosen).transpose()?;
    let judgement = entry::gate(&archive::read_zip(&args.archive)?, pinned.as_ref().map(|pinned| &pinned.protocol))?;
    if args.json {
        terminal.json(&judgement)?;
        return Ok(judgement.exit());
    }
    let found: Vec<_> = judgement.findings().collect();
    match (&judgement.submission, &judgement.entry) {
        (Some(submission), Some(entry)) if found.is_empty() => {
            let pass = terminal.paint(Paint::Good, "PASS");
            terminal.line(format_args!("{pass}  {}  {} by {}", submission.short(), entry.name, entry.team));
        }
        _ => {
            let fail = terminal.paint(Paint::Bad, "FAIL");
            terminal.line(format_args!("{fail}: {}", findings::count(found.len())));
        }
    }
    for stage in &judgement.stages {
        let value = match &stage.value {
            StageValue::Pass => terminal.paint(Paint::Good, "pass"),
            StageValue::Fail(_) => terminal.paint(Paint::Bad, "fail"),
            StageValue::Inconclusive(_) => terminal.paint(Paint::Doubt, "none"),
        };
        terminal.line(format_args!("  {:<8} {value}  {}", stage.name, stage.note));
    }
    if !found.is_empty() {
        terminal.line("");
        findings::print(&found, judgement.tree.as_ref(), terminal);
    }
    Ok(judgement.exit())
}
