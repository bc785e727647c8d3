//! From names to a resolved run: a protocol, a scale, an entry and this machine give one `run.json`.

use std::path::Path;

use anyhow::{Context as _, Result};
use records::{
    NumericsClass, Stop, canonical, file,
    v1::{
        names::{self, RunName},
        protocol::Scale,
        run::{RUN_FORMAT, ResolvedRun},
    },
};

use verifier::release::PinnedProtocol;

use crate::{entry::Entry, frozen, protocols, round::Round, stop::stop};

/// One of a scale's trainings, of an entry, on a machine of a class.
pub fn run(
    pinned: &PinnedProtocol,
    scale: &Scale,
    repeat: u32,
    entry: &Entry,
    round: &Round,
    class: NumericsClass,
) -> Result<ResolvedRun, Stop> {
    let config = verifier::config::resolve(
        &entry.config,
        &pinned.protocol.name,
        &scale.name,
        &protocols::names(&pinned.protocol).map_err(stop)?,
    )
    .into_result()?;
    let seed = round.seed(&pinned.digest, RunName { scale: &scale.name, repeat });
    Ok(ResolvedRun {
        format: RUN_FORMAT.to_owned(),
        protocol: pinned.text.clone(),
        protocol_digest: pinned.digest,
        model: pinned.model.clone(),
        scale: scale.name.clone(),
        repeat,
        data: scale.root,
        frozen: frozen::digest(),
        tree: entry.digest,
        config,
        seed: seed.0.iter().map(|byte| format!("{byte:02x}")).collect(),
        class,
    })
}

/// Writes `run.json`, and the model's configuration for the evaluator, into a run folder.
///
/// A folder that holds another run is emptied first: a run is never continued under another protocol.
pub fn place(run: &ResolvedRun, folder: &Path) -> Result<()> {
    let bytes = canonical::to_file(run)?;
    let path = folder.join(names::RUN);
    if folder.exists() && file::read(&path).ok().as_deref() != Some(&bytes[..]) {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    file::write(&crate::folders::model(folder), run.model.as_bytes())?;
    Ok(file::write(&path, &bytes)?)
}
