//! A worker as the trainer uses it: start, write inputs, ask, copy results, start again.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use numerics::{
    Seed,
    fingerprint::{self, Pass},
};
use records::{
    Finding, Reason, Rule, Stop,
    v1::protocol::{StateLimits, WorkerLimits},
};
use wire::{
    Declaration, Layout, Session, Setup, TensorPlace,
    layout::arena_bytes,
    limits::cpu_seconds,
    memory::Arena,
    message::{Question, QuestionKind, Report},
    session::NAMES_MAX,
};

use crate::{
    HostError, Python,
    attribution::{self, Attribution, Case, Doubt},
    process::{Arenas, Process, Reply, seed_text},
    walls,
};

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The server.
    pub server: Server,
    /// The entry: what a cell loads.
    pub entry: PathBuf,
    /// The frozen probe, in an entry's form.
    pub probe: PathBuf,
    /// libtorch's folder: the worker has no run path of its own.
    pub libraries: PathBuf,
    /// What one question may use.
    pub limits: WorkerLimits,
}

/// The program that a worker's cells are forked from.
#[derive(Debug, Clone)]
pub enum Server {
    /// The server of Rust entries.
    Rust(PathBuf),
    /// The server of Python entries.
    Python(Python),
}

impl Server {
    /// The file that is executed.
    #[must_use]
    pub fn program(&self) -> &Path {
        match self {
            Self::Rust(program) => program,
            Self::Python(python) => &python.program,
        }
    }

    /// The file of ours that says of which frozen tree it is.
    #[must_use]
    pub fn stamped(&self) -> &Path {
        match self {
            Self::Rust(program) => program,
            Self::Python(python) => &python.library,
        }
    }
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCost {
    /// CPU time of the answering process, in microseconds.
    pub cpu_micros: u64,
    /// Its largest resident set, in KiB.
    pub max_rss_kib: u64,
}

/// A started worker with its declaration and its memory.
///
/// Dropped, its processes are ended and reaped.
pub struct Worker {
    launch: Launch,
    session: Session,
    session_bytes: u32,
    declaration: Declaration,
    layout: Layout,
    containment: Vec<String>,
    process: Process,
    arenas: Arenas,
}

/// The results of a question whose process is gone.
#[derive(Debug)]
pub struct Answer<'a> {
    results: &'a Arena,
    /// Where this answer's results begin.
    start: usize,
    places: &'a [TensorPlace],
    place: String,
    usage: AnswerCost,
}

impl Worker {
    /// Starts a worker, asks what it declares, and lays out its memory.
    ///
    /// [`Stop::Fail`] where the algorithm cannot be built from `config`, leaves keys of it unread, or declares more
    /// than the protocol allows; [`Stop::Inconclusive`] where this machine cannot lock a process.
    pub fn start(launch: &Launch, config: &str, setup: Setup, seed: &Seed, limits: &StateLimits) -> Result<Self, Stop> {
        Ok(Self::start_many(1, launch, config, setup, seed, limits)?.remove(0))
    }

    /// Starts several workers that answer alike, for questions that are asked side by side.
    pub fn start_many(
        count: usize,
        launch: &Launch,
        config: &str,
        setup: Setup,
        seed: &Seed,
        limits: &StateLimits,
    ) -> Result<Vec<Self>, Stop> {
        // All at once: each takes most of a second to warm up.
        let started = (0..count.max(1)).map(|_| Process::start(launch)).collect::<Result<Vec<_>, _>>()?;
        let session = Session {
            config: config.to_owned(),
            setup,
            seed: seed_text(seed),
            declaration: None,
            loss_inputs: vec![],
            loss_results: vec![],
            update_inputs: vec![],
            update_results: vec![],
        };
        let mut workers: Vec<Self> = Vec::new();
        for process in started {
            let mut process = process.ready()?;
            let containment = walls::show(&mut process)?;
            workers.push(match workers.first() {
                Some(first) => first.twin(process, containment)?,
                None => Self::first(process, containment, launch, session.clone(), limits)?,
            });
        }
        Ok(workers)
    }

