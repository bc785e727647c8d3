//! `maxclip rules`: every rule with its id, its text and how to repair what broke it.

use records::{Exit, Rule};
use serde::Serialize;

use crate::terminal::{Paint, Terminal};

/// What to print.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the rules of this stage, or the rule of this id.
    #[arg(value_name = "STAGE|RULE")]
    only: Option<String>,
    /// One JSON object on one line.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    id: &'static str,
    stage: &'static str,
    text: &'static str,
    repair: &'static str,
}

/// Prints the rules.
pub fn run(args: Args, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let wanted = |rule: &&Rule| args.only.as_deref().is_none_or(|only| only == rule.stage() || only == rule.id());
    let rules: Vec<_> = Rule::ALL.iter().filter(wanted).collect();
    if args.json {
        let line =
            |rule: &Rule| Line { id: rule.id(), stage: rule.stage(), text: rule.text(), repair: rule.repair() };
        terminal.json(&rules.iter().map(|rule| line(rule)).collect::<Vec<_>>())?;
        return Ok(Exit::Pass);
    }
    let mut stage = "";
    for rule in rules {
        if rule.stage() != stage {
            stage = rule.stage();
            terminal.line(terminal.paint(Paint::Strong, stage));
        }
        terminal.line(format_args!("  {}\n    {}\n    repair: {}", rule.id(), rule.text(), rule.repair()));
    }
    Ok(Exit::Pass)
}
