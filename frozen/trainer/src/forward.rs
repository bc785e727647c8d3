//! Forward and backward over a global batch, a micro-batch at a time.
//!
//! Whether a micro-batch's graph is kept between the two, or computed again for the second, is a matter of
//! memory and never of bits; where it is computed again, its embeddings must agree with the first time. How
//! many threads share the lanes is a matter of time and never of bits: a lane is computed by one of them, and
//! lanes are added in the one order of [`LaneTree`].
//!
//! Shape letters: `B` pairs in the global batch, `R` of a lane, `N` of a micro-batch, `D` embedding width.

use std::ops::Range;

use clip::{Clip, TOKEN_EMBEDDING};
use records::{Problem, Stop, v1::protocol::LANES};
use tch::{Kind, TchError, Tensor, no_grad};

use crate::{
    batch::{DecodedBatch, Vocabulary},
    lanes::{LaneTree, add_tensors, shares, side_by_side},
};

/// What happens to a micro-batch's graph between forward and backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Graphs {
    /// It stays in memory: faster.
    Keep,
    /// It is computed again: memory for one micro-batch at a time.
    Recompute,
}

/// The two embeddings of the same rows.
pub struct EmbeddingPair<T> {
    /// Of the images.
    pub image: T,
    /// Of the captions.
    pub text: T,
}

/// How the forward and the backward pass are done: what decides time and memory and no bit.
#[derive(Debug, Clone, Copy)]
pub struct Execution {
    /// Rows of a micro-batch.
    pub micro: usize,
    /// Whether graphs are kept.
    pub graphs: Graphs,
    /// Threads that share the lanes: 1, 2, 4 or 8.
    pub threads: usize,
}

/// The forward pass of a step, waiting for gradients.
pub struct Forward<'a> {
    batch: &'a DecodedBatch,
    vocabulary: Vocabulary,
    micro: usize,
    threads: Vec<LaneThread>,
    /// `[B, D]` each, row-major.
    pub embeddings: EmbeddingPair<Vec<f32>>,
}

/// Gradients of the model's parameters.
pub struct Gradients {
    /// Sorted by name; that of the token table holds the rows of `tokens` alone.
    pub parameters: Vec<Tensor>,
    /// The rows of the token table that the batch uses, ascending; all others have gradient 0.
    pub tokens: Vec<i64>,
}

/// What one thread computes: some lanes, one after the other.
struct LaneThread {
    /// The parameters themselves, behind handles of this thread's own.
    model: Clip,
    table: Tensor,
    lanes: Range<usize>,
    kept: Vec<EmbeddingPair<Tensor>>,
}

/// What all threads read.
#[derive(Clone, Copy)]
struct Shared<'a> {
    batch: &'a DecodedBatch,
    vocabulary: &'a Vocabulary,
    micro: usize,
}

impl<'a> Forward<'a> {
    /// Computes the embeddings of a batch.
    pub fn run(model: &Clip, batch: &'a DecodedBatch, execution: Execution) -> Result<Self, Stop> {
        let vocabulary = Vocabulary::of(batch);
        let rows = Tensor::f_from_slice(&vocabulary.ids)?;
        let table =
            no_grad(|| model.parameters()[TOKEN_EMBEDDING].f_index_select(0, &rows))?.f_set_requires_grad(true)?;
        let thread = |lanes| {
            Ok::<_, Stop>(LaneThread { model: model.share()?, table: table.shallow_clone(), lanes, kept: Vec::new() })
        };
        let mut threads = shares(execution.threads).map(thread).collect::<Result<Vec<_>, _>>()?;
        let shared = Shared { batch, vocabulary: &vocabulary, micro: execution.micro };
        let parts = side_by_side(threads.iter_mut().collect(), |thread| thread.embed_all(shared, execution.graphs))?;
        let embeddings = EmbeddingPair {
            image: parts.iter().flat_map(|part| &part.image).copied().collect(),
            text: parts.iter().flat_map(|part| &part.text).copied().collect(),
        };
        Ok(Self { batch, vocabulary, micro: execution.micro, threads, embeddings })
    }

    /// Takes the gradient of every parameter, given those of the embeddings (`[B, D]`, row-major).
    pub fn backward(mut self, gradients: &EmbeddingPair<Vec<f32>>) -> Result<Gradients, Stop> {
        let threads = std::mem::take(&mut self.threads);
        let shared = Shared { batch: self.batch, vocabulary: &self.vocabulary, micro: self.micro };
        let first = &self.embeddings;
        let mut tree = LaneTree::new(add_tensors);
        // Each thread's sum is a whole branch of the tree over lanes.
        for sums in side_by_side(threads, |thread| thread.differentiate_all(shared, first, gradients))? {
            tree.push(sums)?;
        }
        // The number of threads is a power of two, so there is a sum.
        let parameters = tree.finish().unwrap_or_default();
        Ok(Gradients { parameters, tokens: self.vocabulary.ids })
    }
}