    /// The worker that is asked what the algorithm remembers.
    fn first(
        mut process: Process,
        containment: Vec<String>,
        launch: &Launch,
        mut session: Session,
        limits: &StateLimits,
    ) -> Result<Self, Stop> {
        let declaration = declare(&mut process, &session, launch)?;
        let mut findings = declaration.check(limits);
        findings.extend(unread(&declaration));
        if !findings.is_empty() {
            return Err(Stop::Fail(findings));
        }
        let layout = match Layout::new(&session.setup, &declaration) {
            Ok(layout) => layout,
            Err(error) => return Err(Finding::new(Rule::Declaration, "layout").found(error).into()),
        };
        session.declaration = Some(declaration.clone());
        session.loss_inputs.clone_from(&layout.loss_inputs);
        session.loss_results.clone_from(&layout.loss_results);
        session.update_inputs.clone_from(&layout.update_inputs);
        session.update_results.clone_from(&layout.update_results);
        Ok(Self::over(process, containment, launch.clone(), session, declaration, layout)?)
    }

    /// A worker of the same session in another process, with memory of its own.
    fn twin(&self, process: Process, containment: Vec<String>) -> Result<Self, HostError> {
        let (launch, session) = (self.launch.clone(), self.session.clone());
        Self::over(process, containment, launch, session, self.declaration.clone(), self.layout.clone())
    }

    fn over(
        mut process: Process,
        containment: Vec<String>,
        launch: Launch,
        session: Session,
        declaration: Declaration,
        layout: Layout,
    ) -> Result<Self, HostError> {
        let arenas = process.arenas(&layout, launch.limits.cell_lanes_max as usize)?;
        let session_bytes = process.write_session(&session)?;
        Ok(Self { launch, session, session_bytes, declaration, layout, containment, process, arenas })
    }

    /// What the algorithm declared, within the protocol's limits.
    #[must_use]
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// What holds its cells, as one showed it: the words of [`wire::probe`].
    #[must_use]
    pub fn containment(&self) -> &[String] {
        &self.containment
    }

    /// The server's process, as this process sees it.
    #[must_use]
    pub fn server(&self) -> rustix::process::Pid {
        self.process.pid()
    }

    /// How many lanes one question may be about.
    #[must_use]
    pub fn lanes_max(&self) -> usize {
        self.launch.limits.cell_lanes_max as usize
    }

    /// Where every tensor lies.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// An input of `loss`, to write. Panics where none has this name; see [`Layout`] for the names.
    pub fn loss_input(&mut self, name: &str) -> &mut [f32] {
        self.arenas.loss_inputs.mapping().floats_mut(find(&self.layout.loss_inputs, name))
    }

    /// An input of `update` and `publish`, to write. Panics where none has this name.
    pub fn update_input(&mut self, name: &str) -> &mut [f32] {
        self.arenas.update_inputs.mapping().floats_mut(find(&self.layout.update_inputs, name))
    }

