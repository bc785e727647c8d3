//! The files that a certificate names, read again: every byte against its digest, and every number that
//! the certificate states recomputed from them.
//!
//! A run folder was written by a stranger. Files come through [`Files`], which opens plain files below
//! the certificate's folder and nothing else. The certificate says how long each one is: a file of another
//! length is a finding and is not read. Transcripts, fingerprints and tensors are read once, by window, and hashed in
//! the same pass; only small files are held whole.

pub mod part;
mod scores;
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use ::evidence::{Hashed, Source, checkpoint::read_file, steps::row_at};
use records::{
    Blake3, DataRoot, Finding, ProtocolDigest, Rule, RunDigest, Sha256, canonical,
    canonical::CanonicalError,
    file::read_opened,
    v1::{
        checkpoint::{MANIFEST, MANIFEST_BYTES_MAX, Manifest, STATE, TensorFile, WEIGHTS},
        golden::Golden,
        names::RunName,
        run::ResolvedRun,
        statement::{Run, Statement, Subject},
        track::Track,
        transcript::{FINGERPRINTS, TRANSCRIPT, row_digest},
    },
};

use self::part::Part;
use crate::{
    checkpoint,
    intake::ARCHIVE_BYTES_MAX,
    transcript::{Kept, Names, Walked, walk},
};

/// The longest file of a name, in bytes: a certificate that names a longer one does not hold.
#[must_use]
pub fn bytes_max(name: &str) -> u64 {
    match name.rsplit('/').next().unwrap_or_default() {
        GOLDEN | CONTAINMENT => 64 << 10,
        "run.json" | "model.json" => 4 << 20,
        MANIFEST => MANIFEST_BYTES_MAX,
        "eval_results.jsonl" => 16 << 20,
        // What intake refuses unread is kept as far as it was read: one byte more.
        _ if name == ARCHIVE => ARCHIVE_BYTES_MAX as u64 + 1,
        // What a compiler may write at once.
        _ if name == OBJECT => 256 << 20,
        // A million steps of 500 bytes; a hundred thousand rows of 5,000 fingerprints.
        TRANSCRIPT => 512 << 20,
        FINGERPRINTS => 4 << 30,
        // A checkpoint of a billion parameters with its state.
        _ => 16 << 30,
    }
}

/// The file of a run that says what stood around its workers.
pub const CONTAINMENT: &str = "containment.json";
/// The record of the golden that was repeated.
pub const GOLDEN: &str = "golden.json";
/// What was handed in.
pub const ARCHIVE: &str = "submission.zip";
/// The object of the participant's crate.
pub const OBJECT: &str = Track::Algorithm.built();

/// Why a file was not read.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    /// There is none.
    #[error("missing")]
    Missing,
    /// It is not a plain file below the folder: the evidence's fault.
    #[error("{0}")]
    Refused(String),
    /// The machine could not read it: nobody's fault.
    #[error("{0}")]
    Failed(String),
}

/// A run folder, as far as the verifier may see it.
pub trait Files {
    /// Opens a plain file at a relative path with `/` between its parts.
    fn open(&self, path: &str) -> Result<Opened<'_>, ReadError>;
}

/// A plain file of which nothing has been read yet.
pub struct Opened<'a> {
    /// Its length in bytes.
    pub size: u64,
    /// Its bytes.
    pub content: Box<dyn Source + 'a>,
}

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
    pub scored: Vec<Scored>,
    /// The golden, where it could be read.
    pub golden: Option<Golden>,
    /// The ZIP, where it is the one that was signed.
    pub archive: Option<Vec<u8>>,
}

/// The data of a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
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
    left: BTreeMap<&'a str, Signed<'a>>,
    counts: Counts,
    findings: Vec<Finding>,
    runs: Vec<ResolvedRun>,
    scored: Vec<Scored>,
    golden: Option<Golden>,
    archive: Option<Vec<u8>>,
}

/// What was signed of a file.
#[derive(Clone, Copy)]
struct Signed<'a> {
    sha256: &'a str,
    bytes: u64,
}

