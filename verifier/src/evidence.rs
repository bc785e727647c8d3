//! The files that a certificate names, read again: every byte against its digest, and every number that
//! the certificate states recomputed from them.
//!
//! A run folder was written by a stranger. Files come through [`Files`], which opens plain files below
//! the certificate's folder and nothing else. The certificate says how long each one is: a file of another
//! length is a finding and is not read. Transcripts, fingerprints and tensors are read once, by window, and hashed in
//! the same pass; only small files are held whole.

mod checkpoints;
pub(crate) mod files;
pub mod part;
mod runs;
mod scores;
mod sources;
pub(crate) mod transcript;

use std::{collections::BTreeMap, io};

use ::evidence::Hashed;
use records::{
    DataRoot, Finding, Rule, Sha256,
    canonical::CanonicalError,
    file::read_opened,
    v1::{
        golden::Golden,
        names::{FINGERPRINTS, MANIFEST, RESULTS, STATE, TRANSCRIPT, WEIGHTS},
        run::ResolvedRun,
        statement::Statement,
    },
};

pub use self::files::{ARCHIVE, CONTAINMENT, Files, GOLDEN, OBJECT, OpenedFile, ReadError, bytes_max};
use self::{
    files::{HashedFile, OpenFile, SignedFile, failed},
    part::Part,
};

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Files whose digest was checked.
    pub files: u64,
    /// Checkpoints whose tensors were checked.
    pub checkpoints: u64,
    /// Steps whose chain was followed.
    pub steps: u64,
    /// Files that were not asked for.
    pub left_out: u64,
    /// Folders of checkpoints that are gone by the rule of [`part::prunable`].
    pub pruned: Vec<String>,
}

/// What the files say that the statement alone does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What was looked at.
    pub counts: Counts,
    /// Every place where a file and the statement differ.
    pub findings: Vec<Finding>,
    /// Each run that could be read, resolved.
    pub runs: Vec<ResolvedRun>,
    /// What each task's score rests on, in the order of the runs and their tasks.
    pub scored: Vec<ScoreData>,
    /// The golden, where it could be read.
    pub golden: Option<Golden>,
    /// The ZIP, where it is the one that was signed.
    pub archive: Option<Vec<u8>>,
}

/// The data of a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreData {
    /// The line that says so.
    pub place: String,
    /// Which of the protocol's tasks, from 0.
    pub task: usize,
    /// The data's identity.
    pub data: DataRoot,
}

/// Checks every file of a statement and everything that the statement says of them.
///
/// Errors: a file that this machine could not read.
pub fn check(statement: &Statement, files: &dyn Files, part: &Part) -> Result<Looked, ReadError> {
    let mut examination = Examination::new(statement, files, part);
    examination.set_pruned_aside(statement)?;
    examination.check_archive()?;
    examination.check_golden(statement)?;
    examination.check_object(statement)?;
    for run in &statement.predicate.runs {
        examination.check_run(statement, run)?;
    }
    examination.check_rest()?;
    let Examination { counts, findings, runs, scored, golden, archive, .. } = examination;
    Ok(Looked { counts, findings, runs, scored, golden, archive })
}

/// Whether not one of a statement's files is there.
pub fn nothing_there(statement: &Statement, files: &dyn Files) -> Result<bool, ReadError> {
    for subject in statement.subject.iter().skip(1) {
        match files.open(&subject.name) {
            Err(ReadError::Missing) => {}
            Err(error @ ReadError::Failed(_)) => return Err(error),
            Ok(_) | Err(ReadError::Refused(_)) => return Ok(false),
        }
    }
    Ok(true)
}

/// A statement's files on their way through: those still to be looked at, and what was found.
struct Examination<'a> {
    files: &'a dyn Files,
    part: &'a Part,
    /// Files that were not read yet.
    left: BTreeMap<&'a str, SignedFile<'a>>,
    counts: Counts,
    findings: Vec<Finding>,
    runs: Vec<ResolvedRun>,
    scored: Vec<ScoreData>,
    golden: Option<Golden>,
    archive: Option<Vec<u8>>,
}

impl<'a> Examination<'a> {
    fn new(statement: &'a Statement, files: &'a dyn Files, part: &'a Part) -> Self {
        let subjects = statement.subject.iter().skip(1);
        let left = subjects.map(|subject| (subject.name.as_str(), SignedFile::of(subject))).collect();
        Self {
            files,
            part,
            left,
            counts: Counts::default(),
            findings: Vec::new(),
            runs: Vec::new(),
            scored: Vec::new(),
            golden: None,
            archive: None,
        }
    }

