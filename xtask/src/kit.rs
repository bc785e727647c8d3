//! The kit: the programs, and the compiled libraries that a submission is built against.
//!
//! `maxclip` compiles submissions with rustc and not with cargo, so it must know the files that cargo
//! made. cargo says so itself, one JSON message an artifact.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{setup::Machine, shell};

/// The programs of a built checkout.
pub struct Kit {
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
pub fn build(machine: &Machine) -> Result<Kit> {
    let checkout = &machine.checkout;
    let frozen = compile(&checkout.join("frozen"), &FROZEN)?;
    let maxclip = compile(checkout, &[program("maxclip")])?.remove("maxclip");
    let maxclip = maxclip.context("cargo built no `maxclip`")?;
    let find = |name: &str| frozen.get(name).with_context(|| format!("cargo built no `{name}`"));
    let folder = maxclip.parent().context("`maxclip` lies in no folder")?;
    let rustc = shell::output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(checkout))?;
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
        "main": checkout.join("frozen/answer/src/entry.rs"),
        "checkout": checkout,
    });
    let path = folder.join("kit.json");
    let part = folder.join("kit.json.part");
    fs::write(&part, format!("{kit:#}\n")).with_context(|| format!("cannot write {}", part.display()))?;
    fs::rename(&part, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Kit { maxclip })
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
