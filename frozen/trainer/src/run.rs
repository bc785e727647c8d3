//! A training from its folder to its end: start or resume, steps, checkpoints, published weights, outcome.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use clip::Clip;
use data::Dataset;
use host::{Launch, Server, Worker};
use records::{
    Reason, Stop, canonical,
    file::{self, FileError},
    v1::{
        names::{CONTAINMENT, OUTCOME},
        outcome::{Ending, Outcome, Trained, TrainerUsage},
        progress::{ProgressLine, StepDone},
        transcript::{Float, Header, Line, TRANSCRIPT_FORMAT},
    },
};

use crate::{
    alone,
    checkpoint::{self, Checkpoint},
    forward::{Execution, Graphs},
    loader::Loader,
    plan::RunPlan,
    probe,
    state::{RunState, track_gradients},
    step::{Stepper, ask_publish, fingerprint_columns},
    transcript::{Log, Trusted},
    tree,
};

/// What a start of the trainer is told besides `run.json`; none of it can change a bit.
#[derive(Debug)]
pub struct Options {
    /// The run folder.
    pub folder: PathBuf,
    /// The data set's folder.
    pub data: PathBuf,
    /// The worker's server.
    pub server: Server,
    /// The entry that its cells load.
    pub entry: PathBuf,
    /// The frozen probe that shows what holds them.
    pub probe: PathBuf,
    /// Where the worker finds libtorch.
    pub libraries: PathBuf,
    /// Steps after which to stop.
    pub until: Option<u64>,
    /// Steps between two restarts of the worker.
    pub restart_worker_every: Option<u64>,
    /// Whether graphs are kept.
    pub graphs: Graphs,
    /// Threads that share the lanes: 1, 2, 4 or 8.
    pub threads: usize,
    /// Threads that decode.
    pub loaders: usize,
}

/// Trains; writes `outcome.json` however it ends, unless by a fault.
pub fn train(options: &Options, usage: &mut TrainerUsage) -> Result<Ending, Stop> {
    let plan = RunPlan::read(&options.folder)?;
    let _alone = alone::hold(&options.folder)?;
    let path = plan.folder.join(OUTCOME);
    // An earlier start's outcome must not stand for this one's, should it end by a fault.
    if path.exists() {
        fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
    }
    // What a killed start left half-written.
    file::sweep(&plan.folder)?;
    let mut steps = 0;
    let ended = Training::start(&plan, options).and_then(|mut training| {
        let ended = training.run(options, usage);
        steps = training.steps;
        ended
    });
    usage.trainer_cpu_micros = cpu_micros();
    if let Some(outcome) = Outcome::of(&ended, Some(Trained { steps, usage: usage.clone() })) {
        file::write(&path, &canonical::to_file(&outcome)?)?;
    }
    ended
}

/// A training on its way.
struct Training<'a> {
    plan: &'a RunPlan,
    workers: Vec<Worker>,
    state: RunState,
    columns: Vec<String>,
    log: Log,
    loader: Loader,
    steps: u64,
}

impl<'a> Training<'a> {
    fn start(plan: &'a RunPlan, options: &Options) -> Result<Self, Stop> {
        require_class(plan)?;
        let data = open_data(plan, &options.data)?;
        tree::require_program("worker", options.server.stamped(), plan.run.frozen)?;
        tree::require_program("probe", &options.probe, plan.run.frozen)?;
        let workers = start_workers(plan, options)?;
        file::write(&plan.folder.join(CONTAINMENT), &canonical::to_file(&containment(&workers))?)?;
        let model = Clip::initialise(&plan.model, &plan.seed)?;
        let mut state = RunState::initial(model, &plan.setup, workers[0].declaration());
        let columns = fingerprint_columns(&state);
        let header = Header { format: TRANSCRIPT_FORMAT.to_owned(), run: plan.digest, columns: columns.clone() };
        let (log, steps) = match resume(plan, &header, &mut state)? {
            Some(resumed) => resumed,
            None => {
                let log = Log::create(&plan.folder, &header)?;
                checkpoint::write(&plan.folder, &state, 0, log.chain)?;
                (log, 0)
            }
        };
        track_gradients(&mut state.model)?;
        let loader = Loader::start(plan, data, steps, options.loaders)?;
        Ok(Self { plan, workers, state, columns, log, loader, steps })
    }

    fn run(&mut self, options: &Options, usage: &mut TrainerUsage) -> Result<Ending, Stop> {
        let last = self.plan.scale.steps;
        let until = options.until.unwrap_or(last).min(last);
        while self.steps < until {
            if options
                .restart_worker_every
                .is_some_and(|every| self.steps > 0 && self.steps.is_multiple_of(every.max(1)))
            {
                for worker in &mut self.workers {
                    worker.restart()?;
                }
            }
            self.step(Execution { micro: self.plan.micro(), graphs: options.graphs, threads: options.threads }, usage)?;
            if self.plan.checkpoint_due(self.steps) || self.steps == until {
                self.checkpoint()?;
            }
        }
        if until < last {
            return Ok(Ending::Stopped);
        }
        self.publish(usage)?;
        Ok(Ending::Done)
    }

