//! A worker as the trainer uses it: start, write inputs, ask, copy results, start again.

use std::path::PathBuf;

use numerics::{
    Seed,
    fingerprint::{self, Pass},
};
use records::{
    Finding, Reason, Rule, Verdict,
    protocol::{StateLimits, WorkerLimits},
};
use wire::{
    Declaration, Layout, Place, Session, Setup,
    memory::Arena,
    message::{Kind, Question, Report},
};

use crate::{
    HostError,
    attribution::{Case, Outcome},
    process::{Arenas, Process, Reply, seed_text},
};

/// What passed; every other verdict is the caller's own.
macro_rules! pass {
    ($verdict:expr) => {
        match $verdict {
            Verdict::Pass(value) => value,
            Verdict::Fail(findings) => return Ok(Verdict::Fail(findings)),
            Verdict::Inconclusive(reason) => return Ok(Verdict::Inconclusive(reason)),
        }
    };
}

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// libtorch's folder: the worker has no run path of its own.
    pub libraries: PathBuf,
    /// What one question may use.
    pub limits: WorkerLimits,
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
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
    process: Process,
    arenas: Arenas,
}

/// The results of a question whose process is gone.
#[derive(Debug)]
pub struct Answer<'a> {
    results: &'a Arena,
    places: &'a [Place],
    place: String,
    usage: Usage,
}

impl Worker {
    /// Starts a worker, asks what it declares, and lays out its memory.
    ///
    /// `Fail` where the algorithm cannot be built from `config`, leaves keys of it unread, or declares more
    /// than the protocol allows; `Inconclusive` where this machine cannot lock a process.
    pub fn start(
        launch: &Launch,
        config: &str,
        setup: Setup,
        seed: &Seed,
        limits: &StateLimits,
    ) -> Result<Verdict<Self>, HostError> {
        let first = |mut workers: Vec<Self>| workers.remove(0);
        Ok(Self::start_many(1, launch, config, setup, seed, limits)?.map(first))
    }

    /// Starts several workers that answer alike, for questions that are asked side by side.
    pub fn start_many(
        count: usize,
        launch: &Launch,
        config: &str,
        setup: Setup,
        seed: &Seed,
        limits: &StateLimits,
    ) -> Result<Verdict<Vec<Self>>, HostError> {
        // All at once: each takes most of a second to warm up.
        let started = (0..count.max(1)).map(|_| Process::start(launch)).collect::<Result<Vec<_>, _>>()?;
        let session = Session {
            config: config.to_owned(),
            setup,
            seed: seed_text(seed),
            limits: launch.limits.clone(),
            declaration: None,
            loss_inputs: vec![],
            loss_results: vec![],
            update_inputs: vec![],
            update_results: vec![],
        };
        let mut workers: Vec<Self> = Vec::new();
        for process in started {
            let process = pass!(process.ready()?);
            workers.push(match workers.first() {
                Some(first) => first.twin(process)?,
                None => pass!(Self::first(process, launch, session.clone(), limits)?),
            });
        }
        Ok(Verdict::Pass(workers))
    }

    /// The worker that is asked what the algorithm remembers.
    fn first(
        mut process: Process,
        launch: &Launch,
        mut session: Session,
        limits: &StateLimits,
    ) -> Result<Verdict<Self>, HostError> {
        let declaration = pass!(declare(&mut process, &session, &launch.limits)?);
        let mut findings = declaration.check(limits);
        findings.extend(unread(&declaration));
        if !findings.is_empty() {
            return Ok(Verdict::Fail(findings));
        }
        let layout = match Layout::new(&session.setup, &declaration) {
            Ok(layout) => layout,
            Err(error) => return Ok(Verdict::Fail(vec![Finding::new(Rule::Declaration, "layout").found(error)])),
        };
        session.declaration = Some(declaration.clone());
        session.loss_inputs.clone_from(&layout.loss_inputs);
        session.loss_results.clone_from(&layout.loss_results);
        session.update_inputs.clone_from(&layout.update_inputs);
        session.update_results.clone_from(&layout.update_results);
        Ok(Verdict::Pass(Self::over(process, launch.clone(), session, declaration, layout)?))
    }