impl Signed<'_> {
    fn piece(&self, digest: Sha256, bytes: Vec<u8>) -> Piece {
        Piece { bytes, intact: digest.bare() == self.sha256, digest }
    }
}

/// A file of the signed length of which nothing has been read yet.
struct Unread<'a> {
    content: Box<dyn Source + 'a>,
    signed: Signed<'a>,
}

/// A file and whether it is the one that was signed.
struct Piece {
    /// Empty where only the digest was asked for.
    bytes: Vec<u8>,
    digest: Sha256,
    intact: bool,
}

impl<'a> Examination<'a> {
    fn new(statement: &'a Statement, files: &'a dyn Files, part: &'a Part) -> Self {
        let subjects = statement.subject.iter().skip(1);
        let signed = |subject: &'a Subject| Signed {
            sha256: &subject.digest.sha256,
            // `certificate::check` refuses a file without a length.
            bytes: subject.annotations.map_or(0, |annotations| annotations.bytes),
        };
        let left = subjects.map(|subject| (subject.name.as_str(), signed(subject))).collect();
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
    fn take(&mut self, name: &str) -> Result<Option<Piece>, ReadError> {
        let Some(held) = self.open(name)? else { return Ok(None) };
        let read = read_opened(held.content, held.signed.bytes, held.signed.bytes);
        Ok(self.readable(name, read)?.map(|bytes| held.signed.piece(Sha256::of(&bytes), bytes)))
    }

    /// As [`Examination::take`], for a file of which nothing but the digest is asked.
    fn hash(&mut self, name: &str) -> Result<Option<Piece>, ReadError> {
        let Some(held) = self.open(name)? else { return Ok(None) };
        let read = Hashed::new(held.content, held.signed.bytes).finish();
        Ok(self.readable(name, read)?.map(|(digest, _)| held.signed.piece(digest, Vec::new())))
    }

    /// Opens a file of the statement at the length that was signed.
    fn open(&mut self, name: &str) -> Result<Option<Unread<'a>>, ReadError> {
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
        let changed =
            |expected: String, found: String| Finding::new(Rule::FileChanged, name).expected(expected).found(found);
        let finding = match self.files.open(name) {
            Ok(Opened { size, content }) if size == signed.bytes => return Ok(Some(Unread { content, signed })),
            Ok(Opened { size, .. }) => changed(format!("{} bytes", signed.bytes), format!("{size} bytes")),
            Err(ReadError::Missing) => Finding::new(Rule::FileMissing, name),
            Err(ReadError::Refused(why)) => changed("a plain file".to_owned(), why),
            Err(error) => return Err(error),
        };
        self.findings.push(finding);
        Ok(None)
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
    fn note(&mut self, name: &str, piece: &Piece, closer: Vec<Finding>) {
        if closer.is_empty() && !piece.intact {
            let finding = Finding::new(rule_of(name), name);
            self.findings.push(finding.expected("the bytes that were signed").found(piece.digest));
        }
        self.findings.extend(closer);
    }

    fn check_run(&mut self, statement: &Statement, run: &Run) -> Result<(), ReadError> {
        let path = |name: &str| format!("{}/{name}", run.name());
        if let Some(piece) = self.take(&path("run.json"))? {
            let (read, findings) = check_resolved(&piece.bytes, statement, run, &path("run.json"));
            self.note(&path("run.json"), &piece, findings);
            if let Some(resolved) = &read {
                self.check_model(&path("model.json"), resolved)?;
            }
            self.runs.extend(read.filter(|_| piece.intact));
        }
        self.check_containment(&path(CONTAINMENT), &statement.predicate.containment)?;
        let folders: Vec<String> = self.checkpoint_folders(run.name());
        let published = path("published");
        if !folders.contains(&published) {
            self.findings.push(Finding::new(Rule::Inconsistent, &published).expected("a checkpoint").found("none"));
        }
        let wanted = folders.iter().filter_map(|folder| steps_of(folder, &published, run)).collect();
        let walked = self.check_transcript(run, &wanted)?;
        for folder in folders {
            let steps = steps_of(&folder, &published, run);
            self.check_checkpoint(run, &folder, (folder == published, steps), walked.as_ref())?;
        }
        let name = path("eval_results.jsonl");
        if let Some(piece) = self.take(&name)? {
            let (scored, findings) = scores::check(&piece.bytes, run, &name);
            self.scored.extend(scored);
            self.note(&name, &piece, findings);
        }
        Ok(())
    }

