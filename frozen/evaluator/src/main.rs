//! `evaluator`: the frozen program that scores a checkpoint on tasks in DataComp's layout.
//!
//! It sees a checkpoint, a model's configuration and the tasks' data; no training data, no participant
//! code, no run. Same checkpoint, tasks and numerics class: same `eval_results.jsonl`, byte for byte.
//!
//! stdout is data (a JSON line a batch), stderr is talk; [`records::Exit`] says how it ended, and so does
//! `eval_outcome.json` beside the results, unless by a fault.

mod checkpoint;
mod cli;
mod encode;
mod task;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main().into()
}