    /// A worker of the same session in another process, with memory of its own.
    fn twin(&self, process: Process) -> Result<Self, HostError> {
        let (launch, session) = (self.launch.clone(), self.session.clone());
        Self::over(process, launch, session, self.declaration.clone(), self.layout.clone())
    }

    fn over(
        mut process: Process,
        launch: Launch,
        session: Session,
        declaration: Declaration,
        layout: Layout,
    ) -> Result<Self, HostError> {
        let arenas = process.arenas(&layout)?;
        let session_bytes = process.write_session(&session)?;
        Ok(Self { launch, session, session_bytes, declaration, layout, process, arenas })
    }

    /// What the algorithm declared, within the protocol's limits.
    #[must_use]
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// What holds the worker, for the certificate: `seccomp`, `namespaces:user,pid,net,ipc` and so on.
    #[must_use]
    pub fn containment(&self) -> &[String] {
        &self.process.containment
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

    /// Asks for the losses of a lane and what follows from them.
    pub fn ask_loss(&mut self, step: u64, epoch: u64, lane: usize) -> Result<Verdict<Answer<'_>>, HostError> {
        self.ask(Kind::Loss, step, epoch, lane)
    }

    /// Asks for new parameters and state.
    pub fn ask_update(&mut self, step: u64, epoch: u64) -> Result<Verdict<Answer<'_>>, HostError> {
        self.ask(Kind::Update, step, epoch, 0)
    }

    /// Asks for the parameters to evaluate.
    pub fn ask_publish(&mut self, step: u64, epoch: u64) -> Result<Verdict<Answer<'_>>, HostError> {
        self.ask(Kind::Publish, step, epoch, 0)
    }

    /// Ends the worker and starts it again with new memory; what stood in the inputs stands there again.
    ///
    /// An algorithm keeps nothing in a worker, so this changes no bit of what follows.
    pub fn restart(&mut self) -> Result<Verdict<()>, HostError> {
        let process = pass!(Process::start(&self.launch)?.ready()?);
        let mut twin = self.twin(process)?;
        for (old, new) in [
            (&mut self.arenas.loss_inputs, &mut twin.arenas.loss_inputs),
            (&mut self.arenas.update_inputs, &mut twin.arenas.update_inputs),
        ] {
            new.mapping().bytes_mut().copy_from_slice(old.mapping().bytes());
        }
        std::mem::replace(self, twin).process.end()?;
        Ok(Verdict::Pass(()))
    }

    fn ask(&mut self, kind: Kind, step: u64, epoch: u64, lane: usize) -> Result<Verdict<Answer<'_>>, HostError> {
        let rows = self.session.setup.lane_rows;
        let mut question = Question {
            kind,
            sequence: 0,
            step,
            epoch,
            lane: lane as u32,
            rows_start: (lane * rows) as u32,
            rows_end: ((lane + 1) * rows) as u32,
            session_bytes: self.session_bytes,
        };
        let place = match kind {
            Kind::Loss => format!("step {step}, loss, lane {lane}"),
            _ => format!("step {step}, {}", kind.name()),
        };
        let loss = kind == Kind::Loss;
        let inputs = if loss { &self.layout.loss_inputs } else { &self.layout.update_inputs };
        let mut late = 0;
        loop {
            question.sequence = self.process.next();
            let results = if loss { &mut self.arenas.loss_results } else { &mut self.arenas.update_results };
            results.mapping().bytes_mut().fill(0);
            let reply = self.process.ask(&question, &self.launch.limits)?;
            match judge(&mut self.process, reply, &place, &self.launch.limits, inputs) {
                (Outcome::Answered, usage) => {
                    let places = if loss { &self.layout.loss_results } else { &self.layout.update_results };
                    let results = if loss { &self.arenas.loss_results } else { &self.arenas.update_results };
                    return Ok(Verdict::Pass(Answer { results, places, place, usage }));
                }
                (Outcome::Failed(finding), _) => return Ok(Verdict::Fail(vec![finding])),
                // Asked again: a child has no memory, so the same question has the same answer.
                (_, _) if late == 0 => late += 1,
                (Outcome::TooSlow(finding), _) => return Ok(Verdict::Fail(vec![finding])),
                (Outcome::Late | Outcome::Starved, _) => return Ok(Verdict::Inconclusive(slow(&place, &self.launch))),
            }
        }
    }
}