impl LaneThread {
    fn embed_all(&mut self, shared: Shared, graphs: Graphs) -> Result<EmbeddingPair<Vec<f32>>, Stop> {
        let mut embeddings = EmbeddingPair { image: Vec::new(), text: Vec::new() };
        for rows in shared.cut(self.lanes.clone()) {
            let pair = match graphs {
                Graphs::Keep => self.embed(shared, rows)?,
                Graphs::Recompute => no_grad(|| self.embed(shared, rows))?,
            };
            embeddings.image.extend(shim::values(&pair.image)?);
            embeddings.text.extend(shim::values(&pair.text)?);
            if graphs == Graphs::Keep {
                self.kept.push(pair);
            }
        }
        Ok(embeddings)
    }

    fn differentiate_all(
        mut self,
        shared: Shared,
        first: &EmbeddingPair<Vec<f32>>,
        gradients: &EmbeddingPair<Vec<f32>>,
    ) -> Result<Vec<Tensor>, Stop> {
        let mut kept = std::mem::take(&mut self.kept).into_iter();
        let mut tree = LaneTree::new(add_tensors);
        for lane in self.lanes.clone() {
            let mut sums = self.zeros()?;
            for rows in shared.cut(lane..lane + 1) {
                let pair = match kept.next() {
                    Some(pair) => pair,
                    None => self.again(shared, rows.clone(), lane, first)?,
                };
                add_tensors(&mut sums, &self.differentiate(&pair, rows, gradients)?)?;
            }
            tree.push(sums)?;
        }
        // The number of a thread's lanes is a power of two, so there is a sum.
        Ok(tree.finish().unwrap_or_default())
    }

    /// Buffers start at +0.0 and are added to: autograd's first gradient could be a -0.0.
    fn zeros(&self) -> Result<Vec<Tensor>, TchError> {
        self.leaves().into_iter().map(|leaf| no_grad(|| leaf.f_zeros_like())).collect()
    }

    fn leaves(&self) -> Vec<&Tensor> {
        let leaf = |(name, tensor)| if name == TOKEN_EMBEDDING { &self.table } else { tensor };
        self.model.parameters().iter().map(|(name, tensor)| leaf((name.as_str(), tensor))).collect()
    }

    fn embed(&self, shared: Shared, rows: Range<usize>) -> Result<EmbeddingPair<Tensor>, Stop> {
        let micro = shared.batch.micro(rows, self.model.config(), shared.vocabulary)?;
        let image = self.model.encode_image(&micro.images)?;
        let text = self.model.encode_text_with(&self.table, &micro.tokens)?;
        Ok(EmbeddingPair { image, text })
    }

    /// Computes a micro-batch a second time and holds it against the first.
    fn again(
        &self,
        shared: Shared,
        rows: Range<usize>,
        lane: usize,
        embeddings: &EmbeddingPair<Vec<f32>>,
    ) -> Result<EmbeddingPair<Tensor>, Stop> {
        let pair = self.embed(shared, rows.clone())?;
        let width = self.model.config().embed_dim;
        for (tower, second, first) in
            [("image", &pair.image, &embeddings.image), ("text", &pair.text, &embeddings.text)]
        {
            let first = &first[rows.start * width..rows.end * width];
            let differs = shim::values(second)?.iter().zip(first).position(|(a, b)| a.to_bits() != b.to_bits());
            if let Some(at) = differs {
                return Err(differs_from_itself(shared.batch.step, lane, tower, rows.start + at / width).into());
            }
        }
        Ok(pair)
    }

    /// The product with a constant has exactly that constant as its gradient, so this is backward "from" it.
    fn differentiate(
        &self,
        pair: &EmbeddingPair<Tensor>,
        rows: Range<usize>,
        gradients: &EmbeddingPair<Vec<f32>>,
    ) -> Result<Vec<Tensor>, TchError> {
        let width = self.model.config().embed_dim;
        let part = |gradients: &[f32], tensor: &Tensor| {
            let gradient = Tensor::f_from_slice(&gradients[rows.start * width..rows.end * width])?;
            tensor.f_mul(&gradient.f_view_as(tensor)?)?.f_sum(Kind::Float)
        };
        let scalar = part(&gradients.image, &pair.image)?.f_add(&part(&gradients.text, &pair.text)?)?;
        Tensor::f_run_backward(&[scalar], &self.leaves(), false, false)
    }
}

impl Shared<'_> {
    /// The rows of some lanes, cut into micro-batches.
    fn cut(&self, lanes: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (micro, rows) = (self.micro, self.batch.ids.len() / LANES);
        (lanes.start * rows..lanes.end * rows).step_by(micro).map(move |start| start..start + micro)
    }
}

