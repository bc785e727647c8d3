//! The kit: the programs, and the compiled libraries that a submission is built against.
//!
//! `maxclip` compiles submissions with rustc and not with cargo, so it must know the files that cargo
//! made. cargo says so itself, one JSON message an artifact.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{setup::Machine, shell};

/// The programs of a built checkout.
pub struct Kit {
    /// The harness.
    pub maxclip: PathBuf,
}

const PROGRAMS: &[&str] = &["maxclip", "trainer", "evaluator", "worker"];
const LIBRARIES: &[&str] = &["contract", "answer", "serde"];
const OBJECTS: &[&str] = &["probe"];

/// Builds every program and writes `kit.json` beside `maxclip`.
pub fn build(machine: &Machine) -> Result<Kit> {
    let mut cargo = shell::cargo();
    // Everything, tests too: with fewer packages cargo chooses other features for what they share, and a test run
    // after it would compile libtorch's bindings a second time.
    cargo.args(["build", "--workspace", "--all-targets", "--message-format", "json-render-diagnostics"]);
    cargo.stdin(Stdio::null());
    let artifacts = artifacts(&shell::output(&mut cargo)?)?;
    let find = |name: &str| artifacts.get(name).with_context(|| format!("cargo built no `{name}`"));
    let maxclip = find("maxclip")?.clone();
    let folder = maxclip.parent().context("`maxclip` lies in no folder")?;
    let rustc =
        shell::output(std::process::Command::new("rustc").args(["--print", "sysroot"]).current_dir(shell::root()))?;
    let kit = json!({
        "rustc": Path::new(rustc.trim()).join("bin/rustc"),
        "contract": find("contract")?,
        "serde": find("serde")?,
        "answer": find("answer")?,
        "worker": find("worker")?,
        "probe": find("probe")?,
        "dependencies": folder.join("deps"),
        "trainer": find("trainer")?,
        "evaluator": find("evaluator")?,
        "libraries": machine.libraries,
        "main": shell::root().join("frozen/answer/src/entry.rs"),
        "checkout": shell::root(),
    });
    let path = folder.join("kit.json");
    let part = folder.join("kit.json.part");
    fs::write(&part, format!("{kit:#}\n")).with_context(|| format!("cannot write {}", part.display()))?;
    fs::rename(&part, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Kit { maxclip })
}

/// Programs and libraries by name, from cargo's messages.
///
/// A library that is also built for build scripts appears twice: those are compiled without
/// optimization, which tells them apart.
fn artifacts(messages: &str) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("a message of cargo is not JSON")?;
        let ours = message["reason"] == "compiler-artifact" && message["profile"]["test"] == false;
        if !ours || message["profile"]["opt_level"] == "0" {
            continue;
        }
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let path = if let Some(program) = message["executable"].as_str() {
            PROGRAMS.contains(&name).then_some(program)
        } else {
            let ending = if OBJECTS.contains(&name) { ".so" } else { ".rlib" };
            let files = message["filenames"].as_array().map_or(&[][..], Vec::as_slice);
            let wanted = OBJECTS.contains(&name) || LIBRARIES.contains(&name);
            files.iter().filter_map(Value::as_str).find(|file| wanted && file.ends_with(ending))
        };
        if let Some(path) = path {
            found.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(found)
}
