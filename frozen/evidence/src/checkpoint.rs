//! A checkpoint's files against its manifest: which tensor was changed, and where one flipped bit explains the change,
//! which element and bit.
//!
//! A leaf says *that* a tensor was changed. *Where* comes from the last step's fingerprint of the same parameter, taken
//! after the update: it is linear, so that one flip names its element and bit. An algorithm that publishes other weights
//! than it trains has no such fingerprint; then small tensors are searched. A place is only claimed after flipping the
//! bit back gave the leaf of the manifest.
//!
//! A file is read once and a tensor piece by piece. Writers lay tensors of one dtype out in the order of their names and
//! without gaps, at the end of the file: that is where they are, whatever a damaged header says.

use std::{
    collections::BTreeMap,
    io::{self, Read, SeekFrom},
};

use numerics::fingerprint::{RunningFingerprint, locate_flip};
use records::{
    Blake3, Sha256, canonical,
    canonical::CanonicalError,
    v1::checkpoint::{CHECKPOINT_FORMAT, Leaf, Manifest, STATE, TensorFile, TensorLeaf, WEIGHTS, leaf},
};
use serde::Deserialize;

use crate::{Hashed, Source};

/// The longest safetensors header that is read, in bytes; the format's own limit is 100 MB.
const HEADER_BYTES_MAX: u64 = 16 << 20;
/// How many bytes may be hashed to find a flipped bit without a fingerprint.
const SEARCH_BYTES: u64 = 1 << 24;
/// How much of a tensor is looked at at once: a multiple of an element's length.
const PIECE_BYTES: usize = 256 << 10;

/// Something that a manifest says of itself and that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What it should say.
    pub expected: String,
    /// What it says.
    pub found: String,
}

/// Reads a manifest, and says what in it does not hold.
pub fn read_manifest(bytes: &[u8]) -> Result<(Manifest, Vec<Flaw>), CanonicalError> {
    let manifest: Manifest = canonical::from_file(bytes)?;
    let flaws = flaws(&manifest);
    Ok((manifest, flaws))
}

/// What a manifest says of itself and does not hold.
#[must_use]
pub fn flaws(manifest: &Manifest) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut broken = |expected: String, found: String| flaws.push(Flaw { expected, found });
    if manifest.format != CHECKPOINT_FORMAT {
        broken(CHECKPOINT_FORMAT.to_owned(), manifest.format.clone());
    }
    let root = manifest.computed_root();
    if root != manifest.root {
        broken(format!("root {root}"), format!("root {}", manifest.root));
    }
    let names: Vec<_> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    if !matches!(names[..], [WEIGHTS] | [WEIGHTS, STATE]) {
        broken(format!("files {WEIGHTS}, {STATE}"), "other files".to_owned());
    }
    for file in &manifest.files {
        if !file.tensors.windows(2).all(|pair| pair[0].name < pair[1].name) {
            broken(format!("tensors of {} sorted by name", file.name), "another order".to_owned());
        }
        if file.tensors.iter().any(|tensor| tensor.bytes().is_none()) {
            broken(format!("tensors of {} of dtype F32", file.name), "another dtype or size".to_owned());
        }
    }
    flaws
}

/// What one pass over a safetensors file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The whole file's digest.
    pub sha256: Sha256,
    /// What its header says that the manifest does not.
    pub header: Option<HeaderFlaw>,
    /// Tensors that are not the manifest's.
    pub changed: Vec<Changed>,
}

/// A safetensors header that does not describe the manifest's tensors.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum HeaderFlaw {
    /// Not a header, or one of another length.
    #[error("{0}")]
    Damaged(&'static str),
    /// It describes a tensor otherwise than the manifest does.
    #[error("a tensor is not where or what the manifest says")]
    Tensor {
        /// The tensor's name.
        name: String,
    },
}

