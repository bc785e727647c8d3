//! Batches, decoded ahead of the step that needs them.
//!
//! Threads take steps in turn; what a batch holds is a function of its step, so neither their number nor
//! their pace can reach a result. Every sample's content hash is checked as it is read.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use data::{
    Dataset, SampleOrder, Tokenizer, Uid,
    pixels::{self, PixelError},
};
use numerics::Seed;
use records::{Problem, Reason, Stop, v1::protocol::Augmentation};

use crate::{batch::DecodedBatch, plan::RunPlan};

/// Batches that one thread may be ahead.
const AHEAD: usize = 2;

/// An image that cannot be decoded.
fn undecoded(uid: Uid, rank: u64, error: &PixelError) -> Reason {
    let hint = "remove the sample, write its shard again and index the data set again".to_owned();
    Reason { why: format!("the image of sample {uid} (rank {rank}) cannot be decoded: {error}"), hint }
}

/// Where batches come from.
pub struct Loader {
    threads: Vec<Receiver<Result<DecodedBatch, Reason>>>,
    first: u64,
}

/// All that a batch is a function of, besides its step.
struct BatchSource {
    data: Dataset,
    order: SampleOrder,
    tokenizer: Tokenizer,
    law: Augmentation,
    seed: Seed,
    side: u32,
    context: usize,
}

impl Loader {
    /// Starts to load from a step on.
    pub fn start(plan: &RunPlan, data: Dataset, first: u64, threads: usize) -> Result<Self, Stop> {
        let source = Arc::new(BatchSource {
            data,
            order: plan.order()?,
            tokenizer: Tokenizer::new(),
            law: plan.protocol.augmentation.clone(),
            seed: plan.seed,
            side: plan.model.vision_cfg.image_size as u32,
            context: plan.model.text_cfg.context_length,
        });
        let (last, stride) = (plan.scale.steps, threads.max(1));
        let start = |thread: usize| {
            let (source, (sender, receiver)) = (Arc::clone(&source), sync_channel(AHEAD));
            let steps = (first + thread as u64..last).step_by(stride);
            thread::spawn(move || deliver(&source, steps, &sender));
            receiver
        };
        Ok(Self { threads: (0..stride).map(start).collect(), first })
    }

    /// The batch of a step; steps are asked for in order, from the first on.
    pub fn batch(&self, step: u64) -> Result<DecodedBatch, Stop> {
        let thread = (step - self.first) as usize % self.threads.len();
        Ok(self.threads[thread]
            .recv()
            .map_err(|_| Problem::fault(format!("a loader thread died before step {step}")))??)
    }
}

fn deliver(source: &BatchSource, steps: impl Iterator<Item = u64>, sender: &SyncSender<Result<DecodedBatch, Reason>>) {
    for step in steps {
        let batch = source.batch(step);
        let failed = batch.is_err();
        // A closed channel means that the run has ended.
        if sender.send(batch).is_err() || failed {
            return;
        }
    }
}

impl BatchSource {
    fn batch(&self, step: u64) -> Result<DecodedBatch, Reason> {
        let (epoch, ids) = (self.order.epoch(step), self.order.batch(step));
        let side = self.side as usize;
        let mut pixels = Vec::with_capacity(ids.len() * side * side * 3);
        let mut tokens = Vec::with_capacity(ids.len());
        for &rank in &ids {
            let sample = self.data.sample(rank).map_err(|error| error.reason())?;
            let image = pixels::decode(&sample.image).map_err(|error| undecoded(sample.uid, rank, &error))?;
            let mut stream = pixels::draws(&self.seed, epoch, rank);
            pixels.extend(pixels::augment(&image, self.side, &self.law, &mut stream));
            tokens.push(self.tokenizer.encode(&sample.caption, self.context));
        }
        Ok(DecodedBatch { step, epoch, ids, pixels, tokens })
    }
}

#[cfg(test)]
mod tests {
    use data::shapes::{Spec, generate};
    use records::{
        NumericsClass, TreeDigest, canonical,
        v1::{
            names::RUN,
            protocol::Protocol,
            run::{RUN_FORMAT, ResolvedRun},
        },
    };

    use super::*;

    fn plan(folder: &std::path::Path) -> RunPlan {
        let text = include_str!("../../protocols/mini.toml");
        let (protocol, protocol_digest) = Protocol::parse(text).unwrap();
        let run = ResolvedRun {
            format: RUN_FORMAT.into(),
            protocol: text.into(),
            protocol_digest,
            model: include_str!("../../protocols/models/mini.json").into(),
            scale: "small".into(),
            repeat: 1,
            data: protocol.scales[0].root,
            frozen: stamp::own().unwrap(),
            tree: TreeDigest([0; 32]),
            config: "{}".into(),
            seed: "07".repeat(32),
            class: NumericsClass([0; 32]),
        };
        std::fs::write(folder.join(RUN), canonical::to_file(&run).unwrap()).unwrap();
        RunPlan::read(folder).unwrap()
    }

    #[test]
    fn batches_do_not_depend_on_threads_or_on_where_loading_starts() {
        let home = tempfile::tempdir().unwrap();
        generate(home.path(), &Spec::mini()).unwrap();
        let plan = plan(home.path());
        let batches = |first: u64, threads: usize| -> Vec<DecodedBatch> {
            let data = Dataset::open(&home.path().join("shapes-small")).unwrap();
            let loader = Loader::start(&plan, data, first, threads).unwrap();
            (first..7).map(|step| loader.batch(step).unwrap()).collect()
        };
        let one = batches(0, 1);
        assert_eq!(one, batches(0, 3));
        assert_eq!(one[4..], batches(4, 2));
        assert_eq!(one[0].pixels.len(), 64 * 32 * 32 * 3);
        // A later epoch shows a sample again, cropped otherwise.
        let at = one[4].ids.iter().position(|id| one[0].ids.contains(id)).unwrap();
        let before = one[0].ids.iter().position(|id| *id == one[4].ids[at]).unwrap();
        let image = |batch: &DecodedBatch, at: usize| batch.pixels[at * 3072..(at + 1) * 3072].to_vec();
        assert_eq!(one[4].tokens[at], one[0].tokens[before]);
        assert_ne!(image(&one[4], at), image(&one[0], before));
    }
}
