//! A checkpoint, read once: what is scored is what the manifest names, tensor by tensor.

use std::path::Path;

use clip::{NamedValues, values};
use records::{
    Blake3, Sha256, canonical,
    file::{self, FileError, Links},
    v1::checkpoint::{CHECKPOINT_FORMAT, MANIFEST_BYTES_MAX, Manifest, leaf},
};

use crate::halt::{Fault, Halt};

const MODEL: &str = "model.safetensors";
const MANIFEST: &str = "manifest.json";

/// A model's weights and the root that names them.
#[derive(Debug)]
pub struct Checkpoint {
    /// The weights.
    pub values: NamedValues,
    /// Merkle root over every tensor of the checkpoint.
    pub root: Blake3,
}

impl Checkpoint {
    /// Reads `model.safetensors` and holds it to `manifest.json`.
    ///
    /// - Errors: [`Halt::Checkpoint`] at the first tensor that differs.
    pub fn read(folder: &Path) -> Result<Self, Halt> {
        let path = folder.join(MANIFEST);
        let bytes = file::read_named(&path, MANIFEST_BYTES_MAX).map_err(Fault::File)?;
        let manifest: Manifest =
            canonical::from_file(&bytes).map_err(|source| Fault::Manifest { path: path.clone(), source })?;
        let changed = |place: &Path, why: String| Halt::Checkpoint { place: place.display().to_string(), why };
        if manifest.format != CHECKPOINT_FORMAT || manifest.computed_root() != manifest.root {
            return Err(changed(&path, "its root is not that of the tensors it lists".to_owned()));
        }
        let listed = manifest.files.iter().find(|file| file.name == MODEL);
        let listed = listed.ok_or_else(|| changed(&path, format!("lists no {MODEL}")))?;
        let path = folder.join(MODEL);
        let (file, size) = file::open_plain(&path, Links::Follow).map_err(Fault::File)?;
        if size != listed.length {
            return Err(changed(&path, format!("{size} bytes, expected {}", listed.length)));
        }
        let bytes = file::read_opened(file, size, size).map_err(FileError::at("read", &path)).map_err(Fault::File)?;
        if Sha256::of(&bytes) != listed.sha256 {
            let values = values::from_file(&bytes).ok();
            let tensor = values.and_then(|values| first_difference(listed, &values));
            return Err(changed(&path, tensor.unwrap_or_else(|| format!("expected {}", listed.sha256))));
        }
        let values = values::from_file(&bytes).map_err(|error| changed(&path, error.to_string()))?;
        match first_difference(listed, &values) {
            Some(tensor) => Err(changed(&path, tensor)),
            None => Ok(Self { values, root: manifest.root }),
        }
    }
}

/// The first tensor, by name, that is not the one the manifest lists.
fn first_difference(listed: &records::v1::checkpoint::TensorFile, values: &NamedValues) -> Option<String> {
    let computed = values.iter().map(|(name, values)| {
        let shape: Vec<u64> = values.shape.iter().map(|&length| length as u64).collect();
        (name.as_str(), leaf(name, "F32", &shape, &values::bytes(&values.data)))
    });
    let expected = listed.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.leaf));
    let mut pairs = expected.clone().zip(computed.clone());
    let differs = pairs.find(|(expected, found)| expected != found).map(|((name, _), _)| name);
    let counts = expected.len() != values.len();
    differs
        .map(|name| format!("tensor `{name}` differs"))
        .or_else(|| counts.then(|| format!("{} tensors, the manifest lists {}", values.len(), expected.len())))
}

#[cfg(test)]
pub mod tests {
    use std::fs;

    use clip::ModelConfig;
    use numerics::Seed;
    use records::v1::checkpoint::{TensorFile, TensorLeaf};

    use super::*;

    /// A model of two layers.
    pub fn config() -> ModelConfig {
        ModelConfig::parse(include_str!("../../protocols/models/mini.json")).unwrap()
    }

    /// Writes a checkpoint of random weights, changed by `edit`.
    pub fn write(folder: &Path, edit: impl Fn(&mut NamedValues)) {
        let mut values = values::initial(&config(), &Seed([5; 32]));
        values.insert("logit_scale".to_owned(), clip::Values { shape: Vec::new(), data: vec![2.5] });
        edit(&mut values);
        let tensors: Vec<_> = values
            .iter()
            .map(|(name, value)| (name.clone(), value.shape.clone(), values::bytes(&value.data)))
            .collect();
        let bytes = values::to_file(&tensors).unwrap();
        let leaves = tensors.iter().map(|(name, shape, bytes)| {
            let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
            TensorLeaf { name: name.clone(), dtype: "F32".to_owned(), leaf: leaf(name, "F32", &shape, bytes), shape }
        });
        let file = TensorFile {
            name: MODEL.to_owned(),
            length: bytes.len() as u64,
            sha256: Sha256::of(&bytes),
            tensors: leaves.collect(),
        };
        let mut manifest = Manifest {
            format: CHECKPOINT_FORMAT.to_owned(),
            step: 3,
            chain: Blake3([0; 32]),
            files: vec![file],
            root: Blake3([0; 32]),
        };
        manifest.root = manifest.computed_root();
        fs::write(folder.join(MODEL), bytes).unwrap();
        fs::write(folder.join(MANIFEST), canonical::to_file(&manifest).unwrap()).unwrap();
    }

    #[test]
    fn a_whole_checkpoint_is_read_and_a_flipped_bit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), |_| ());
        let checkpoint = Checkpoint::read(folder.path()).unwrap();
        assert_eq!(checkpoint.values["logit_scale"].data, [2.5]);
        let path = folder.path().join(MODEL);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let halt = Checkpoint::read(folder.path()).unwrap_err();
        assert!(matches!(halt, Halt::Checkpoint { .. }) && halt.to_string().contains("tensor `"), "{halt}");
    }

    #[test]
    fn a_manifest_that_contradicts_itself_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), |_| ());
        let path = folder.path().join(MANIFEST);
        let text = fs::read_to_string(&path).unwrap();
        let at = text.find("\"leaf\":\"b3:").unwrap() + 11;
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        fs::write(&path, format!("{}{digit}{}", &text[..at], &text[at + 1..])).unwrap();
        assert!(matches!(Checkpoint::read(folder.path()), Err(Halt::Checkpoint { .. })));
        fs::write(&path, format!(" {text}")).unwrap();
        assert!(matches!(Checkpoint::read(folder.path()), Err(Halt::Fault(Fault::Manifest { .. }))));
    }
}
