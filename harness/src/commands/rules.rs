//! `maxclip rules`: every rule with its id, its text and how to repair what broke it.

use records::{Exit, Rule};
use serde::Serialize;
use verifier::{config, intake, policy};

use crate::{
    problem::Problem,
    terminal::{Paint, Terminal},
};

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
    if rules.is_empty() {
        let problem = Problem::usage(format!("`{}` is neither a stage nor a rule", args.only.unwrap_or_default()));
        return Err(problem.hint("`maxclip rules` prints all of them").into());
    }
    if args.json {
        let line = |rule: &Rule| Line { id: rule.id(), stage: rule.stage(), text: rule.text(), repair: rule.repair() };
        terminal.json(&rules.iter().map(|rule| line(rule)).collect::<Vec<_>>())?;
        return Ok(Exit::Pass);
    }
    let mut stage = "";
    for rule in rules {
        if rule.stage() != stage {
            stage = rule.stage();
            terminal.line(terminal.paint(Paint::Strong, stage));
        }
        terminal.line(format_args!("  {}", rule.id()));
        terminal.line(format_args!("    {}", rule.text()));
        terminal.line(format_args!("    repair: {}", rule.repair()));
        for line in policy::lines(*rule) {
            terminal.line(format_args!("    {line}"));
        }
    }
    if args.only.is_none() {
        limits(terminal);
    }
    Ok(Exit::Pass)
}

/// What the portable stages count.
fn limits(terminal: &mut Terminal) {
    terminal.line(terminal.paint(Paint::Strong, "limits"));
    for (what, limit) in [
        ("bytes of a ZIP", intake::ARCHIVE_BYTES_MAX),
        ("entries of a ZIP", intake::ENTRIES_MAX),
        ("bytes of an inflated entry", intake::ENTRY_BYTES_MAX),
        ("bytes of all inflated entries", intake::TOTAL_BYTES_MAX),
        ("bytes of a name", intake::NAME_BYTES_MAX),
        ("parts of a name", intake::NAME_PARTS_MAX),
        ("times that an entry may grow when inflated", intake::RATIO_MAX),
        ("bytes of all sources", policy::SOURCE_BYTES_MAX),
        ("brackets and blocks inside each other", policy::NESTING_MAX),
        ("operators in a row, in Rust", policy::OPERATORS_MAX),
        ("operators, dots and calls of an expression, in Python", policy::LINKS_MAX),
        ("bytes of a literal", policy::LITERAL_BYTES_MAX),
        ("bytes of config.toml", config::CONFIG_BYTES_MAX),
        ("bytes of submission.toml", policy::SUBMISSION_BYTES_MAX),
        ("characters of a name, team or organization", policy::NAME_CHARACTERS_MAX),
        ("characters of a contact", policy::CONTACT_CHARACTERS_MAX),
        ("characters of a writeup's link", policy::WRITEUP_CHARACTERS_MAX),
    ] {
        terminal.line(format_args!("  {limit:>9}  {what}"));
    }
    terminal.line("  A protocol limits state and time: `[state]` and `[worker]` of frozen/protocols/*.toml.");
}