impl Answer<'_> {
    /// Copies a result, fingerprints and checks what was copied. Use the copy and nothing else.
    ///
    /// Panics where no result has this name, or the length is another.
    #[must_use]
    pub fn copy(&self, name: &str, to: &mut [f32]) -> Pass {
        fingerprint::copy(self.results.floats(find(self.places, name)), to)
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
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Every result's name and place, in the order of the layout.
    pub fn places(&self) -> &[Place] {
        self.places
    }
}

/// Asks what the algorithm remembers.
fn declare(process: &mut Process, session: &Session, limits: &WorkerLimits) -> Result<Verdict<Declaration>, HostError> {
    let session_bytes = process.write_session(session)?;
    let sequence = process.next();
    let question = Question {
        kind: Kind::Declare,
        sequence,
        step: 0,
        epoch: 0,
        lane: 0,
        rows_start: 0,
        rows_end: 0,
        session_bytes,
    };
    let reply = process.ask(&question, limits)?;
    let finding = match judge(process, reply, "declare", limits, &[]).0 {
        Outcome::Answered | Outcome::Late => match serde_json::from_slice(process.said().text) {
            Ok(declaration) => return Ok(Verdict::Pass(declaration)),
            Err(_) => Finding::new(Rule::Protocol, "declare").found("a declaration in another form"),
        },
        Outcome::Failed(finding) | Outcome::TooSlow(finding) => finding,
        Outcome::Starved => {
            let why = "this machine gave the worker no time to declare".to_owned();
            return Ok(Verdict::Inconclusive(Reason { why, hint: "try again on a machine with less load".to_owned() }));
        }
    };
    Ok(Verdict::Fail(vec![finding]))
}

fn judge(
    process: &mut Process,
    reply: Reply,
    place: &str,
    limits: &WorkerLimits,
    inputs: &[Place],
) -> (Outcome, Usage) {
    let last_words = reply.last_words;
    let Some(report) = reply.report else {
        let finding = Finding::new(Rule::Signalled, place).found("the worker's server is gone");
        let finding = finding.attach(&last_words.bytes());
        return (Outcome::Failed(finding), Usage { cpu_micros: 0, max_rss_kib: 0 });
    };
    let Report { cpu_micros, max_rss_kib, .. } = report;
    let case = Case { place, report: &report, said: process.said(), last_words: &last_words, limits, inputs };
    (case.judge(), Usage { cpu_micros, max_rss_kib })
}

fn unread(declaration: &Declaration) -> Vec<Finding> {
    let finding = |key: &String| {
        let shown: String = key.chars().take(64).collect();
        Finding::new(Rule::ConfigKey, format!("config.toml: `{shown}`")).found("a key that the algorithm does not read")
    };
    declaration.unused_config_keys.iter().map(finding).collect()
}

fn slow(place: &str, launch: &Launch) -> Reason {
    let seconds = launch.limits.cpu_seconds;
    Reason {
        why: format!("{place}: the answer took between one and three times the limit of {seconds} s, twice"),
        hint: "compare with the baseline's cost on this machine, or judge on a faster one".to_owned(),
    }
}

fn find<'a>(places: &'a [Place], name: &str) -> &'a Place {
    let found = places.iter().find(|place| place.name == name);
    assert!(found.is_some(), "no tensor `{name}`; there are: {:?}", names(places));
    #[expect(clippy::unwrap_used, reason = "asserted by the line above")]
    found.unwrap()
}

fn names(places: &[Place]) -> Vec<&str> {
    places.iter().map(|place| &*place.name).collect()
}
