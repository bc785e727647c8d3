//! A bench for whole trainings: generated data, the baseline as a worker, run folders of its own.

#![expect(clippy::unwrap_used, reason = "a bench: what fails ends the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use data::shapes::{Spec, generate};
use records::{
    Blake3, DataRoot, TreeDigest, canonical,
    v1::{
        outcome::Outcome,
        protocol::Protocol,
        room::Room,
        run::{RUN_FORMAT, ResolvedRun},
    },
};
use tempfile::TempDir;

const PROTOCOL: &str = include_str!("../../../protocols/mini.toml");
const MODEL: &str = include_str!("../../../protocols/models/mini.json");
/// What `editable/config.toml` resolves to for `mini`, `small`.
const CONFIG: &str = r#"{"adam_epsilon":1e-8,"beta1":0.9,"beta2":0.98,"gamma":0.2,"gamma_decay_epochs":12,"lr_floor":0.0,"lr_log_scale":0.0005,"lr_peak":0.002,"multiply_temperature":true,"rho":6.5,"temperature_gradient":"released","temperature_initial":0.07,"temperature_min":0.01,"u_epsilon":1e-14,"warmup_steps":10,"weight_decay":0.1}"#;
const LIBRARIES: &str = concat!(env!("LIBTORCH"), "/lib");

/// The program under test.
pub const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// Steps of a training on the bench.
pub const STEPS: u64 = 12;

/// Made once for all tests of a program.
struct Shared {
    worker: Worker,
    class: String,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let class = pinned(Path::new(TRAINER)).arg("class").output().unwrap();
        assert!(class.status.success(), "{}", String::from_utf8_lossy(&class.stderr));
        let class = String::from_utf8(class.stdout).unwrap().trim().to_owned();
        Shared { worker: worker(), class }
    })
}

/// The server, the baseline as its entry, and the probe.
struct Worker {
    server: PathBuf,
    entry: PathBuf,
    probe: PathBuf,
}

/// The worker beside the trainer. `cargo test` builds the programs of its own package alone, and a build from here
/// would choose other features for what the packages share.
fn worker() -> Worker {
    let beside = |name: &str| {
        let path = Path::new(TRAINER).with_file_name(name);
        assert!(path.is_file(), "no {}: run `cargo xtask kit`", path.display());
        path
    };
    Worker { server: beside("worker"), entry: beside("libbaseline.so"), probe: beside("libprobe.so") }
}

/// A trainer with the environment that it needs, wherever it lies.
fn pinned(trainer: &Path) -> Command {
    let mut command = Command::new(trainer);
    command.env_clear().envs(numerics::pin::ENVIRONMENT.iter().copied()).env("LD_LIBRARY_PATH", LIBRARIES);
    command
}

/// The training set of the bench, and tasks that nothing here looks at.
fn generate_data(home: &Path) -> DataRoot {
    let task = |name: &str| (name.to_owned(), 8);
    let sets = vec![("shapes-small".to_owned(), 256)];
    let spec = Spec { sets, classification: task("classification"), retrieval: task("retrieval"), ..Spec::mini() };
    generate(home, &spec).unwrap()[0].1
}

/// A run folder and its data.
pub struct Bench {
    folder: TempDir,
    home: TempDir,
}

impl Bench {
    /// A folder with the baseline's `run.json`.
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// A folder whose `run.json` was changed.
    pub fn with(change: impl FnOnce(&mut ResolvedRun)) -> Self {
        let home = tempfile::tempdir().unwrap();
        // Two micro-batches a lane, and more than one checkpoint.
        let protocol = PROTOCOL.replace("micro = 8", "micro = 4").replace("every_steps = 48", "every_steps = 5");
        let protocol = protocol.replace("steps = 96", &format!("steps = {STEPS}"));
        let mut run = ResolvedRun {
            format: RUN_FORMAT.into(),
            protocol_digest: Protocol::parse(&protocol).unwrap().1,
            protocol,
            model: MODEL.into(),
            scale: "small".into(),
            repeat: 1,
            data: generate_data(home.path()),
            frozen: stamp::own().unwrap(),
            tree: TreeDigest([2; 32]),
            config: CONFIG.into(),
            seed: "5e".repeat(32),
            class: shared().class.parse().unwrap(),
        };
        change(&mut run);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("run.json"), canonical::to_file(&run).unwrap()).unwrap();
        Self { folder, home }
    }

    /// The run folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data set.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("shapes-small")
    }

    /// The command that trains, with the bench's data.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_on(&self.data(), arguments)
    }

    /// The command that trains on some data.
    pub fn command_on(&self, data: &Path, arguments: &[&str]) -> Command {
        let mut command = self.command_of(Path::new(TRAINER), &shared().worker.server, data);
        command.args(arguments);
        command
    }

    /// The command that trains with these programs.
    pub fn command_of(&self, trainer: &Path, server: &Path, data: &Path) -> Command {
        let mut command = self.without_server(trainer, data);
        command.arg("--worker").arg(server).arg("--entry").arg(&shared().worker.entry);
        command.args(["--libraries", LIBRARIES]);
        command
    }

    /// The command that trains, but for the server, the entry that it serves and their libtorch.
    pub fn without_server(&self, trainer: &Path, data: &Path) -> Command {
        let mut command = pinned(trainer);
        command.arg("train").arg(self.path()).arg("--data").arg(data);
        command.arg("--probe").arg(&shared().worker.probe).stdin(Stdio::null());
        command
    }

    /// Trains to the end and expects it.
    pub fn train(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        self.outcome()
    }

    /// What the trainer says that the run writes at most.
    pub fn room(&self) -> Room {
        let output = pinned(Path::new(TRAINER)).arg("room").arg(self.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// `outcome.json`.
    pub fn outcome(&self) -> Outcome {
        canonical::from_file(&fs::read(self.path().join("outcome.json")).unwrap()).unwrap()
    }

    /// Every file but `outcome.json`, with its digest.
    pub fn files(&self) -> BTreeMap<String, Blake3> {
        let mut files = BTreeMap::new();
        collect(self.path(), self.path(), &mut files);
        files.remove("outcome.json");
        files
    }

    /// Expects the files of the undisturbed training.
    pub fn expect_reference(&self) {
        static REFERENCE: OnceLock<BTreeMap<String, Blake3>> = OnceLock::new();
        let reference = REFERENCE.get_or_init(|| {
            let bench = Self::new();
            bench.train(&[]);
            bench.files()
        });
        assert!(
            reference.contains_key("published/model.safetensors")
                && reference.contains_key("checkpoints/5/manifest.json")
        );
        assert_eq!(&self.files(), reference);
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Blake3>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, Blake3::of(&fs::read(&path).unwrap()));
        }
    }
}

/// Standard error as text.
pub fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
