//! A protocol: every number that can change a result, in one TOML file.
//!
//! No field has a default. The digest of the file's bytes is the protocol's identity, so a comment that
//! changes changes it, and nobody has to argue about what a change of form means.

use serde::{Deserialize, Serialize};

use crate::{
    DataRoot, ProtocolDigest, Sha256,
    v1::{evaluation, names, track::Track},
};

/// Lanes of a global batch. A constant of the project: it decides the order of every sum over a batch.
pub const LANES: usize = 8;

/// The most seeds a scale: more than anybody has trained, so that a slip of the pen is noticed.
pub const SEEDS_MAX: u32 = 64;

/// A protocol that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// Not TOML, an unknown key, a missing key or a value of another type.
    #[error("protocol: {0}")]
    Toml(#[from] toml::de::Error),
    /// Values that contradict each other.
    #[error("protocol `{name}`: {why}")]
    Inconsistent {
        /// The protocol's name.
        name: String,
        /// What contradicts what.
        why: String,
    },
}

/// A competition's training law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Name, as `--protocol` takes it.
    pub name: String,
    /// One sentence for people.
    pub about: String,
    /// Which argument of a result an entry brings; everything else is frozen.
    pub track: Track,
    /// The model's configuration: a file of `frozen/protocols/models` without `.json`.
    pub model: String,
    /// How a global batch is cut.
    pub batch: BatchShape,
    /// The order in which samples are visited.
    pub order: Order,
    /// What happens to a training image between its decoding and the model.
    pub augmentation: Augmentation,
    /// When checkpoints are written.
    pub checkpoint: CheckpointLaw,
    /// The recorded run that every machine must repeat before it may judge.
    pub golden: Prefix,
    /// The first steps of each real run, done several ways.
    pub trial: Prefix,
    /// What an algorithm may remember.
    pub state: StateLimits,
    /// What a worker may use.
    pub worker: WorkerLimits,
    /// The evaluation tasks, in the order of the average.
    pub evaluation: Evaluation,
    /// The trainings of one submission, from small to large.
    #[serde(rename = "scale")]
    pub scales: Vec<Scale>,
}

/// How a global batch is cut into lanes and micro-batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchShape {
    /// Pairs in a global batch; a multiple of 8 times `micro`.
    pub global: u32,
    /// Pairs that go through the model at once; decides bits.
    pub micro: u32,
}

/// The order of samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Ranks that stay together: 1 is a plain permutation, more makes storage reads sequential.
    pub block_samples: u64,
}

/// Random resized crop, as open_clip's training transform draws it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Area of the crop, as a share of the image: lowest and highest.
    pub scale: [f64; 2],
    /// Width over height: lowest and highest; drawn uniformly in the logarithm.
    pub ratio: [f64; 2],
}

/// When checkpoints are written: at step 0, at each multiple, and at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLaw {
    /// Steps between two checkpoints.
    pub every_steps: u64,
}

/// The first steps of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// How many steps.
    pub steps: u64,
}

/// Limits on declared state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateLimits {
    /// Values that may be remembered of one sample, over all columns.
    pub column_values_max: u32,
    /// Values over all globals.
    pub global_values_max: u32,
    /// Values over all learnables.
    pub learnable_values_max: u32,
    /// Slots of the size of a parameter.
    pub slots_max: u32,
}

/// Limits on one question to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerLimits {
    /// CPU seconds for one answer.
    pub cpu_seconds: u32,
    /// Address space, in MiB, beyond what the idle worker maps.
    pub memory_mib: u32,
    /// Lanes that one locked process may answer, each from an algorithm that was just built: 1, 2, 4 or 8.
    ///
    /// With 1, nothing can pass from one lane to another. More cost a process less a lane, and let a lane know of
    /// those that the same process answered before; what is told of the batch is the same for all of them.
    pub cell_lanes_max: u32,
}

/// What a checkpoint is scored on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Images or texts that go through the model at once.
    pub batch: u32,
    /// The tasks.
    #[serde(rename = "task")]
    pub tasks: Vec<Task>,
}