    /// Asks for the losses of lanes and what follows from them; an answer a lane.
    ///
    /// # Panics
    ///
    /// Where there are none, or more than [`Worker::lanes_max`].
    pub fn ask_loss(&mut self, step: u64, epoch: u64, lanes: Range<usize>) -> Result<Vec<Answer<'_>>, Stop> {
        assert!((1..=self.lanes_max()).contains(&lanes.len()), "{lanes:?} of a worker for {}", self.lanes_max());
        self.ask(QuestionKind::Loss, step, epoch, lanes)
    }

    /// Asks for new parameters and state.
    pub fn ask_update(&mut self, step: u64, epoch: u64) -> Result<Answer<'_>, Stop> {
        Ok(self.ask(QuestionKind::Update, step, epoch, 0..1)?.remove(0))
    }

    /// Asks for the parameters to evaluate.
    pub fn ask_publish(&mut self, step: u64, epoch: u64) -> Result<Answer<'_>, Stop> {
        Ok(self.ask(QuestionKind::Publish, step, epoch, 0..1)?.remove(0))
    }

    /// Ends the worker and starts it again with new memory; what stood in the inputs stands there again.
    ///
    /// An algorithm keeps nothing in a worker, so this changes no bit of what follows.
    pub fn restart(&mut self) -> Result<(), Stop> {
        let process = Process::start(&self.launch)?.ready()?;
        let mut twin = self.twin(process, self.containment.clone())?;
        for (old, new) in [
            (&mut self.arenas.loss_inputs, &mut twin.arenas.loss_inputs),
            (&mut self.arenas.update_inputs, &mut twin.arenas.update_inputs),
        ] {
            new.mapping().bytes_mut().copy_from_slice(old.mapping().bytes());
        }
        std::mem::replace(self, twin).process.end()?;
        Ok(())
    }

    /// Asks until there is an answer, a broken rule, or the same doubt twice. A cell has no memory, so the same
    /// question has the same answer.
    fn ask(&mut self, kind: QuestionKind, step: u64, epoch: u64, lanes: Range<usize>) -> Result<Vec<Answer<'_>>, Stop> {
        let place = place(kind, step, &lanes);
        let mut doubts = Vec::new();
        loop {
            let (attribution, usage) = self.ask_once(kind, step, epoch, &lanes, &place)?;
            let doubt = match attribution {
                Attribution::Answered => return Ok(self.answers(kind, step, &lanes, usage)),
                Attribution::Failed(finding) => return Err(finding.into()),
                Attribution::Again(doubt) => doubt,
            };
            if doubts.contains(&doubt) {
                return decide(&mut self.process, doubt, &place, &self.launch.limits, lanes.len() as u32);
            }
            doubts.push(doubt);
            if doubt == Doubt::Lost {
                self.restart()?;
            }
        }
    }

    fn ask_once(
        &mut self,
        kind: QuestionKind,
        step: u64,
        epoch: u64,
        lanes: &Range<usize>,
        place: &str,
    ) -> Result<(Attribution, AnswerCost), HostError> {
        let loss = kind == QuestionKind::Loss;
        let count = lanes.len() as u32;
        let (inputs, results) = if loss {
            (&self.layout.loss_inputs, (&mut self.arenas.loss_results, arena_bytes(&self.layout.loss_results)))
        } else {
            (&self.layout.update_inputs, (&mut self.arenas.update_results, arena_bytes(&self.layout.update_results)))
        };
        let results_bytes = results.1 * lanes.len();
        // All of it: what this question has no use for is memory as well.
        results.0.mapping().bytes_mut().fill(0);
        let question = Question {
            sequence: self.process.next(),
            step,
            epoch,
            lane: lanes.start as u32,
            lanes: count,
            rows: self.session.setup.lane_rows as u32,
            session_bytes: self.session_bytes,
            inputs_bytes: arena_bytes(inputs) as u64,
            results_bytes: results_bytes as u64,
            ..limited(kind, &self.launch.limits, count)
        };
        let reply = self.process.ask(&question)?;
        Ok(judge(&mut self.process, reply, place, step, &self.launch.limits, count, inputs))
    }

    /// The answers of a question whose cell is gone.
    fn answers(&self, kind: QuestionKind, step: u64, lanes: &Range<usize>, usage: AnswerCost) -> Vec<Answer<'_>> {
        let (places, results) = if kind == QuestionKind::Loss {
            (&self.layout.loss_results, &self.arenas.loss_results)
        } else {
            (&self.layout.update_results, &self.arenas.update_results)
        };
        let usage = AnswerCost { cpu_micros: usage.cpu_micros / lanes.len() as u64, ..usage };
        let answer = |(index, lane): (usize, usize)| Answer {
            results,
            start: index * arena_bytes(places),
            places,
            place: place(kind, step, &(lane..lane + 1)),
            usage,
        };
        lanes.clone().enumerate().map(answer).collect()
    }
}

/// What the same doubt means when it comes twice.
fn decide<T>(process: &mut Process, doubt: Doubt, place: &str, limits: &WorkerLimits, lanes: u32) -> Result<T, Stop> {
    let seconds = u64::from(limits.cpu_seconds) * u64::from(lanes);
    let from_outside = "look for the kernel's out-of-memory killer or whoever ended it, then run again";
    let (why, hint) = match doubt {
        Doubt::TooSlow => return Err(attribution::too_slow(place, limits, lanes).into()),
        Doubt::Stalled if walls::answers(process)? => {
            return Err(attribution::stands_still(place, limits, lanes).into());
        }
        Doubt::Stalled | Doubt::Starved => (
            "it was ended by the clock before it had the CPU time that it may use, twice".to_owned(),
            "try again on a machine with less load",
        ),
        Doubt::Late => (
            format!("the answer took between one and three times the limit of {seconds} s, twice"),
            "compare with the baseline's cost on this machine, or judge on a faster one",
        ),
        Doubt::Killed => ("the cell was killed from outside, twice".to_owned(), from_outside),
        Doubt::Lost => ("the worker's server ended, twice".to_owned(), from_outside),
        Doubt::Unlocked => {
            let said = records::verdict::escape(&String::from_utf8_lossy(process.said().text));
            (format!("a cell could not be locked, twice: {said}"), "`maxclip doctor` says what this machine offers")
        }
    };
    Err(Reason { why: format!("{place}: {why}"), hint: hint.to_owned() }.into())
}