    fn step(&mut self, execution: Execution, usage: &mut TrainerUsage) -> Result<(), Stop> {
        let batch = self.loader.batch(self.steps)?;
        let mut stepper =
            Stepper { state: &mut self.state, workers: &mut self.workers, usage, columns: &self.columns, execution };
        let (line, row) = stepper.step(&batch)?;
        let line = self.log.append(line, &row)?;
        self.steps += 1;
        usage.steps += 1;
        report(&line, self.plan.scale.steps);
        Ok(())
    }

    /// Evidence first: a checkpoint that stands has its transcript on disk.
    fn checkpoint(&self) -> Result<(), Stop> {
        self.log.sync()?;
        checkpoint::write(&self.plan.folder, &self.state, self.steps, self.log.chain)?;
        let due = |steps| self.plan.checkpoint_due(steps);
        if due(self.steps) {
            checkpoint::tidy(&self.plan.folder, due, self.steps)?;
        }
        Ok(())
    }

    fn publish(&mut self, usage: &mut TrainerUsage) -> Result<(), Stop> {
        let epoch = (self.steps - 1) / self.plan.setup.steps_per_epoch;
        let (values, logit_scale) = ask_publish(&mut self.workers[0], &self.state, usage, self.steps, epoch)?;
        checkpoint::publish(&self.plan.folder, &self.state, &values, logit_scale, self.log.chain, self.steps)
    }
}

/// Goes back to the latest checkpoint that the transcript leads to.
fn resume(plan: &RunPlan, header: &Header, state: &mut RunState) -> Result<Option<(Log, u64)>, Stop> {
    let listed = checkpoint::listed(&plan.folder)?;
    let Some(trusted) = Trusted::read(&plan.folder, header, &listed)? else { return Ok(None) };
    let say = |why: String| eprintln!("trainer: {why}");
    let places = listed.iter().rev().map(|&steps| (steps, trusted.place(steps)));
    let Some((checkpoint, place)) = Checkpoint::latest(&plan.folder, places, say) else { return Ok(None) };
    checkpoint.restore(&plan.model, state)?;
    if place.steps > 0 {
        eprintln!("trainer: going on after step {}", place.steps);
    }
    Ok(Some((Log::resume(&plan.folder, header, place)?, place.steps)))
}

fn require_class(plan: &RunPlan) -> Result<(), Stop> {
    let found = probe::class()?;
    if found == plan.run.class {
        return Ok(());
    }
    let why = format!("this machine computes as {found}, the run was resolved for {}", plan.run.class);
    let hint = "train on a machine of that numerics class, or resolve the run again here".to_owned();
    Err(Reason { why, hint }.into())
}

fn open_data(plan: &RunPlan, folder: &Path) -> Result<Dataset, Stop> {
    let data = Dataset::open(folder).map_err(|error| error.reason())?;
    let hint = format!("give the folder of data set `{}`", plan.scale.data);
    let refuse = |why: String| Err(Reason { why, hint: hint.clone() }.into());
    if data.len() != plan.scale.samples {
        let why = format!(
            "{} holds {} samples, scale `{}` has {}",
            folder.display(),
            data.len(),
            plan.scale.name,
            plan.scale.samples
        );
        return refuse(why);
    }
    if data.root() != plan.run.data {
        return refuse(format!("{} has identity {}, run.json names {}", folder.display(), data.root(), plan.run.data));
    }
    Ok(data)
}

/// A worker for each thread.
fn start_workers(plan: &RunPlan, options: &Options) -> Result<Vec<Worker>, Stop> {
    let launch = Launch {
        server: options.server.clone(),
        entry: options.entry.clone(),
        probe: options.probe.clone(),
        libraries: options.libraries.clone(),
        limits: plan.protocol.worker.clone(),
    };
    let seed = plan.seed.worker();
    let (config, setup) = (&plan.run.config, plan.setup.clone());
    Worker::start_many(options.threads, &launch, config, setup, &seed, &plan.protocol.state)
}

/// What holds every worker: the certificate must not claim what holds only some.
fn containment(workers: &[Worker]) -> Vec<&String> {
    let first = workers.first().map(Worker::containment).unwrap_or_default();
    first.iter().filter(|wall| workers.iter().all(|worker| worker.containment().contains(wall))).collect()
}

/// One line on stdout; a reader that has gone away does not end the run.
fn report(line: &Line, steps: u64) {
    let finite = |value: &Float| value.value().filter(|value| value.is_finite());
    let diagnostics = line.diagnostics.iter().map(|(name, value)| (name.clone(), finite(value))).collect();
    let progress = ProgressLine::Step(StepDone { step: line.step, steps, loss: finite(&line.loss), diagnostics });
    if let Ok(text) = serde_json::to_string(&progress) {
        writeln!(std::io::stdout(), "{text}").ok();
    }
}

/// CPU time of this process, all its threads.
fn cpu_micros() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_nsec.unsigned_abs() / 1000
}
