//! Comparisons with the programs that ours must agree with, run for real.
//!
//! Metrics, tokens, cleaned captions and pixels are compared with CLIP_benchmark, open_clip, ftfy and Pillow in the versions that
//! DataComp pins. The model's features are compared with an open_clip on the torch that our libtorch is cut from: another torch has
//! other kernels, and would be compared with itself; the entry in Python is asked on it, too. A comparison that cannot be made fails; none is skipped.

mod environment;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};

use self::environment::{DATACOMP, Environment, LIBTORCH};
use crate::{
    kit,
    setup::{self, Machine},
    shell,
};

/// Arguments of `cargo xtask peers`.
#[derive(Parser)]
pub struct Args {
    /// Only these
    #[arg(value_enum)]
    only: Vec<Comparison>,
}

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Comparison {
    /// Decoded and cropped images, with Pillow's
    Pixels,
    /// Cleaned captions and their tokens, with open_clip's and ftfy's
    Tokens,
    /// Zero-shot classification and retrieval, with CLIP_benchmark's
    Metrics,
    /// Features and checkpoints, with open_clip's
    Model,
    /// A training of an entry in Python, with the one of the same entry in Rust
    Python,
}

impl Comparison {
    const ALL: [Self; 5] = [Self::Pixels, Self::Tokens, Self::Metrics, Self::Model, Self::Python];

    fn name(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Tokens => "tokens",
            Self::Metrics => "metrics",
            Self::Model => "model",
            Self::Python => "python",
        }
    }

    /// The crate whose example says what ours is.
    fn ours(self) -> Option<&'static str> {
        match self {
            Self::Pixels | Self::Tokens => Some("data"),
            Self::Metrics | Self::Model => Some("evaluator"),
            Self::Python => None,
        }
    }

    fn environment(self) -> &'static Environment {
        match self {
            Self::Pixels | Self::Tokens | Self::Metrics => &DATACOMP,
            Self::Model | Self::Python => &LIBTORCH,
        }
    }
}

/// Runs them.
pub fn run(checkout: &Path, args: Args) -> Result<()> {
    let machine = setup::run(checkout)?;
    let cache = setup::cache_folder()?;
    let (mut differing, mut missing) = (Vec::new(), Vec::new());
    for comparison in Comparison::ALL {
        if !args.only.is_empty() && !args.only.contains(&comparison) {
            continue;
        }
        let name = comparison.name();
        println!("peers: {name}");
        match comparison.environment().provide(checkout, &cache) {
            Ok(python) => differing.extend(differs(&machine, &python, comparison)?.then_some(name)),
            Err(error) => {
                eprintln!("error: {name} is not compared: {error:#}");
                missing.push(name);
            }
        }
    }
    let said = [("not equal", differing), ("not compared", missing)];
    let said: Vec<_> = said.iter().filter(|(_, names)| !names.is_empty()).collect();
    if said.is_empty() {
        return Ok(());
    }
    bail!("{}", said.iter().map(|(what, names)| format!("{what}: {}", names.join(", "))).collect::<Vec<_>>().join("; "))
}

/// Whether a comparison's scripts find a difference.
fn differs(machine: &Machine, python: &Path, comparison: Comparison) -> Result<bool> {
    let checkout = &machine.checkout;
    let script = |name: &str, arguments: &[&Path]| script(checkout, python, name, arguments);
    let peer = comparison.ours().map(|package| example(machine, package)).transpose()?.unwrap_or_default();
    let scripts = match comparison {
        Comparison::Pixels => vec![script("pixels.py", &[&peer])],
        Comparison::Tokens => {
            let pinned = checkout.join("frozen/data/src/text/tests.rs");
            vec![script("tokens.py", &[&peer]), script("text.py", &[&pinned])]
        }
        Comparison::Metrics => vec![script("metrics.py", &[&peer])],
        Comparison::Model => {
            let model = |name: &str| checkout.join("frozen/protocols/models").join(name);
            vec![
                script("model.py", &[&peer, &model("mini.json"), Path::new("--trained"), &trained(machine)?]),
                script("model.py", &[&peer, &model("emoji.json")]),
                script("model.py", &[&peer, &model("ViT-B-32.json")]),
            ]
        }
        Comparison::Python => vec![contract(machine, python)?, trainings(machine, python)?],
    };
    let mut differs = false;
    for mut script in scripts {
        match shell::run(&mut script) {
            Err(error) if error.is::<shell::CommandFailed>() => differs = true,
            other => other?,
        }
    }
    Ok(differs)
}

/// Weights that a short training of the baseline published.
fn trained(machine: &Machine) -> Result<PathBuf> {
    Ok(tried(machine, "editable", "20")?.join("try-0001/published/model.safetensors"))
}

/// A fresh home in which an entry was tried beside the baseline.
fn tried(machine: &Machine, entry: &str, steps: &str) -> Result<PathBuf> {
    let maxclip = kit::build(machine)?.maxclip;
    let home = machine.checkout.join("runs/peers");
    shell::remove(&home)?;
    let mut attempt = Command::new(maxclip);
    shell::run(attempt.current_dir(&machine.checkout).args(["try", entry, "--steps", steps, "--home"]).arg(&home))?;
    Ok(home)
}

/// The object that was built in a home from an entry's sources.
fn object(home: &Path, entry: &Path) -> Result<PathBuf> {
    let root = |folder: PathBuf| fs::read(folder.join("src/lib.rs"));
    let wanted = root(entry.to_owned()).with_context(|| format!("{} is no entry", entry.display()))?;
    let builds = fs::read_dir(home.join("build")).with_context(|| format!("nothing built in {}", home.display()))?;
    let mut folders = builds.filter_map(|build| Some(build.ok()?.path()));
    let found = folders.find(|build| root(build.join("sources")).is_ok_and(|own| own == wanted));
    Ok(found.with_context(|| format!("no build of {}", entry.display()))?.join("libentry.so"))
}

/// The tests of the contract in Python, with the objects of the same entries in Rust to ask beside them.
fn contract(machine: &Machine, python: &Path) -> Result<Command> {
    let checkout = &machine.checkout;
    let (openclip, fastclip) = (checkout.join("frozen/algorithms/openclip"), checkout.join("editable"));
    let home = tried(machine, "frozen/algorithms/openclip", "2")?;
    let mut tests = Command::new(python);
    tests.env("MAXCLIP_RUST_OPENCLIP", object(&home, &openclip)?);
    tests.env("MAXCLIP_RUST_FASTCLIP", object(&home, &fastclip)?);
    tests
        .current_dir(checkout.join("frozen/contract-python"))
        .args(["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]);
    Ok(tests)
}

/// The trainer's tests that need torch for Python.
fn trainings(machine: &Machine, python: &Path) -> Result<Command> {
    kit::build(machine)?;
    let mut tests = shell::cargo(&machine.checkout.join("frozen"));
    tests.args(["test", "--workspace", "--test", "train", "--", "--ignored", "python::"]);
    tests.env("MAXCLIP_PYTHON", python);
    Ok(tests)
}

fn script(checkout: &Path, python: &Path, name: &str, arguments: &[&Path]) -> Command {
    let mut command = Command::new(python);
    command.current_dir(checkout).arg(Path::new("tests/peers").join(name)).args(arguments);
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
