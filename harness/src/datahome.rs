//! Data sets and evaluation tasks by name, below `data/` of the home folder.
//!
//! The `shapes` data of protocol `mini` are generated where they are missing; real data are the user's.

use std::path::Path;

use anyhow::{Context as _, Result};
use data::{
    dataset::Dataset,
    shapes::{self, Spec},
};
use records::{
    DataRoot,
    v1::protocol::{Protocol, Scale},
};

use crate::problem::Problem;

/// Makes sure that everything a protocol names is there, and gives each scale's identity.
pub fn provide(folder: &Path, protocol: &Protocol) -> Result<Vec<DataRoot>> {
    if !complete(folder, protocol) && is_shapes(protocol) {
        shapes::generate(folder, &Spec::mini())
            .with_context(|| format!("cannot generate the shapes data in {}", folder.display()))?;
    }
    if let Some(task) = protocol.evaluation.tasks.iter().find(|task| !folder.join(task).is_dir()) {
        return Err(missing(&folder.join(task), protocol).into());
    }
    protocol.scales.iter().map(|scale| identity(folder, protocol, scale)).collect()
}

/// Whether a protocol asks for nothing but what is generated.
fn is_shapes(protocol: &Protocol) -> bool {
    let spec = Spec::mini();
    protocol
        .scales
        .iter()
        .all(|scale| spec.sets.iter().any(|(name, samples)| *name == scale.data && *samples == scale.samples))
}

fn complete(folder: &Path, protocol: &Protocol) -> bool {
    let tasks = protocol.evaluation.tasks.iter();
    let names = protocol.scales.iter().map(|scale| &scale.data).chain(tasks);
    names.into_iter().all(|name| folder.join(name).is_dir())
}

fn identity(folder: &Path, protocol: &Protocol, scale: &Scale) -> Result<DataRoot> {
    let path = folder.join(&scale.data);
    if !path.is_dir() {
        return Err(missing(&path, protocol).into());
    }
    let set = Dataset::open(&path)?;
    if set.len() != scale.samples {
        return Err(Problem::usage(format!(
            "{} holds {} samples, protocol `{}` wants {} for scale `{}`",
            path.display(),
            set.len(),
            protocol.name,
            scale.samples,
            scale.name
        ))
        .into());
    }
    Ok(set.root())
}

fn missing(path: &Path, protocol: &Protocol) -> Problem {
    let hint = match protocol.name.as_str() {
        "emoji" => "cargo xtask emoji fetches and writes it".to_owned(),
        _ => "see docs/organizers.md: shards go there, then `maxclip data index` makes them a data set".to_owned(),
    };
    Problem::usage(format!("{} is not there; protocol `{}` needs it", path.display(), protocol.name)).hint(hint)
}
