//! Comparisons with the programs that ours must agree with, run for real: open_clip for features and
//! checkpoints, CLIP_benchmark for metrics, Pillow and open_clip's tokenizer for pixels and tokens.
//!
//! They live in a Python environment of their own in the user's cache folder, from pinned versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;

use crate::{
    kit,
    setup::{self, Machine},
    shell,
};

/// Arguments of `cargo xtask peers`.
#[derive(Parser)]
pub struct Args {
    /// Only these: data, model, metrics
    #[arg(value_parser = ["data", "model", "metrics"])]
    only: Vec<String>,
}

/// The peers, with everything whose version can move a number pinned. CLIP_benchmark does not run with
/// later versions of numpy.
const PACKAGES: [&str; 9] = [
    "torch==2.11.0",
    "torchvision==0.26.0",
    "open_clip_torch==3.3.0",
    "ftfy==6.3.1",
    "pillow==12.0.0",
    "numpy==2.2.6",
    "safetensors==0.8.0",
    "scikit-learn==1.9.1",
    "scipy==1.17.1",
];

/// Its own requirements would bring a second set of versions; what of it runs here needs none of them.
const ALONE: &str = "clip-benchmark==1.6.1";

/// The folder in the user's cache folder; the number changes with the versions above.
const FOLDER: &str = "peers-1";

/// Runs them.
pub fn run(checkout: &Path, args: Args) -> Result<()> {
    let machine = setup::run(checkout)?;
    let python = provide()?;
    let asked = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let mut failed = Vec::new();
    let mut compare = |name: &'static str, command: &mut Command| -> Result<()> {
        println!("peers: {name}");
        match shell::run(command) {
            Err(error) if error.is::<shell::Failed>() => failed.push(name),
            other => other?,
        }
        Ok(())
    };
    if asked("data") {
        compare("data", script(checkout, &python, "data.py").arg(example(&machine, "data")?))?;
    }
    if asked("model") || asked("metrics") {
        let peer = example(&machine, "evaluator")?;
        let models = checkout.join("frozen/protocols/models");
        if asked("model") {
            let model = |name: &str| {
                let mut model = script(checkout, &python, "model.py");
                model.arg(&peer).arg(models.join(name));
                model
            };
            compare("model", model("mini.json").arg("--trained").arg(trained(&machine)?))?;
            compare("model", &mut model("emoji.json"))?;
            compare("model", &mut model("ViT-B-32.json"))?;
        }
        if asked("metrics") {
            compare("metrics", script(checkout, &python, "metrics.py").arg(&peer))?;
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("not equal: {}", failed.join(", ")) }
}

/// Weights that a short training of the baseline published.
fn trained(machine: &Machine) -> Result<PathBuf> {
    let maxclip = kit::build(machine)?.maxclip;
    let home = machine.checkout.join("runs/peers");
    shell::remove(&home)?;
    let mut attempt = Command::new(maxclip);
    shell::run(attempt.current_dir(&machine.checkout).args(["try", "editable", "--steps", "20", "--home"]).arg(&home))?;
    Ok(home.join("try-0001/published/model.safetensors"))
}

fn script(checkout: &Path, python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.current_dir(checkout).arg(Path::new("tests/peers").join(name));
    // Kernels of one kind on both sides, on one thread: what is compared is the model.
    for (name, value) in [("OMP_NUM_THREADS", "1"), ("ATEN_CPU_CAPABILITY", "avx2"), ("PYTHONDONTWRITEBYTECODE", "1")] {
        command.env(name, value);
    }
    command
}

/// Builds a crate's example for peers and says where it is.
fn example(machine: &Machine, package: &str) -> Result<PathBuf> {
    let mut cargo = shell::cargo(&machine.checkout.join("frozen"));
    // The whole workspace: a smaller selection has other features and would compile libtorch's bindings again.
    cargo.args(["build", "--workspace", "--message-format", "json-render-diagnostics"]);
    cargo.args(["--example", &format!("{package}_peer")]);
    let messages = shell::output(&mut cargo)?;
    let built = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let path = built.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).next_back();
    path.with_context(|| format!("cargo built no example of `{package}`"))
}

/// The environment's Python; made where it is not there.
fn provide() -> Result<PathBuf> {
    let folder = setup::cache_folder()?.join(FOLDER);
    let python = folder.join("bin/python");
    let done = folder.join("complete");
    if done.is_file() {
        return Ok(python);
    }
    eprintln!("fetching the peers from PyPI: 2.5 GB over the network, 5 GB on disk, once (about 5 minutes)");
    shell::remove(&folder)?;
    shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let pip = |arguments: &[&str]| {
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-cache-dir",
            "--only-binary=:all:",
        ]);
        shell::run(pip.args(arguments)).context("pip could not install the peers; run the same command again")
    };
    pip(&PACKAGES)?;
    pip(&["--no-deps", ALONE])?;
    fs::write(&done, "").with_context(|| format!("cannot write {}", done.display()))?;
    Ok(python)
}
