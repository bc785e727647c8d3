//! A protocol: every number that can change a result, in one TOML file.
//!
//! No field has a default. The digest of the file's bytes is the protocol's identity, so a comment that
//! changes changes it, and nobody has to argue about what a change of form means.

use serde::{Deserialize, Serialize};

use crate::{ProtocolDigest, Sha256};

/// Lanes of a global batch. A constant of the project: it decides the order of every sum over a batch.
pub const LANES: usize = 8;

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
    /// The model's configuration: a file of `frozen/protocols/models` without `.json`.
    pub model: String,
    /// How a global batch is cut.
    pub batch: Batch,
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
pub struct Batch {
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
    /// Folder names of the tasks below the data folder, in DataComp's wds layout.
    pub tasks: Vec<String>,
    /// Images or texts that go through the model at once.
    pub batch: u32,
}

/// One of a submission's trainings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// `small`, `medium`, `large`.
    pub name: String,
    /// Folder name of the data set below the data folder.
    pub data: String,
    /// Samples in it.
    pub samples: u64,
    /// Optimizer steps.
    pub steps: u64,
}

impl Protocol {
    /// Parses and checks a protocol file; gives its identity beside it.
    pub fn parse(text: &str) -> Result<(Self, ProtocolDigest), ProtocolError> {
        let protocol: Self = toml::from_str(text)?;
        protocol.check().map_err(|why| ProtocolError::Inconsistent { name: protocol.name.clone(), why })?;
        Ok((protocol, ProtocolDigest(Sha256::of(text.as_bytes()).0)))
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

    fn check(&self) -> Result<(), String> {
        let cut = LANES as u32 * self.batch.micro;
        if cut == 0 || self.batch.global == 0 || !self.batch.global.is_multiple_of(cut) {
            return Err(format!(
                "batch.global = {} is not a multiple of 8 lanes times batch.micro = {}",
                self.batch.global, self.batch.micro
            ));
        }
        if self.order.block_samples == 0 || self.checkpoint.every_steps == 0 || self.evaluation.batch == 0 {
            return Err("order.block_samples, checkpoint.every_steps and evaluation.batch must be positive".to_owned());
        }
        let lanes = self.worker.cell_lanes_max;
        if lanes == 0 || !(LANES as u32).is_multiple_of(lanes) {
            return Err(format!("worker.cell_lanes_max = {lanes} is not 1, 2, 4 or 8"));
        }
        if self.scales.is_empty() {
            return Err("no [[scale]]".to_owned());
        }
        for (index, scale) in self.scales.iter().enumerate() {
            if scale.samples < u64::from(self.batch.global) {
                return Err(format!(
                    "scale `{}` has {} samples, fewer than one batch of {}",
                    scale.name, scale.samples, self.batch.global
                ));
            }
            if scale.steps == 0 || scale.steps < self.golden.steps.max(self.trial.steps) {
                return Err(format!(
                    "scale `{}` has {} steps, fewer than golden.steps or trial.steps",
                    scale.name, scale.steps
                ));
            }
            if self.scales[..index].iter().any(|other| other.name == scale.name) {
                return Err(format!("two scales are named `{}`", scale.name));
            }
        }
        Ok(())
    }
}

impl Scale {
    /// Whole batches in one pass over the data: the rest is dropped, so that no batch holds a sample twice.
    #[must_use]
    pub fn steps_per_epoch(&self, batch: &Batch) -> u64 {
        self.samples / u64::from(batch.global)
    }

    /// Passes over the data that `steps` take, the last one cut.
    #[must_use]
    pub fn epochs(&self, batch: &Batch) -> u64 {
        self.steps.div_ceil(self.steps_per_epoch(batch))
    }
}
