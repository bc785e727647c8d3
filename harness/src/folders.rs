//! Where everything lies below `--home` (default `runs`).
//!
//! - `data/`: data sets and evaluation tasks by name.
//! - `golden/`: recorded runs.
//! - `build/`: what is built once for all, by the digest of everything that went in.
//! - `entries/`: a folder an entry, named by the digest of its [`Identity`]. That file is the first in it, and says
//!   whole what the folder is for. Each training has a folder `<scale>/<repeat>/` in it.
//! - `locks/`, `scratch/`: see [`crate::locks`], [`crate::scratch`].
//!
//! No name here is a cut digest: who can make two things with equal first digits, and one needs 0.2 s for
//! two trees of one's own, would have one of them judged by the other's evidence.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use records::{
    Blake3, NumericsClass, Verdict, canonical,
    file::{self, FileError, read_bounded},
    v1::{
        identity::{HandedIn, IDENTITY_BYTES_MAX, Identity},
        names::{self, RunName},
        statement::Statement,
    },
};
use verifier::envelope::{self, CERTIFICATE_MAX};

use crate::problem::Problem;

/// The home folder.
#[derive(Debug, Clone)]
pub struct Home(pub PathBuf);

impl Home {
    /// Data sets and tasks.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// What the recorded run of a protocol and class is called.
    #[must_use]
    pub fn golden_name(protocol: &str, class: &NumericsClass) -> String {
        format!("{protocol}-{}", class.digits())
    }

    /// The recorded run of a protocol and class.
    #[must_use]
    pub fn golden(&self, protocol: &str, class: &NumericsClass) -> PathBuf {
        self.0.join("golden").join(Self::golden_name(protocol, class))
    }

    /// A build that is not an entry's own: the baseline's, or one of `try`.
    #[must_use]
    pub fn build(&self, inputs: &Blake3) -> PathBuf {
        self.0.join("build").join(inputs.digits())
    }

    /// The folders of entries.
    #[must_use]
    pub fn entries(&self) -> PathBuf {
        self.0.join("entries")
    }

    /// The folder of what was handed in.
    #[must_use]
    pub fn entry(&self, identity: &Identity) -> EntryFolder {
        EntryFolder(self.entries().join(identity.digest().digits()))
    }
}

/// What a certification left behind.
#[derive(Debug, Clone)]
pub struct EntryFolder(pub PathBuf);

/// A statement that is there already.
#[derive(Debug)]
pub struct Finished {
    /// What it says.
    pub statement: Statement,
    /// The file that holds it.
    pub path: PathBuf,
    /// Whether somebody signed it.
    pub signed: bool,
}

impl EntryFolder {
    /// Makes the folder this identity's, before anything else is written into it; gives the statement that is there.
    ///
    /// For whoever holds the folder's lock. A folder that is another identity's, or nobody's, is refused, whatever
    /// its name says; so is one whose statement is about something else.
    pub fn claim(&self, identity: &Identity) -> Result<Option<Finished>> {
        let path = self.0.join(names::IDENTITY);
        let expected = canonical::to_file(identity)?;
        match read_bounded(&path, IDENTITY_BYTES_MAX) {
            Ok(found) if found == expected => {}
            Ok(_) => return Err(self.refuse("identity.json is not that of what is certified").into()),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => {
                if !self.is_empty()? {
                    return Err(self.refuse("it holds files and no identity.json").into());
                }
                file::write(&path, &expected)?;
            }
            Err(error) => return Err(error.into()),
        }
        let finished = self.finished()?;
        if let Some(finished) = &finished
            && !is_of(&finished.statement, identity)
        {
            let why = format!("{} is about something else", finished.path.display());
            return Err(self.refuse(&why).into());
        }
        // Nothing beside a certificate changes, not even by being tidied up.
        if !finished.as_ref().is_some_and(|finished| finished.signed) {
            file::sweep(&self.0)?;
        }
        Ok(finished)
    }