    /// The model's configuration beside the run, where the certificate names one.
    fn check_model(&mut self, name: &str, resolved: &ResolvedRun) -> Result<(), ReadError> {
        if !self.left.contains_key(name) {
            return Ok(());
        }
        let Some(piece) = self.take(name)? else { return Ok(()) };
        let differs = piece.intact && piece.bytes != resolved.model.as_bytes();
        let finding =
            differs.then(|| Finding::new(Rule::Inconsistent, name).expected("the model of run.json").found("another"));
        self.note(name, &piece, finding.into_iter().collect());
        Ok(())
    }

    /// Walks the transcript and its fingerprints once, keeping what stood after the wanted numbers of steps.
    fn check_transcript(&mut self, run: &Run, wanted: &BTreeSet<u64>) -> Result<Option<Walked>, ReadError> {
        let path = |name: &str| format!("{}/{name}", run.name());
        let (lines, rows) = (path(TRANSCRIPT), path(FINGERPRINTS));
        let (Some(transcript), Some(fingerprints)) = (self.open(&lines)?, self.open(&rows)?) else { return Ok(None) };
        let names = Names { transcript: &lines, fingerprints: &rows };
        let mut of_lines = Hashed::new(transcript.content, transcript.signed.bytes);
        let mut of_rows = Hashed::new(fingerprints.content, fingerprints.signed.bytes);
        let walk = walk(&mut of_lines, &mut of_rows, fingerprints.signed.bytes, names, wanted)
            .map_err(|error| failed(&lines, &error))?;
        let (Some((lines_digest, _)), Some((rows_digest, _))) =
            (self.readable(&lines, of_lines.finish())?, self.readable(&rows, of_rows.finish())?)
        else {
            return Ok(None);
        };
        let transcript = transcript.signed.piece(lines_digest, Vec::new());
        let fingerprints = fingerprints.signed.piece(rows_digest, Vec::new());
        let mut found = walk.lines;
        if let Some(walked) = &walk.run {
            self.counts.steps += walked.steps;
            found.extend(check_ends(walked, run, &lines));
        }
        if (walk.run.is_none() || !walk.rows.is_empty()) && transcript.intact && fingerprints.intact {
            found.push(
                Finding::new(Rule::Inconsistent, &lines).found("a transcript that was signed although it is broken"),
            );
        }
        self.note(&lines, &transcript, found);
        self.note(&rows, &fingerprints, walk.rows);
        Ok(walk.run)
    }

    fn checkpoint_folders(&self, run: RunName<'_>) -> Vec<String> {
        let of_run = format!("{run}/");
        let manifests = self.left.keys().filter(|name| name.starts_with(&of_run));
        manifests.filter_map(|name| name.strip_suffix("/manifest.json")).map(str::to_owned).collect()
    }

    fn check_checkpoint(
        &mut self,
        run: &Run,
        folder: &str,
        (published, steps): (bool, Option<u64>),
        walked: Option<&Walked>,
    ) -> Result<(), ReadError> {
        let name = format!("{folder}/{MANIFEST}");
        let Some(piece) = self.take(&name)? else { return Ok(()) };
        let (manifest, mut findings) = check_manifest(&piece.bytes, run, (published, steps), walked, &name);
        if !piece.intact {
            // One change of a manifest contradicts much at once; the first contradiction is its place.
            findings.truncate(1);
        }
        self.note(&name, &piece, findings);
        let Some(manifest) = manifest.filter(|_| piece.intact) else { return Ok(()) };
        self.counts.checkpoints += 1;
        let mut prints = StepPrints::new(self.files, run, manifest.step, walked);
        for file in &manifest.files {
            self.check_tensors(&format!("{folder}/{}", file.name), file, &mut prints)?;
        }
        Ok(())
    }

