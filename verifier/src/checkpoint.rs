//! A checkpoint's files against its manifest: which tensor was changed, and where one flipped bit
//! explains the change, which element and bit.
//!
//! The manifest is itself a subject of the certificate, so its leaves are what was signed. A leaf says
//! *that* a tensor was changed. *Where* comes from the last step's fingerprint of the same parameter,
//! taken after the update: it is linear, so that one flip names its element and bit. An algorithm that
//! publishes other weights than it trains has no such fingerprint; then small tensors are searched. A
//! place is only claimed after flipping the bit back gave the leaf of the manifest.

use std::collections::BTreeMap;

use numerics::fingerprint::{fingerprint, locate_flip};
use records::{
    Finding, Rule, Sha256,
    v1::checkpoint::{CHECKPOINT_FORMAT, Manifest, TensorFile, TensorLeaf, leaf},
};
use serde::Deserialize;

/// The longest safetensors header that is read; the format's own limit is 100 MB.
const HEADER_MAX: u64 = 16 << 20;
/// How many bytes may be hashed to find a flipped bit without a fingerprint.
const SEARCH_BYTES: u64 = 1 << 24;

/// The fingerprint that a tensor of the checkpoint had, by its name.
pub type Prints<'a> = &'a dyn Fn(&str) -> Option<u64>;

/// Checks what a manifest says of itself.
#[must_use]
pub fn check_manifest(manifest: &Manifest, place: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut broken = |expected: String, found: String| {
        findings.push(Finding::new(Rule::CheckpointChanged, place).expected(expected).found(found));
    };
    if manifest.format != CHECKPOINT_FORMAT {
        broken(CHECKPOINT_FORMAT.to_owned(), manifest.format.clone());
    }
    if manifest.computed_root() != manifest.root {
        broken(format!("root {}", manifest.computed_root()), format!("root {}", manifest.root));
    }
    for file in &manifest.files {
        if !file.tensors.windows(2).all(|pair| pair[0].name < pair[1].name) {
            broken(format!("tensors of {} sorted by name", file.name), "another order".to_owned());
        }
        if file.tensors.iter().any(|tensor| size(tensor).is_none()) {
            broken(format!("tensors of {} of dtype F32", file.name), "another dtype or size".to_owned());
        }
    }
    findings
}

/// Checks a safetensors file against what the manifest says of it.
///
/// Every changed tensor is a finding; a header that says something else than the manifest is one too.
#[must_use]
pub fn check_file(bytes: &[u8], file: &TensorFile, place: &str, prints: Prints<'_>) -> Vec<Finding> {
    let changed = |place: String| Finding::new(Rule::CheckpointChanged, place);
    if bytes.len() as u64 != file.length {
        return vec![
            changed(place.to_owned())
                .expected(format!("{} bytes", file.length))
                .found(format!("{} bytes", bytes.len())),
        ];
    }
    let (places, mut findings) = places(bytes, file, place);
    for (tensor, range) in file.tensors.iter().zip(places) {
        let found = bytes.get(range).unwrap_or_default();
        if leaf(&tensor.name, &tensor.dtype, &tensor.shape, found) == tensor.leaf {
            continue;
        }
        let at = flipped(found, tensor, prints)
            .map_or(String::new(), |(element, bit)| format!(", element {element}, bit {bit}"));
        findings.push(changed(format!("{place} {}{at}", tensor.name)).expected(tensor.leaf).found(leaf(
            &tensor.name,
            &tensor.dtype,
            &tensor.shape,
            found,
        )));
    }
    let digest = Sha256::of(bytes);
    if findings.is_empty() && digest != file.sha256 {
        findings.push(changed(format!("{place} header")).expected(file.sha256).found(digest));
    }
    findings
}

/// Bytes of a tensor; `None` where its dtype is not known or its size absurd.
fn size(tensor: &TensorLeaf) -> Option<usize> {
    let elements = tensor.shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length))?;
    (tensor.dtype == "F32").then(|| elements.checked_mul(4).and_then(|bytes| usize::try_from(bytes).ok()))?
}

/// A tensor as the header of a safetensors file describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (usize, usize),
}

/// Where the manifest's tensors lie, with a finding where the header does not say so.
///
/// Writers lay tensors of one dtype out in the order of their names and without gaps, at the end of the
/// file: that is where they are, whatever a damaged header says.
fn places(bytes: &[u8], file: &TensorFile, place: &str) -> (Vec<std::ops::Range<usize>>, Vec<Finding>) {
    let total: usize = file.tensors.iter().filter_map(size).fold(0, usize::saturating_add);
    let start = bytes.len().saturating_sub(total);
    let mut end = start;
    let ranges: Vec<_> = file
        .tensors
        .iter()
        .map(|tensor| {
            let begin = end;
            end = end.saturating_add(size(tensor).unwrap_or(0));
            begin..end
        })
        .collect();
    let header = |what: &str| Finding::new(Rule::CheckpointChanged, format!("{place} header")).found(what);
    let described = match read_header(bytes, start) {
        Ok(described) => described,
        Err(what) => return (ranges, vec![header(what)]),
    };
    for (tensor, range) in file.tensors.iter().zip(&ranges) {
        let agrees = described.get(&tensor.name).is_some_and(|found| {
            found.dtype == tensor.dtype
                && found.shape == tensor.shape
                && start.checked_add(found.data_offsets.0) == Some(range.start)
                && start.checked_add(found.data_offsets.1) == Some(range.end)
        });
        if !agrees {
            return (ranges, vec![header("a tensor is not where or what the manifest says").expected(&tensor.name)]);
        }
    }
    let unknown = (described.len() != file.tensors.len()).then(|| header("a tensor that the manifest does not name"));
    (ranges, unknown.into_iter().collect())
}

