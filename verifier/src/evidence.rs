//! The files that a certificate names, read again: every byte against its digest, and every number that
//! the certificate states recomputed from them.
//!
//! A run folder was written by a stranger. Files come through [`Files`], which opens plain files below
//! the certificate's folder and nothing else; each is read once, with a limit, and judged as bytes.

mod scores;
mod sources;

use std::collections::BTreeMap;

use records::{
    Blake3, Finding, ProtocolDigest, Rule, RunDigest, Sha256, Verdict, canonical,
    canonical::CanonicalError,
    checkpoint::Manifest,
    golden::Golden,
    run::ResolvedRun,
    statement::{Run, Statement},
    transcript,
};

use crate::{
    checkpoint,
    transcript::{Evidence, Names},
};

/// The longest file that is read, in bytes: a checkpoint of a billion parameters with its state.
pub const FILE_MAX: u64 = 16 << 30;

/// The file of a scale that says what stood around its workers.
pub const CONTAINMENT: &str = "containment.json";
/// The record of the golden that was repeated.
pub const GOLDEN: &str = "golden.json";
/// The object of the participant's crate.
pub const OBJECT: &str = "worker/submission.o";

/// Why a file was not read.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    /// There is none.
    #[error("missing")]
    Missing,
    /// It is not a plain file below the folder, or longer than the limit: the evidence's fault.
    #[error("{0}")]
    Refused(String),
    /// The machine could not read it: nobody's fault.
    #[error("{0}")]
    Failed(String),
}

/// A run folder, as far as the verifier may see it.
pub trait Files {
    /// Reads a plain file of at most `limit` bytes at a relative path with `/` between its parts.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, ReadError>;
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
    /// The golden, where it could be read.
    pub golden: Option<Golden>,
}

/// Checks every file of a statement and everything that the statement says of them.
///
/// Errors: a file that this machine could not read.
pub fn check(statement: &Statement, files: &dyn Files) -> Result<Looked, ReadError> {
    let mut desk = Desk::new(statement, files);
    desk.check_golden(statement)?;
    desk.check_object(statement)?;
    for run in &statement.predicate.runs {
        desk.check_run(statement, run)?;
    }
    desk.check_rest()?;
    let Desk { counts, findings, runs, golden, .. } = desk;
    Ok(Looked { counts, findings, runs, golden })
}

/// What lies on the table: files still to be looked at, and what was found.
struct Desk<'a> {
    files: &'a dyn Files,
    /// Expected digests of the files that were not read yet.
    left: BTreeMap<&'a str, &'a str>,
    counts: Counts,
    findings: Vec<Finding>,
    runs: Vec<ResolvedRun>,
    golden: Option<Golden>,
}

/// A file and whether it is the one that was signed.
struct Piece {
    bytes: Vec<u8>,
    intact: bool,
}

impl<'a> Desk<'a> {
    fn new(statement: &'a Statement, files: &'a dyn Files) -> Self {
        let subjects = statement.subject.iter().skip(1);
        let left = subjects.map(|subject| (subject.name.as_str(), subject.digest.sha256.as_str())).collect();
        Self { files, left, counts: Counts::default(), findings: Vec::new(), runs: Vec::new(), golden: None }
    }

    /// Reads a file of the statement; a finding and nothing where it is not named, missing or not a plain file.
    fn take(&mut self, name: &str) -> Result<Option<Piece>, ReadError> {
        let Some(expected) = self.left.remove(name) else {
            self.findings
                .push(Finding::new(Rule::Inconsistent, name).expected("a subject of the certificate").found("none"));
            return Ok(None);
        };
        self.counts.files += 1;
        match self.files.read(name, FILE_MAX) {
            Ok(bytes) => {
                let intact = Sha256::of(&bytes).bare() == expected;
                Ok(Some(Piece { bytes, intact }))
            }
            Err(ReadError::Missing) => {
                self.findings.push(Finding::new(Rule::FileMissing, name));
                Ok(None)
            }
            Err(ReadError::Refused(why)) => {
                self.findings.push(Finding::new(Rule::FileChanged, name).expected("a plain file").found(why));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Notes what a closer look found; a changed file has a finding whatever that look said.
    fn note(&mut self, name: &str, piece: &Piece, closer: Vec<Finding>) {
        if closer.is_empty() && !piece.intact {
            let finding = Finding::new(rule_of(name), name);
            self.findings.push(finding.expected("the bytes that were signed").found(Sha256::of(&piece.bytes)));
        }
        self.findings.extend(closer);
    }

    fn check_run(&mut self, statement: &Statement, run: &Run) -> Result<(), ReadError> {
        let path = |name: &str| format!("{}/{name}", run.scale);
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
        let folders: Vec<String> = self.checkpoint_folders(&run.scale);
        let published = path("published");
        if !folders.contains(&published) {
            self.findings.push(Finding::new(Rule::Inconsistent, &published).expected("a checkpoint").found("none"));
        }
        for folder in folders {
            self.check_checkpoint(run, &folder, folder == published, evidence.as_ref())?;
        }
        let name = path("eval_results.jsonl");
        if let Some(piece) = self.take(&name)? {
            let findings = scores::check(&piece.bytes, run, &name);
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
        let (lines, rows) = (format!("{}/transcript.jsonl", run.scale), format!("{}/fingerprints.bin", run.scale));
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

    fn checkpoint_folders(&self, scale: &str) -> Vec<String> {
        let of_scale = format!("{scale}/");
        let manifests = self.left.keys().filter(|name| name.starts_with(&of_scale));
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
            if let Some(piece) = self.take(&name)? {
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
