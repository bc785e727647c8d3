//! The golden: a recorded run of the baseline that a machine must repeat, bit for bit, before and after it
//! judges.
//!
//! One a protocol, frozen tree and numerics class. Recording is an organizer's act and keeps its reason, and none that
//! was recorded is lost; replaying is everyone's. A machine that does not repeat it cannot judge: that never says anything about a submission.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use records::{
    Blake3, NumericsClass, Sha256, Stop, Verdict, canonical,
    file::{self, FileError},
    v1::{
        golden::{Golden, Recording, Superseded},
        names,
        progress::ProgressLine,
        statement::Statement,
    },
    verdict::Reason,
};
use verifier::{evidence::GOLDEN, golden::state, release::PinnedProtocol};

use crate::{
    compile, disk,
    entry::Entry,
    folders::Home,
    frozen, goldens,
    kit::Kit,
    launch::{self, TrainingJob},
    locks::Locked,
    problem::Problem,
    protocols, resolve,
    room::Rooms,
    round::Round,
    scratch::Scratch,
    shell,
    stop::{of_the_baseline, stop},
    together::Together,
    traces,
};

/// Records and replays the golden, in a home whose data are the protocol's ([`crate::datahome::provide`]).
#[derive(Clone, Copy)]
pub struct Recorder<'a> {
    /// Programs.
    pub kit: &'a Kit,
    /// Folders.
    pub home: &'a Home,
    /// The protocol.
    pub pinned: &'a PinnedProtocol,
    /// This machine's class.
    pub class: NumericsClass,
}

/// A golden that was asked to be recorded.
#[derive(Debug)]
pub enum Recorded {
    /// It is the home's now, with its reason.
    New(Golden),
    /// The home's is of the same run: it stays, with the reason that it was recorded for.
    Stays(Golden),
}

