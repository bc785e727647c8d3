//! `certify`: every stage from the admitted tree to an unsigned statement.
//!
//! Each stage either passes, or ends the chain with findings, or cannot judge here. What a stage did is
//! beside its evidence, so a certification that was killed goes on where it stopped: stages that are
//! recorded are not done again, and a training resumes from its last checkpoint to the same bytes.

mod record;
pub mod share;
pub mod statement;
mod trial;

use std::{fmt::Display, fs, path::Path};

use anyhow::{Context as _, Result};
use rayon::prelude::*;
use records::{
    Blake3, Finding, NumericsClass, Rule, Sha256, Stop, canonical, file,
    v1::{
        golden::Golden,
        names,
        protocol::{Protocol, Scale},
        run::ResolvedRun,
        statement::{Stage, StageValue, StatedOutcome, Statement},
    },
};

use self::{
    record::once,
    share::{Offer, Shares},
    statement::Known,
};
use verifier::release::PinnedProtocol;

use crate::{
    compile, datahome, disk,
    entry::Entry,
    findings,
    folders::{EntryFolder, Home},
    golden::Recorder,
    kit::Kit,
    launch::{self, EvaluationJob, TrainingJob},
    libtorch,
    problem::Problem,
    progress::LiveProgress,
    resolve,
    room::Rooms,
    round::Round,
    stop::stop,
    terminal::{Paint, Terminal},
    together::Together,
    traces,
};

/// One certification.
pub struct Certification<'a> {
    /// Programs.
    pub kit: &'a Kit,
    /// Folders.
    pub home: &'a Home,
    /// The entry's folder.
    pub folder: EntryFolder,
    /// This machine's class.
    pub class: NumericsClass,
    /// The protocol.
    pub pinned: &'a PinnedProtocol,
    /// The round.
    pub round: &'a Round,
    /// What was admitted.
    pub entry: &'a Entry,
    /// SHA-256 of the ZIP.
    pub archive: Sha256,
    /// Programs at once.
    pub jobs: usize,
    /// Whether stages are printed as they end.
    pub quiet: bool,
    /// The one scale that is done here, where other machines do the others.
    pub only: Option<&'a str>,
    /// What those did.
    pub offers: Vec<Offer>,
}

/// One training: the protocol's scale and the resolved run of one of its seeds.
#[derive(Clone)]
pub struct Scaled<'a> {
    /// The protocol's scale.
    pub scale: &'a Scale,
    /// Its run.
    pub run: ResolvedRun,
}

/// How a certification ended.
pub enum Ended {
    /// Judged, one way or the other.
    Judged(Box<Statement>),
    /// The scale that was asked for stands; no verdict.
    Stands,
    /// This machine cannot judge.
    Inconclusive(records::Reason),
}

impl<'a> Certification<'a> {
    /// Does every stage after the gate; `gate` holds the stages that passed before.
    pub fn run(&self, gate: Vec<Stage>, terminal: &mut Terminal) -> Result<Ended> {
        // Other data than the protocol's are found before hours are spent on them.
        datahome::provide(self.home, &self.protocol_here())?;
        let mut known = Known { stages: gate, ..Known::default() };
        let mut scales = Vec::new();
        self.begin(&known)?;
        let shares = match self.stages(&mut known, &mut scales, terminal) {
            Ok(shares) => shares,
            Err(Stop::Fail(findings)) => {
                let name = self.next(&known);
                self.tell(terminal, name, Paint::Bad, "FAIL", &findings::count(findings.len()));
                known.stages.push(Stage {
                    name: name.to_owned(),
                    value: StageValue::Fail(findings),
                    note: String::new(),
                });
                Shares::new()
            }
            Err(Stop::Inconclusive(reason)) => return Ok(Ended::Inconclusive(reason)),
            Err(Stop::Fault(problem)) => return Err(problem.into()),
        };
        let statement = statement::assemble(self, &known, &scales)?;
        share::require_unchanged(self, &shares, &statement)?;
        // A rule that one scale breaks is the entry's, whatever the others come to.
        let passed = statement.predicate.outcome == StatedOutcome::Pass;
        if let Some(scale) = self.only.filter(|_| passed) {
            file::write(&self.folder.share(scale), &canonical::to_file(&statement)?)?;
            return Ok(Ended::Stands);
        }
        file::write(&self.folder.statement(), &canonical::to_file(&statement)?)?;
        Ok(Ended::Judged(Box::new(statement)))
    }