/// A tensor that is not the manifest's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its place among the manifest's tensors of the file.
    pub tensor: usize,
    /// Where it starts in the file.
    pub start: u64,
    /// The leaf of what stands there.
    pub leaf: Blake3,
    /// The fingerprint of what stands there.
    pub fingerprint: u64,
}

impl Reading {
    /// Whether the file is the manifest's, and if not, what tells first.
    #[must_use]
    pub fn difference(&self, file: &TensorFile) -> Option<String> {
        if let Some(changed) = self.changed.first() {
            let name = file.tensors.get(changed.tensor).map_or("", |tensor| tensor.name.as_str());
            return Some(format!("tensor `{name}` differs"));
        }
        if let Some(flaw) = &self.header {
            return Some(format!("its header holds {flaw}"));
        }
        (self.sha256 != file.sha256).then(|| format!("expected {}, found {}", file.sha256, self.sha256))
    }
}

/// Reads a safetensors file of the manifest's length once and gives each tensor's bytes to `each`, in the manifest's
/// order, with the tensor's place in it and in pieces of whole elements.
///
/// - Errors: the machine's, and kind `InvalidData` where the file has another length.
pub fn read_file(source: impl Read, file: &TensorFile, mut each: impl FnMut(usize, &[u8])) -> io::Result<Reading> {
    let mut hashed = Hashed::new(source, file.length);
    let total = file.tensors.iter().filter_map(TensorLeaf::bytes).fold(0, u64::saturating_add);
    let Some(mut start) = file.length.checked_sub(total) else {
        let header = Some(HeaderFlaw::Damaged("less than the tensors of the manifest"));
        return Ok(Reading { sha256: hashed.finish()?.0, header, changed: Vec::new() });
    };
    let header = read_header(&mut hashed, start, file)?;
    let mut changed = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    for (index, tensor) in file.tensors.iter().enumerate() {
        let length = tensor.bytes().unwrap_or(0);
        let mut leaf = Leaf::new(&tensor.name, &tensor.dtype, &tensor.shape, length);
        let mut fingerprint = RunningFingerprint::default();
        pieces(&mut hashed, length, &mut piece, |piece| {
            leaf.piece(piece);
            fingerprint.add_bytes(piece);
            each(index, piece);
        })?;
        let found = leaf.finish().map_err(io::Error::other)?;
        if found != tensor.leaf {
            changed.push(Changed { tensor: index, start, leaf: found, fingerprint: fingerprint.value() });
        }
        start += length;
    }
    Ok(Reading { sha256: hashed.finish()?.0, header, changed })
}

/// As [`read_file`], with the numbers of every tensor, in the manifest's order.
pub fn read_values(source: impl Read, file: &TensorFile) -> io::Result<(Vec<Vec<f32>>, Reading)> {
    let mut values = vec![Vec::new(); file.tensors.len()];
    let looked = read_file(source, file, |index, piece| {
        let (words, _) = piece.as_chunks::<4>();
        values[index].extend(words.iter().map(|word| f32::from_le_bytes(*word)));
    })?;
    Ok((values, looked))
}

/// The element and bit whose flip makes a changed tensor what the manifest says it is.
///
/// `recorded` is the fingerprint that the tensor had when it was written, where one was recorded.
pub fn locate(
    source: &mut impl Source,
    tensor: &TensorLeaf,
    changed: &Changed,
    recorded: Option<u64>,
) -> io::Result<Option<(u64, u32)>> {
    let length = tensor.bytes().unwrap_or(0);
    let elements = usize::try_from(length / 4).unwrap_or(usize::MAX);
    let located = recorded.and_then(|before| locate_flip(before, changed.fingerprint, elements));
    if let Some((element, bit)) = located {
        let flip = (element as u64, bit);
        if mended(source, tensor, changed.start, flip)? == tensor.leaf {
            return Ok(Some(flip));
        }
    }
    if length.saturating_mul(length).saturating_mul(8) > SEARCH_BYTES {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(changed.start))?;
    source.take(length).read_to_end(&mut bytes)?;
    let mut flips = (0..bytes.len() * 8).map(|flip| (flip / 32, flip as u32 % 32));
    Ok(flips
        .find(|&(element, bit)| {
            let (at, mask) = (element * 4 + bit as usize / 8, 1 << (bit % 8));
            bytes[at] ^= mask;
            let mends = leaf(&tensor.name, &tensor.dtype, &tensor.shape, &bytes) == tensor.leaf;
            bytes[at] ^= mask;
            mends
        })
        .map(|(element, bit)| (element as u64, bit)))
}

