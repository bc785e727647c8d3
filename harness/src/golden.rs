//! The golden: a recorded run of the baseline that a machine must repeat, bit for bit, before and after it
//! judges.
//!
//! One a protocol and numerics class. Recording is an organizer's act and keeps its reason; replaying is
//! everyone's. A machine that does not repeat it cannot judge: that never says anything about a submission.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
pub use records::v1::golden::Golden;
use records::{
    Blake3, NumericsClass, canonical,
    file::{self, FileError},
    v1::names,
    verdict::Reason,
};

use crate::{
    certify::prefix,
    compile, datahome,
    entry::Entry,
    folders::Home,
    frozen,
    halt::{Halt, Went, settle},
    kit::Kit,
    launch::{self, Training},
    locks::Locked,
    resolve::{self, Law, Where, Who},
    round::Round,
    scratch::Scratch,
    together::Together,
};

/// What recording and replaying need.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// Programs.
    pub kit: &'a Kit,
    /// Folders.
    pub home: &'a Home,
    /// The protocol.
    pub law: &'a Law,
    /// This machine's class.
    pub class: NumericsClass,
}

impl Bench<'_> {
    /// Runs the baseline and keeps what it did.
    pub fn record(&self, reason: &str, on_step: impl FnMut(launch::Tick)) -> Went<Golden> {
        let name = Home::golden_name(&self.law.protocol.name, &self.class);
        let _alone = self.home.lock(Locked::Golden(&name))?;
        let baseline = Entry::baseline()?;
        let scratch = Scratch::new(self.home)?;
        let run = self.train(&baseline, &scratch.at("golden"), on_step)?;
        let transcript = file::read(&run.join(names::TRANSCRIPT))?;
        let golden = Golden {
            protocol: self.law.protocol.name.clone(),
            protocol_digest: self.law.digest,
            frozen: frozen::digest(),
            tree: baseline.digest,
            class: self.class,
            steps: self.law.protocol.golden.steps,
            transcript: Blake3::of(&transcript),
            reason: reason.to_owned(),
        };
        fs::remove_dir_all(run.join(names::CHECKPOINTS)).context("cannot drop the golden's checkpoints")?;
        file::write(&run.join("golden.json"), &canonical::to_file(&golden)?)?;
        let folder = self.home.golden(&self.law.protocol.name, &self.class);
        if folder.exists() {
            // Moved away and not emptied: a kill between the two leaves no half of a golden under its name.
            let before = scratch.at("before");
            fs::rename(&folder, &before).map_err(FileError::at("rename", &folder))?;
        }
        let below = self.home.0.join("golden");
        fs::create_dir_all(&below).map_err(FileError::at("create", &below))?;
        fs::rename(&run, &folder).map_err(FileError::at("rename", &folder))?;
        Ok(golden)
    }

    /// Runs the baseline again and compares every step.
    pub fn replay(&self, on_step: impl FnMut(launch::Tick)) -> Went<Golden> {
        let name = &self.law.protocol.name;
        let folder = self.home.golden(name, &self.class);
        let record = format!("maxclip golden record --protocol {name} --reason \"..\"");
        let cannot =
            |why: String| Halt::Inconclusive(Reason { why, hint: format!("an organizer records one with: {record}") });
        // Nobody records another one while this one is compared with.
        let _shared = self.home.share(Locked::Golden(&Home::golden_name(name, &self.class)))?;
        let Ok(bytes) = file::read(&folder.join("golden.json")) else {
            return Err(cannot(format!("no golden of protocol `{name}` is recorded for {}", self.class.short())));
        };
        let golden: Golden =
            canonical::from_file(&bytes).with_context(|| format!("{} is damaged", folder.display()))?;
        let baseline = Entry::baseline()?;
        let here = (self.law.digest, frozen::digest(), baseline.digest);
        if (golden.protocol_digest, golden.frozen, golden.tree) != here {
            return Err(cannot(format!(
                "the golden of protocol `{name}` was recorded for another protocol, frozen tree or baseline"
            )));
        }
        let scratch = Scratch::new(self.home)?;
        let run = self.train(&baseline, &scratch.at("replay"), on_step)?;
        match prefix::compare(&folder, &run, golden.steps)?.first() {
            None => Ok(golden),
            Some(first) => Err(Halt::Inconclusive(Reason {
                why: format!("this machine does not repeat the golden: {} ({})", first.place, first.found),
                hint: "its memory, processor or software differs from where it was recorded; see `maxclip doctor`"
                    .to_owned(),
            })),
        }
    }

    fn train(&self, baseline: &Entry, folder: &Path, on_step: impl FnMut(launch::Tick)) -> Went<PathBuf> {
        let protocol = &self.law.protocol;
        datahome::provide(self.home, protocol)?;
        let (_, out) = compile::baseline(self.kit, self.home)?;
        let scale = &protocol.scales[0];
        let who = Who { tree: baseline.digest, config: &baseline.config };
        let at = Where { frozen: frozen::digest(), class: self.class };
        let run = resolve::run(self.law, scale, 1, &who, &Round::practice(), at)?;
        resolve::place(&run, folder)?;
        let training = Training {
            folder: folder.to_owned(),
            data: self.home.data().join(&scale.data),
            entry: compile::object(&out),
            until: Some(protocol.golden.steps),
            restart_worker_every: None,
            recompute: false,
            beside: 1,
        };
        settle(launch::train(self.kit, &training, &Together::default(), on_step)?).map_err(ours)?;
        Ok(folder.to_owned())
    }
}

/// The baseline is ours: a rule that it breaks here says that this machine cannot judge, and nothing about
/// the submission whose certification asked for the golden.
fn ours(halt: Halt) -> Halt {
    let Halt::Fail(findings) = halt else { return halt };
    let first = findings.first().map(|finding| format!("{} at {} {}", finding.rule, finding.place, finding.found));
    Halt::Inconclusive(Reason {
        why: format!("the baseline is refused on this machine: {}", first.unwrap_or_default()),
        hint: "see `maxclip doctor`, and the trainer's log in the golden's folder".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use records::{Finding, Rule};

    use super::*;

    #[test]
    fn a_baseline_that_is_refused_is_never_the_submissions_fault() {
        let halt = ours(Halt::Fail(vec![Finding::new(Rule::TooSlow, "step 3, update")]));
        let Halt::Inconclusive(reason) = halt else { panic!("{halt:?}") };
        assert!(reason.why.contains("worker-time") && reason.why.contains("step 3"), "{}", reason.why);
    }
}
