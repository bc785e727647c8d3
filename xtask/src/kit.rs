//! The kit: the programs, and the compiled libraries that a submission is built against.
//!
//! `maxclip` compiles submissions with rustc and not with cargo, so it must know the files that cargo
//! made. cargo says so itself, one JSON message an artifact.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use records::{
    Sha256, canonical, file,
    v1::{
        kit::{self, Build, KIT_FORMAT, KitPart, Programs},
        names,
    },
};
use serde_json::Value;

use crate::{setup::Machine, shell};

/// The programs of a built checkout.
pub struct BuiltKit {
    /// The harness.
    pub maxclip: PathBuf,
}

/// Something that cargo builds: a program, or a library by how its file ends.
struct Wanted {
    name: &'static str,
    ending: Option<&'static str>,
}

const fn program(name: &'static str) -> Wanted {
    Wanted { name, ending: None }
}

const fn library(name: &'static str, ending: &'static str) -> Wanted {
    Wanted { name, ending: Some(ending) }
}

/// What is taken from the frozen workspace: `serde` too, which must be the one that the contract was built with.
const FROZEN: [Wanted; 7] = [
    program("trainer"),
    program("evaluator"),
    program("worker"),
    library("contract", ".rlib"),
    library("answer", ".rlib"),
    library("serde", ".rlib"),
    library("probe", ".so"),
];

/// Builds every program and writes `kit.json` beside `maxclip`.
pub fn build(machine: &Machine) -> Result<BuiltKit> {
    let checkout = &machine.checkout;
    let frozen = compile(&checkout.join("frozen"), &FROZEN)?;
    let maxclip = compile(checkout, &[program("maxclip")])?.remove("maxclip");
    let maxclip = maxclip.context("cargo built no `maxclip`")?;
    let find = |name: &str| frozen.get(name).with_context(|| format!("cargo built no `{name}`"));
    let folder = maxclip.parent().context("`maxclip` lies in no folder")?;
    let rustc = shell::output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(checkout))?;
    let seen = |path: &Path| seen(path, folder, checkout);
    let part =
        |path: &Path| Ok::<_, anyhow::Error>(KitPart { path: seen(path)?, sha256: Sha256::of(&file::read(path)?) });
    let built = |name: &str| part(find(name)?);
    let (manifest, _) = manifest::pack(&manifest::frozen(checkout)?);
    let kit = kit::KitFile {
        format: KIT_FORMAT.to_owned(),
        frozen: manifest::digest(&manifest).parse()?,
        programs: Programs {
            trainer: built("trainer")?,
            evaluator: built("evaluator")?,
            worker: built("worker")?,
            probe: built("probe")?,
        },
        build: Build {
            rustc: part(&Path::new(rustc.trim()).join("bin/rustc"))?,
            contract: built("contract")?,
            serde: built("serde")?,
            answer: built("answer")?,
            main: part(&checkout.join("frozen/answer/src/entry.rs"))?,
            dependencies: seen(&folder.join("deps"))?,
        },
        libtorch: seen(&machine.libraries)?,
        checkout: seen(checkout)?,
    };
    file::write(&folder.join(names::KIT), &canonical::to_file(&kit)?)?;
    Ok(BuiltKit { maxclip })
}

/// A path as `kit.json` names it: from the kit's own folder where both lie in the checkout, so that a copy of all of it
/// names its own files; whole where not.
fn seen(path: &Path, folder: &Path, checkout: &Path) -> Result<String> {
    let from_folder = match (folder.strip_prefix(checkout), path.strip_prefix(checkout)) {
        _ if path.starts_with(folder) => path.strip_prefix(folder)?.to_owned(),
        (Ok(down), Ok(rest)) => down.iter().map(|_| OsStr::new("..")).chain(rest).collect(),
        _ => path.to_owned(),
    };
    let text = from_folder.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// Builds a workspace and gives what is wanted of it by name.
fn compile(workspace: &Path, wanted: &[Wanted]) -> Result<BTreeMap<&'static str, PathBuf>> {
    let mut cargo = shell::cargo(workspace);
    // Everything, tests too: with fewer packages cargo chooses other features for what they share, and a test run
    // after it would compile libtorch's bindings a second time.
    cargo.args(["build", "--workspace", "--all-targets", "--message-format", "json-render-diagnostics"]);
    artifacts(&shell::output(cargo.stdin(Stdio::null()))?, wanted)
}

/// Programs and libraries by name, from cargo's messages.
///
/// A library that is also built for build scripts appears twice: those are compiled without
/// optimization, which tells them apart.
fn artifacts(messages: &str, wanted: &[Wanted]) -> Result<BTreeMap<&'static str, PathBuf>> {
    let mut found = BTreeMap::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("a message of cargo is not JSON")?;
        let ours = message["reason"] == "compiler-artifact" && message["profile"]["test"] == false;
        if !ours || message["profile"]["opt_level"] == "0" {
            continue;
        }
        let Some(wanted) = wanted.iter().find(|wanted| message["target"]["name"] == wanted.name) else { continue };
        let files = message["filenames"].as_array().map_or(&[][..], Vec::as_slice);
        let path = match wanted.ending {
            None => message["executable"].as_str(),
            Some(ending) => files.iter().filter_map(Value::as_str).find(|file| file.ends_with(ending)),
        };
        if let Some(path) = path {
            found.insert(wanted.name, PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_checkout_and_target_names_its_own_files() {
        let seen = |path: &str, folder: &str| seen(Path::new(path), Path::new(folder), Path::new("/c")).unwrap();
        assert_eq!(seen("/c/target/debug/deps/libserde.rlib", "/c/target/debug"), "deps/libserde.rlib");
        assert_eq!(seen("/c/libtorch/torch/lib", "/c/target/debug"), "../../libtorch/torch/lib");
        assert_eq!(seen("/c", "/c/target/debug"), "../..");
        // A target folder elsewhere is no part of the checkout's copy.
        assert_eq!(seen("/t/debug/trainer", "/t/debug"), "trainer");
        assert_eq!(seen("/c/frozen/answer/src/entry.rs", "/t/debug"), "/c/frozen/answer/src/entry.rs");
        assert_eq!(seen("/rust/bin/rustc", "/c/target/debug"), "/rust/bin/rustc");
    }
}
