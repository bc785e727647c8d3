//! Every test of the checkout. `.ci/run` calls this and nothing else.
//!
//! The runner runs once a workspace. What it says last of the first is said again at the end, so that the last lines
//! hold all of it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::{kit, setup, shell};

/// Arguments of `cargo xtask test`.
#[derive(Parser)]
pub struct Args {
    /// Passed to the test runner: names of tests to run
    filters: Vec<String>,
}

/// Sets up, builds the programs that whole-flow tests start, runs every test.
pub fn run(checkout: &Path, args: &Args) -> Result<()> {
    let machine = setup::run(checkout)?;
    // Tests start these programs; building tests alone would leave them stale.
    kit::build(&machine)?;
    let nextest = shell::answers("cargo", &["nextest", "--version"]);
    // Both, whatever the first says: one run of this program tells everything that is wrong.
    let ran = shell::WORKSPACES.map(|workspace| {
        let mut tests = shell::cargo(&checkout.join(workspace));
        if nextest {
            tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
            if !args.filters.is_empty() {
                // What is asked for may lie in the other workspace.
                tests.args(["--no-tests", "pass"]);
            }
        } else {
            tests.args(["test", "--workspace", "--no-fail-fast"]);
        }
        follow(tests.args(&args.filters))
    });
    let [first, second] = ran;
    let (closing, first) = first?;
    let (_, second) = second?;
    if !closing.is_empty() {
        eprint!("of the frozen workspace, above:\n{closing}");
    }
    first.and(second)
}

/// Runs the tests; gives the runner's closing lines, and whether all passed.
fn follow(command: &mut Command) -> Result<(String, Result<()>)> {
    let line = shell::line(command);
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let said = BufReader::new(child.stderr.take().context("a child without stderr")?);
    let mut closing = String::new();
    for text in said.lines() {
        let text = text.with_context(|| format!("cannot read what `{line}` says"))?;
        eprintln!("{text}");
        if !closing.is_empty() || text.trim_start().starts_with("Summary [") {
            closing.push_str(&text);
            closing.push('\n');
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{line}`"))?;
    Ok((closing, shell::ended(line, status)))
}
