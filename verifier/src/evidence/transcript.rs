//! A transcript and its fingerprints, walked once: what does not hold is a finding at its line, or at its step and
//! column, and what later stages ask for is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
};

use ::evidence::{RowState, Steps, TranscriptError, steps::row_bytes};
use records::{
    Blake3, Finding, Rule,
    v1::transcript::{Header, Line, TRANSCRIPT_FORMAT},
};

/// How many changed rows are named before the rest is counted: looking for the column of one takes up to half a second.
const NAMED_ROWS: u64 = 32;

/// Where the two files stand, for findings.
#[derive(Debug, Clone, Copy)]
pub struct Paths<'a> {
    /// Path of `transcript.jsonl`.
    pub transcript: &'a str,
    /// Path of `fingerprints.bin`.
    pub fingerprints: &'a str,
}

/// What a run wrote, as far as anything asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// The first line.
    pub header: Header,
    /// How many steps follow it.
    pub steps: u64,
    /// The chain after the last of them.
    pub chain: Blake3,
    /// The root over all lines.
    pub root: Blake3,
    /// What stood after so many steps, for the numbers that were wanted.
    pub kept: BTreeMap<u64, Kept>,
}

/// What is kept of a step that something else refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The chain after it.
    pub chain: Blake3,
    /// The digest of its row; `None` before the first step.
    pub row: Option<Blake3>,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The run, where every line follows from the one before.
    pub run: Option<Walked>,
    /// What is wrong with the transcript.
    pub lines: Vec<Finding>,
    /// What is wrong with the fingerprints of a transcript that holds.
    pub rows: Vec<Finding>,
}

/// Walks both files; `rows_size` is the length of the fingerprints, `wanted` the numbers of steps to keep.
///
/// - Errors: the machine's.
pub fn walk(
    transcript: impl Read,
    rows: impl Read,
    rows_size: u64,
    paths: Paths<'_>,
    wanted: &BTreeSet<u64>,
) -> io::Result<Walk> {
    let mut rows_found = RowFindings { name: paths.fingerprints, changed: 0, findings: Vec::new() };
    match walk_lines(transcript, rows, wanted, &mut rows_found) {
        Ok(run) => {
            rows_found.length(&run, rows_size);
            Ok(Walk { run: Some(run), lines: Vec::new(), rows: rows_found.findings })
        }
        // A transcript that cannot be read hides which rows are right: only its own finding is certain then.
        Err(error) => Ok(Walk { run: None, lines: vec![finding(error, paths.transcript)?], rows: Vec::new() }),
    }
}

fn walk_lines(
    transcript: impl Read,
    rows: impl Read,
    wanted: &BTreeSet<u64>,
    found: &mut RowFindings<'_>,
) -> Result<Walked, TranscriptError> {
    let mut steps = Steps::open(transcript, rows)?;
    let mut kept = BTreeMap::new();
    if wanted.contains(&0) {
        kept.insert(0, Kept { chain: steps.transcript().chain(), row: None });
    }
    while let Some((line, state)) = steps.step()? {
        if wanted.contains(&(line.step + 1)) {
            kept.insert(line.step + 1, Kept { chain: line.chain, row: Some(line.fingerprints) });
        }
        if state == RowState::Changed {
            found.changed(&line, &steps);
        }
    }
    let transcript = steps.transcript();
    Ok(Walked {
        header: transcript.header().clone(),
        steps: transcript.steps(),
        chain: transcript.chain(),
        root: transcript.root(),
        kept,
    })
}

/// What is wrong with the rows.
struct RowFindings<'a> {
    name: &'a str,
    changed: u64,
    findings: Vec<Finding>,
}

impl RowFindings<'_> {
    fn changed<T: Read, F: Read>(&mut self, line: &Line, steps: &Steps<T, F>) {
        self.changed += 1;
        if self.changed > NAMED_ROWS {
            return;
        }
        let column = steps.changed_column(line).map_or(String::new(), |column| format!(", {column}"));
        self.findings.push(
            Finding::new(Rule::FingerprintsChanged, format!("{} step {}{column}", self.name, line.step))
                .expected(line.fingerprints)
                .found(Blake3::of(steps.row())),
        );
    }

    fn length(&mut self, run: &Walked, found: u64) {
        let more = self.changed.saturating_sub(NAMED_ROWS);
        if more > 0 {
            let finding = Finding::new(Rule::FingerprintsChanged, self.name);
            self.findings
                .push(finding.expected("the rows that the lines name").found(format!("{more} more changed rows")));
        }
        let expected = (row_bytes(&run.header) as u64).saturating_mul(run.steps);
        if found != expected {
            self.findings.push(
                Finding::new(Rule::FingerprintsChanged, self.name)
                    .expected(format!("{expected} bytes: {} rows of {} columns", run.steps, run.header.columns.len()))
                    .found(format!("{found} bytes")),
            );
        }
    }
}

