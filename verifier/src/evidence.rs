//! The files that a certificate names, read again: every byte against its digest, and every number that
//! the certificate states recomputed from them.
//!
//! A run folder was written by a stranger. Files come through [`Files`], which opens plain files below
//! the certificate's folder and nothing else. The certificate says how long each one is: a file of another
//! length is a finding and is not read; what is only hashed is never held whole.

pub mod part;
mod scores;
mod sources;

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use records::{
    Blake3, DataRoot, Finding, ProtocolDigest, Rule, RunDigest, Sha256, Verdict, canonical,
    canonical::CanonicalError,
    file::read_opened,
    v1::{
        checkpoint::{MANIFEST_BYTES_MAX, Manifest},
        golden::Golden,
        names::RunName,
        run::ResolvedRun,
        statement::{Run, Statement, Subject},
        track::Track,
        transcript,
    },
};

use self::part::Part;
use crate::{
    checkpoint,
    intake::ARCHIVE_BYTES_MAX,
    transcript::{Evidence, Names},
};

/// The longest file of a name, in bytes: a certificate that names a longer one does not hold.
#[must_use]
pub fn bytes_max(name: &str) -> u64 {
    match name.rsplit('/').next().unwrap_or_default() {
        GOLDEN | CONTAINMENT => 64 << 10,
        "run.json" | "model.json" => 4 << 20,
        "manifest.json" => MANIFEST_BYTES_MAX,
        "eval_results.jsonl" => 16 << 20,
        // What intake refuses unread is kept as far as it was read: one byte more.
        _ if name == ARCHIVE => ARCHIVE_BYTES_MAX as u64 + 1,
        // What a compiler may write at once.
        _ if name == OBJECT => 256 << 20,
        // A million steps of 500 bytes; a hundred thousand rows of 5,000 fingerprints.
        "transcript.jsonl" => 512 << 20,
        "fingerprints.bin" => 4 << 30,
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
    pub content: Box<dyn Read + 'a>,
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
    let mut desk = Desk::new(statement, files, part);
    desk.set_pruned_aside(statement)?;
    desk.check_archive()?;
    desk.check_golden(statement)?;
    desk.check_object(statement)?;
    for run in &statement.predicate.runs {
        desk.check_run(statement, run)?;
    }
    desk.check_rest()?;
    let Desk { counts, findings, runs, scored, golden, archive, .. } = desk;
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

/// What lies on the table: files still to be looked at, and what was found.
struct Desk<'a> {
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

/// A file and whether it is the one that was signed.
struct Piece {
    /// Empty where only the digest was asked for.
    bytes: Vec<u8>,
    digest: Sha256,
    intact: bool,
}

impl<'a> Desk<'a> {
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

    /// Reads a file of the statement; a finding and nothing where it is not named, not there, not a plain file or
    /// of another length.
    fn take(&mut self, name: &str) -> Result<Option<Piece>, ReadError> {
        self.look(name, |content, size| {
            let bytes = read_opened(content, size, size)?;
            Ok((Sha256::of(&bytes), bytes))
        })
    }

    /// As [`Desk::take`], for a file of which nothing but the digest is asked.
    fn hash(&mut self, name: &str) -> Result<Option<Piece>, ReadError> {
        self.look(name, |content, size| {
            let (digest, _) = Sha256::of_stream(content.take(size.saturating_add(1)))?;
            Ok((digest, Vec::new()))
        })
    }

    fn look(
        &mut self,
        name: &str,
        read: impl FnOnce(Box<dyn Read + '_>, u64) -> io::Result<(Sha256, Vec<u8>)>,
    ) -> Result<Option<Piece>, ReadError> {
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
        let changed = |expected: String, found: String| {
            Ok(Err(Finding::new(Rule::FileChanged, name).expected(expected).found(found)))
        };
        let looked = match self.files.open(name) {
            Ok(Opened { size, .. }) if size != signed.bytes => {
                changed(format!("{} bytes", signed.bytes), format!("{size} bytes"))
            }
            Ok(Opened { size, content }) => match read(content, size) {
                Ok((digest, bytes)) => Ok(Ok(Piece { bytes, intact: digest.bare() == signed.sha256, digest })),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    changed(format!("{size} bytes"), error.to_string())
                }
                Err(error) => Err(ReadError::Failed(format!("cannot read {name}: {error}"))),
            },
            Err(ReadError::Missing) => Ok(Err(Finding::new(Rule::FileMissing, name))),
            Err(ReadError::Refused(why)) => changed("a plain file".to_owned(), why),
            Err(error) => Err(error),
        };
        Ok(looked?.map_err(|finding| self.findings.push(finding)).ok())
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
        let evidence = self.check_transcript(run)?;
        let folders: Vec<String> = self.checkpoint_folders(run.name());
        let published = path("published");
        if !folders.contains(&published) {
            self.findings.push(Finding::new(Rule::Inconsistent, &published).expected("a checkpoint").found("none"));
        }
        for folder in folders {
            self.check_checkpoint(run, &folder, folder == published, evidence.as_ref())?;
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

    fn check_transcript(&mut self, run: &Run) -> Result<Option<Evidence>, ReadError> {
        let path = |name: &str| format!("{}/{name}", run.name());
        let (lines, rows) = (path("transcript.jsonl"), path("fingerprints.bin"));
        let (Some(transcript), Some(fingerprints)) = (self.take(&lines)?, self.take(&rows)?) else { return Ok(None) };
        let names = Names { transcript: &lines, fingerprints: &rows };
        let (evidence, findings) = match Evidence::read(&transcript.bytes, &fingerprints.bytes, names) {
            Verdict::Pass(evidence) => (Some(evidence), Vec::new()),
            Verdict::Fail(findings) => (None, findings),
            Verdict::Inconclusive(reason) => return Err(ReadError::Failed(reason.why)),
        };
        let (of_lines, of_rows): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| finding.place.starts_with(&lines));
        let mut of_lines = of_lines;
        if let Some(evidence) = &evidence {
            self.counts.steps += evidence.lines.len() as u64;
            of_lines.extend(check_ends(&transcript.bytes, evidence, run, &lines));
        } else if transcript.intact && fingerprints.intact {
            of_lines.push(
                Finding::new(Rule::Inconsistent, &lines).found("a transcript that was signed although it is broken"),
            );
        }
        // A transcript that cannot be read hides which rows are right: only its own finding is certain then.
        self.note(&lines, &transcript, of_lines);
        self.note(&rows, &fingerprints, of_rows);
        Ok(evidence)
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
        published: bool,
        evidence: Option<&Evidence>,
    ) -> Result<(), ReadError> {
        let name = format!("{folder}/manifest.json");
        let Some(piece) = self.take(&name)? else { return Ok(()) };
        let (manifest, mut findings) = check_manifest(&piece.bytes, run, published, evidence, &name);
        if !piece.intact {
            // One change of a manifest contradicts much at once; the first contradiction is its place.
            findings.truncate(1);
        }
        self.note(&name, &piece, findings);
        let Some(manifest) = manifest.filter(|_| piece.intact) else { return Ok(()) };
        self.counts.checkpoints += 1;
        let prints = |tensor: &str| {
            let evidence = evidence?;
            let row = usize::try_from(manifest.step.checked_sub(1)?).ok()?;
            let learnable = if tensor == "logit_scale" { "log_scale" } else { tensor };
            [tensor.to_owned(), format!("parameters/{tensor}"), format!("learnables/{learnable}")]
                .iter()
                .find_map(|column| evidence.fingerprint(row, column))
        };
        for file in &manifest.files {
            let name = format!("{folder}/{}", file.name);
            if let Some(piece) = self.take(&name)? {
                let findings = checkpoint::check_file(&piece.bytes, file, &name, &prints);
                self.note(&name, &piece, findings);
            }
        }
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

/// Which rule a changed file breaks, by its name.
fn rule_of(name: &str) -> Rule {
    match name.rsplit('/').next().unwrap_or_default() {
        "transcript.jsonl" => Rule::TranscriptChanged,
        "fingerprints.bin" => Rule::FingerprintsChanged,
        "eval_results.jsonl" => Rule::EvaluationChanged,
        "manifest.json" | "model.safetensors" | "state.safetensors" => Rule::CheckpointChanged,
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
fn check_ends(bytes: &[u8], evidence: &Evidence, run: &Run, name: &str) -> Vec<Finding> {
    let mut findings: Vec<_> = crate::transcript::check_run(&evidence.header, run.run, name).into_iter().collect();
    let lines = evidence.lines.len() as u64 + 1;
    if lines != run.lines || evidence.lines.len() as u64 != run.steps {
        findings.push(
            Finding::new(Rule::TranscriptChanged, format!("{name}:{}", lines.min(run.lines) + 1))
                .expected(format!("{} lines for {} steps", run.lines, run.steps))
                .found(format!("{lines} lines")),
        );
    }
    if !findings.is_empty() {
        return findings;
    }
    let chain = evidence.last_chain().unwrap_or(Blake3([0; 32]));
    compare(&mut findings, Rule::TranscriptChanged, format!("{name}:{lines}"), &run.chain, &chain);
    compare(&mut findings, Rule::TranscriptChanged, name.to_owned(), &run.transcript, &transcript::root(bytes));
    findings
}

/// A manifest against itself, the certificate and the transcript.
fn check_manifest(
    bytes: &[u8],
    run: &Run,
    published: bool,
    evidence: Option<&Evidence>,
    name: &str,
) -> (Option<Manifest>, Vec<Finding>) {
    let manifest: Manifest = match canonical::from_file(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return (None, vec![unreadable(Rule::CheckpointChanged, name, &error)]),
    };
    let mut findings = checkpoint::check_manifest(&manifest, name);
    if published {
        compare(&mut findings, Rule::CheckpointChanged, format!("{name} root"), &run.checkpoint, &manifest.root);
        compare(&mut findings, Rule::CheckpointChanged, format!("{name} step"), &run.steps, &manifest.step);
    }
    if let Some(evidence) = evidence {
        let done = usize::try_from(manifest.step).unwrap_or(usize::MAX);
        let chain = match done.checked_sub(1) {
            None => evidence.header.chain().ok(),
            Some(last) => evidence.lines.get(last).map(|line| line.chain),
        };
        let said = chain.map_or_else(|| "no such step".to_owned(), |chain| chain.to_string());
        compare(&mut findings, Rule::CheckpointChanged, format!("{name} chain"), &said, &manifest.chain.to_string());
    }
    (Some(manifest), findings)
}
