//! Compares the first steps of two run folders.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use records::{Finding, Rule, Verdict, canonical, file, v1::transcript::Header};
use verifier::transcript::{Evidence, Names};

/// The transcript's header and its first `steps` lines.
pub fn lines(folder: &Path, steps: u64) -> Result<Vec<u8>> {
    let path = folder.join("transcript.jsonl");
    let bytes = file::read(&path)?;
    let wanted = usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(1);
    let end = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).nth(wanted - 1);
    let end = end.with_context(|| format!("{} holds fewer than {steps} steps", path.display()))?;
    Ok(bytes[..end].to_vec())
}

/// Findings where the first `steps` steps of two runs are not equal: the first one that differs.
pub fn compare(expected: &Path, found: &Path, steps: u64) -> Result<Vec<Finding>> {
    let (left, right) = (lines(expected, steps)?, lines(found, steps)?);
    if left == right {
        return Ok(Vec::new());
    }
    let (left, right) = (evidence(expected, &left)?, evidence(found, &right)?);
    let findings = verifier::replay::compare(&left, &right, steps, false);
    // Bytes differ, so there is something to find even where no parsed field shows it.
    let place = || Finding::new(Rule::Diverged, "transcript.jsonl").found("bytes that differ");
    Ok(if findings.is_empty() { vec![place()] } else { findings })
}

fn evidence(folder: &Path, transcript: &[u8]) -> Result<Evidence> {
    let mut fingerprints = file::read(&folder.join("fingerprints.bin"))?;
    let header: Header =
        canonical::from_file(transcript.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default())?;
    let rows = transcript.iter().filter(|byte| **byte == b'\n').count() - 1;
    fingerprints.truncate(rows * header.columns.len() * size_of::<u64>());
    let names = Names { transcript: "transcript.jsonl", fingerprints: "fingerprints.bin" };
    match Evidence::read(transcript, &fingerprints, names) {
        Verdict::Pass(evidence) => Ok(evidence),
        Verdict::Fail(findings) => bail!("{} is damaged: {}", folder.display(), findings[0].place),
        Verdict::Inconclusive(reason) => bail!("{}: {}", folder.display(), reason.why),
    }
}
