//! The command line, and the one place where the machine is looked at.

use std::{fs, path::PathBuf};

use clap::Parser;
use clip::ModelConfig;
use records::{
    DataRoot, Exit, FrozenDigest, Problem, Reason, Stop, canonical,
    file::{self, FileError},
    v1::{
        names::EVALUATION_OUTCOME,
        outcome::{Ending, Outcome},
    },
};
use stamp::StampError;
use tasks::TaskData;

use crate::{
    checkpoint::CheckpointWeights,
    encode::Encoder,
    task::{TaskProgress, score},
};

/// The longest model configuration that is read, in bytes.
const MODEL_BYTES_MAX: u64 = 1 << 20;

/// Scores a checkpoint on tasks.
#[derive(Parser)]
#[command(version = stamp::VERSION)]
struct Arguments {
    /// The checkpoint's folder, with `model.safetensors` and `manifest.json`.
    checkpoint: PathBuf,
    /// The frozen tree that the checkpoint was trained by and is judged by.
    #[arg(long)]
    frozen: FrozenDigest,
    /// The model's configuration: open_clip's JSON.
    #[arg(long)]
    model: PathBuf,
    /// The folder that holds the tasks' folders.
    #[arg(long)]
    tasks: PathBuf,
    /// A task's folder and the identity of its data; repeat it for more.
    #[arg(long = "task", required = true, value_name = "NAME=ROOT", value_parser = named)]
    named: Vec<Named>,
    /// Where to write a line a task, in the order given.
    #[arg(long)]
    out: PathBuf,
    /// Images or texts that go through the model at once; may decide bits.
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
}

/// A task as the command line names it.
#[derive(Clone)]
struct Named {
    name: String,
    root: DataRoot,
}

fn named(text: &str) -> Result<Named, String> {
    let (name, root) = text.split_once('=').ok_or("a folder's name, `=` and the root of its data are wanted")?;
    let root = root.parse().map_err(|error: records::digest::DigestError| error.to_string())?;
    Ok(Named { name: name.to_owned(), root })
}

/// Runs it.
pub fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Pass };
            error.print().ok();
            return exit;
        }
    };
    match judge(&arguments) {
        Ok(_) => Exit::Pass,
        Err(stop) => {
            eprintln!("evaluator: {stop}");
            stop.exit()
        }
    }
}

/// Evaluates; writes `eval_outcome.json` however it ends, unless by a fault.
fn judge(arguments: &Arguments) -> Result<Ending, Stop> {
    let path = arguments.out.with_file_name(EVALUATION_OUTCOME);
    // An earlier start's outcome must not stand for this one's, should it end by a fault.
    if path.exists() {
        fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
    }
    let ended = evaluate(arguments);
    if let Some(outcome) = Outcome::of(&ended, None) {
        file::write(&path, &canonical::to_file(&outcome)?)?;
    }
    ended
}

fn evaluate(arguments: &Arguments) -> Result<Ending, Stop> {
    require_tree(arguments.frozen)?;
    prepare()?;
    let text = String::from_utf8(file::read_named(&arguments.model, MODEL_BYTES_MAX)?)
        .map_err(|_| Problem::usage(format!("{}: not UTF-8", arguments.model.display())))?;
    let config = ModelConfig::parse(&text).map_err(Problem::usage)?;
    // All tasks are opened before the first is scored: a missing one costs seconds and not hours.
    let open = |named: &Named| TaskData::open(&arguments.tasks, &named.name).map_err(|error| error.reason());
    let opened = arguments.named.iter().map(open).collect::<Result<Vec<TaskData>, _>>()?;
    let checkpoint = CheckpointWeights::read(&arguments.checkpoint)?;
    let encoder = Encoder::new(&config, checkpoint.values, arguments.batch as usize)?;
    let mut lines = Vec::new();
    for (task, named) in opened.iter().zip(&arguments.named) {
        let progress = TaskProgress::new(&task.about.key, task.count().map_err(|error| error.reason())?);
        let result = score(task, named.root, &encoder, checkpoint.root, progress)?;
        lines.extend(serde_json::to_vec(&result)?);
        lines.push(b'\n');
    }
    file::write(&arguments.out, &lines)?;
    Ok(Ending::Done)
}

/// What is judged by another frozen tree than this program's would have scores of neither.
fn require_tree(asked: FrozenDigest) -> Result<(), Stop> {
    let unstamped =
        |why: StampError| Problem::fault(format!("this evaluator: {why}")).hint("build it again: cargo xtask kit");
    let own = stamp::own().map_err(unstamped)?;
    if own == asked {
        return Ok(());
    }
    let why = format!("this evaluator was built from {own}, it was asked to judge by {asked}");
    let hint = "evaluate with the programs of that frozen tree: cargo xtask kit in its checkout".to_owned();
    Err(Reason { why, hint }.into())
}

/// One thread, deterministic operators, and the kernels that every run uses.
fn prepare() -> Result<(), Stop> {
    let signal = |error| Problem::fault(format!("cannot set what a signal does: {error}"));
    shim::end_with_parent().map_err(signal)?;
    shim::ignore_file_size_signal().map_err(signal)?;
    shim::plain_errors()?;
    shim::one_thread()?;
    shim::pin(shim::Fill::Nothing)?;
    let found = shim::cpu_capability()?;
    if found == "AVX2" {
        return Ok(());
    }
    Err(Problem::usage(format!("libtorch uses its {found} kernels, scores are made with AVX2"))
        .hint("`maxclip` starts the evaluator with ATEN_CPU_CAPABILITY=avx2")
        .into())
}
