//! What run folders hold of their steps, opened for the one reader of it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use evidence::{Steps, Transcript, TranscriptError, steps::row_at};
use records::{
    Blake3, Finding,
    file::{self, FileError, Links},
    v1::transcript::{FINGERPRINTS, Line, TRANSCRIPT},
};
use verifier::{
    evidence::bytes_max,
    replay::{Compared, Damage, Unsound, WhichRun, compare},
};

use crate::problem::Problem;

/// A run folder's transcript, its header read.
pub fn transcript(folder: &Path) -> Result<Transcript<File>> {
    let path = folder.join(TRANSCRIPT);
    Transcript::open(open(&path)?).map_err(|error| damaged(path, error))
}

/// Gives every step of a run folder's transcript.
pub fn each(folder: &Path, mut step: impl FnMut(Line)) -> Result<Transcript<File>> {
    let mut transcript = transcript(folder)?;
    while let Some(line) = transcript.step().map_err(|error| damaged(folder.join(TRANSCRIPT), error))? {
        step(line);
    }
    Ok(transcript)
}

/// The root over the header and the first steps of a run.
pub fn start(folder: &Path, steps: u64) -> Result<Blake3> {
    let mut transcript = transcript(folder)?;
    for _ in 0..steps {
        let step = transcript.step().map_err(|error| damaged(folder.join(TRANSCRIPT), error))?;
        step.with_context(|| format!("{} holds fewer than {steps} steps", folder.display()))?;
    }
    Ok(transcript.root())
}

/// How two runs compare: their first steps, or all of them.
pub fn beside(recorded: &Path, found: &Path, steps: Option<u64>, ignore_chain: bool) -> Result<Compared> {
    let unsound = |Unsound { side, damage }: Unsound| {
        let folder = if side == WhichRun::Recorded { recorded } else { found };
        match damage {
            Damage::Transcript(error) => damaged(folder.join(TRANSCRIPT), error),
            Damage::Row { step } => {
                Problem::usage(format!("{} is damaged at step {step}", folder.join(FINGERPRINTS).display())).into()
            }
        }
    };
    compare(&mut both(recorded)?, &mut both(found)?, steps, ignore_chain).map_err(unsound)
}

/// Findings where the first steps of two runs are not equal: the first one that differs.
pub fn parting(recorded: &Path, found: &Path, steps: u64) -> Result<Vec<Finding>> {
    Ok(beside(recorded, found, Some(steps), false)?.findings)
}

/// The row of a step, read alone; nothing where there are no fingerprints or fewer rows.
pub fn row(folder: &Path, columns: usize, step: u64) -> Result<Vec<u64>> {
    let path = folder.join(FINGERPRINTS);
    let (mut rows, _) = match file::open_plain(&path, Links::Refuse) {
        Ok(opened) => opened,
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    Ok(row_at(&mut rows, columns, step).map_err(FileError::at("read", path))?.unwrap_or_default())
}

fn both(folder: &Path) -> Result<Steps<File, File>> {
    let path = folder.join(TRANSCRIPT);
    let (transcript, rows) = (open(&path)?, open(&folder.join(FINGERPRINTS))?);
    Steps::open(transcript, rows).map_err(|error| damaged(path, error))
}

/// A plain file that is no longer than evidence may be.
fn open(path: &Path) -> Result<File> {
    let (file, size) = file::open_plain(path, Links::Refuse)?;
    let limit = bytes_max(&path.to_string_lossy());
    if size > limit {
        let why = io::Error::new(io::ErrorKind::InvalidData, format!("{size} bytes, limit {limit} bytes"));
        return Err(FileError::at("read", path)(why).into());
    }
    Ok(file)
}

/// What a reader says of a file: where it is damaged, and nothing of its text.
fn damaged(path: PathBuf, error: TranscriptError) -> anyhow::Error {
    match error {
        TranscriptError::Read(error) => FileError::at("read", path)(error).into(),
        error => {
            let line = error.line().unwrap_or(1);
            Problem::usage(format!("{} is damaged at line {line}", path.display())).into()
        }
    }
}
