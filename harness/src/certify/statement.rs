//! The unsigned statement: what the stages left behind, in the words of a certificate.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use anyhow::{Context as _, Result};
use records::{
    Blake3, LibtorchDigest, Sha256, canonical,
    file::{self, FileError, Links},
    v1::{
        build::Built,
        checkpoint::Manifest,
        evaluation::{self, Score, TaskResult},
        golden::Golden,
        names,
        statement::{Against, Certificate, Run, Stage, StageValue, StatedOutcome, Statement, Subject, Submission},
        track::Track,
    },
};

use verifier::{certificate, conformity, evidence, gate::Judgement, predicate, release::PinnedProtocol};

use super::{Certification, Scaled, trial::VARIANTS};
use crate::{round::Round, traces};

/// The end of what the trainer of a run that failed said.
const LAST_WORDS: &str = "last-words.txt";
const LAST_WORDS_MAX: u64 = 16 << 10;

/// What is known when the stages end, however they ended.
#[derive(Default)]
pub struct Known {
    /// Stages so far.
    pub stages: Vec<Stage>,
    /// The worker.
    pub built: Option<Built>,
    /// The golden that was repeated.
    pub golden: Option<Golden>,
    /// libtorch's libraries, as they were when the golden was repeated.
    pub libtorch: Option<LibtorchDigest>,
    /// What stood around the worker.
    pub containment: Vec<String>,
}

/// The statement of an entry whose gate passed.
pub fn assemble(job: &Certification<'_>, known: &Known, scales: &[Scaled<'_>]) -> Result<Statement> {
    let failed = known.stages.iter().any(|stage| matches!(stage.value, StageValue::Fail(_)));
    let trained = scales;
    let scales = if failed { &[] } else { scales };
    let submission = Submission {
        archive: job.archive,
        tree: Some(job.entry.digest),
        object: known.built.as_ref().map(|built| built.object),
    };
    let mut subject = vec![certificate::submission_subject(&submission)];
    sources(&job.folder.0, known, &mut subject)?;
    if failed {
        left_behind(job, trained, &mut subject)?;
    }
    for scale in scales {
        files(job.pinned.protocol.track, &job.folder.0, &job.folder.run(scale.run.name()), &mut subject)?;
    }
    subject[1..].sort_by(|a, b| a.name.cmp(&b.name));
    Ok(predicate::state(
        subject,
        Certificate {
            outcome: if failed { StatedOutcome::Fail } else { StatedOutcome::Pass },
            round: job.round.public(),
            entry: job.entry.about.clone(),
            submission,
            against: Against {
                protocol: job.pinned.protocol.name.clone(),
                protocol_digest: job.pinned.digest,
                frozen: crate::frozen::digest(),
                release: crate::frozen::judge(),
                libtorch: known.libtorch,
                rustc: known.built.as_ref().map(|built| built.rustc.clone()),
                class: known.golden.as_ref().map(|golden| golden.class),
                golden: known.golden.as_ref().map(|golden| golden.transcript),
            },
            containment: known.containment.clone(),
            stages: known.stages.clone(),
            runs: scales.iter().map(|scale| run(job, scale)).collect::<Result<_>>()?,
        },
    ))
}

/// The statement of a ZIP of so many bytes that the gate refused.
#[must_use]
pub fn refused(judgement: &Judgement, bytes: usize, pinned: &PinnedProtocol, round: &Round) -> Statement {
    let submission = Submission { archive: judgement.archive, tree: judgement.submission, object: None };
    predicate::state(
        vec![
            certificate::submission_subject(&submission),
            Subject::file(evidence::ARCHIVE.to_owned(), judgement.archive, bytes as u64),
        ],
        Certificate {
            outcome: StatedOutcome::Fail,
            round: round.public(),
            entry: judgement.entry.clone().unwrap_or_else(conformity::nobody),
            submission,
            against: Against {
                protocol: pinned.protocol.name.clone(),
                protocol_digest: pinned.digest,
                frozen: judgement.frozen,
                release: crate::frozen::judge(),
                libtorch: None,
                rustc: None,
                class: None,
                golden: None,
            },
            containment: Vec::new(),
            stages: judgement.stages.clone(),
            runs: Vec::new(),
        },
    )
}

/// The ZIP, the object of the worker and the record of the golden, as far as the stages came.
fn sources(home: &Path, known: &Known, subject: &mut Vec<Subject>) -> Result<()> {
    subject.push(named(home, &home.join(evidence::ARCHIVE))?);
    if known.built.is_some() {
        subject.push(named(home, &home.join(evidence::OBJECT))?);
    }
    if let Some(golden) = &known.golden {
        let path = home.join(evidence::GOLDEN);
        file::write(&path, &canonical::to_file(golden)?)?;
        subject.push(named(home, &path)?);
    }
    Ok(())
}