impl Recorder<'_> {
    /// Runs the baseline and keeps what it did, with the reason.
    ///
    /// A golden that is there already stays where the run is the same one; another one takes its place where
    /// `supersede` says why, and the old one is kept.
    pub fn record(
        &self,
        reason: &str,
        supersede: Option<&str>,
        on_step: impl FnMut(ProgressLine),
    ) -> Result<Recorded, Stop> {
        let name = Home::golden_name(&self.pinned.protocol.name, &self.class);
        let _alone = self.home.lock(Locked::Golden(&name)).map_err(stop)?;
        let baseline = Entry::baseline()?;
        let scratch = Scratch::new(self.home).map_err(stop)?;
        let run = self.train(&baseline, &scratch.at("golden"), on_step)?;
        let files = [names::TRANSCRIPT, names::FINGERPRINTS];
        let [transcript, fingerprints] = files.map(|name| file::read(&run.join(name)));
        let (transcript, fingerprints) = (transcript?, fingerprints?);
        let golden = Golden {
            protocol: self.pinned.protocol.name.clone(),
            protocol_digest: self.pinned.digest,
            frozen: frozen::digest(),
            tree: baseline.digest,
            class: self.class,
            steps: self.pinned.protocol.golden.steps,
            transcript: Blake3::of(&transcript),
        };
        let folder = self.home.golden(&self.pinned.protocol.name, &self.class);
        let superseded = match self.before(&folder, &baseline)? {
            None => Vec::new(),
            Some(before) if before.golden == golden && supersede.is_none() => return Ok(Recorded::Stays(golden)),
            Some(before) => give_way(before, &folder, supersede)?,
        };
        fs::remove_dir_all(run.join(names::CHECKPOINTS))
            .context("cannot drop the golden's checkpoints")
            .map_err(stop)?;
        let record = canonical::to_file(&golden)?;
        file::write(&run.join(GOLDEN), &record)?;
        let recording = Recording { golden: golden.clone(), reason: reason.to_owned(), superseded };
        let statement = state(recording, [&fingerprints, &record, &transcript]);
        file::write(&run.join(goldens::STATEMENT), &canonical::to_file(&statement)?)?;
        // Moved away and not emptied: a kill between the two leaves no half of a golden under its name.
        set_aside(&folder)?;
        let below = self.home.0.join("golden");
        fs::create_dir_all(&below).map_err(FileError::at("create", &below))?;
        fs::rename(&run, &folder).map_err(FileError::at("rename", &folder))?;
        Ok(Recorded::New(golden))
    }

    /// The golden that is there: none where it is of another frozen tree, protocol or baseline, since both can be right.
    fn before(&self, folder: &Path, baseline: &Entry) -> Result<Option<Recording>, Stop> {
        let Ok(bytes) = file::read(&folder.join(goldens::STATEMENT)) else { return Ok(None) };
        let before: Statement<Recording> =
            canonical::from_file(&bytes).with_context(|| format!("{} is damaged", folder.display())).map_err(stop)?;
        Ok(Some(before.predicate).filter(|before| self.is_ours(&before.golden, baseline)))
    }

    fn is_ours(&self, golden: &Golden, baseline: &Entry) -> bool {
        let here = (self.pinned.digest, frozen::digest(), baseline.digest, self.class);
        (golden.protocol_digest, golden.frozen, golden.tree, golden.class) == here
    }

    /// The golden to repeat: the home's, or else the one that this program carries; written to `scratch` then.
    fn find(&self, baseline: &Entry, scratch: &Path) -> Result<(Golden, PathBuf), Stop> {
        let name = &self.pinned.protocol.name;
        let folder = self.home.golden(name, &self.class);
        let statement = folder.join(goldens::STATEMENT);
        let own = if statement.is_file() { Some(intact(&statement)?) } else { None };
        if let Some(golden) = own.as_ref().filter(|golden| self.is_ours(golden, baseline)) {
            return Ok((golden.clone(), folder));
        }
        if let Some(carried) = goldens::carried().into_iter().find(|carried| self.is_ours(&carried.golden, baseline)) {
            carried.write(scratch).map_err(stop)?;
            return Ok((carried.golden, scratch.to_owned()));
        }
        let why = match own {
            Some(_) => {
                format!("the golden of protocol `{name}` was recorded for another protocol, frozen tree or baseline")
            }
            None => format!("no golden of protocol `{name}` is recorded for {}", self.class.short()),
        };
        let hint = format!("an organizer records one with: `maxclip golden record {} --reason \"..\"`", self.asked());
        Err(Reason { why, hint }.into())
    }

    /// The options that name this protocol and this home again; an organizer knows where his own protocol's file lies.
    fn asked(&self) -> String {
        let name = &self.pinned.protocol.name;
        let carried = protocols::carried(name).is_ok_and(|carried| carried.digest == self.pinned.digest);
        let protocol = if carried { name.clone() } else { "FILE.toml".to_owned() };
        format!("--protocol {protocol} --home {}", shell::path(&self.home.0))
    }

    /// Runs the baseline again and compares every step.
    pub fn replay(&self, on_step: impl FnMut(ProgressLine)) -> Result<Golden, Stop> {
        // Nobody records another one while this one is compared with.
        let _shared = self
            .home
            .share(Locked::Golden(&Home::golden_name(&self.pinned.protocol.name, &self.class)))
            .map_err(stop)?;
        let baseline = Entry::baseline()?;
        let scratch = Scratch::new(self.home).map_err(stop)?;
        let (golden, folder) = self.find(&baseline, &scratch.at("carried"))?;
        let run = self.train(&baseline, &scratch.at("replay"), on_step)?;
        match traces::parting(&folder, &run, golden.steps).map_err(stop)?.first() {
            None => Ok(golden),
            Some(first) => Err(Reason {
                why: format!("this machine does not repeat the golden: {} ({})", first.place, first.found),
                hint: "its memory, processor or software differs from where it was recorded; see `maxclip doctor`"
                    .to_owned(),
            }
            .into()),
        }
    }

    fn train(&self, baseline: &Entry, folder: &Path, on_step: impl FnMut(ProgressLine)) -> Result<PathBuf, Stop> {
        let protocol = &self.pinned.protocol;
        let (_, out) = compile::baseline(self.kit, self.home)?;
        let scale = &protocol.scales[0];
        let run = resolve::run(self.pinned, scale, 1, baseline, &Round::practice(), self.class)?;
        let rooms = Rooms::ask(self.kit, self.home, [&run]).map_err(stop)?;
        disk::require(folder, rooms.golden(protocol), disk::free(folder)?)?;
        resolve::place(&run, folder).map_err(stop)?;
        let training = TrainingJob {
            folder: folder.to_owned(),
            data: self.home.data().join(&scale.data),
            entry: compile::shared_object(&out),
            until: Some(protocol.golden.steps),
            restart_worker_every: None,
            recompute: false,
            beside: 1,
        };
        launch::train(self.kit, &training, &Together::default(), on_step).map_err(|stop| {
            of_the_baseline(stop, "see `maxclip doctor`, and the trainer's log in the golden's folder")
        })?;
        Ok(folder.to_owned())
    }
}

