//! Stages that are not done twice: a record beside the evidence says what went in and what came out.

use std::fmt::Display;

use anyhow::Context as _;
use records::{Blake3, canonical, file};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{folders::EntryFolder, halt::Went};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<T> {
    inputs: Blake3,
    value: T,
}

/// Gives what a stage came to, doing it only where no record with the same inputs is there.
///
/// A stage that fails leaves no record.
pub fn once<T: Serialize + DeserializeOwned>(
    folder: &EntryFolder,
    name: &str,
    inputs: &[&dyn Display],
    work: impl FnOnce() -> Went<T>,
) -> Went<T> {
    let inputs = inputs.iter().map(|input| format!("{input}\n")).collect::<String>();
    let inputs = Blake3::of(inputs.as_bytes());
    let path = folder.stage(name);
    if let Some(record) = file::read(&path).ok().and_then(|bytes| canonical::from_file::<Record<T>>(&bytes).ok())
        && record.inputs == inputs
    {
        return Ok(record.value);
    }
    let record = Record { inputs, value: work()? };
    let bytes = canonical::to_file(&record).with_context(|| format!("cannot record stage {name}"))?;
    file::write(&path, &bytes)?;
    Ok(record.value)
}
