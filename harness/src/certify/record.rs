//! Stages that are not done twice: a record beside the evidence says what went in and what came out.

use std::fmt::Display;

use records::{Blake3, Stop, canonical, file};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::folders::EntryFolder;

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
    work: impl FnOnce() -> Result<T, Stop>,
) -> Result<T, Stop> {
    let inputs = inputs.iter().map(|input| format!("{input}\n")).collect::<String>();
    let inputs = Blake3::of(inputs.as_bytes());
    let path = folder.stage(name);
    if let Some(record) = file::read(&path).ok().and_then(|bytes| canonical::from_file::<Record<T>>(&bytes).ok())
        && record.inputs == inputs
    {
        return Ok(record.value);
    }
    let record = Record { inputs, value: work()? };
    file::write(&path, &canonical::to_file(&record)?)?;
    Ok(record.value)
}
