//! A transcript and its fingerprints: read, and checked against each other.
//!
//! A line continues the chain of the lines before it, so the first link that does not hold names the
//! line that was changed, whether its content or its own chain hash was. A row of fingerprints is named
//! by its line's digest. Which column of a row was changed, BLAKE3 does not say; where a row is short
//! enough, every single changed byte is tried.

use records::{
    Blake3, Finding, Rule, RunDigest, Verdict, canonical,
    v1::transcript::{Header, Line, TRANSCRIPT_FORMAT},
};

/// How many bytes may be hashed to find one changed byte: about half a second.
const SEARCH_BYTES: u64 = 1 << 30;

/// What a run wrote, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The first line.
    pub header: Header,
    /// One a step.
    pub lines: Vec<Line>,
    /// Fingerprints, row by row; a row has [`Header::columns`].
    pub fingerprints: Vec<u64>,
}

/// Where the two files stand, for findings.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Path of `transcript.jsonl`.
    pub transcript: &'a str,
    /// Path of `fingerprints.bin`.
    pub fingerprints: &'a str,
}

impl Evidence {
    /// Reads both files and checks that every line follows from the one before and names its row.
    #[must_use]
    pub fn read(transcript: &[u8], fingerprints: &[u8], names: Names<'_>) -> Verdict<Self> {
        let (header, lines) = match read_lines(transcript, names.transcript) {
            Ok(parts) => parts,
            Err(findings) => return Verdict::Fail(findings),
        };
        let findings = check_rows(&header, &lines, fingerprints, names.fingerprints);
        let (words, _) = fingerprints.as_chunks::<8>();
        let fingerprints = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Verdict::from_findings(Self { header, lines, fingerprints }, findings)
    }

    /// The fingerprints of a step.
    #[must_use]
    pub fn row(&self, step: usize) -> &[u64] {
        let width = self.header.columns.len();
        self.fingerprints.get(step * width..(step + 1) * width).unwrap_or_default()
    }

    /// One fingerprint by the name of its column.
    #[must_use]
    pub fn fingerprint(&self, step: usize, column: &str) -> Option<u64> {
        let at = self.header.columns.iter().position(|name| name == column)?;
        self.row(step).get(at).copied()
    }

    /// The chain after the last step; where the chain starts, if there is none.
    #[must_use]
    pub fn last_chain(&self) -> Option<Blake3> {
        self.lines.last().map(|line| line.chain).or_else(|| self.header.chain().ok())
    }
}

/// How long the fingerprints of a transcript are, by its columns and the number of its lines; 0 where its first
/// line is no header.
#[must_use]
pub fn rows_bytes(transcript: &[u8]) -> u64 {
    let mut lines = transcript.split_inclusive(|byte| *byte == b'\n');
    let header = lines.next().and_then(|line| canonical::from_file::<Header>(line).ok());
    let columns = header.map_or(0, |header| header.columns.len() as u64);
    (lines.count() as u64).saturating_mul(columns).saturating_mul(8)
}

/// Reads the lines alone, with their chain: all that can be said of a transcript without its fingerprints.
pub fn read_lines(bytes: &[u8], name: &str) -> Result<(Header, Vec<Line>), Vec<Finding>> {
    let changed = |line: usize| Finding::new(Rule::TranscriptChanged, format!("{name}:{line}"));
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let header: Header = canonical::from_file(first).map_err(|error| {
        vec![changed(1).found("not a header in canonical form").attach(error.to_string().as_bytes())]
    })?;
    if header.format != TRANSCRIPT_FORMAT {
        return Err(vec![changed(1).expected(TRANSCRIPT_FORMAT).found(&header.format)]);
    }
    let mut chain = header.chain().map_err(|error| vec![changed(1).found(error)])?;
    let mut steps: Vec<Line> = Vec::new();
    for (index, text) in lines.enumerate() {
        let at = index + 2;
        let line: Line = canonical::from_file(text).map_err(|error| {
            vec![
                changed(at)
                    .expected(format!("step {index} in canonical form, ended by a newline"))
                    .found("another text")
                    .attach(error.to_string().as_bytes()),
            ]
        })?;
        let follows = line.follow(chain).map_err(|error| vec![changed(at).found(error)])?;
        if follows != line.chain || line.step != index as u64 {
            let place = if index == 0 { blame_first_link(&line, chain, follows) } else { at };
            let found = if place == 1 { "a header that step 0 does not follow" } else { "a line that does not follow" };
            return Err(vec![changed(place).expected("a chain without a break").found(found)]);
        }
        chain = line.chain;
        steps.push(line);
    }
    Ok((header, steps))
}

/// A broken first link is the header's or step 0's: it is step 0's where one changed byte of it mends it.
///
/// Gives the number of the line to blame.
fn blame_first_link(line: &Line, start: Blake3, follows: Blake3) -> usize {
    let own = follows.0.iter().zip(line.chain.0).filter(|(a, b)| **a != *b).count() <= 1;
    let Ok(bytes) = canonical::to_bytes(line) else { return 2 };
    // `chain` is the first key of a canonical line; what is hashed is the line without it.
    let rest = bytes.get(CHAIN_ENTRY..).unwrap_or_default();
    let mends = |rest: &[u8]| Blake3::of(&[&start.0, b"{".as_slice(), rest].concat()) == line.chain;
    if own || line.step != 0 || search(rest, mends).is_some() { 2 } else { 1 }
}