/// The leaf of a tensor with one bit flipped.
fn mended(source: &mut impl Source, tensor: &TensorLeaf, start: u64, (element, bit): (u64, u32)) -> io::Result<Blake3> {
    let length = tensor.bytes().unwrap_or(0);
    let mut leaf = Leaf::new(&tensor.name, &tensor.dtype, &tensor.shape, length);
    let flip = element * 4 + u64::from(bit / 8);
    source.seek(SeekFrom::Start(start))?;
    let mut at = 0;
    pieces(source, length, &mut vec![0; PIECE_BYTES], |piece| {
        let inside = flip.checked_sub(at).and_then(|inside| usize::try_from(inside).ok());
        if let Some(byte) = inside.and_then(|inside| piece.get_mut(inside)) {
            *byte ^= 1 << (bit % 8);
        }
        leaf.piece(piece);
        at += piece.len() as u64;
    })?;
    leaf.finish().map_err(io::Error::other)
}

/// Reads so many bytes in pieces that fill the buffer, but for the last.
fn pieces(
    source: &mut (impl Read + ?Sized),
    length: u64,
    buffer: &mut [u8],
    mut each: impl FnMut(&mut [u8]),
) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let piece = &mut buffer[..room];
        source.read_exact(piece).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::InvalidData, "shorter than it said it is"),
            _ => error,
        })?;
        each(piece);
        left -= room as u64;
    }
    Ok(())
}

/// A tensor as the header of a safetensors file describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// What a header that is longer or shorter than it says holds.
const WRONG_LENGTH: &str = "a length that does not lead to the first tensor";

/// Reads everything before the first tensor, and says how it differs from the manifest.
fn read_header(source: &mut impl Read, start: u64, file: &TensorFile) -> io::Result<Option<HeaderFlaw>> {
    if start > HEADER_BYTES_MAX + 8 {
        // Hashed and not held.
        pieces(source, start, &mut vec![0; PIECE_BYTES], |_| ())?;
        return Ok(Some(HeaderFlaw::Damaged(WRONG_LENGTH)));
    }
    let mut head = Vec::new();
    pieces(source, start, &mut vec![0; PIECE_BYTES], |piece| head.extend_from_slice(piece))?;
    Ok(check_header(&head, file).err())
}

