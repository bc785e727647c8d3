//! The protocols that a command can be given: those of this release, and an organizer's own files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use records::{
    file,
    v1::protocol::{Protocol, SEEDS_MAX, Scale},
};
use verifier::{
    config::TableNames,
    release::{PinnedProtocol, Release},
};

use crate::{frozen, problem::Problem, shell};

/// The longest protocol and the longest model configuration, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// The protocol that `--protocol` names: one of this release, or the file of an organizer's own, whose model lies
/// beside it.
pub fn chosen(name: &str) -> Result<PinnedProtocol> {
    if name.ends_with(".toml") { own(Path::new(name)) } else { carried(name) }
}

/// The protocol of a name that this release carries.
pub fn carried(name: &str) -> Result<PinnedProtocol> {
    let text = frozen::text(&format!("frozen/protocols/{name}.toml")).ok_or_else(|| {
        Problem::usage(format!("there is no protocol `{name}`"))
            .hint(format!("known: {}; a file of your own ends with .toml", frozen::protocols().join(", ")))
    })?;
    Ok(PinnedProtocol::carried(frozen::tree(), text)?)
}

/// The protocol of an organizer's own file.
fn own(path: &Path) -> Result<PinnedProtocol> {
    let text = read_text(path)?;
    let (protocol, digest) = Protocol::parse(&text).map_err(|error| {
        Problem::usage(format!("{}: {error}", path.display()))
            .hint(format!("all that is wrong, with lines: `maxclip protocol check {}`", shell::path(path)))
    })?;
    let model = read_text(&model_beside(path, &protocol.model))?;
    Ok(PinnedProtocol { digest, protocol, text, model })
}

/// What this program holds statements to, with the organizer's own protocols that the caller names.
pub fn release_with(named: &[String]) -> Result<Release<'static>> {
    let chosen = named.iter().map(|name| chosen(name)).collect::<Result<Vec<_>>>()?;
    Ok(chosen.into_iter().fold(frozen::release()?, Release::with))
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

/// The scale that the command line names.
pub fn scale<'a>(protocol: &'a Protocol, name: &str) -> Result<&'a Scale, Problem> {
    protocol.scale(name).ok_or_else(|| {
        let known: Vec<_> = protocol.scales.iter().map(|scale| scale.name.as_str()).collect();
        Problem::usage(format!("protocol `{}` has no scale `{name}`", protocol.name)).hint(known.join(", "))
    })
}

/// The names that tables of a configuration may have, where an entry runs under a protocol.
pub fn names(protocol: &Protocol) -> Result<TableNames> {
    Ok(TableNames::of(frozen::tree().protocols()?.iter().chain([protocol])))
}

/// The same protocol with another number of steps, and golden and trial cut to fit: for trying things out.
pub fn with_steps(pinned: &PinnedProtocol, steps: u64) -> Result<PinnedProtocol> {
    let mut protocol = pinned.protocol.clone();
    for scale in &mut protocol.scales {
        scale.steps = steps;
        // One text, and so one row of seeds, however many of them are asked for.
        scale.seeds = SEEDS_MAX;
    }
    protocol.golden.steps = protocol.golden.steps.min(steps);
    protocol.trial.steps = protocol.trial.steps.min(steps);
    protocol.checkpoint.every_steps = steps;
    let text = toml::to_string(&protocol).context("cannot write the protocol")?;
    let (protocol, digest) = Protocol::parse(&text)?;
    Ok(PinnedProtocol { digest, protocol, text, model: pinned.model.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_for_trying_has_one_text_and_as_many_seeds_as_can_be_asked_for() {
        let mini = chosen("mini").unwrap();
        let tried = with_steps(&mini, 7).unwrap();
        assert!(tried.protocol.scales.iter().all(|scale| (scale.steps, scale.seeds) == (7, SEEDS_MAX)));
        assert_eq!((tried.protocol.golden.steps, tried.protocol.trial.steps), (7, 7));
        assert_eq!(with_steps(&tried, 7).unwrap().text, tried.text);
    }
}