    /// The protocol as far as this machine needs its data: the golden's and those of the scales that it trains.
    fn protocol_here(&self) -> Protocol {
        let mut protocol = self.pinned.protocol.clone();
        let golden = protocol.scales.first().map(|scale| scale.name.clone());
        let joined = |scale: &Scale| self.offers.iter().any(|offer| offer.holds(&scale.name));
        let done_here = |scale: &Scale| self.only.map_or(!joined(scale), |only| scale.name == only);
        protocol.scales.retain(|scale| Some(&scale.name) == golden.as_ref() || done_here(scale));
        protocol
    }

    /// Fails before anything is trained where the disk does not hold what will be written.
    fn require_room(&self, scales: &[Scaled<'a>]) -> Result<(), Stop> {
        let standing = share::standing(&self.folder, &self.pinned.protocol).map_err(stop)?;
        let stands = |name: &String| standing.contains_key(name) || self.offers.iter().any(|offer| offer.holds(name));
        let open: Vec<_> = scales.iter().filter(|scale| !stands(&scale.scale.name)).collect();
        let trainings: Vec<_> = open.iter().map(|scale| scale.scale).collect();
        let begun = open
            .iter()
            .try_fold(0, |sum, scale| Ok::<_, anyhow::Error>(sum + disk::size(&self.folder.run(scale.run.name()))?))
            .map_err(stop)?;
        let rooms = Rooms::ask(self.kit, self.home, scales.iter().map(|scale| &scale.run)).map_err(stop)?;
        let (ways, at_once) = (trial::VARIANTS.len() as u64, self.jobs as u64);
        let whole = rooms.certification(&self.pinned.protocol, &trainings, ways, at_once);
        let folder = &self.folder.0;
        Ok(disk::require(folder, whole.saturating_sub(begun), disk::free(folder)?)?)
    }

    fn stages(&self, known: &mut Known, scales: &mut Vec<Scaled<'a>>, terminal: &mut Terminal) -> Result<Shares, Stop> {
        // Before anything is made ready for an entry that cannot be built.
        let sources = self.entry.sources()?;
        let all = self.scaled()?;
        self.require_room(&all)?;
        let bar = terminal.progress("build", 0);
        let (reference, _) = compile::baseline(self.kit, self.home)?;
        let built = compile::build(self.kit, &sources, Some(&reference.form), &self.folder.worker())?;
        drop(bar);
        let note = built.object.short();
        known.built = Some(built);
        self.pass(known, terminal, "build", note).map_err(stop)?;

        let class = self.class;
        let recorder = Recorder { kit: self.kit, home: self.home, pinned: self.pinned, class };
        let golden = self.replay(recorder, terminal, "golden")?;
        let note = format!("{} of {} steps equal", golden.steps, golden.steps);
        known.golden = Some(golden);
        known.libtorch = Some(libtorch::digest(&self.kit.libraries).map_err(stop)?);
        self.pass(known, terminal, "golden", note).map_err(stop)?;

        *scales = all;
        let shares =
            if self.only.is_some() { Shares::new() } else { share::join(self, known, scales).map_err(stop)? };
        let open: Vec<_> = scales.iter().filter(|scale| !shares.contains_key(&scale.scale.name)).cloned().collect();
        let trial = self.trial(&open, terminal)?;
        let note = format!("{} runs, 1 transcript: {}", trial::VARIANTS.len(), trial::VARIANTS.join(" = "));
        self.pass(known, terminal, "trial", note).map_err(stop)?;

        self.train(&open, &trial, terminal)?;
        known.containment = self.containment(scales).map_err(stop)?;
        let note = scales.iter().map(|scale| self.curve(scale)).collect::<Result<Vec<_>>>().map_err(stop)?;
        self.pass(known, terminal, "train", note.join("; ")).map_err(stop)?;

        self.evaluate(&open, terminal)?;
        let tasks = self.pinned.protocol.evaluation.tasks.len();
        self.pass(known, terminal, "evaluate", format!("{} checkpoints x {tasks} tasks", scales.len()))
            .map_err(stop)?;

        self.replay(recorder, terminal, "golden-after")?;
        self.pass(known, terminal, "golden-after", "unchanged".to_owned()).map_err(stop)?;
        Ok(shares)
    }

    /// The stage that comes after those that passed.
    fn next(&self, known: &Known) -> &'static str {
        let stages = self.pinned.protocol.track.stages();
        stages.get(known.stages.len()).or(stages.last()).copied().unwrap_or_default()
    }

