//! Environments of peers: an interpreter and packages of pinned versions, in a folder of the user's cache.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::shell;

/// What a comparison runs in.
pub struct Environment {
    /// Its folder's name in the cache folder.
    pub folder: &'static str,
    /// The interpreter, as it is found on PATH.
    pub python: &'static str,
    /// What the interpreter answers for its version begins so.
    pub version: &'static str,
    /// The file of its packages, from the checkout: each one that is installed, with its version.
    pub packages: &'static str,
    /// What fetching it costs.
    pub cost: &'static str,
}

/// What DataComp pins: how it cleans and cuts captions, decodes images and computes metrics.
pub const DATACOMP: Environment = Environment {
    folder: "peers-datacomp",
    python: "python3.10",
    version: "Python 3.10.",
    packages: "tests/peers/datacomp.txt",
    cost: "1.8 GB over the network, 3.6 GB on disk, once (about 2 minutes)",
};

/// open_clip on the torch that our libtorch is cut from.
pub const LIBTORCH: Environment = Environment {
    folder: "peers-libtorch",
    python: "python3",
    version: "Python 3.",
    packages: "tests/peers/libtorch.txt",
    cost: "2.5 GB over the network, 4.8 GB on disk, once (about 2 minutes)",
};

/// The file that is written last, with what was installed: without it a folder is half-made, with another content stale.
const COMPLETE: &str = "complete";

impl Environment {
    /// The environment's Python below the cache folder; made where it is not there, is half-made or is stale.
    ///
    /// - Errors: no interpreter of that version on PATH; pip cannot install the packages.
    pub fn provide(&self, checkout: &Path, cache: &Path) -> Result<PathBuf> {
        let interpreter = self.interpreter()?;
        let packages = checkout.join(self.packages);
        let packages = fs::read_to_string(&packages).with_context(|| format!("cannot read {}", packages.display()))?;
        let content = format!("{interpreter}\n{packages}");
        let folder = cache.join(self.folder);
        let python = folder.join("bin/python");
        if is_made(&folder, &content) && shell::answers(&python.to_string_lossy(), &["-c", ""]) {
            return Ok(python);
        }
        eprintln!("fetching {} into {}: {}", self.packages, folder.display(), self.cost);
        shell::remove(&folder)?;
        let mut venv = Command::new(self.python);
        shell::run(venv.args(["-m", "venv"]).arg(&folder))
            .with_context(|| format!("`{}` makes no environment: install its module `venv` as well", self.python))?;
        let mut pip = Command::new(&python);
        // Without dependencies: what is not in the list is not in the environment.
        pip.current_dir(checkout).args(["-m", "pip", "install", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]);
        pip.args(["--quiet", "--disable-pip-version-check", "--requirement", self.packages]);
        shell::run(&mut pip).context("pip could not install the peers; run the same command again")?;
        let complete = folder.join(COMPLETE);
        fs::write(&complete, content).with_context(|| format!("cannot write {}", complete.display()))?;
        Ok(python)
    }

    /// The interpreter's version in its own words.
    fn interpreter(&self) -> Result<String> {
        let asked = Command::new(self.python).arg("--version").output();
        let found = asked.ok().filter(|output| output.status.success());
        let found = found.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        found.filter(|version| version.starts_with(self.version)).with_context(|| {
            format!(
                "`{}` on PATH does not answer as `{}..`: {} is for that version and no other. Put one on PATH, with `venv`: \
                 your system's package, `uv python install 3.10`, or `pyenv install 3.10` and `pyenv global` with both versions",
                self.python, self.version, self.packages
            )
        })
    }
}

fn is_made(folder: &Path, content: &str) -> bool {
    fs::read_to_string(folder.join(COMPLETE)).is_ok_and(|complete| complete == content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_made_and_a_stale_environment_are_made_again() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_made(folder.path(), "Python 3.10.13\ntorch==1.13.0\n"));
        fs::write(folder.path().join(COMPLETE), "Python 3.10.13\ntorch==1.13.0\n").unwrap();
        assert!(is_made(folder.path(), "Python 3.10.13\ntorch==1.13.0\n"));
        assert!(!is_made(folder.path(), "Python 3.10.13\ntorch==1.13.1\n"));
        assert!(!is_made(folder.path(), "Python 3.10.14\ntorch==1.13.0\n"));
    }

    #[test]
    fn without_its_interpreter_an_environment_says_which_and_how_to_get_it() {
        let absent = Environment { python: "python3.10-that-is-not-there", ..DATACOMP };
        let other = Environment { version: "Python 2.", ..LIBTORCH };
        for environment in [absent, other] {
            let error = environment.interpreter().unwrap_err().to_string();
            assert!(error.contains(environment.python) && error.contains("Put one on PATH"), "{error}");
        }
    }

    #[test]
    fn every_package_has_one_version() {
        let checkout = shell::checkout(&std::env::current_dir().unwrap()).unwrap();
        for environment in [DATACOMP, LIBTORCH] {
            let packages = fs::read_to_string(checkout.join(environment.packages)).unwrap();
            let listed = packages.lines().filter(|line| !line.starts_with('#'));
            listed.for_each(|line| assert_eq!(line.split("==").count(), 2, "{line}"));
        }
    }
}
