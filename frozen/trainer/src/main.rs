//! `trainer`: the frozen program that owns weights, forward and backward, order, counters and evidence.
//!
//! It asks a worker for losses and updates and believes nothing about the answers but their bytes, which it
//! copies, fingerprints and checks. Same `run.json`, data, worker and numerics class: same bytes.
//!
//! stdout is data (a JSON line a step), stderr is talk; [`records::Exit`] says how it ended.

mod alone;
mod batch;
mod checkpoint;
mod cli;
mod forward;
mod lanes;
mod loader;
mod losses;
mod plan;
mod probe;
mod room;
mod run;
mod state;
mod step;
mod transcript;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main().into()
}