/// Adds a golden to those that gave way before it, with the reason.
fn give_way(before: Recording, folder: &Path, because: Option<&str>) -> Result<Vec<Superseded>, Stop> {
    let Recording { golden, reason, mut superseded } = before;
    let Some(because) = because else {
        let what = format!("{} holds another run, recorded with the reason: {reason}", folder.display());
        let hint = "a golden is never replaced without a reason: --supersede REASON";
        return Err(Problem::usage(what).hint(hint).into());
    };
    superseded.push(Superseded { golden, reason, because: because.to_owned() });
    Ok(superseded)
}

/// A golden of one's own. A damaged one says that this machine cannot judge, and nothing about a submission.
fn intact(statement: &Path) -> Result<Golden, Stop> {
    let findings = match goldens::open(statement, None).map_err(stop)? {
        Verdict::Pass(golden) => return Ok(golden),
        Verdict::Inconclusive(reason) => return Err(Stop::Inconclusive(reason)),
        Verdict::Fail(findings) => findings,
    };
    let first = findings.first().map(|finding| format!("{} {}", finding.place, finding.found)).unwrap_or_default();
    Err(Reason {
        why: format!("{} is not what was recorded: {first}", statement.display()),
        hint: "move its folder away and record it again with: `maxclip golden record --reason \"..\"`".to_owned(),
    }
    .into())
}

/// Where goldens that gave way are kept, below the folder of those that hold.
const SUPERSEDED: &str = "superseded";

/// Moves a golden away under the digest of what it states, so that every one that was ever recorded stays, and is
/// not taken for one that holds.
fn set_aside(folder: &Path) -> Result<(), FileError> {
    if !folder.exists() {
        return Ok(());
    }
    // Goldens of before had no statement.
    let stated = [goldens::STATEMENT, GOLDEN].map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let digest =
        stated.map(|path| file::read(&path)).transpose()?.map_or_else(|| Sha256::of(b""), |bytes| Sha256::of(&bytes));
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", digest.bare()));
    let kept = folder.with_file_name(SUPERSEDED);
    fs::create_dir_all(&kept).map_err(FileError::at("create", &kept))?;
    let aside = kept.join(name);
    if aside.exists() {
        // The same statement over the same files: one of both is enough.
        return fs::remove_dir_all(folder).map_err(FileError::at("remove", folder));
    }
    fs::rename(folder, &aside).map_err(FileError::at("rename", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_way_is_kept_and_no_longer_found() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("golden/mini-0");
        for text in ["one", "two", "one"] {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(goldens::STATEMENT), text).unwrap();
            set_aside(&folder).unwrap();
            assert!(!folder.exists());
        }
        set_aside(&folder).unwrap();
        let kept: Vec<_> = fs::read_dir(home.path().join("golden/superseded")).unwrap().collect();
        assert_eq!(kept.len(), 2);
        assert!(goldens::known(&[home.path().join("golden")], None).is_err(), "no golden holds");
    }
}