/// What a transcript's reader says, as a finding.
///
/// - Errors: the machine's.
fn finding(error: TranscriptError, name: &str) -> io::Result<Finding> {
    let changed = |line: u64| Finding::new(Rule::TranscriptChanged, format!("{name}:{line}"));
    Ok(match error {
        TranscriptError::Read(error) => return Err(error),
        TranscriptError::Header { said } => changed(1).found("not a header in canonical form").attach(said.as_bytes()),
        TranscriptError::Format { found } => changed(1).expected(TRANSCRIPT_FORMAT).found(found),
        TranscriptError::Line { line, said } => changed(line)
            .expected(format!("step {} in canonical form, ended by a newline", line.saturating_sub(2)))
            .found("another text")
            .attach(said.as_bytes()),
        TranscriptError::Broken { line } => {
            let found = if line == 1 { "a header that step 0 does not follow" } else { "a line that does not follow" };
            changed(line).expected("a chain without a break").found(found)
        }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use records::{RunDigest, canonical, v1::transcript::row_digest};

    use super::*;

    const PATHS: Paths<'_> = Paths { transcript: "transcript.jsonl", fingerprints: "fingerprints.bin" };

    /// A small run: `steps` steps of three columns, with losses and fingerprints of the caller's.
    pub(crate) fn written(
        run: u8,
        steps: u64,
        loss: impl Fn(u64) -> f32,
        print: impl Fn(u64, u64) -> u64,
    ) -> (Vec<u8>, Vec<u8>) {
        let columns = ["embeddings/image", "gradients/a", "parameters/a"].map(str::to_owned).to_vec();
        let header = Header { format: TRANSCRIPT_FORMAT.into(), run: RunDigest([run; 32]), columns };
        let mut transcript = canonical::to_file(&header).unwrap();
        let mut fingerprints = Vec::new();
        let mut chain = header.chain().unwrap();
        for step in 0..steps {
            let row: Vec<u64> = (0..3).map(|column| print(step, column)).collect();
            let line = Line {
                step,
                epoch: 0,
                ids: Blake3::of(&step.to_le_bytes()),
                loss: loss(step).into(),
                diagnostics: BTreeMap::from([("tau".to_owned(), 0.07f32.into())]),
                fingerprints: row_digest(&row),
                chain,
            };
            let line = line.chained(chain).unwrap();
            chain = line.chain;
            transcript.extend(canonical::to_file(&line).unwrap());
            fingerprints.extend(row.iter().flat_map(|word| word.to_le_bytes()));
        }
        (transcript, fingerprints)
    }

    fn walked(transcript: &[u8], rows: &[u8]) -> Walk {
        walk(transcript, rows, rows.len() as u64, PATHS, &BTreeSet::from([0, 2, 9])).unwrap()
    }

    #[test]
    fn what_is_wanted_is_kept_and_nothing_else() {
        let (transcript, rows) = written(1, 4, |step| step as f32, |step, column| step + column);
        let Walk { run: Some(run), lines, rows: changed } = walked(&transcript, &rows) else { panic!() };
        assert_eq!((run.steps, lines.len(), changed.len()), (4, 0, 0));
        assert_eq!(run.kept.keys().copied().collect::<Vec<_>>(), [0, 2], "a step that there is not is not kept");
        let second: Line = canonical::from_file(transcript.split_inclusive(|b| *b == b'\n').nth(2).unwrap()).unwrap();
        assert_eq!(run.kept[&2], Kept { chain: second.chain, row: Some(second.fingerprints) });
        assert_eq!(run.kept[&0], Kept { chain: run.header.chain().unwrap(), row: None });
    }

    #[test]
    fn a_broken_line_hides_its_rows_and_a_changed_row_is_named() {
        let (transcript, rows) = written(1, 3, |_| 1.0, |step, column| (step + 7) * 0x1234_5678_9abc_def1 + column);
        let mut changed = rows.clone();
        changed[24 + 9] ^= 4;
        let walk = walked(&transcript, &changed);
        assert_eq!(walk.rows[0].place, "fingerprints.bin step 1, gradients/a");
        assert!(walk.run.is_some() && walk.lines.is_empty());
        let mut broken = transcript.clone();
        let at = transcript.len() - 10;
        broken[at] ^= 1;
        let walk = walked(&broken, &changed);
        assert_eq!((walk.run, walk.rows), (None, vec![]));
        assert_eq!(walk.lines[0].place, "transcript.jsonl:4");
    }

    #[test]
    fn rows_too_many_or_too_few_are_told_by_length() {
        let (transcript, rows) = written(1, 3, |_| 1.0, |step, _| step);
        for other in [&rows[..70], &[&rows[..], &[0]].concat()] {
            let walk = walked(&transcript, other);
            assert_eq!(walk.rows[0].place, "fingerprints.bin");
            assert_eq!(walk.rows[0].found, format!("{} bytes", other.len()));
        }
    }

    #[test]
    fn many_changed_rows_are_counted() {
        let (transcript, rows) = written(1, 40, |_| 1.0, |step, _| step);
        let zeros = vec![0xff; rows.len()];
        let walk = walked(&transcript, &zeros);
        assert_eq!(walk.rows.len(), 33);
        assert_eq!(walk.rows[32].found, "8 more changed rows");
    }
}