fn read_header(bytes: &[u8], start: usize) -> Result<BTreeMap<String, Described>, &'static str> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("no length of a header")?;
    let length = u64::from_le_bytes(*length);
    if length > HEADER_MAX || length.checked_add(8) != Some(start as u64) {
        return Err("a length that does not lead to the first tensor");
    }
    let text = rest.get(..start - 8).ok_or("a length past the end of the file")?;
    let mut entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(text).map_err(|_| "a header that is not JSON")?;
    entries.remove("__metadata__");
    entries
        .into_iter()
        .map(|(name, value)| Ok((name, Described::deserialize(value).map_err(|_| "an entry of another form")?)))
        .collect()
}

/// The element and bit whose flip makes the tensor what the manifest says it is.
fn flipped(found: &[u8], tensor: &TensorLeaf, prints: Prints<'_>) -> Option<(usize, u32)> {
    let mends = |bytes: &mut Vec<u8>, (element, bit): (usize, u32)| {
        let at = element * 4 + bit as usize / 8;
        bytes[at] ^= 1 << (bit % 8);
        let mended = leaf(&tensor.name, &tensor.dtype, &tensor.shape, bytes) == tensor.leaf;
        bytes[at] ^= 1 << (bit % 8);
        mended
    };
    let (words, _) = found.as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let mut bytes = found.to_vec();
    let located = prints(&tensor.name).and_then(|before| locate_flip(before, fingerprint(&values), values.len()));
    if let Some(flip) = located.filter(|flip| mends(&mut bytes, *flip)) {
        return Some(flip);
    }
    let length = found.len() as u64;
    let affordable = length.saturating_mul(length).saturating_mul(8) <= SEARCH_BYTES;
    let all = (0..values.len()).flat_map(|element| (0..32).map(move |bit| (element, bit)));
    affordable.then(|| all.into_iter().find(|flip| mends(&mut bytes, *flip)))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use records::Blake3;
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
            name: "model.safetensors".into(),
            length: bytes.len() as u64,
            sha256: Sha256::of(&bytes),
            tensors: leaves.collect(),
        };
        (bytes, file)
    }

    fn prints(name: &str) -> Option<u64> {
        let (_, bytes) = tensors().get(name)?.clone();
        let (words, _) = bytes.as_chunks::<4>();
        Some(fingerprint(&words.iter().map(|word| f32::from_le_bytes(*word)).collect::<Vec<_>>()))
    }

    fn place(bytes: &[u8], prints: Prints<'_>) -> String {
        let findings = check_file(bytes, &written().1, "model", prints);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings[0].place.clone()
    }

    #[test]
    fn a_whole_file_has_no_finding() {
        let (bytes, file) = written();
        assert_eq!(check_file(&bytes, &file, "model", &prints), []);
    }

    proptest! {
        #[test]
        fn one_flipped_bit_is_named_with_its_tensor_element_and_bit(at in 0usize..2007, bit in 0u32..32) {
            let (mut bytes, _) = written();
            let data = bytes.len() - 2007 * 4;
            bytes[data + 4 * at + bit as usize / 8] ^= 1 << (bit % 8);
            let (name, element) = match at { 0..6 => ("a.bias", at), 6..2006 => ("b.weight", at - 6), _ => ("logit_scale", 0) };
            prop_assert_eq!(place(&bytes, &prints), format!("model {name}, element {element}, bit {bit}"));
        }

        #[test]
        fn any_byte_of_the_header_is_noticed(at: usize, value: u8) {
            let (mut bytes, _) = written();
            let at = at % (bytes.len() - 2007 * 4);
            prop_assume!(bytes[at] != value);
            bytes[at] = value;
            prop_assert_eq!(place(&bytes, &prints), "model header");
        }
    }

    #[test]
    fn without_fingerprints_small_tensors_are_searched_and_large_ones_named() {
        let (mut bytes, _) = written();
        let data = bytes.len() - 2007 * 4;
        bytes[data + 4 * 3 + 2] ^= 4;
        assert_eq!(place(&bytes, &|_| None), "model a.bias, element 3, bit 18");
        bytes[data + 4 * 3 + 2] ^= 4;
        bytes[data + 4 * 100] ^= 4;
        assert_eq!(place(&bytes, &|_| None), "model b.weight");
        bytes[data + 4 * 100 + 1] ^= 4;
        assert_eq!(place(&bytes, &prints), "model b.weight");
    }

    #[test]
    fn absurd_headers_and_lengths_are_findings() {
        let (bytes, _) = written();
        for length in [0, 1, 7, 8, 9, bytes.len() - 1] {
            assert_eq!(place(&bytes[..length], &prints), "model");
        }
        for header in [u64::MAX, 1 << 40, 0, 100 << 20] {
            let mut bytes = bytes.clone();
            bytes[..8].copy_from_slice(&header.to_le_bytes());
            assert_eq!(place(&bytes, &prints), "model header");
        }
    }

    #[test]
    fn a_manifest_with_another_root_is_refused() {
        let (_, file) = written();
        let mut manifest = Manifest {
            format: CHECKPOINT_FORMAT.into(),
            step: 3,
            chain: Blake3([0; 32]),
            files: vec![file],
            root: Blake3([0; 32]),
        };
        assert_eq!(check_manifest(&manifest, "manifest").len(), 1);
        manifest.root = manifest.computed_root();
        assert_eq!(check_manifest(&manifest, "manifest"), []);
        manifest.files[0].tensors[0].dtype = "BF16".into();
        assert_eq!(check_manifest(&manifest, "manifest").len(), 1);
    }
}