    /// The statement that is there, signed or not.
    pub fn finished(&self) -> Result<Option<Finished>> {
        let (certificate, statement) = (self.0.join(names::CERTIFICATE), self.statement());
        if certificate.symlink_metadata().is_ok() {
            let bytes = read_bounded(&certificate, CERTIFICATE_MAX)?;
            let statement = match envelope::peek(&bytes) {
                Verdict::Pass((_, statement)) => statement,
                Verdict::Fail(findings) => {
                    let found = findings.first().map(|finding| finding.found.as_str()).unwrap_or_default();
                    return Err(self.refuse(&format!("{} is no certificate: {found}", certificate.display())).into());
                }
                Verdict::Inconclusive(reason) => return Err(Problem::from(reason).into()),
            };
            return Ok(Some(Finished { statement, path: certificate, signed: true }));
        }
        match read_bounded(&statement, CERTIFICATE_MAX) {
            Ok(bytes) => {
                let parsed = canonical::from_file(&bytes).map_err(|error| {
                    let problem = Problem::usage(format!("{} is not a statement: {error}", statement.display()));
                    problem.hint("remove it and certify again: what has been done already is not done twice")
                })?;
                Ok(Some(Finished { statement: parsed, path: statement, signed: false }))
            }
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn is_empty(&self) -> Result<bool> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(FileError::at("read", &self.0)(error).into()),
        };
        // A part of an identity that a killed program was writing is nobody's.
        for entry in entries {
            let name = entry.with_context(|| format!("cannot read {}", self.0.display()))?.file_name();
            if !name.as_encoded_bytes().starts_with(b".identity.json.") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn refuse(&self, why: &str) -> Problem {
        Problem::usage(format!("nothing is written into {}: {why}", self.0.display()))
            .hint("somebody put these files there: move the folder away and look at it")
    }

    /// The worker's build.
    #[must_use]
    pub fn worker(&self) -> PathBuf {
        self.0.join("worker")
    }

    /// A stage's record.
    #[must_use]
    pub fn stage(&self, name: &str) -> PathBuf {
        self.0.join("stages").join(format!("{name}.json"))
    }

    /// What stands of a scale that was done on one machine of several.
    #[must_use]
    pub fn share(&self, scale: &str) -> PathBuf {
        self.stage(&format!("share-{scale}"))
    }

    /// The stage that is at work, or in which it ended.
    #[must_use]
    pub fn now(&self) -> PathBuf {
        self.stage("now")
    }

    /// A training's run folder.
    #[must_use]
    pub fn run(&self, run: RunName<'_>) -> PathBuf {
        self.0.join(run.to_string())
    }

    /// One variant of a training's trial.
    #[must_use]
    pub fn trial(&self, run: RunName<'_>, variant: &str) -> PathBuf {
        self.0.join("trial").join(run.to_string()).join(variant)
    }

    /// The ZIP, as it was handed in.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.0.join(verifier::evidence::ARCHIVE)
    }

    /// The unsigned statement.
    #[must_use]
    pub fn statement(&self) -> PathBuf {
        self.0.join(names::STATEMENT)
    }
}

/// Whether a statement is about what an identity says.
fn is_of(statement: &Statement, identity: &Identity) -> bool {
    let predicate = &statement.predicate;
    let handed_in = match &identity.handed_in {
        HandedIn::Admitted { tree, class } => {
            predicate.submission.tree.as_ref() == Some(tree)
                && predicate.against.class.as_ref().is_none_or(|found| found == class)
        }
        HandedIn::Refused { archive } => predicate.submission.archive == *archive,
    };
    let against = (&predicate.against.protocol_digest, &predicate.against.frozen, &predicate.round);
    handed_in && against == (&identity.protocol, &identity.frozen, &identity.round)
}

/// The model's configuration, as the evaluator reads it.
#[must_use]
pub fn model(run: &Path) -> PathBuf {
    run.join(names::MODEL)
}

#[cfg(test)]
mod tests {
    use records::{ProtocolDigest, TreeDigest};
    use verifier::round::Round;

    use super::*;

    fn identity(tree: u8) -> Identity {
        let handed_in = HandedIn::Admitted { tree: TreeDigest([tree; 32]), class: NumericsClass([2; 32]) };
        Identity::new(handed_in, ProtocolDigest([3; 32]), Round::practice().public(), crate::frozen::digest())
    }

    fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    /// Fails where a claim is not refused for this reason, or changes a byte.
    fn assert_refused(entry: &EntryFolder, identity: &Identity, why: &str) {
        let before = files(&entry.0);
        let error = entry.claim(identity).unwrap_err();
        assert!(error.to_string().contains(why), "{error:#}");
        assert_eq!(files(&entry.0), before);
    }

    #[test]
    fn a_folder_is_claimed_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().to_owned());
        let entry = home.entry(&identity(1));
        assert!(entry.0.ends_with(format!("entries/{}", identity(1).digest().digits())));
        assert!(entry.claim(&identity(1)).unwrap().is_none());
        let claimed = files(&entry.0);
        assert_eq!(claimed.len(), 1);
        // What a kill left half-written goes, everything else stays.
        fs::write(entry.0.join(".statement.json.x7Qp2k.part"), b"half").unwrap();
        assert!(entry.claim(&identity(1)).unwrap().is_none());
        assert_eq!(files(&entry.0), claimed);
    }

    #[test]
    fn another_identity_is_refused_before_a_byte_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().to_owned());
        let one = home.entry(&identity(1));
        one.claim(&identity(1)).unwrap();
        file::write(&one.0.join("small/transcript.jsonl"), b"evidence").unwrap();
        // As a copied folder, or one whose name somebody forged, would be found.
        let two = home.entry(&identity(2));
        fs::rename(&one.0, &two.0).unwrap();
        assert_refused(&two, &identity(2), "identity.json is not that of what is certified");
    }

    #[test]
    fn a_folder_of_nobody_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Home(folder.path().to_owned()).entry(&identity(1));
        file::write(&entry.statement(), b"{}\n").unwrap();
        assert_refused(&entry, &identity(1), "no identity.json");
    }

    #[test]
    fn a_kill_while_the_identity_is_written_leaves_the_folder_free() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Home(folder.path().to_owned()).entry(&identity(1));
        fs::create_dir_all(&entry.0).unwrap();
        fs::write(entry.0.join(".identity.json.x7Qp2k.part"), b"half").unwrap();
        assert!(entry.claim(&identity(1)).unwrap().is_none());
        assert_eq!(files(&entry.0).len(), 1);
    }
}
