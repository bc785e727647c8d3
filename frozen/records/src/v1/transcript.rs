//! `transcript.jsonl` and `fingerprints.bin`: what a run did, a line and a row a step.
//!
//! The first line is a [`Header`]; then one [`Line`] a step, each in canonical form with one newline.
//! The chain is [`Framed`]: it starts in the context [`START`] with bytes `header`, and goes on in the context
//! [`STEP`] with digest `previous` and bytes `line`, the step's line without `"chain"`; lines without their newline.
//!
//! `fingerprints.bin` has no header: a row a step, one little-endian `u64` a column of
//! [`Header::columns`]. Row `r` belongs to step `r`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::names::{FINGERPRINTS, TRANSCRIPT};
use crate::{Blake3, Framed, RunDigest, canonical, canonical::CanonicalError, merkle};

/// The form of these files.
pub const TRANSCRIPT_FORMAT: &str = "maxclip.transcript.v1";

/// The context of a chain's start.
pub const START: &str = "maxclip transcript start v1";

/// The context of a chain's further links.
pub const STEP: &str = "maxclip transcript step v1";

/// The link that a step's line makes: its canonical bytes without `"chain"`.
#[must_use]
pub fn link(previous: Blake3, line: &[u8]) -> Blake3 {
    Framed::new(STEP).digest("previous", &previous.0).bytes("line", line).finish()
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`TRANSCRIPT_FORMAT`].
    pub format: String,
    /// Digest of `run.json`.
    pub run: RunDigest,
    /// Names of the fingerprint columns: `embeddings/image`, `gradients/NAME`, `parameters/NAME`,
    /// `slots/SLOT/NAME`, `learnables/NAME`, `globals/NAME`, `rows/COLUMN`.
    pub columns: Vec<String>,
}

/// A float with its bits and a decimal for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Float {
    /// `0x` and the eight digits of the IEEE 754 single.
    pub bits: String,
    /// The shortest decimal that reads back as the same single.
    pub read: String,
}

impl From<f32> for Float {
    fn from(value: f32) -> Self {
        Self { bits: format!("0x{:08x}", value.to_bits()), read: value.to_string() }
    }
}

impl Float {
    /// The number; `None` where the bits are malformed.
    #[must_use]
    pub fn value(&self) -> Option<f32> {
        u32::from_str_radix(self.bits.strip_prefix("0x")?, 16).ok().map(f32::from_bits)
    }
}

/// One step, as it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// From 0.
    pub step: u64,
    /// From 0.
    pub epoch: u64,
    /// BLAKE3 of the step's sample ranks, u64 little-endian, in batch order.
    pub ids: Blake3,
    /// The sum of the anchors' losses over B.
    pub loss: Float,
    /// What the algorithm declared and reported.
    pub diagnostics: BTreeMap<String, Float>,
    /// BLAKE3 of the step's row in `fingerprints.bin`.
    pub fingerprints: Blake3,
    /// The chain after this step.
    pub chain: Blake3,
}

#[derive(Serialize)]
struct Unchained<'a> {
    step: u64,
    epoch: u64,
    ids: &'a Blake3,
    loss: &'a Float,
    diagnostics: &'a BTreeMap<String, Float>,
    fingerprints: &'a Blake3,
}

impl Header {
    /// Where the chain starts.
    pub fn chain(&self) -> Result<Blake3, CanonicalError> {
        Ok(Framed::new(START).bytes("header", &canonical::to_bytes(self)?).finish())
    }
}

impl Line {
    /// The chain that follows `previous` with this step; what `self.chain` holds is not looked at.
    pub fn follow(&self, previous: Blake3) -> Result<Blake3, CanonicalError> {
        let Self { step, epoch, ids, loss, diagnostics, fingerprints, .. } = self;
        let line = Unchained { step: *step, epoch: *epoch, ids, loss, diagnostics, fingerprints };
        Ok(link(previous, &canonical::to_bytes(&line)?))
    }

    /// The line with its chain set.
    pub fn chained(mut self, previous: Blake3) -> Result<Self, CanonicalError> {
        self.chain = self.follow(previous)?;
        Ok(self)
    }
}

