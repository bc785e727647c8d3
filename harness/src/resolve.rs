//! From names to a resolved run: a protocol, a scale, an entry and this machine give one `run.json`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use records::{
    NumericsClass, ProtocolDigest, Stop, canonical, file,
    v1::{
        names::{self, RunName},
        protocol::{Protocol, SEEDS_MAX, Scale},
        run::{RUN_FORMAT, ResolvedRun},
    },
};

use verifier::config::Names;

use crate::{entry::Entry, frozen, problem::Problem, round::Round, stop::stop};

/// A protocol with its text and identity.
#[derive(Debug, Clone)]
pub struct Law {
    /// Parsed.
    pub protocol: Protocol,
    /// The file.
    pub text: String,
    /// Its SHA-256.
    pub digest: ProtocolDigest,
    /// The model's configuration file.
    pub model: String,
}

/// The longest protocol and the longest model configuration, in bytes.
const FILE_MAX: u64 = 1 << 20;

impl Law {
    /// The protocol that `--protocol` names: one of this release, or the file of an organizer's own, whose model lies
    /// beside it.
    pub fn chosen(name: &str) -> Result<Self> {
        if name.ends_with(".toml") { Self::file(Path::new(name)) } else { Self::named(name) }
    }

    /// The frozen protocol of a name.
    pub fn named(name: &str) -> Result<Self> {
        let text = frozen::text(&format!("frozen/protocols/{name}.toml")).ok_or_else(|| {
            Problem::usage(format!("there is no protocol `{name}`"))
                .hint(format!("known: {}; a file of your own ends with .toml", frozen::protocols().join(", ")))
        })?;
        let (protocol, digest) = Protocol::parse(&text)?;
        let model = format!("frozen/protocols/models/{}.json", protocol.model);
        let model = frozen::text(&model).with_context(|| format!("{model} is not in the frozen tree"))?;
        Ok(Self { protocol, text, digest, model })
    }

    /// The protocol of a file.
    fn file(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let (protocol, digest) = Protocol::parse(&text).map_err(|error| {
            Problem::usage(format!("{}: {error}", path.display()))
                .hint(format!("all that is wrong, with lines: `maxclip protocol check {}`", path.display()))
        })?;
        let model = read_text(&model_beside(path, &protocol.model))?;
        Ok(Self { protocol, text, digest, model })
    }

    /// The scale that the command line names.
    pub fn scale(&self, name: &str) -> Result<&Scale, Problem> {
        self.protocol.scale(name).ok_or_else(|| {
            let known: Vec<_> = self.protocol.scales.iter().map(|scale| scale.name.as_str()).collect();
            Problem::usage(format!("protocol `{}` has no scale `{name}`", self.protocol.name)).hint(known.join(", "))
        })
    }

    /// What the verifier holds statements to.
    #[must_use]
    pub fn verified(&self) -> verifier::release::Law {
        let Self { protocol, digest, model, .. } = self.clone();
        verifier::release::Law { digest, protocol, model }
    }

    /// The names that tables of a configuration may have.
    pub fn names(&self) -> Result<Names> {
        Ok(Names::of(frozen::tree().protocols()?.iter().chain([&self.protocol])))
    }

    /// The same law with another number of steps, and golden and trial cut to fit: for trying things out.
    pub fn with_steps(&self, steps: u64) -> Result<Self> {
        let mut protocol = self.protocol.clone();
        for scale in &mut protocol.scales {
            scale.steps = steps;
            // One text, and so one row of seeds, however many of them are asked for.
            scale.seeds = SEEDS_MAX;
        }
        protocol.golden.steps = protocol.golden.steps.min(steps);
        protocol.trial.steps = protocol.trial.steps.min(steps);
        protocol.checkpoint.every_steps = steps;
        let text = toml::to_string(&protocol)?;
        let (protocol, digest) = Protocol::parse(&text)?;
        Ok(Self { protocol, text, digest, model: self.model.clone() })
    }
}

/// A text file that the caller named.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = file::read_named(path, FILE_MAX)?;
    String::from_utf8(bytes).map_err(|_| Problem::usage(format!("{} is not UTF-8", path.display())).into())
}

/// The configuration of a model that a protocol's file names.
pub fn model_beside(protocol: &Path, model: &str) -> PathBuf {
    protocol.with_file_name(format!("{model}.json"))
}

/// One of a scale's trainings, of an entry, on a machine of a class.
pub fn run(
    law: &Law,
    scale: &Scale,
    repeat: u32,
    entry: &Entry,
    round: &Round,
    class: NumericsClass,
) -> Result<ResolvedRun, Stop> {
    let config = verifier::config::resolve(&entry.config, &law.protocol.name, &scale.name, &law.names().map_err(stop)?)
        .into_result()?;
    let seed = round.seed(&law.digest, RunName { scale: &scale.name, repeat });
    Ok(ResolvedRun {
        format: RUN_FORMAT.to_owned(),
        protocol: law.text.clone(),
        protocol_digest: law.digest,
        model: law.model.clone(),
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
/// A folder that holds another run is emptied first: a run is never continued under another law.
pub fn place(run: &ResolvedRun, folder: &Path) -> Result<()> {
    let bytes = canonical::to_file(run)?;
    let path = folder.join(names::RUN);
    if folder.exists() && file::read(&path).ok().as_deref() != Some(&bytes[..]) {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    file::write(&crate::folders::model(folder), run.model.as_bytes())?;
    Ok(file::write(&path, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_for_trying_has_one_text_and_as_many_seeds_as_can_be_asked_for() {
        let mini = Law::chosen("mini").unwrap();
        let tried = mini.with_steps(7).unwrap();
        assert!(tried.protocol.scales.iter().all(|scale| (scale.steps, scale.seeds) == (7, SEEDS_MAX)));
        assert_eq!((tried.protocol.golden.steps, tried.protocol.trial.steps), (7, 7));
        assert_eq!(tried.with_steps(7).unwrap().text, tried.text);
    }
}