    /// Leaves out what is gone by the rule: the whole folder of a checkpoint that may go.
    fn set_pruned_aside(&mut self, statement: &Statement) -> Result<(), ReadError> {
        let may_go = if *self.part == Part::Whole { Vec::new() } else { part::prunable(statement) };
        for folder in may_go {
            let inside = format!("{folder}/");
            let names: Vec<_> = self.left.keys().copied().filter(|name| name.starts_with(&inside)).collect();
            let mut gone = true;
            for name in &names {
                match self.files.open(name) {
                    Err(ReadError::Missing) => {}
                    Err(error @ ReadError::Failed(_)) => return Err(error),
                    Ok(_) | Err(ReadError::Refused(_)) => gone = false,
                }
            }
            if gone {
                self.left.retain(|name, _| !name.starts_with(&inside));
                self.counts.pruned.push(folder);
            }
        }
        Ok(())
    }

    /// Reads a small file of the statement whole; a finding and nothing where it is not named, not there, not a plain
    /// file or of another length.
    fn take(&mut self, name: &str) -> Result<Option<HashedFile>, ReadError> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        let read = read_opened(file.content, file.signed.bytes, file.signed.bytes);
        Ok(self.readable(name, read)?.map(|bytes| file.signed.hashed(Sha256::of(&bytes), bytes)))
    }

    /// As [`Examination::take`], for a file of which nothing but the digest is asked.
    fn hash(&mut self, name: &str) -> Result<Option<HashedFile>, ReadError> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        self.finish(name, file)
    }

    /// Hashes a file that is open.
    fn finish(&mut self, name: &str, file: OpenFile<'_>) -> Result<Option<HashedFile>, ReadError> {
        let read = Hashed::new(file.content, file.signed.bytes).finish();
        Ok(self.readable(name, read)?.map(|(digest, _)| file.signed.hashed(digest, Vec::new())))
    }

    /// Opens a file of the statement at the length that was signed.
    fn open(&mut self, name: &str) -> Result<Option<OpenFile<'a>>, ReadError> {
        let Some(signed) = self.left.remove(name) else {
            self.findings
                .push(Finding::new(Rule::Inconsistent, name).expected("a subject of the certificate").found("none"));
            return Ok(None);
        };
        if !self.part.holds(name) {
            self.counts.left_out += 1;
            return Ok(None);
        }
        self.counts.files += 1;
        match signed.open(name, self.files)? {
            Ok(file) => Ok(Some(file)),
            Err(finding) => {
                self.findings.push(finding);
                Ok(None)
            }
        }
    }

    /// What was read; a finding and nothing where the file was not as long as it said it is.
    fn readable<T>(&mut self, name: &str, read: io::Result<T>) -> Result<Option<T>, ReadError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let finding = Finding::new(Rule::FileChanged, name).expected("the length that it said it has");
                self.findings.push(finding.found(error));
                Ok(None)
            }
            Err(error) => Err(failed(name, &error)),
        }
    }

    /// Notes what a closer look found; a changed file has a finding whatever that look said.
    fn note(&mut self, name: &str, file: &HashedFile, closer: Vec<Finding>) {
        if closer.is_empty() && !file.intact {
            let finding = Finding::new(rule_of(name), name);
            self.findings.push(finding.expected("the bytes that were signed").found(file.digest));
        }
        self.findings.extend(closer);
    }

    /// Files that no run of the statement explains: their digest is all that is known.
    fn check_rest(&mut self) -> Result<(), ReadError> {
        while let Some(name) = self.left.keys().next().map(|name| (*name).to_owned()) {
            if let Some(file) = self.hash(&name)? {
                self.note(&name, &file, Vec::new());
            }
        }
        Ok(())
    }
}

/// Which rule a changed file breaks, by its name.
fn rule_of(name: &str) -> Rule {
    match name.rsplit('/').next().unwrap_or_default() {
        TRANSCRIPT => Rule::TranscriptChanged,
        FINGERPRINTS => Rule::FingerprintsChanged,
        RESULTS => Rule::EvaluationChanged,
        MANIFEST | WEIGHTS | STATE => Rule::CheckpointChanged,
        _ => Rule::FileChanged,
    }
}

/// Appends a finding where a thing said and a thing found differ.
fn compare<T: PartialEq + std::fmt::Display>(
    findings: &mut Vec<Finding>,
    rule: Rule,
    place: String,
    said: &T,
    found: &T,
) {
    if said != found {
        findings.push(Finding::new(rule, place).expected(said).found(found));
    }
}

fn unreadable(rule: Rule, place: &str, error: &CanonicalError) -> Finding {
    Finding::new(rule, place).expected("its canonical form").found("another text").attach(error.to_string().as_bytes())
}