/// The transcript's root: [`merkle::root`] over its lines (header first), newline included.
#[must_use]
pub fn root(bytes: &[u8]) -> Blake3 {
    bytes.split_inclusive(|byte| *byte == b'\n').map(merkle::leaf).collect::<merkle::Peaks>().root()
}

/// The digest of one row of `fingerprints.bin`.
#[must_use]
pub fn row_digest(row: &[u64]) -> Blake3 {
    let bytes: Vec<u8> = row.iter().flat_map(|word| word.to_le_bytes()).collect();
    Blake3::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, loss: f32) -> Line {
        let zero = Blake3([0; 32]);
        Line {
            step,
            epoch: 0,
            ids: zero,
            loss: loss.into(),
            diagnostics: BTreeMap::new(),
            fingerprints: zero,
            chain: zero,
        }
    }

    #[test]
    fn the_chain_depends_on_every_step_before() {
        let header = Header { format: TRANSCRIPT_FORMAT.into(), run: RunDigest([1; 32]), columns: vec![] };
        let start = header.chain().unwrap();
        let chain = |losses: [f32; 2]| {
            losses
                .iter()
                .enumerate()
                .fold(start, |previous, (step, loss)| line(step as u64, *loss).follow(previous).unwrap())
        };
        assert_ne!(chain([1.0, 2.0]), chain([1.5, 2.0]));
        assert_ne!(chain([1.0, 2.0]), chain([2.0, 1.0]));
        assert_eq!(chain([1.0, 2.0]), chain([1.0, 2.0]));
    }

    #[test]
    fn header_chain_row_and_root_are_those_of_another_implementation() {
        // Computed with BLAKE3's own Python binding over the lines as they stand here.
        let columns = vec!["embeddings/image".to_owned(), "parameters/a".to_owned()];
        let header = Header { format: TRANSCRIPT_FORMAT.into(), run: RunDigest([1; 32]), columns };
        assert_eq!(
            canonical::to_file(&header).unwrap(),
            b"{\"columns\":[\"embeddings/image\",\"parameters/a\"],\"format\":\"maxclip.transcript.v1\",\"run\":\"run:0101010101010101010101010101010101010101010101010101010101010101\"}\n"
        );
        let mut text = canonical::to_file(&header).unwrap();
        let mut chain = header.chain().unwrap();
        assert_eq!(chain.to_string(), "b3:7eba84b84c6cc0afff606b4834f276ea5b0f83e6294e8eac442d2228bb17ea09");
        let row = [7, u64::MAX - 2];
        assert_eq!(row_digest(&row).to_string(), "b3:7edd0ffa4782a4f36eab327c9c6a2820337f9d35f5afd0ca6c6184e9ecf70940");
        for (step, expected) in [
            (0, "b3:2f40cf4b4783efe3776e7c6a4542f00d9259ce81e3b04534c188c1341bb91174"),
            (1, "b3:a92244bddab95e24dccc0807433e9cf95ce162e783038cf82069714d84ae848e"),
        ] {
            let diagnostics = BTreeMap::from([("tau".to_owned(), 0.07f32.into())]);
            let line = Line { diagnostics, fingerprints: row_digest(&row), ..line(step, 5.5 - step as f32) };
            let line = line.chained(chain).unwrap();
            chain = line.chain;
            assert_eq!(chain.to_string(), expected);
            text.extend(canonical::to_file(&line).unwrap());
        }
        assert_eq!(root(&text).to_string(), "b3:f912b8f99b3d54bbba4caf6d233a0599a79d3f74d529b8a31df52a3aea6c6e28");
    }

    #[test]
    fn a_float_reads_back_with_its_bits() {
        for value in [0.1f32, -0.0, f32::MIN_POSITIVE, 3.4e38] {
            assert_eq!(Float::from(value).value().unwrap().to_bits(), value.to_bits());
            assert_eq!(Float::from(value).read.parse::<f32>().unwrap().to_bits(), value.to_bits());
        }
    }
}