    /// A file of tensors in one pass; a changed one is looked into again, for the place of the change.
    fn check_tensors(&mut self, name: &str, file: &TensorFile, prints: &mut StepPrints<'_>) -> Result<(), ReadError> {
        let Some(mut held) = self.open(name)? else { return Ok(()) };
        let size = held.signed.bytes;
        if file.length != size {
            let finding = Finding::new(Rule::CheckpointChanged, name).expected(format!("{} bytes", file.length));
            self.findings.push(finding.found(format!("{size} bytes")));
            return Ok(());
        }
        let Some(looked) = self.readable(name, read_file(&mut held.content, file, |_, _| ()))? else { return Ok(()) };
        let findings = checkpoint::findings(&mut held.content, &looked, file, name, |tensor| prints.of(tensor))
            .map_err(|error| failed(name, &error))?;
        self.note(name, &held.signed.piece(looked.sha256, Vec::new()), findings);
        Ok(())
    }

    /// Files that no run of the statement explains: their digest is all that is known.
    fn check_rest(&mut self) -> Result<(), ReadError> {
        while let Some(name) = self.left.keys().next().map(|name| (*name).to_owned()) {
            if let Some(piece) = self.hash(&name)? {
                self.note(&name, &piece, Vec::new());
            }
        }
        Ok(())
    }
}

/// The fingerprints of a step, read when something asks for one.
struct StepPrints<'a> {
    files: &'a dyn Files,
    rows: String,
    /// Its place among the rows, and the columns' names.
    row: Option<(u64, Kept, &'a [String])>,
    read: Option<Vec<u64>>,
}

impl<'a> StepPrints<'a> {
    /// Those after so many steps of a run.
    fn new(files: &'a dyn Files, run: &Run, steps: u64, walked: Option<&'a Walked>) -> Self {
        let row = walked.and_then(|walked| {
            Some((steps.checked_sub(1)?, *walked.kept.get(&steps)?, walked.header.columns.as_slice()))
        });
        Self { files, rows: format!("{}/{FINGERPRINTS}", run.name()), row, read: None }
    }

    /// The fingerprint that a tensor of a checkpoint had; `None` where no column is of it, or where the row is not the
    /// one that its line names.
    fn of(&mut self, tensor: &str) -> io::Result<Option<u64>> {
        let Some((step, kept, columns)) = self.row else { return Ok(None) };
        let learnable = if tensor == "logit_scale" { "log_scale" } else { tensor };
        let names = [tensor.to_owned(), format!("parameters/{tensor}"), format!("learnables/{learnable}")];
        let Some(at) = names.iter().find_map(|name| columns.iter().position(|column| column == name)) else {
            return Ok(None);
        };
        if self.read.is_none() {
            // The file was open a moment ago; where it cannot be opened again, its digest has been judged already.
            let Ok(mut opened) = self.files.open(&self.rows) else { return Ok(None) };
            let row = row_at(&mut opened.content, columns.len(), step)?;
            self.read = Some(row.filter(|row| Some(row_digest(row)) == kept.row).unwrap_or_default());
        }
        Ok(self.read.as_ref().and_then(|row| row.get(at).copied()))
    }
}

/// How many steps a checkpoint's folder says that it stands after.
fn steps_of(folder: &str, published: &str, run: &Run) -> Option<u64> {
    if folder == published { Some(run.steps) } else { folder.rsplit('/').next()?.parse().ok() }
}

fn failed(name: &str, error: &io::Error) -> ReadError {
    ReadError::Failed(format!("cannot read {name}: {error}"))
}