    fn pass(&self, known: &mut Known, terminal: &mut Terminal, name: &str, note: String) -> Result<()> {
        self.tell(terminal, name, Paint::Good, "pass", &note);
        known.stages.push(Stage { name: name.to_owned(), value: StageValue::Pass, note });
        self.begin(known)
    }

    /// Notes the stage that comes now, for whoever looks.
    fn begin(&self, known: &Known) -> Result<()> {
        Ok(file::write(&self.folder.now(), &canonical::to_file(&self.next(known))?)?)
    }

    fn tell(&self, terminal: &mut Terminal, name: &str, paint: Paint, word: &str, note: &str) {
        if !self.quiet {
            let word = terminal.paint(paint, word);
            terminal.line(format_args!("    {name:<12} {word}   {note}"));
        }
    }

    fn replay(&self, recorder: Recorder<'_>, terminal: &Terminal, name: &str) -> Result<Golden, Stop> {
        let bar = terminal.progress(name, self.pinned.protocol.golden.steps);
        recorder.replay(|_| bar.add(1))
    }

    /// The resolved run of every training: of the one scale that is done here, or of all.
    fn scaled(&self) -> Result<Vec<Scaled<'a>>, Stop> {
        let run = |(scale, repeat)| {
            Ok(Scaled { scale, run: resolve::run(self.pinned, scale, repeat, self.entry, self.round, self.class)? })
        };
        let here = |(scale, _): &(&Scale, u32)| self.only.is_none_or(|only| scale.name == only);
        self.pinned.protocol.runs().filter(here).map(run).collect()
    }

    fn trial(&self, scales: &[Scaled<'_>], terminal: &Terminal) -> Result<Vec<Blake3>, Stop> {
        let digests = digests(scales).map_err(stop)?;
        let inputs: Vec<&dyn Display> = digests.iter().map(|digest| digest as &dyn Display).collect();
        once(&self.folder, "trial", &inputs, || {
            let bar = terminal.progress("trial", trial::steps(self, scales));
            trial::run(self, scales, &bar)
        })
    }

    /// Does every training, and holds the start of each against its trial.
    fn train(&self, scales: &[Scaled<'_>], trial: &[Blake3], terminal: &Terminal) -> Result<(), Stop> {
        let total = scales.iter().map(|scale| scale.scale.steps).sum();
        let bar = terminal.progress("train", total);
        self.all(scales, |scale, together| -> Result<(), Stop> {
            let folder = self.folder.run(scale.run.name());
            resolve::place(&scale.run, &folder).map_err(stop)?;
            let training = TrainingJob {
                folder,
                data: self.home.data().join(&scale.scale.data),
                entry: compile::shared_object(&self.folder.worker()),
                until: None,
                restart_worker_every: None,
                recompute: false,
                beside: self.jobs.min(scales.len()),
            };
            let name = scale.run.name().to_string();
            launch::train(self.kit, &training, together, |progress| bar.follow(&name, &progress))
                .map_err(|stop| stop.within(&name))?;
            Ok(())
        })?;
        for (scale, expected) in scales.iter().zip(trial) {
            let start =
                traces::start(&self.folder.run(scale.run.name()), self.pinned.protocol.trial.steps).map_err(stop)?;
            if start != *expected {
                let place = format!("{}, the first {} steps", scale.run.name(), self.pinned.protocol.trial.steps);
                let finding = Finding::new(Rule::Diverged, place).expected("the trial's").found("another transcript");
                return Err(finding.into());
            }
        }
        Ok(())
    }

    fn evaluate(&self, scales: &[Scaled<'_>], terminal: &Terminal) -> Result<(), Stop> {
        let mut inputs = digests(scales).map_err(stop)?;
        for scale in scales {
            let manifest = self.folder.run(scale.run.name()).join(names::PUBLISHED).join(names::MANIFEST);
            inputs.push(Blake3::of(&file::read(&manifest)?).to_string());
        }
        let inputs: Vec<&dyn Display> = inputs.iter().map(|digest| digest as &dyn Display).collect();
        once(&self.folder, "evaluate", &inputs, || {
            let bar = terminal.progress("evaluate", 0);
            self.parallel(scales, |scale| self.score(scale, &bar)).into_iter().collect::<Result<Vec<()>, Stop>>()
        })?;
        Ok(())
    }

    fn score(&self, scale: &Scaled<'_>, bar: &LiveProgress) -> Result<(), Stop> {
        let folder = self.folder.run(scale.run.name());
        let evaluation = EvaluationJob {
            checkpoint: folder.join(names::PUBLISHED),
            model: crate::folders::model(&folder),
            home: self.home.data(),
            tasks: self.pinned.protocol.evaluation.tasks.clone(),
            batch: self.pinned.protocol.evaluation.batch,
            out: folder.join(names::RESULTS),
        };
        let name = scale.run.name().to_string();
        launch::evaluate(self.kit, &evaluation, |progress| bar.follow(&name, &progress))
    }

    /// What stood around the worker, which a statement says once for all trainings.
    fn containment(&self, scales: &[Scaled<'_>]) -> Result<Vec<String>> {
        let walls = |scale: &Scaled<'_>| containment(&self.folder.run(scale.run.name()));
        let (first, others) = scales.split_first().context("a protocol without a scale")?;
        let stood = walls(first)?;
        for scale in others {
            let found = walls(scale)?;
            if found != stood {
                let [one, two] = [first, scale].map(|scale| scale.run.name());
                let why = format!("{two} was trained behind {}, {one} behind {}", found.join(" "), stood.join(" "));
                let hint = "a statement says one thing of the walls: train all scales under one kernel";
                return Err(Problem::inconclusive(why).hint(hint).into());
            }
        }
        Ok(stood)
    }

    /// A training in a few words: where its loss began and ended.
    fn curve(&self, scale: &Scaled<'_>) -> Result<String> {
        let losses = crate::curve::losses(&self.folder.run(scale.run.name()))?;
        Ok(format!("{} {}", scale.run.name(), crate::curve::line(&losses)))
    }

    /// Does work on several items at once.
    ///
    /// A broken rule ends no other item's work: what a FAIL states is every item's findings, so that who repairs one of
    /// them does not come back for the next, and so that what is stated does not depend on which was first. What says
    /// nothing about the entry, our own fault or a machine that cannot judge, ends the programs of all.
    fn all<T: Sync>(
        &self,
        items: &[T],
        work: impl Fn(&T, &Together) -> Result<(), Stop> + Sync + Send,
    ) -> Result<(), Stop> {
        let together = Together::default();
        let findings = self.parallel(items, |item| {
            let ended = if together.stopped() { Ok(()) } else { work(item, &together) };
            match ended {
                Ok(()) => Vec::new(),
                Err(Stop::Fail(findings)) => findings,
                Err(stop) => {
                    together.stop(stop);
                    Vec::new()
                }
            }
        });
        match (together.first(), findings.concat()) {
            (Some(stop), _) => Err(stop),
            (None, findings) if findings.is_empty() => Ok(()),
            (None, findings) => Err(Stop::Fail(findings)),
        }
    }

    /// Does work on several items at once, as many as `jobs` says; results in the items' order.
    fn parallel<T: Sync, R: Send>(&self, items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
        match rayon::ThreadPoolBuilder::new().num_threads(self.jobs).build() {
            Ok(pool) => pool.install(|| items.par_iter().map(&work).collect()),
            // No threads to be had: one after the other gives the same.
            Err(_) => items.iter().map(work).collect(),
        }
    }
}

fn digests(scales: &[Scaled<'_>]) -> Result<Vec<String>> {
    scales.iter().map(|scale| Ok(scale.run.digest()?.to_string())).collect()
}

fn containment(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join(names::CONTAINMENT);
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
}