/// One evaluation task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its folder below the data folder, in DataComp's wds layout.
    pub name: String,
    /// The identity of its data: classes, templates, every sample. Other data are another task.
    pub root: DataRoot,
}

impl Task {
    /// Whether a score of this key is one of this task: DataComp's tasks are scored under their keys, others under the
    /// names of their folders.
    #[must_use]
    pub fn is_scored_as(&self, key: &str) -> bool {
        key == self.name || evaluation::folder(key) == self.name
    }
}

/// One size of training: as many runs of a submission as it has seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// `small`, `medium`, `large`.
    pub name: String,
    /// Folder name of the data set below the data folder.
    pub data: String,
    /// The data set's identity. Other data are another protocol.
    pub root: DataRoot,
    /// Samples in it.
    pub samples: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Trainings of an entry, each on a seed of its own: repeats 1 to `seeds`.
    pub seeds: u32,
    /// Standard deviation, from seed to seed, of the baseline's mean score at this scale, as it was measured: how much
    /// of a score is luck. What one training of an entry says is uncertain by this much.
    pub spread: f64,
}

impl Protocol {
    /// Reads a protocol file that may contradict itself: [`Self::contradictions`] says where.
    pub fn read(text: &str) -> Result<Self, ProtocolError> {
        Ok(toml::from_str(text)?)
    }

    /// Parses and checks a protocol file; gives its identity beside it.
    pub fn parse(text: &str) -> Result<(Self, ProtocolDigest), ProtocolError> {
        let protocol = Self::read(text)?;
        match protocol.contradictions().first() {
            None => Ok((protocol, ProtocolDigest(Sha256::of(text.as_bytes()).0))),
            Some(contradiction) => {
                Err(ProtocolError::Inconsistent { name: protocol.name.clone(), why: contradiction.to_string() })
            }
        }
    }

    /// The scale of a name.
    #[must_use]
    pub fn scale(&self, name: &str) -> Option<&Scale> {
        self.scales.iter().find(|scale| scale.name == name)
    }

    /// Pairs of a lane.
    #[must_use]
    pub fn lane_samples(&self) -> usize {
        self.batch.global as usize / LANES
    }

    /// Every training of an entry: scale by scale, repeats in order.
    pub fn runs(&self) -> impl Iterator<Item = (&Scale, u32)> {
        self.scales.iter().flat_map(|scale| (1..=scale.seeds).map(move |repeat| (scale, repeat)))
    }