/// Where a question stands in a run.
fn place(kind: QuestionKind, step: u64, lanes: &Range<usize>) -> String {
    match kind {
        QuestionKind::Loss if lanes.len() == 1 => format!("step {step}, loss, lane {}", lanes.start),
        QuestionKind::Loss => format!("step {step}, loss, lanes {} to {}", lanes.start, lanes.end - 1),
        _ => format!("step {step}, {}", kind.name()),
    }
}

/// A question with nothing but its kind and its limits.
fn limited(kind: QuestionKind, limits: &WorkerLimits, lanes: u32) -> Question {
    let cpu_seconds = u32::try_from(cpu_seconds(limits, lanes)).unwrap_or(u32::MAX);
    Question { cpu_seconds, memory_mib: limits.memory_mib, ..Question::of(kind) }
}

impl Answer<'_> {
    /// Copies a result, fingerprints and checks what was copied. Use the copy and nothing else.
    ///
    /// Panics where no result has this name, or the length is another.
    #[must_use]
    pub fn copy(&self, name: &str, to: &mut [f32]) -> Pass {
        fingerprint::copy(self.results.floats(self.start, find(self.places, name)), to)
    }

    /// The finding for a copy that is not finite.
    #[must_use]
    pub fn not_finite(&self, name: &str, copy: &[f32]) -> Finding {
        let at = fingerprint::first_non_finite(copy).unwrap_or(0);
        let found = copy.get(at).map_or(String::new(), |value| format!("{value} at element {at}"));
        Finding::new(Rule::NotFinite, format!("{}, `{name}`", self.place)).expected("finite numbers").found(found)
    }

    /// What the answer cost.
    #[must_use]
    pub fn usage(&self) -> AnswerCost {
        self.usage
    }

    /// Every result's name and place, in the order of the layout.
    pub fn places(&self) -> &[TensorPlace] {
        self.places
    }
}

/// Asks what the algorithm remembers.
fn declare(process: &mut Process, session: &Session, launch: &Launch) -> Result<Declaration, Stop> {
    const PLACE: &str = "declare";
    let limits = &launch.limits;
    let mut doubts = Vec::new();
    loop {
        let session_bytes = process.write_session(session)?;
        let question =
            Question { sequence: process.next(), session_bytes, ..limited(QuestionKind::Declare, limits, 1) };
        let reply = process.ask(&question)?;
        let doubt = match judge(process, reply, PLACE, 0, limits, 1, &[]).0 {
            // It is asked once a run: late is early enough.
            Attribution::Answered | Attribution::Again(Doubt::Late) => break,
            Attribution::Failed(finding) => return Err(finding.into()),
            Attribution::Again(doubt) => doubt,
        };
        if doubts.contains(&doubt) {
            return decide(process, doubt, PLACE, limits, 1);
        }
        doubts.push(doubt);
        if doubt == Doubt::Lost {
            *process = Process::start(launch)?.ready()?;
        }
    }
    serde_json::from_slice(process.said().text)
        .map_err(|_| Finding::new(Rule::Protocol, PLACE).found("a declaration in another form").into())
}

fn judge(
    process: &mut Process,
    reply: Reply,
    place: &str,
    step: u64,
    limits: &WorkerLimits,
    lanes: u32,
    inputs: &[TensorPlace],
) -> (Attribution, AnswerCost) {
    let Some(report) = reply.report else {
        return (Attribution::Again(Doubt::Lost), AnswerCost { cpu_micros: 0, max_rss_kib: 0 });
    };
    let Report { cpu_micros, max_rss_kib, .. } = report;
    let (said, last_words) = (process.said(), &reply.last_words);
    let case = Case { place, report: &report, step, said, last_words, limits, lanes, inputs };
    (case.judge(), AnswerCost { cpu_micros, max_rss_kib })
}

fn unread(declaration: &Declaration) -> Vec<Finding> {
    let finding = |key: &String| {
        let shown: String = key.chars().take(64).collect();
        Finding::new(Rule::ConfigKey, format!("config.toml: `{shown}`")).found("a key that the algorithm does not read")
    };
    declaration.unused_config_keys.iter().take(NAMES_MAX).map(finding).collect()
}

fn find<'a>(places: &'a [TensorPlace], name: &str) -> &'a TensorPlace {
    let found = places.iter().find(|place| place.name == name);
    assert!(found.is_some(), "no tensor `{name}`; there are: {:?}", names(places));
    #[expect(clippy::unwrap_used, reason = "asserted by the line above")]
    found.unwrap()
}

fn names(places: &[TensorPlace]) -> Vec<&str> {
    places.iter().map(|place| &*place.name).collect()
}
