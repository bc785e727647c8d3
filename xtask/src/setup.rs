//! libtorch and cmake, once a user: installed by pip from pinned hashes into the user's cache folder and
//! linked as `libtorch` in the checkout, so that plain cargo works afterwards.
//!
//! A LIBTORCH or LIBTORCH_USE_PYTORCH that is set is respected: then nothing is fetched.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use crate::{check, shell};

const NAME: &str = "libtorch-2.11.0-cpu";
const REQUIREMENTS: &str = "xtask/libtorch.txt";

/// Where this machine has what the checkout is built with.
pub struct Machine {
    /// The checkout.
    pub checkout: PathBuf,
    /// The folder of libtorch's shared libraries.
    pub libraries: PathBuf,
}

/// Checks the prerequisites, then provides libtorch and cmake where they are not there yet.
pub fn run(checkout: &Path) -> Result<Machine> {
    let machine = |libraries| Machine { checkout: checkout.to_owned(), libraries };
    check::prerequisites()?;
    if let Some(libraries) = foreign_libtorch(checkout)? {
        return Ok(machine(libraries));
    }
    let folder = cache_folder()?.join(NAME);
    if !complete(&folder) {
        fetch(checkout, &folder)?;
    }
    link(checkout, &folder)?;
    Ok(machine(checkout.join("libtorch/torch/lib")))
}

/// The user's cache folder for everything that is fetched.
pub fn cache_folder() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute()).map(PathBuf::from);
    let base = base.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let base = base.context("neither XDG_CACHE_HOME nor HOME is set: there is no folder to keep libtorch in")?;
    Ok(base.join("maxclip"))
}

#[expect(clippy::disallowed_methods, reason = "torch-sys is steered by these variables")]
fn foreign_libtorch(checkout: &Path) -> Result<Option<PathBuf>> {
    let ours = checkout.join("libtorch/torch");
    if let Ok(folder) = std::env::var("LIBTORCH") {
        // cargo hands its own [env] table to us: that one is not the user's.
        if Path::new(&folder) != ours {
            return Ok(Some(PathBuf::from(folder).join("lib")));
        }
    }
    if std::env::var("LIBTORCH_USE_PYTORCH").is_ok() {
        let script = "import torch, pathlib; print(pathlib.Path(torch.__file__).parent / 'lib')";
        let found = shell::output(Command::new("python3").args(["-c", script]))?;
        return Ok(Some(PathBuf::from(found.trim())));
    }
    Ok(None)
}

fn complete(folder: &Path) -> bool {
    folder.join("torch/lib/libtorch_cpu.so").is_file() && folder.join("cmake/data/bin/cmake").is_file()
}

fn fetch(checkout: &Path, folder: &Path) -> Result<()> {
    eprintln!("fetching libtorch 2.11.0 and cmake: 575 MB over the network, 1.3 GB on disk, once");
    eprintln!("  into {} (about 1 to 5 minutes)", folder.display());
    let start = Instant::now();
    let part = folder.with_extension("part");
    shell::remove(&part)?;
    fs::create_dir_all(&part).with_context(|| format!("cannot create {}", part.display()))?;
    let mut pip = Command::new("python3");
    pip.current_dir(checkout).args([
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--only-binary=:all:",
        "--no-compile",
        "--quiet",
    ]);
    // Named outright, so that the wheels do not depend on the version of this machine's python3.
    pip.args(["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311", "--abi", "none"]);
    for platform in ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    {
        pip.args(["--platform", platform]);
    }
    pip.args([
        "--disable-pip-version-check",
        "--no-warn-script-location",
        "--require-hashes",
        "--requirement",
        REQUIREMENTS,
    ]);
    // pip keeps a second copy of every wheel otherwise.
    pip.arg("--no-cache-dir").arg("--target").arg(&part).env("PIP_ROOT_USER_ACTION", "ignore");
    shell::run(&mut pip).context("pip could not install libtorch; run the same command again to go on")?;
    if !complete(&part) {
        bail!("{} holds no libtorch_cpu.so or no cmake after pip said that it succeeded", part.display());
    }
    shell::remove(folder)?;
    fs::rename(&part, folder).with_context(|| format!("cannot rename {} to {}", part.display(), folder.display()))?;
    eprintln!("  done in {} s", start.elapsed().as_secs());
    Ok(())
}

fn link(checkout: &Path, folder: &Path) -> Result<()> {
    let link = checkout.join("libtorch");
    match fs::read_link(&link) {
        Ok(target) if target == folder => return Ok(()),
        Ok(_) => fs::remove_file(&link).with_context(|| format!("cannot replace {}", link.display()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => bail!("{} is in the way: it should be a link to {}", link.display(), folder.display()),
    }
    std::os::unix::fs::symlink(folder, &link).with_context(|| format!("cannot link {}", link.display()))
}