/// Length of `{"chain":"b3:` and 64 digits and `",`.
const CHAIN_ENTRY: usize = 79;

/// The position whose change to some other byte makes `holds` true.
fn search(bytes: &[u8], holds: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let length = bytes.len() as u64;
    if length.saturating_mul(length).saturating_mul(255) > SEARCH_BYTES {
        return None;
    }
    let mut tried = bytes.to_vec();
    for at in 0..bytes.len() {
        for value in (0..=255u8).filter(|value| *value != bytes[at]) {
            tried[at] = value;
            if holds(&tried) {
                return Some(at);
            }
        }
        tried[at] = bytes[at];
    }
    None
}

fn check_rows(header: &Header, lines: &[Line], bytes: &[u8], name: &str) -> Vec<Finding> {
    let width = header.columns.len() * 8;
    let expected = width * lines.len();
    let mut findings = Vec::new();
    for (step, line) in lines.iter().enumerate() {
        let Some(row) = bytes.get(step * width..(step + 1) * width) else { break };
        if Blake3::of(row) == line.fingerprints {
            continue;
        }
        let column = search(row, |row| Blake3::of(row) == line.fingerprints)
            .and_then(|at| header.columns.get(at / 8))
            .map_or(String::new(), |column| format!(", {column}"));
        findings.push(
            Finding::new(Rule::FingerprintsChanged, format!("{name} step {step}{column}"))
                .expected(line.fingerprints)
                .found(Blake3::of(row)),
        );
    }
    if bytes.len() != expected {
        findings.push(
            Finding::new(Rule::FingerprintsChanged, name)
                .expected(format!("{expected} bytes: {} rows of {} columns", lines.len(), header.columns.len()))
                .found(format!("{} bytes", bytes.len())),
        );
    }
    findings
}

/// Checks that a transcript is the one of a `run.json`.
#[must_use]
pub fn check_run(header: &Header, run: RunDigest, name: &str) -> Option<Finding> {
    (header.run != run)
        .then(|| Finding::new(Rule::TranscriptChanged, format!("{name}:1")).expected(run).found(header.run))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use records::v1::transcript::row_digest;

    use super::*;

    const NAMES: Names<'_> = Names { transcript: "transcript.jsonl", fingerprints: "fingerprints.bin" };

    /// A small run: `steps` steps of three columns, with losses and fingerprints of the caller's.
    pub(crate) fn written(
        steps: u64,
        loss: impl Fn(u64) -> f32,
        print: impl Fn(u64, u64) -> u64,
    ) -> (Vec<u8>, Vec<u8>) {
        let columns = ["embeddings/image", "gradients/a", "parameters/a"].map(str::to_owned).to_vec();
        let header = Header { format: TRANSCRIPT_FORMAT.into(), run: RunDigest([1; 32]), columns };
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

    fn place(transcript: &[u8], fingerprints: &[u8]) -> String {
        match Evidence::read(transcript, fingerprints, NAMES) {
            Verdict::Fail(findings) => findings[0].place.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_changed_byte_is_found_at_its_line() {
        let (transcript, fingerprints) = written(4, |step| 5.5 - step as f32, |step, column| step * 1000 + column);
        assert!(matches!(Evidence::read(&transcript, &fingerprints, NAMES), Verdict::Pass(_)));
        let mut line = 1;
        for at in 0..transcript.len() {
            let mut changed = transcript.clone();
            changed[at] ^= 1;
            // A newline that is gone joins two lines: the place is the first of them.
            assert_eq!(place(&changed, &fingerprints), format!("transcript.jsonl:{line}"), "byte {at}");
            line += usize::from(transcript[at] == b'\n');
        }
    }

    #[test]
    fn a_changed_fingerprint_is_found_at_its_step_and_column() {
        let (transcript, fingerprints) =
            written(3, |_| 1.0, |step, column| (step + 7) * 0x1234_5678_9abc_def1 + column);
        let columns = ["embeddings/image", "gradients/a", "parameters/a"];
        for at in 0..fingerprints.len() {
            let mut changed = fingerprints.clone();
            changed[at] = changed[at].wrapping_add(77);
            let expected = format!("fingerprints.bin step {}, {}", at / 24, columns[at % 24 / 8]);
            assert_eq!(place(&transcript, &changed), expected);
        }
        assert_eq!(place(&transcript, &fingerprints[..70]), "fingerprints.bin");
        assert_eq!(place(&transcript, &[&fingerprints[..], &[0]].concat()), "fingerprints.bin");
    }

    #[test]
    fn lines_out_of_order_or_left_out_break_the_chain() {
        let (transcript, fingerprints) = written(4, |step| step as f32, |step, _| step);
        let lines: Vec<_> = transcript.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(place(&[lines[0], lines[1], lines[3], lines[4]].concat(), &fingerprints), "transcript.jsonl:3");
        assert_eq!(place(&[lines[0], lines[2], lines[1]].concat(), &fingerprints), "transcript.jsonl:2");
        assert_eq!(place(b"", &fingerprints), "transcript.jsonl:1");
        // A cut at the end of a line leaves a good chain: the certificate's number of lines tells.
        assert_eq!(place(&lines[..4].concat(), &fingerprints), "fingerprints.bin");
    }
}
