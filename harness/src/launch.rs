//! Starts the trainer and the evaluator, follows what they say and never drops how they ended.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use numerics::pin;
use records::{
    Attachment, Exit, NumericsClass, Stop, canonical, file,
    v1::{
        names,
        outcome::{Outcome, Trained},
        progress::ProgressLine,
        protocol::{LANES, Task},
        room::Room,
    },
};

use crate::{frozen, kit::Kit, problem::Problem, signals, stop::stop, together::Together};

/// One training, as the trainer is asked to do it.
#[derive(Debug, Clone)]
pub struct TrainingJob {
    /// The run folder; holds `run.json`.
    pub folder: PathBuf,
    /// The data set.
    pub data: PathBuf,
    /// The entry's object.
    pub entry: PathBuf,
    /// Stops after this many steps, resumable.
    pub until: Option<u64>,
    /// Starts the worker's server again after every so many steps.
    pub restart_worker_every: Option<u64>,
    /// Computes graphs again instead of keeping them.
    pub recompute: bool,
    /// Trainings at the same time, which share the machine's cores.
    pub beside: usize,
}

/// Trains; `on_step` sees every step as it happens. Ended where something beside it stops.
pub fn train(
    kit: &Kit,
    training: &TrainingJob,
    together: &Together,
    on_step: impl FnMut(ProgressLine),
) -> Result<Trained, Stop> {
    let mut command = pinned(kit, &kit.trainer);
    command.arg("train").arg(&training.folder).arg("--data").arg(&training.data);
    command.arg("--worker").arg(&kit.worker).arg("--probe").arg(&kit.probe).arg("--entry").arg(&training.entry);
    command.arg("--libraries").arg(&kit.libraries);
    if let Some(step) = training.until {
        command.arg("--until").arg(step.to_string());
    }
    if let Some(steps) = training.restart_worker_every {
        command.arg("--restart-worker-every").arg(steps.to_string());
    }
    command.arg("--graphs").arg(if training.recompute { "recompute" } else { "keep" });
    command.arg("--threads").arg(threads(training.beside).to_string());
    let log = training.folder.join("trainer.log");
    let exit = follow(command, &log, together, on_step).map_err(stop)?;
    let outcome = ended("trainer", exit, &training.folder.join(names::OUTCOME), &log)?;
    Ok(outcome.training.ok_or_else(|| Problem::fault("the trainer says nothing of what it did"))?)
}

/// Threads for each of so many trainings: as many as cores are left, and a number that divides the lanes.
fn threads(beside: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = (cores / beside.max(1)).clamp(1, LANES);
    (1..=share).rev().find(|threads| LANES.is_multiple_of(*threads)).unwrap_or(1)
}

/// One evaluation.
#[derive(Debug, Clone)]
pub struct EvaluationJob {
    /// The checkpoint's folder.
    pub checkpoint: PathBuf,
    /// The model's configuration.
    pub model: PathBuf,
    /// The folder that holds the tasks' folders.
    pub home: PathBuf,
    /// The tasks, each with its identity.
    pub tasks: Vec<Task>,
    /// Items at once.
    pub batch: u32,
    /// Where the results go.
    pub out: PathBuf,
}

/// Evaluates.
pub fn evaluate(kit: &Kit, evaluation: &EvaluationJob, on_progress: impl FnMut(ProgressLine)) -> Result<(), Stop> {
    let mut command = pinned(kit, &kit.evaluator);
    command.arg(&evaluation.checkpoint).arg("--model").arg(&evaluation.model).arg("--tasks").arg(&evaluation.home);
    for task in &evaluation.tasks {
        command.arg("--task").arg(format!("{}={}", task.name, task.root));
    }
    command.arg("--frozen").arg(frozen::digest().to_string());
    command.arg("--batch").arg(evaluation.batch.to_string()).arg("--out").arg(&evaluation.out);
    let log = evaluation.out.with_extension("log");
    let exit = follow(command, &log, &Together::default(), on_progress).map_err(stop)?;
    ended("evaluator", exit, &evaluation.out.with_file_name(names::EVALUATION_OUTCOME), &log)?;
    Ok(())
}

/// Measures what class of numerics this machine has.
pub fn class(kit: &Kit) -> Result<NumericsClass> {
    let output = pinned(kit, &kit.trainer).arg("class").output().context("cannot start the trainer")?;
    if !output.status.success() {
        bail!("the trainer cannot measure this machine:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("the trainer answered `{}`", text.trim()))
}

/// What the run of each folder writes at most, asked of the trainer.
pub fn rooms(kit: &Kit, folders: &[PathBuf]) -> Result<Vec<Room>> {
    let output = pinned(kit, &kit.trainer).arg("room").args(folders).output().context("cannot start the trainer")?;
    if !output.status.success() {
        bail!("the trainer cannot say what a run writes:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let said = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rooms = said.map(serde_json::from_slice).collect::<Result<Vec<_>, _>>();
    rooms.ok().filter(|rooms| rooms.len() == folders.len()).context("the trainer does not say what each run writes")
}

/// A program of ours, with the numerics pin as its whole environment.
fn pinned(kit: &Kit, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(pin::ENVIRONMENT.iter().copied()).env("LD_LIBRARY_PATH", &kit.libraries);
    command.stdin(Stdio::null());
    command
}

/// Runs a program whose stdout is JSON lines and keeps its stderr in `log`.
fn follow(
    mut command: Command,
    log: &Path,
    together: &Together,
    mut on_line: impl FnMut(ProgressLine),
) -> Result<Exit> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    signals::check()?;
    let stderr = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let program = command.get_program().to_string_lossy().into_owned();
    // A group of its own: a terminal's SIGINT is ours to pass on, and reaches no worker behind a trainer's back.
    command.process_group(0).stdout(Stdio::piped()).stderr(stderr);
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let running = signals::watched(&child).with_context(|| format!("cannot watch {program}"))?;
    together.enter(&child).with_context(|| format!("cannot watch {program}"))?;
    let stdout = child.stdout.take().context("a child without stdout")?;
    for line in BufReader::new(stdout).lines() {
        // A line that is not progress is talk; only the exit status and the files decide.
        if let Ok(progress) = serde_json::from_str(&line?) {
            on_line(progress);
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {program}"))?;
    together.leave(&child);
    drop(running);
    signals::check()?;
    Ok(status.code().map_or(Exit::Fault, Exit::from_code))
}

/// What a program came to, as its exit code and its outcome's file say alike; a fault where they do not.
fn ended(program: &str, exit: Exit, outcome: &Path, log: &Path) -> Result<Outcome, Stop> {
    let fault = |why: &str| {
        let said = file::read(log).map(|bytes| Attachment::of(&bytes).text).unwrap_or_default();
        Problem::fault(format!("{why} ({}):\n{}", log.display(), said.trim()))
    };
    if !matches!(exit, Exit::Pass | Exit::Fail | Exit::Inconclusive) {
        return Err(fault(&format!("the {program} could not work")).into());
    }
    let read: Outcome = canonical::from_file(&file::read(outcome)?)
        .map_err(|error| Problem::fault(format!("{} is damaged: {error}", outcome.display())))?;
    match read.stop() {
        Some(stop) if stop.exit() == exit => Err(stop),
        None if exit == Exit::Pass => Ok(read),
        _ => {
            Err(fault(&format!("the {program}'s exit code {} is not what {} says", exit.code(), outcome.display()))
                .into())
        }
    }
}
