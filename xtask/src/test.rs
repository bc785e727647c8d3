//! Every test of the checkout. `.ci/run` calls this and nothing else.

use anyhow::Result;
use clap::Parser;

use crate::{kit, setup, shell};

/// Arguments of `cargo xtask test`.
#[derive(Parser)]
pub struct Args {
    /// Passed to the test runner: names of tests to run
    filters: Vec<String>,
}

/// Sets up, builds the programs that whole-flow tests start, runs every test.
pub fn run(args: &Args) -> Result<()> {
    let machine = setup::run()?;
    // Tests start these programs; building tests alone would leave them stale.
    kit::build(&machine)?;
    let mut tests = shell::cargo();
    if shell::answers("cargo", &["nextest", "--version"]) {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        tests.args(["test", "--workspace", "--no-fail-fast"]);
    }
    tests.args(&args.filters);
    shell::run(&mut tests)
}