/// A micro-batch that was computed twice, with two answers.
fn differs_from_itself(step: u64, lane: usize, tower: &str, row: usize) -> Problem {
    let what = "the same embeddings were computed twice and differ";
    Problem::fault(format!("step {step}, lane {lane}: {what} in {tower} row {row}"))
        .hint("this machine computes wrongly or without determinism; test its memory, then run again")
}

#[cfg(test)]
mod tests {
    use clip::ModelConfig;
    use numerics::Seed;

    use super::*;
    use crate::state::track_gradients;

    const SEED: Seed = Seed([9; 32]);

    fn model() -> Clip {
        let config = ModelConfig::parse(include_str!("../../protocols/models/mini.json")).unwrap();
        let mut model = Clip::initialise(&config, &SEED).unwrap();
        track_gradients(&mut model).unwrap();
        model
    }

    fn batch() -> DecodedBatch {
        let mut stream = SEED.stream("batch", &[]);
        let pixels = (0..16 * 32 * 32 * 3).map(|_| stream.below(256) as u8).collect();
        let mut caption = || {
            let words = 1 + stream.below(12) as usize;
            let mut row: Vec<u32> = (0..words).map(|_| 300 + stream.below(9) as u32).collect();
            row.insert(0, 49406);
            row.push(49407);
            row.resize(16, 0);
            row
        };
        let tokens = (0..16).map(|_| caption()).collect();
        DecodedBatch { step: 3, epoch: 0, ids: (0..16).collect(), pixels, tokens }
    }

    fn upstream() -> EmbeddingPair<Vec<f32>> {
        let mut stream = SEED.stream("upstream", &[]);
        let mut draw = || (0..16 * 64).map(|_| stream.normal() as f32).collect();
        EmbeddingPair { image: draw(), text: draw() }
    }

    fn bits(tensor: &Tensor) -> Vec<u32> {
        Vec::<f32>::try_from(tensor.contiguous().view([-1])).unwrap().iter().map(|x| x.to_bits()).collect()
    }

    fn execution(micro: usize, graphs: Graphs, threads: usize) -> Execution {
        Execution { micro, graphs, threads }
    }

    #[test]
    fn kept_and_recomputed_graphs_on_any_number_of_threads_give_the_same_bits() {
        shim::one_thread().unwrap();
        shim::pin(shim::Fill::Nothing).unwrap();
        let (model, batch) = (model(), batch());
        let step = |graphs, threads| {
            let forward = Forward::run(&model, &batch, execution(1, graphs, threads)).unwrap();
            let kept: usize = forward.threads.iter().map(|thread| thread.kept.len()).sum();
            assert_eq!((kept, forward.threads.len()), (if graphs == Graphs::Keep { 16 } else { 0 }, threads));
            let embeddings = [&forward.embeddings.image, &forward.embeddings.text]
                .map(|x| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            let gradients = forward.backward(&upstream()).unwrap().parameters;
            (embeddings, gradients.iter().map(bits).collect::<Vec<_>>())
        };
        let first = step(Graphs::Keep, 1);
        for threads in [1, 2, 4, 8] {
            assert!(step(Graphs::Keep, threads) == first, "{threads} threads, kept");
            assert!(step(Graphs::Recompute, threads) == first, "{threads} threads, computed again");
        }
    }

    #[test]
    fn the_lanes_sum_to_the_gradient_of_the_whole_batch() {
        let (model, batch) = (model(), batch());
        let [lanes, whole] = [1, 16].map(|micro| {
            let forward = Forward::run(&model, &batch, execution(2, Graphs::Keep, 1)).unwrap();
            match micro {
                1 => forward.backward(&upstream()).unwrap().parameters,
                _ => {
                    let shared = Shared { batch: &batch, vocabulary: &forward.vocabulary, micro: 2 };
                    let pair = forward.threads[0].embed(shared, 0..16).unwrap();
                    forward.threads[0].differentiate(&pair, 0..16, &upstream()).unwrap()
                }
            }
        });
        for ((name, _), (a, b)) in model.parameters().iter().zip(lanes.iter().zip(&whole)) {
            let scale = b.abs().max().double_value(&[]);
            let difference = (a - b).abs().max().double_value(&[]);
            assert!(scale > 0.0 && difference <= 2e-5 * scale + 1e-6, "{name}: {difference} of {scale}");
        }
    }

    #[test]
    fn a_machine_that_computes_otherwise_the_second_time_is_named() {
        let (model, batch) = (model(), batch());
        let mut forward = Forward::run(&model, &batch, execution(2, Graphs::Recompute, 2)).unwrap();
        forward.embeddings.text[5 * 64 + 3] += 1e-6;
        let Err(Stop::Fault(fault)) = forward.backward(&upstream()) else { panic!("a fault was expected") };
        let named = "step 3, lane 2: the same embeddings were computed twice and differ in text row 5";
        assert_eq!((fault.exit, &*fault.what), (records::Exit::Fault, named));
    }
}