    /// Everything that contradicts itself, each with the key where it stands.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut contradictions = Contradictions::default();
        self.check_batch(&mut contradictions);
        self.check_limits(&mut contradictions);
        self.check_tasks(&mut contradictions);
        self.check_scales(&mut contradictions);
        contradictions.0
    }

    fn check_batch(&self, contradictions: &mut Contradictions) {
        let cut = LANES as u64 * u64::from(self.batch.micro);
        if cut == 0 || self.batch.global == 0 || !u64::from(self.batch.global).is_multiple_of(cut) {
            contradictions.add(
                "batch.global",
                format!("{} is not a multiple of 8 lanes times batch.micro = {}", self.batch.global, self.batch.micro),
            );
        }
        for (key, value) in [
            ("order.block_samples", self.order.block_samples),
            ("checkpoint.every_steps", self.checkpoint.every_steps),
            ("golden.steps", self.golden.steps),
            ("trial.steps", self.trial.steps),
            ("evaluation.batch", u64::from(self.evaluation.batch)),
            ("worker.cpu_seconds", u64::from(self.worker.cpu_seconds)),
            ("worker.memory_mib", u64::from(self.worker.memory_mib)),
        ] {
            if value == 0 {
                contradictions.add(key, "0 is not positive".to_owned());
            }
        }
    }

    fn check_limits(&self, contradictions: &mut Contradictions) {
        let lanes = self.worker.cell_lanes_max;
        if lanes == 0 || !(LANES as u32).is_multiple_of(lanes) {
            contradictions.add("worker.cell_lanes_max", format!("{lanes} is not 1, 2, 4 or 8"));
        }
        for (key, [low, high], most) in [
            ("augmentation.scale", self.augmentation.scale, 1.0),
            ("augmentation.ratio", self.augmentation.ratio, f64::MAX),
        ] {
            if !(low > 0.0 && low <= high && high <= most) {
                contradictions.add(
                    key,
                    format!(
                        "[{low}, {high}] is not a range of positive numbers{}",
                        if most == 1.0 { " up to 1" } else { "" }
                    ),
                );
            }
        }
        for (key, name) in [("name", &self.name), ("model", &self.model)] {
            if !names::is_name(name) {
                contradictions.add(key, format!("`{}` is not a name of {}", name.escape_debug(), names::LETTERS));
            }
        }
    }

    fn check_tasks(&self, contradictions: &mut Contradictions) {
        let tasks = &self.evaluation.tasks;
        if tasks.is_empty() {
            contradictions.add("evaluation", "no [[evaluation.task]]".to_owned());
        }
        for (index, task) in tasks.iter().enumerate() {
            let at = |key: &str| format!("evaluation.task.{index}.{key}");
            if !names::is_name(&task.name) {
                contradictions
                    .add(at("name"), format!("`{}` is not a name of {}", task.name.escape_debug(), names::LETTERS));
            }
            if tasks[..index].iter().any(|other| other.name == task.name) {
                contradictions.add(at("name"), format!("two tasks are named `{}`", task.name));
            }
        }
    }

    fn check_scales(&self, contradictions: &mut Contradictions) {
        if self.scales.is_empty() {
            contradictions.add("", "no [[scale]]".to_owned());
        }
        for (index, scale) in self.scales.iter().enumerate() {
            let mut add = |key: &str, why: String| contradictions.add(format!("scale.{index}.{key}"), why);
            for (key, name) in [("name", &scale.name), ("data", &scale.data)] {
                if !names::is_name(name) {
                    add(key, format!("`{}` is not a name of {}", name.escape_debug(), names::LETTERS));
                }
            }
            if names::TAKEN.contains(&scale.name.as_str()) {
                add("name", format!("`{}` is a folder of an entry already", scale.name));
            }
            if self.scales[..index].iter().any(|other| other.name == scale.name) {
                add("name", format!("two scales are named `{}`", scale.name));
            }
            if scale.samples < u64::from(self.batch.global) {
                add("samples", format!("{} are fewer than one batch of {}", scale.samples, self.batch.global));
            }
            let least = self.golden.steps.max(self.trial.steps).max(1);
            if scale.steps < least {
                add("steps", format!("{} are fewer than golden.steps or trial.steps, {least}", scale.steps));
            }
            if !(1..=SEEDS_MAX).contains(&scale.seeds) {
                add("seeds", format!("{} is not between 1 and {SEEDS_MAX}", scale.seeds));
            }
            if !(scale.spread > 0.0 && scale.spread <= 1.0) {
                add("spread", format!("{} is no standard deviation of a score: more than 0, at most 1", scale.spread));
            }
        }
    }
}

/// What contradicts what in a protocol that parses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The key, with a number from 0 for a place in a list: `scale.1.steps`. Empty for the whole file.
    pub key: String,
    /// What is wrong there.
    pub why: String,
}

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.key.is_empty() { f.write_str(&self.why) } else { write!(f, "{}: {}", self.key, self.why) }
    }
}

#[derive(Default)]
struct Contradictions(Vec<Contradiction>);

impl Contradictions {
    fn add(&mut self, key: impl Into<String>, why: String) {
        self.0.push(Contradiction { key: key.into(), why });
    }
}

impl Scale {
    /// Whole batches in one pass over the data: the rest is dropped, so that no batch holds a sample twice.
    #[must_use]
    pub fn steps_per_epoch(&self, batch: &BatchShape) -> u64 {
        self.samples / u64::from(batch.global)
    }

    /// Passes over the data that `steps` take, the last one cut.
    #[must_use]
    pub fn epochs(&self, batch: &BatchShape) -> u64 {
        self.steps.div_ceil(self.steps_per_epoch(batch))
    }
}
