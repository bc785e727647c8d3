//! The kit: programs and compiled libraries that a submission is built and judged with.
//!
//! `cargo xtask kit` writes `kit.json` beside `maxclip`. Checking a ZIP needs none of it.

use std::path::{Path, PathBuf};

use records::{Sha256, file, verdict::Reason};
use serde::Deserialize;

/// Where everything is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kit {
    /// The compiler itself, not rustup's proxy.
    pub rustc: PathBuf,
    /// `libcontract-*.rlib`.
    pub contract: PathBuf,
    /// `libserde-*.rlib`, the one that the contract was built with.
    pub serde: PathBuf,
    /// `libanswer-*.rlib`: the frozen half of an entry's object.
    pub answer: PathBuf,
    /// The program `worker`: the server of Rust entries.
    pub worker: PathBuf,
    /// `libprobe.so`: what shows what holds a cell.
    pub probe: PathBuf,
    /// The folder of everything that those depend on.
    pub dependencies: PathBuf,
    /// The program `trainer`.
    pub trainer: PathBuf,
    /// The program `evaluator`.
    pub evaluator: PathBuf,
    /// libtorch's shared libraries.
    pub libraries: PathBuf,
    /// `frozen/answer/src/entry.rs`.
    pub main: PathBuf,
    /// The checkout that all of it was built from.
    pub checkout: PathBuf,
}

impl Kit {
    /// Finds the kit beside this program, or where `--kit` says.
    pub fn find(explicit: Option<&Path>) -> Result<Self, Reason> {
        let path = match explicit {
            Some(path) => path.to_owned(),
            None => std::env::current_exe().unwrap_or_default().with_file_name("kit.json"),
        };
        let lacks = |why: String| Reason { why, hint: "build the programs first: cargo xtask kit".to_owned() };
        let bytes = file::read(&path).map_err(|error| lacks(error.to_string()))?;
        let kit: Self =
            serde_json::from_slice(&bytes).map_err(|error| lacks(format!("{}: {error}", path.display())))?;
        let files = [
            &kit.rustc,
            &kit.contract,
            &kit.serde,
            &kit.answer,
            &kit.worker,
            &kit.probe,
            &kit.trainer,
            &kit.evaluator,
            &kit.main,
        ];
        if let Some(missing) = files.into_iter().find(|path| !path.is_file()) {
            return Err(lacks(format!("{} names {}, which is not there", path.display(), missing.display())));
        }
        if !kit.libraries.join("libtorch_cpu.so").is_file() {
            return Err(Reason {
                why: format!("libtorch is not here: {} holds no libtorch_cpu.so", kit.libraries.display()),
                hint: "provide it with: cargo xtask setup".to_owned(),
            });
        }
        Ok(kit)
    }

    /// What a build depends on besides the admitted tree, for telling whether one that is there still holds.
    pub fn identity(&self) -> Result<String, file::FileError> {
        let mut parts = Vec::new();
        for path in [&self.rustc, &self.contract, &self.serde, &self.answer, &self.main] {
            parts.push(Sha256::of(&file::read(path)?).bare());
        }
        Ok(parts.join(" "))
    }
}
