//! `checkpoints/<steps done>/` and `published/`: written beside their name, synced, then renamed.
//!
//! A folder under its final name is whole. One that was damaged later is noticed by its leaves, and a resume
//! goes back to the one before it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use clip::{Clip, LOGIT_SCALE, ModelConfig, NamedValues, values};
use evidence::checkpoint::{read_manifest, read_values};
use records::{
    Blake3, Problem, Sha256, Stop, canonical,
    file::{self, FileError, Links},
    v1::{
        checkpoint::{Leaf, MANIFEST_BYTES_MAX, Manifest, TensorFile, TensorLeaf},
        names::{CHECKPOINTS, MANIFEST, PUBLISHED, STATE, WEIGHTS},
    },
};

use crate::{
    state::{RunState, parameter_values},
    transcript::ResumePoint,
};

/// A tensor to be written: name, shape, numbers.
type Tensor<'a> = (String, &'a [usize], &'a [f32]);

/// Where the checkpoints of a run folder lie.
fn checkpoints(folder: &Path) -> PathBuf {
    folder.join(CHECKPOINTS)
}

/// Writes the checkpoint after so many steps.
pub fn write(folder: &Path, state: &RunState, steps: u64, chain: Blake3) -> Result<(), Stop> {
    let target = checkpoints(folder).join(steps.to_string());
    let model = model_tensors(parameter_values(state.model.parameters())?, state);
    let logit_scale = [state.logit_scale()];
    let files = [(WEIGHTS, with_scale(model, &logit_scale)), (STATE, state.tensors())];
    write_folder(&target, steps, chain, &files)
}

/// Writes the weights to evaluate: `values` are what `publish` answered, in the model's order.
pub fn publish(
    folder: &Path,
    state: &RunState,
    values: &[Vec<f32>],
    logit_scale: f32,
    chain: Blake3,
    steps: u64,
) -> Result<(), Stop> {
    let named = state.model.parameters().keys().zip(values).map(|(name, values)| (name, &**values)).collect();
    let logit_scale = [logit_scale];
    let files = [(WEIGHTS, with_scale(model_tensors(named, state), &logit_scale))];
    write_folder(&folder.join(PUBLISHED), steps, chain, &files)
}

fn model_tensors<'a>(values: Vec<(&String, &'a [f32])>, state: &'a RunState) -> Vec<Tensor<'a>> {
    // Trained parameters start with the model's, in the same order.
    values.into_iter().zip(&state.trained).map(|((name, data), (_, shape))| (name.clone(), &**shape, data)).collect()
}

fn with_scale<'a>(mut model: Vec<Tensor<'a>>, logit_scale: &'a [f32; 1]) -> Vec<Tensor<'a>> {
    model.push((LOGIT_SCALE.to_owned(), &[], logit_scale));
    model.sort_by(|a, b| a.0.cmp(&b.0));
    model
}

fn write_folder(target: &Path, step: u64, chain: Blake3, files: &[(&str, Vec<Tensor>)]) -> Result<(), Stop> {
    let part = file::folder_beside(target)?;
    fill(part.path(), step, chain, files)?;
    remove(target)?;
    Ok(file::settle(part, target)?)
}

fn fill(part: &Path, step: u64, chain: Blake3, files: &[(&str, Vec<Tensor>)]) -> Result<(), Stop> {
    let mut written = Vec::new();
    for (name, tensors) in files {
        written.push(write_tensors(part, name, tensors)?);
    }
    let manifest = Manifest::new(step, chain, written);
    Ok(file::write(&part.join(MANIFEST), &canonical::to_file(&manifest)?)?)
}

fn remove(folder: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", folder)(error)),
        _ => Ok(()),
    }
}

/// Writes a file of tensors, one after the other, and waits until it is on disk.
fn write_tensors(folder: &Path, name: &str, tensors: &[Tensor]) -> Result<TensorFile, Stop> {
    let path = folder.join(name);
    values::write(&path, tensors)?;
    let written = File::open(&path).and_then(|file| {
        file.sync_all()?;
        Sha256::of_stream(file)
    });
    let (sha256, length) = written.map_err(FileError::at("sync", &path))?;
    let tensors = tensors.iter().map(|(name, shape, data)| leaf(name, shape, data));
    Ok(TensorFile { name: name.to_owned(), length, sha256, tensors: tensors.collect::<Result<_, _>>()? })
}

