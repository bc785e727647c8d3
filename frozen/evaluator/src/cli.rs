//! The command line, and the one place where the machine is looked at.

use std::path::PathBuf;

use clap::Parser;
use clip::ModelConfig;
use records::{DataRoot, Exit, FrozenDigest, file};
use tasks::Task;

use crate::{
    checkpoint::Checkpoint,
    encode::Encoder,
    halt::{Fault, Halt},
    task::{Progress, score},
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
    match evaluate(&arguments) {
        Ok(()) => Exit::Pass,
        Err(halt) => {
            eprintln!("evaluator: {halt}");
            if let Some(ending) = halt.ending() {
                println!("{}", serde_json::json!(ending));
            }
            halt.exit()
        }
    }
}

fn evaluate(arguments: &Arguments) -> Result<(), Halt> {
    let own = stamp::own().map_err(Fault::Stamp)?;
    if own != arguments.frozen {
        return Err(Halt::Tree { own, asked: arguments.frozen });
    }
    prepare()?;
    let text = String::from_utf8(file::read_named(&arguments.model, MODEL_BYTES_MAX).map_err(Fault::File)?)
        .map_err(|_| Fault::Usage { path: arguments.model.clone(), why: "not UTF-8".to_owned() })?;
    let config = ModelConfig::parse(&text).map_err(Fault::Config)?;
    // All tasks are opened before the first is scored: a missing one costs seconds and not hours.
    let open = |named: &Named| Task::open(&arguments.tasks, &named.name);
    let opened: Vec<Task> = arguments.named.iter().map(open).collect::<Result<_, _>>().map_err(Halt::from)?;
    let checkpoint = Checkpoint::read(&arguments.checkpoint)?;
    let encoder = Encoder::new(&config, checkpoint.values, arguments.batch as usize)?;
    let mut lines = Vec::new();
    for (task, named) in opened.iter().zip(&arguments.named) {
        let progress = Progress::new(&task.about.key, task.count().map_err(Halt::from)?);
        let result = score(task, named.root, &encoder, checkpoint.root, progress)?;
        lines.extend(serde_json::to_vec(&result).map_err(Fault::Json)?);
        lines.push(b'\n');
    }
    Ok(file::write(&arguments.out, &lines).map_err(Fault::File)?)
}

/// One thread, deterministic operators, and the kernels that every run uses.
fn prepare() -> Result<(), Fault> {
    shim::end_with_parent().map_err(Fault::Signal)?;
    shim::ignore_file_size_signal().map_err(Fault::Signal)?;
    shim::plain_errors()?;
    shim::one_thread()?;
    shim::pin(shim::Fill::Nothing)?;
    let found = shim::cpu_capability()?;
    if found == "AVX2" { Ok(()) } else { Err(Fault::Kernels { found }) }
}