fn check_header(head: &[u8], file: &TensorFile) -> Result<(), HeaderFlaw> {
    let damaged = HeaderFlaw::Damaged;
    let (length, text) = head.split_first_chunk::<8>().ok_or(damaged("no length of a header"))?;
    if u64::from_le_bytes(*length) != text.len() as u64 {
        return Err(damaged(WRONG_LENGTH));
    }
    let mut entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(text).map_err(|_| damaged("a header that is not JSON"))?;
    entries.remove("__metadata__");
    let mut end = 0;
    for tensor in &file.tensors {
        let begin = end;
        end += tensor.bytes().unwrap_or(0);
        let entry = entries.remove(&tensor.name).map(Described::deserialize);
        let agrees = match entry {
            Some(Err(_)) => return Err(damaged("an entry of another form")),
            Some(Ok(found)) => {
                found.dtype == tensor.dtype && found.shape == tensor.shape && found.data_offsets == (begin, end)
            }
            None => false,
        };
        if !agrees {
            return Err(HeaderFlaw::Tensor { name: tensor.name.clone() });
        }
    }
    if entries.is_empty() { Ok(()) } else { Err(damaged("a tensor that the manifest does not name")) }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use safetensors::{Dtype, tensor::TensorView};

    use super::*;

    fn tensors() -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
        let values = |count: usize, seed: u32| -> Vec<u8> {
            (0..count as u32).flat_map(|i| (((i + seed) as f32) * 0.37 - 1.0).to_le_bytes()).collect()
        };
        BTreeMap::from([
            ("a.bias".to_owned(), (vec![6], values(6, 1))),
            ("b.weight".to_owned(), (vec![40, 50], values(2000, 5))),
            ("logit_scale".to_owned(), (vec![], values(1, 3))),
        ])
    }

    /// Elements of all tensors.
    const ELEMENTS: usize = 2007;

    fn written() -> (Vec<u8>, TensorFile) {
        let tensors = tensors();
        let views = tensors
            .iter()
            .map(|(name, (shape, bytes))| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
        let bytes = safetensors::serialize(views, None).unwrap();
        let leaves = tensors.iter().map(|(name, (shape, bytes))| {
            let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
            TensorLeaf { name: name.clone(), dtype: "F32".into(), leaf: leaf(name, "F32", &shape, bytes), shape }
        });
        let file = TensorFile {
            name: WEIGHTS.into(),
            length: bytes.len() as u64,
            sha256: Sha256::of(&bytes),
            tensors: leaves.collect(),
        };
        (bytes, file)
    }

    fn prints(name: &str) -> Option<u64> {
        let mut running = RunningFingerprint::default();
        running.add_bytes(&tensors().get(name)?.1);
        Some(running.value())
    }

    /// The first place that differs: a tensor with element and bit, or `header`.
    fn place(bytes: &[u8], prints: impl Fn(&str) -> Option<u64>) -> String {
        let (_, file) = written();
        let looked = read_file(bytes, &file, |_, _| ()).unwrap();
        assert_eq!(looked.changed.len() + usize::from(looked.header.is_some()), 1, "{looked:?}");
        assert_eq!(looked.sha256, Sha256::of(bytes));
        assert!(looked.difference(&file).is_some());
        let Some(changed) = looked.changed.first() else { return "header".to_owned() };
        let tensor = &file.tensors[changed.tensor];
        let found = locate(&mut Cursor::new(bytes), tensor, changed, prints(&tensor.name)).unwrap();
        let at = found.map_or(String::new(), |(element, bit)| format!(", element {element}, bit {bit}"));
        format!("{}{at}", tensor.name)
    }

    #[test]
    fn a_whole_file_has_no_difference_and_gives_its_values() {
        let (bytes, file) = written();
        let (values, looked) = read_values(&bytes[..], &file).unwrap();
        assert_eq!(looked, Reading { sha256: file.sha256, header: None, changed: Vec::new() });
        assert_eq!(looked.difference(&file), None);
        assert_eq!(values.iter().map(Vec::len).collect::<Vec<_>>(), [6, 2000, 1]);
        assert_eq!(values[1][3].to_bits(), (8.0f32 * 0.37 - 1.0).to_bits());
    }

    proptest! {
        #[test]
        fn one_flipped_bit_is_named_with_its_tensor_element_and_bit(at in 0..ELEMENTS, bit in 0u32..32) {
            let (mut bytes, _) = written();
            let data = bytes.len() - ELEMENTS * 4;
            bytes[data + 4 * at + bit as usize / 8] ^= 1 << (bit % 8);
            let (name, element) =
                match at { 0..6 => ("a.bias", at), 6..2006 => ("b.weight", at - 6), _ => ("logit_scale", 0) };
            prop_assert_eq!(place(&bytes, prints), format!("{name}, element {element}, bit {bit}"));
        }

        #[test]
        fn any_byte_of_the_header_is_noticed(at: usize, value: u8) {
            let (mut bytes, file) = written();
            let at = at % (bytes.len() - ELEMENTS * 4);
            prop_assume!(bytes[at] != value);
            bytes[at] = value;
            let looked = read_file(&bytes[..], &file, |_, _| ()).unwrap();
            // A blank for a blank says the same; the digest does not.
            prop_assert!(looked.changed.is_empty() && looked.difference(&file).is_some());
        }
    }

    #[test]
    fn a_flip_far_into_a_long_tensor_is_found_over_many_pieces() {
        let count = 3 * PIECE_BYTES / 4 + 5;
        let data: Vec<u8> = (0..count as u32).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let shape = [count as u64];
        let tensor = TensorLeaf {
            name: "w".into(),
            dtype: "F32".into(),
            shape: shape.to_vec(),
            leaf: leaf("w", "F32", &shape, &data),
        };
        let mut recorded = RunningFingerprint::default();
        recorded.add_bytes(&data);
        for element in [0, 1, PIECE_BYTES / 4 - 1, PIECE_BYTES / 4, count - 1] {
            let mut found = data.clone();
            found[element * 4 + 2] ^= 0x10;
            let mut print = RunningFingerprint::default();
            print.add_bytes(&found);
            let changed = Changed { tensor: 0, start: 0, leaf: Blake3([0; 32]), fingerprint: print.value() };
            let flip = locate(&mut Cursor::new(&found), &tensor, &changed, Some(recorded.value())).unwrap();
            assert_eq!(flip, Some((element as u64, 20)));
            assert_eq!(locate(&mut Cursor::new(&found), &tensor, &changed, None).unwrap(), None, "too long to search");
        }
    }

    #[test]
    fn without_fingerprints_small_tensors_are_searched_and_large_ones_named() {
        let (mut bytes, _) = written();
        let data = bytes.len() - ELEMENTS * 4;
        bytes[data + 4 * 3 + 2] ^= 4;
        assert_eq!(place(&bytes, |_| None), "a.bias, element 3, bit 18");
        bytes[data + 4 * 3 + 2] ^= 4;
        bytes[data + 4 * 100] ^= 4;
        assert_eq!(place(&bytes, |_| None), "b.weight");
        bytes[data + 4 * 100 + 1] ^= 4;
        assert_eq!(place(&bytes, prints), "b.weight");
    }

    #[test]
    fn absurd_headers_and_lengths_are_refused() {
        let (bytes, file) = written();
        for length in [0, 1, 7, 8, 9, bytes.len() - 1] {
            let error = read_file(&bytes[..length], &file, |_, _| ()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
        for header in [u64::MAX, 1 << 40, 0, 100 << 20] {
            let mut bytes = bytes.clone();
            bytes[..8].copy_from_slice(&header.to_le_bytes());
            assert_eq!(place(&bytes, prints), "header");
        }
        let short = TensorFile { length: 10, ..file };
        let looked = read_file(&bytes[..10], &short, |_, _| ()).unwrap();
        assert_eq!(looked.header, Some(HeaderFlaw::Damaged("less than the tensors of the manifest")));
    }

    #[test]
    fn a_manifest_that_contradicts_itself_is_told() {
        let (_, file) = written();
        let zero = Blake3([0; 32]);
        let manifest = Manifest::new(3, zero, vec![file]);
        assert_eq!(flaws(&Manifest { root: zero, ..manifest.clone() }).len(), 1);
        assert_eq!(flaws(&manifest), []);
        let with = |change: fn(&mut Manifest)| {
            let mut manifest = manifest.clone();
            change(&mut manifest);
            manifest.root = manifest.computed_root();
            flaws(&manifest).len()
        };
        assert_eq!(with(|manifest| manifest.format = "maxclip.checkpoint.v2".into()), 1);
        assert_eq!(with(|manifest| manifest.files[0].tensors[0].dtype = "BF16".into()), 1);
        assert_eq!(with(|manifest| manifest.files[0].tensors.swap(0, 1)), 1);
        assert_eq!(with(|manifest| manifest.files[0].name = "../model.safetensors".into()), 1);
        assert_eq!(with(|manifest| manifest.files.clear()), 1);
    }
}