/// Which rule a changed file breaks, by its name.
fn rule_of(name: &str) -> Rule {
    match name.rsplit('/').next().unwrap_or_default() {
        TRANSCRIPT => Rule::TranscriptChanged,
        FINGERPRINTS => Rule::FingerprintsChanged,
        "eval_results.jsonl" => Rule::EvaluationChanged,
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

/// `run.json` against what the certificate says the run was.
fn check_resolved(bytes: &[u8], statement: &Statement, run: &Run, name: &str) -> (Option<ResolvedRun>, Vec<Finding>) {
    let resolved: ResolvedRun = match canonical::from_file(bytes) {
        Ok(resolved) => resolved,
        Err(error) => return (None, vec![unreadable(Rule::FileChanged, name, &error)]),
    };
    let mut findings = Vec::new();
    let against = &statement.predicate.against;
    let found = RunDigest(Blake3::of(bytes).0);
    compare(&mut findings, Rule::FileChanged, name.to_owned(), &run.run, &found);
    if !findings.is_empty() {
        return (Some(resolved), findings);
    }
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let class = text(against.class.map(|class| class.to_string()));
    let tree = text(statement.predicate.submission.tree.map(|tree| tree.to_string()));
    let hashed = ProtocolDigest(Sha256::of(resolved.protocol.as_bytes()).0);
    let pairs = [
        ("protocol_digest", against.protocol_digest.to_string(), resolved.protocol_digest.to_string()),
        ("protocol", against.protocol_digest.to_string(), hashed.to_string()),
        ("frozen", against.frozen.to_string(), resolved.frozen.to_string()),
        ("tree", tree, resolved.tree.to_string()),
        ("class", class, resolved.class.to_string()),
        ("data", run.data.to_string(), resolved.data.to_string()),
        ("scale", run.scale.clone(), resolved.scale.clone()),
        ("repeat", run.repeat.to_string(), resolved.repeat.to_string()),
        ("seed", run.seed.to_string(), text(resolved.seed_digest().ok().map(|seed| seed.to_string()))),
    ];
    for (key, said, found) in pairs {
        compare(&mut findings, Rule::Inconsistent, format!("{name} {key}"), &said, &found);
    }
    (Some(resolved), findings)
}

/// The transcript's ends against what the certificate says of them.
fn check_ends(walked: &Walked, run: &Run, name: &str) -> Vec<Finding> {
    let mut findings: Vec<_> = crate::transcript::check_run(&walked.header, run.run, name).into_iter().collect();
    let lines = walked.steps + 1;
    if lines != run.lines || walked.steps != run.steps {
        findings.push(
            Finding::new(Rule::TranscriptChanged, format!("{name}:{}", lines.min(run.lines) + 1))
                .expected(format!("{} lines for {} steps", run.lines, run.steps))
                .found(format!("{lines} lines")),
        );
    }
    if !findings.is_empty() {
        return findings;
    }
    compare(&mut findings, Rule::TranscriptChanged, format!("{name}:{lines}"), &run.chain, &walked.chain);
    compare(&mut findings, Rule::TranscriptChanged, name.to_owned(), &run.transcript, &walked.root);
    findings
}

/// A manifest against itself, its folder's name, the certificate and the transcript.
fn check_manifest(
    bytes: &[u8],
    run: &Run,
    (published, steps): (bool, Option<u64>),
    walked: Option<&Walked>,
    name: &str,
) -> (Option<Manifest>, Vec<Finding>) {
    let manifest: Manifest = match canonical::from_file(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return (None, vec![unreadable(Rule::CheckpointChanged, name, &error)]),
    };
    let mut findings = checkpoint::check_manifest(&manifest, name);
    if published {
        compare(&mut findings, Rule::CheckpointChanged, format!("{name} root"), &run.checkpoint, &manifest.root);
    }
    let said = steps.map_or_else(|| "a folder named by its steps".to_owned(), |steps| steps.to_string());
    compare(&mut findings, Rule::CheckpointChanged, format!("{name} step"), &said, &manifest.step.to_string());
    if let Some(walked) = walked {
        let said = walked.kept.get(&manifest.step);
        let said = said.map_or_else(|| "no such step".to_owned(), |kept| kept.chain.to_string());
        compare(&mut findings, Rule::CheckpointChanged, format!("{name} chain"), &said, &manifest.chain.to_string());
    }
    (Some(manifest), findings)
}
