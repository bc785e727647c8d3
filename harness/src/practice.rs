//! Trainings on practice seeds, which everybody has: what `try` compares, and what a protocol's spread is measured on.
//!
//! None of them is a verdict. A side that was trained and evaluated to its end is kept, and not trained again.

use std::path::{Path, PathBuf};

use anyhow::Result;
use competition::compare::TaskScore;
use records::{
    NumericsClass, RunDigest, Stop, canonical, file,
    v1::{evaluation::Score, names, outcome::Trained, progress::ProgressLine, protocol::Scale, run::ResolvedRun},
};

use verifier::release::PinnedProtocol;

use crate::{
    certify::statement::results,
    compile, disk,
    entry::Entry,
    folders::{self, Home},
    kit::Kit,
    launch::{self, EvaluationJob, TrainingJob},
    locks::{Lock, Locked},
    problem::Problem,
    resolve,
    room::Rooms,
    round::Round,
    together::Together,
};

/// What sides are trained with: one scale of a protocol that was cut to a number of steps
/// ([`with_steps`](crate::protocols::with_steps)).
#[derive(Clone, Copy)]
pub struct Practice<'a> {
    /// Programs.
    pub kit: &'a Kit,
    /// Folders, whose data are the protocol's.
    pub home: &'a Home,
    /// The protocol.
    pub pinned: &'a PinnedProtocol,
    /// The scale.
    pub scale: &'a Scale,
    /// This machine's class.
    pub class: NumericsClass,
}

/// An entry on one seed.
pub struct Side<'a> {
    /// Who is trained.
    pub entry: &'a Entry,
    build: &'a Path,
    /// Where it is trained.
    pub folder: PathBuf,
    /// What it is: two sides of one digest are one run.
    pub run: RunDigest,
    resolved: ResolvedRun,
}

impl Side<'_> {
    /// Whether it was trained and evaluated to its end.
    pub fn is_done(&self) -> bool {
        self.trained().exists()
    }

    /// Takes over what a report needs of another folder of the same run.
    pub fn take(&self, other: &Self) -> Result<()> {
        for name in [names::TRANSCRIPT, names::RESULTS] {
            file::write(&self.folder.join(name), &file::read(&other.folder.join(name))?)?;
        }
        Ok(file::write(&self.trained(), &file::read(&other.trained())?)?)
    }

    /// Its scores, by task in the protocol's order.
    pub fn scores(&self) -> Result<Vec<TaskScore>> {
        let results = results(&self.folder)?;
        Ok(results.into_iter().map(|(line, result)| competition::task(&Score::of(&result, line))).collect())
    }

    /// What its training took, written when everything has been done.
    fn trained(&self) -> PathBuf {
        self.folder.join("kept.json")
    }
}

impl Practice<'_> {
    /// An entry on a seed, in a folder of its own.
    pub fn side<'a>(&self, entry: &'a Entry, build: &'a Path, repeat: u32, folder: PathBuf) -> Result<Side<'a>, Stop> {
        self.resolve(entry, build, repeat, |_| folder)
    }

    /// An entry on a seed, in the folder where the home keeps what is trained once for all: the baseline's runs, mostly.
    pub fn kept<'a>(&self, entry: &'a Entry, build: &'a Path, repeat: u32) -> Result<Side<'a>, Stop> {
        self.resolve(entry, build, repeat, |run| self.home.0.join("baselines").join(run.digits()))
    }

    fn resolve<'a>(
        &self,
        entry: &'a Entry,
        build: &'a Path,
        repeat: u32,
        folder: impl FnOnce(&RunDigest) -> PathBuf,
    ) -> Result<Side<'a>, Stop> {
        let resolved = resolve::run(self.pinned, self.scale, repeat, entry, &Round::practice(), self.class)?;
        let run = resolved.digest()?;
        Ok(Side { entry, build, folder: folder(&run), run, resolved })
    }

    /// Fails before anything is trained where the disk does not hold what will be written.
    pub fn require_room(&self, sides: &[&Side<'_>]) -> Result<()> {
        let rooms = Rooms::ask(self.kit, self.home, sides.iter().map(|side| &side.resolved))?;
        let open = sides.iter().filter(|side| !side.is_done()).count() as u64;
        let needed = rooms.run(&self.pinned.protocol, self.scale).saturating_mul(open);
        Ok(disk::require(&self.home.0, needed, disk::free(&self.home.0)?)?)
    }

    /// Prepares a folder that is the home's. The lock is there while it has to be trained: who wants it meanwhile waits.
    pub fn hold(&self, kept: &Side<'_>) -> Result<Option<Lock>> {
        let alone = self.home.lock(Locked::Run(&kept.run.digits()))?;
        let alone = (!kept.is_done()).then_some(alone);
        self.place(kept)?;
        Ok(alone)
    }

    /// Prepares a side's folder.
    pub fn place(&self, side: &Side<'_>) -> Result<()> {
        resolve::place(&side.resolved, &side.folder)
    }

    /// Trains and evaluates a side beside others, where that has not been done.
    pub fn train(&self, side: &Side<'_>, beside: usize, on_step: impl FnMut(ProgressLine)) -> Result<Trained, Stop> {
        let Self { kit, home, pinned, scale, .. } = *self;
        let kept = side.trained();
        if let Ok(bytes) = file::read(&kept) {
            let damaged = |error| Problem::fault(format!("{} is damaged: {error}", kept.display()));
            return Ok(canonical::from_file(&bytes).map_err(damaged)?);
        }
        let training = TrainingJob {
            folder: side.folder.clone(),
            data: home.data().join(&scale.data),
            entry: compile::shared_object(side.build),
            until: None,
            restart_worker_every: None,
            recompute: false,
            beside,
        };
        let trained = launch::train(kit, &training, &Together::default(), on_step)?;
        let evaluation = EvaluationJob {
            checkpoint: side.folder.join(names::PUBLISHED),
            model: folders::model(&side.folder),
            home: home.data(),
            tasks: pinned.protocol.evaluation.tasks.clone(),
            batch: pinned.protocol.evaluation.batch,
            out: side.folder.join(names::RESULTS),
        };
        launch::evaluate(kit, &evaluation, |_| ())?;
        file::write(&kept, &canonical::to_file(&trained)?)?;
        Ok(trained)
    }
}
