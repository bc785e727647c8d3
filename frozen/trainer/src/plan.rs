//! `run.json` read, and everything that follows from it before the first step.

use std::path::{Path, PathBuf};

use clip::ModelConfig;
use data::SampleOrder;
use numerics::Seed;
use records::{
    Problem, Reason, RunDigest, Stop, canonical, file,
    v1::{
        names::RUN,
        protocol::{Protocol, Scale},
        run::{self, RUN_FORMAT, ResolvedRun},
    },
};
use wire::session::{ParameterKind, ParameterShape, Setup};

use crate::tree;

/// A run with nothing left to decide.
pub struct RunPlan {
    /// The run folder.
    pub folder: PathBuf,
    /// `run.json`.
    pub run: ResolvedRun,
    /// Its digest.
    pub digest: RunDigest,
    /// The protocol inside it.
    pub protocol: Protocol,
    /// The scale that it names.
    pub scale: Scale,
    /// The model's configuration inside it.
    pub model: ModelConfig,
    /// Everything random derives from this.
    pub seed: Seed,
    /// What the worker is told.
    pub setup: Setup,
}

impl RunPlan {
    /// Reads the run of a folder.
    pub fn read(folder: &Path) -> Result<Self, Stop> {
        let path = folder.join(RUN);
        let usage = |why: String| Problem::usage(format!("{}: {why}", path.display()));
        if !path.exists() {
            return Err(usage("is not there".to_owned()).hint("give the folder of a resolved run").into());
        }
        let bytes = file::read(&path)?;
        if let Some(resolved_for) = run::frozen(&bytes) {
            tree::require_run(resolved_for)?;
        }
        let run: ResolvedRun = canonical::from_file(&bytes).map_err(|error| usage(error.to_string()))?;
        if run.format != RUN_FORMAT {
            return Err(usage(format!("format `{}`, this trainer reads `{RUN_FORMAT}`", run.format)).into());
        }
        let (protocol, digest) = Protocol::parse(&run.protocol)?;
        if digest != run.protocol_digest {
            return Err(usage(format!(
                "the protocol's text has digest {digest}, `protocol_digest` says {}",
                run.protocol_digest
            ))
            .into());
        }
        let scale = protocol.scale(&run.scale).cloned();
        let scale = scale.ok_or_else(|| usage(format!("protocol `{}` has no scale `{}`", protocol.name, run.scale)))?;
        if !(1..=scale.seeds).contains(&run.repeat) {
            return Err(
                usage(format!("repeat {}, scale `{}` has {} seeds", run.repeat, scale.name, scale.seeds)).into()
            );
        }
        if run.data != scale.root {
            return Err(usage(format!("data {}, scale `{}` is {}", run.data, scale.name, scale.root)).into());
        }
        let model = ModelConfig::parse(&run.model).map_err(Problem::usage)?;
        let seed = Seed(run.seed_bytes().map_err(|error| usage(format!("seed: {error}")))?);
        let setup = setup(&protocol, &scale, &model);
        Ok(Self { folder: folder.to_owned(), digest: run.digest()?, run, protocol, scale, model, seed, setup })
    }

    /// The order in which samples are visited.
    pub fn order(&self) -> Result<SampleOrder, Stop> {
        let (samples, batch) = (self.scale.samples, u64::from(self.protocol.batch.global));
        SampleOrder::new(samples, batch, self.protocol.order.block_samples, &self.seed)
            .map_err(|error| Reason { why: error.to_string(), hint: "choose a larger data set".to_owned() }.into())
    }

    /// Whether a checkpoint is due once so many steps are done.
    pub fn checkpoint_due(&self, steps: u64) -> bool {
        steps.is_multiple_of(self.protocol.checkpoint.every_steps) || steps == self.scale.steps
    }

    /// Rows of a micro-batch.
    pub fn micro(&self) -> usize {
        self.protocol.batch.micro as usize
    }
}

fn setup(protocol: &Protocol, scale: &Scale, model: &ModelConfig) -> Setup {
    let parameters = clip::shapes(model).into_iter().map(|tensor| ParameterShape {
        name: tensor.name,
        kind: match tensor.kind {
            clip::shapes::WeightKind::Matrix => ParameterKind::Matrix,
            clip::shapes::WeightKind::Bias => ParameterKind::Bias,
            clip::shapes::WeightKind::Norm => ParameterKind::Norm,
            clip::shapes::WeightKind::Embedding => ParameterKind::Embedding,
        },
        shape: tensor.shape,
    });
    Setup {
        batch: protocol.batch.global as usize,
        lane_rows: protocol.lane_samples(),
        width: model.embed_dim,
        samples: scale.samples,
        steps: scale.steps,
        epochs: scale.epochs(&protocol.batch),
        steps_per_epoch: scale.steps_per_epoch(&protocol.batch),
        parameters: parameters.collect(),
    }
}
