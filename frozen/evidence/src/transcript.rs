//! A transcript, line by line: each one in canonical form, each continuing the chain of those before it.
//!
//! The first link that does not hold names the line that was changed, whether its content or its own chain hash was.

use std::io::{self, BufRead as _, BufReader, Read};

use records::{
    Blake3, canonical,
    merkle::{self, Peaks},
    v1::transcript::{Header, Line, TRANSCRIPT_FORMAT, link},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::search::changed_byte;

/// The longest header that is read, in bytes: some 100,000 columns.
pub const HEADER_BYTES_MAX: u64 = 16 << 20;

/// The longest line of a step that is read, in bytes: some 10,000 diagnostics.
pub const LINE_BYTES_MAX: u64 = 1 << 20;

/// A transcript that cannot be read, or that does not hold together.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// The machine could not read it.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// The first line is no header.
    #[error("line 1 is not a header in canonical form: {said}")]
    Header {
        /// What its reader said.
        said: String,
    },
    /// A header of another form.
    #[error("line 1 has form `{found}`, expected `{TRANSCRIPT_FORMAT}`")]
    Format {
        /// The form that it states.
        found: String,
    },
    /// A line that is no step, or is not ended by a newline.
    #[error("line {line} is not a step in canonical form, ended by a newline: {said}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What its reader said.
        said: String,
    },
    /// A line that does not follow from those before it.
    #[error("line {line} does not continue the chain")]
    Broken {
        /// The number of the line that was changed: 1 where it is the header.
        line: u64,
    },
}

impl TranscriptError {
    /// The line to blame; `None` where the machine is.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Read(_) => None,
            Self::Header { .. } | Self::Format { .. } => Some(1),
            Self::Line { line, .. } | Self::Broken { line } => Some(*line),
        }
    }
}

/// A transcript that is being read: everything up to the last line that was given holds together.
pub struct Transcript<R> {
    reader: BufReader<R>,
    header: Header,
    /// The line that was read last.
    text: Vec<u8>,
    steps: u64,
    bytes: u64,
    chain: Blake3,
    lines: Peaks,
}

impl<R: Read> Transcript<R> {
    /// Reads the header.
    pub fn open(reader: R) -> Result<Self, TranscriptError> {
        let mut reader = BufReader::new(reader);
        let mut text = Vec::new();
        read_line(&mut reader, &mut text, HEADER_BYTES_MAX)?;
        let header: Header = parse(&text, HEADER_BYTES_MAX).map_err(|said| TranscriptError::Header { said })?;
        if header.format != TRANSCRIPT_FORMAT {
            return Err(TranscriptError::Format { found: header.format });
        }
        let chain = header.chain().map_err(|error| TranscriptError::Header { said: error.to_string() })?;
        let lines = Peaks::from_iter([merkle::leaf(&text)]);
        Ok(Self { reader, header, steps: 0, bytes: text.len() as u64, text, chain, lines })
    }

    /// The next step; `None` at the end.
    pub fn step(&mut self) -> Result<Option<Line>, TranscriptError> {
        let at = self.steps + 2;
        read_line(&mut self.reader, &mut self.text, LINE_BYTES_MAX)?;
        if self.text.is_empty() {
            return Ok(None);
        }
        let line: Line = parse(&self.text, LINE_BYTES_MAX).map_err(|said| TranscriptError::Line { line: at, said })?;
        let follows =
            line.follow(self.chain).map_err(|error| TranscriptError::Line { line: at, said: error.to_string() })?;
        if follows != line.chain || line.step != self.steps {
            let line = if self.steps == 0 { self.blame_first_link(&line, follows) } else { at };
            return Err(TranscriptError::Broken { line });
        }
        self.chain = line.chain;
        self.steps += 1;
        self.bytes += self.text.len() as u64;
        self.lines.push(merkle::leaf(&self.text));
        Ok(Some(line))
    }

    /// A broken first link is the header's or step 0's: it is step 0's where one changed byte of it mends it.
    ///
    /// Gives the number of the line to blame.
    fn blame_first_link(&self, line: &Line, follows: Blake3) -> u64 {
        let own = follows.0.iter().zip(line.chain.0).filter(|(a, b)| **a != *b).count() <= 1;
        // `chain` is the first key of a canonical line; what is linked is the line without it, and without its newline.
        let rest = self.text.get(CHAIN_ENTRY..self.text.len().saturating_sub(1)).unwrap_or_default();
        let mends = |rest: &[u8]| link(self.chain, &[b"{", rest].concat()) == line.chain;
        if own || line.step != 0 || changed_byte(rest, mends).is_some() { 2 } else { 1 }
    }