/// What the trials and trainings of an entry that failed left behind, as far as they came: who doubts a FAIL reads
/// the steps that led to it, and the program's last words.
fn left_behind(job: &Certification<'_>, scales: &[Scaled<'_>], subject: &mut Vec<Subject>) -> Result<()> {
    for scale in scales {
        let name = scale.run.name();
        let trials = VARIANTS.map(|variant| job.folder.trial(name, variant));
        for folder in trials.into_iter().chain([job.folder.run(name)]) {
            last_words(&folder)?;
            for file in [names::RUN, names::CONTAINMENT, names::TRANSCRIPT, names::FINGERPRINTS, LAST_WORDS] {
                let path = folder.join(file);
                if path.is_file() {
                    subject.push(named(&job.folder.0, &path)?);
                }
            }
        }
    }
    Ok(())
}

/// Keeps the end of what the trainer said; hostile text, which is escaped where it is shown.
fn last_words(folder: &Path) -> Result<()> {
    let Ok((log, length)) = file::open_plain(&folder.join("trainer.log"), Links::Refuse) else { return Ok(()) };
    let path = folder.join(LAST_WORDS);
    let mut words = Vec::new();
    let mut log = log;
    log.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS_MAX)))
        .and_then(|_| log.take(LAST_WORDS_MAX).read_to_end(&mut words))
        .map_err(FileError::at("read", folder.join("trainer.log")))?;
    Ok(file::write(&path, &words)?)
}

/// Every file of a run that its verdict rests on.
fn files(track: Track, home: &Path, folder: &Path, subject: &mut Vec<Subject>) -> Result<()> {
    let mut names: Vec<_> = track.run_files().iter().map(|name| folder.join(name)).collect();
    let mut checkpoints = vec![folder.join(names::PUBLISHED)];
    let entries = fs::read_dir(folder.join(names::CHECKPOINTS))
        .with_context(|| format!("no checkpoints in {}", folder.display()))?;
    for entry in entries {
        checkpoints.push(entry?.path());
    }
    for checkpoint in checkpoints {
        let names_here = [names::MANIFEST, names::WEIGHTS, names::STATE].map(|name| checkpoint.join(name));
        names.extend(names_here.into_iter().filter(|path| path.is_file()));
    }
    for path in names {
        subject.push(named(home, &path)?);
    }
    Ok(())
}

/// A file by its path below the entry's folder.
fn named(home: &Path, path: &Path) -> Result<Subject> {
    let name = path.strip_prefix(home).context("a subject outside of the entry's folder")?;
    let (opened, _) = file::open_plain(path, Links::Refuse)?;
    let (digest, bytes) = Sha256::of_stream(opened).map_err(FileError::at("read", path))?;
    Ok(Subject::file(name.to_string_lossy().into_owned(), digest, bytes))
}

fn run(job: &Certification<'_>, scale: &Scaled<'_>) -> Result<Run> {
    let folder = job.folder.run(scale.run.name());
    let transcript = traces::each(&folder, |_| ())?;
    let published: Manifest = canonical::from_file(&file::read(&folder.join(names::PUBLISHED).join(names::MANIFEST))?)?;
    let results = results(&folder)?;
    let scores: Vec<_> = results.iter().map(|(line, result)| Score::of(result, *line)).collect();
    Ok(Run {
        scale: scale.scale.name.clone(),
        repeat: scale.run.repeat,
        seed: scale.run.seed_digest()?,
        run: scale.run.digest()?,
        data: scale.run.data,
        steps: scale.scale.steps,
        lines: transcript.steps() + 1,
        transcript: transcript.root(),
        chain: transcript.chain(),
        checkpoint: published.root,
        mean: evaluation::mean(&scores),
        scores,
    })
}

/// The lines of `eval_results.jsonl`, each with its digest.
pub fn results(folder: &Path) -> Result<Vec<(Blake3, TaskResult)>> {
    let path = folder.join(names::RESULTS);
    let bytes = file::read(&path)?;
    let parse = |line: &[u8]| {
        let result = serde_json::from_slice(line).with_context(|| format!("{} is damaged", path.display()))?;
        Ok((Blake3::of(line), result))
    };
    bytes.split_inclusive(|byte| *byte == b'\n').map(parse).collect()
}