/// What a manifest says of a tensor, whose bytes are made piece by piece.
fn leaf(name: &str, shape: &[usize], data: &[f32]) -> Result<TensorLeaf, Stop> {
    const PIECE: usize = 64 << 10;
    let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
    let mut leaf = Leaf::new(name, "F32", &shape, size_of_val(data) as u64);
    data.chunks(PIECE).for_each(|piece| leaf.piece(&values::bytes(piece)));
    Ok(TensorLeaf { name: name.to_owned(), dtype: "F32".to_owned(), shape, leaf: leaf.finish()? })
}

/// A checkpoint that was read and found whole.
pub struct Checkpoint {
    steps: u64,
    model: NamedValues,
    state: NamedValues,
}

impl Checkpoint {
    /// The first of the given checkpoints that is whole and to which the transcript leads, with its place in it; says
    /// why others are not used.
    pub fn latest(
        folder: &Path,
        places: impl IntoIterator<Item = (u64, Option<ResumePoint>)>,
        mut say: impl FnMut(String),
    ) -> Option<(Self, ResumePoint)> {
        for (steps, place) in places {
            let read = place
                .ok_or_else(|| "the transcript does not lead to it".to_owned())
                .and_then(|place| Ok((Self::read(&checkpoints(folder).join(steps.to_string()), place)?, place)));
            match read {
                Ok(found) => return Some(found),
                Err(why) => say(format!("checkpoint {steps} is not used: {why}")),
            }
        }
        None
    }

    fn read(folder: &Path, place: ResumePoint) -> Result<Self, String> {
        let manifest =
            file::read_named(&folder.join(MANIFEST), MANIFEST_BYTES_MAX).map_err(|error| error.to_string())?;
        let (manifest, flaws) = read_manifest(&manifest).map_err(|error| format!("{MANIFEST}: {error}"))?;
        if let Some(flaw) = flaws.first() {
            return Err(format!("{MANIFEST}: expected {}, found {}", flaw.expected, flaw.found));
        }
        if (manifest.step, manifest.chain) != (place.steps, place.chain) {
            return Err("the transcript does not lead to it".to_owned());
        }
        let mut read = manifest.files.iter().map(|file| read_tensors(folder, file));
        match (read.next(), read.next()) {
            (Some(model), Some(state)) => Ok(Self { steps: place.steps, model: model?, state: state? }),
            _ => Err(format!("{MANIFEST} names fewer than two files")),
        }
    }

    /// Puts it in place of a state.
    pub fn restore(mut self, config: &ModelConfig, state: &mut RunState) -> Result<(), Stop> {
        self.model.remove(LOGIT_SCALE);
        let model = Clip::from_values(config, self.model)?;
        let steps = self.steps;
        state.restore(model, self.state).map_err(|why| {
            let hint =
                "the algorithm declares other state than when this checkpoint was written; train in a new folder";
            Problem::usage(format!("{CHECKPOINTS}/{steps}/{STATE}: {why}")).hint(hint).into()
        })
    }
}

fn read_tensors(folder: &Path, listed: &TensorFile) -> Result<NamedValues, String> {
    let path = folder.join(&listed.name);
    let (file, size) = file::open_plain(&path, Links::Follow).map_err(|error| error.to_string())?;
    if size != listed.length {
        return Err(format!("{}: {size} bytes, expected {}", listed.name, listed.length));
    }
    let (numbers, looked) = read_values(file, listed).map_err(|error| format!("{}: {error}", listed.name))?;
    match looked.difference(listed) {
        Some(difference) => Err(format!("{}: {difference}", listed.name)),
        None => Ok(values::named(listed, numbers)),
    }
}

/// Steps of the checkpoints under their final names, ascending.
pub fn listed(folder: &Path) -> Result<Vec<u64>, FileError> {
    let folder = checkpoints(folder);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::at("read", folder)(error)),
    };
    let names: Vec<_> = entries.collect::<Result<_, _>>().map_err(FileError::at("read", folder))?;
    let mut steps: Vec<u64> = names.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    steps.sort_unstable();
    Ok(steps)
}

/// Removes checkpoints that only a stop had asked for, once a due one stands: the folder is then that of an
/// undisturbed run.
pub fn tidy(folder: &Path, due: impl Fn(u64) -> bool, before: u64) -> Result<(), FileError> {
    let mut extra = listed(folder)?.into_iter().filter(|&steps| steps < before && !due(steps));
    extra.try_for_each(|steps| remove(&checkpoints(folder).join(steps.to_string())))
}