    /// The first line.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Steps that were read.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The chain after them; where it starts, if there is none.
    #[must_use]
    pub fn chain(&self) -> Blake3 {
        self.chain
    }

    /// How many bytes the header and these steps take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The root over the header and these steps.
    #[must_use]
    pub fn root(&self) -> Blake3 {
        self.lines.root()
    }
}

/// Length of `{"chain":"b3:` and 64 digits and `",`.
const CHAIN_ENTRY: usize = 79;

/// Reads a line with its newline, and no more than one byte past a limit.
fn read_line(reader: &mut BufReader<impl Read>, text: &mut Vec<u8>, limit: u64) -> io::Result<()> {
    text.clear();
    reader.take(limit + 1).read_until(b'\n', text).map(drop)
}

fn parse<T: Serialize + DeserializeOwned>(text: &[u8], limit: u64) -> Result<T, String> {
    if text.len() as u64 > limit {
        return Err(format!("longer than {limit} bytes"));
    }
    canonical::from_file(text).map_err(|error| error.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use records::{
        RunDigest,
        v1::transcript::{root, row_digest},
    };

    use super::*;

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

    fn read(bytes: &[u8]) -> Result<Transcript<&[u8]>, TranscriptError> {
        let mut transcript = Transcript::open(bytes)?;
        while transcript.step()?.is_some() {}
        Ok(transcript)
    }

    #[test]
    fn a_whole_transcript_has_its_root_chain_and_length() {
        let (bytes, _) = written(9, |step| step as f32, |step, column| step + column);
        let transcript = read(&bytes).unwrap();
        assert_eq!((transcript.steps(), transcript.bytes(), transcript.root()), (9, bytes.len() as u64, root(&bytes)));
        let last: Line =
            canonical::from_file(bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap()).unwrap();
        assert_eq!(transcript.chain(), last.chain);
    }

    #[test]
    fn a_changed_byte_is_found_at_its_line() {
        let (bytes, _) = written(4, |step| 5.5 - step as f32, |step, column| step * 1000 + column);
        let mut line = 1;
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            // A newline that is gone joins two lines: the place is the first of them.
            assert_eq!(read(&changed).err().unwrap().line(), Some(line), "byte {at}");
            line += u64::from(bytes[at] == b'\n');
        }
    }

    #[test]
    fn lines_out_of_order_or_left_out_break_the_chain() {
        let (bytes, _) = written(4, |step| step as f32, |step, _| step);
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let place = |lines: &[&[u8]]| read(&lines.concat()).err().unwrap().line();
        assert_eq!(place(&[lines[0], lines[1], lines[3], lines[4]]), Some(3));
        assert_eq!(place(&[lines[0], lines[2], lines[1]]), Some(2));
        assert_eq!(place(&[]), Some(1));
        // A cut at the end of a line leaves a good chain: whoever knows the number of steps tells.
        assert_eq!(read(&lines[..4].concat()).unwrap().steps(), 3);
    }

    /// A reader that has no end, and counts what was taken from it.
    struct Endless(std::rc::Rc<std::cell::Cell<u64>>);

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            into.fill(b'x');
            self.0.set(self.0.get() + into.len() as u64);
            Ok(into.len())
        }
    }

    #[test]
    fn a_line_without_an_end_is_given_up_at_its_limit() {
        let taken = std::rc::Rc::default();
        let error = Transcript::open(Endless(std::rc::Rc::clone(&taken))).map(drop).unwrap_err();
        assert!(error.to_string().ends_with("longer than 16777216 bytes"), "{error}");
        assert!(taken.get() <= HEADER_BYTES_MAX + (64 << 10), "{}", taken.get());
        let (bytes, _) = written(1, |_| 1.0, |_, _| 0);
        taken.set(0);
        let mut transcript = Transcript::open((&bytes[..]).chain(Endless(std::rc::Rc::clone(&taken)))).unwrap();
        transcript.step().unwrap().unwrap();
        let error = transcript.step().unwrap_err();
        assert!(error.line() == Some(3) && error.to_string().ends_with("longer than 1048576 bytes"), "{error}");
        assert!(taken.get() <= LINE_BYTES_MAX + (64 << 10), "{}", taken.get());
    }
}
