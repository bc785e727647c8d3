//! How a question is put to an algorithm. Not for entries: for the worker, and for tests.
//!
//! The worker makes tensors over its arenas and calls [`loss`], [`update`] or [`publish`]; tests call the same
//! functions with tensors of their own, of any kind. Between the participant's answer and the wire nothing
//! else happens, so what holds in these functions holds in a run.

use std::{collections::BTreeMap, ops::Range};

pub use numerics::Seed;
use tch::Tensor;
use wire::session::Setup;
pub use wire::session::{Declaration, Learnable};

use crate::{Algorithm, Batch, Error, Parameter, ParameterShape, Parameters, Progress, Result, SampleRows, parameters};

/// Tensors by name.
pub type NamedTensors = BTreeMap<String, Tensor>;

/// What every question of a step has in common.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Sizes of the run.
    pub setup: &'a Setup,
    /// What the algorithm declared.
    pub declaration: &'a Declaration,
    /// The worker's seed.
    pub seed: &'a Seed,
    /// The step, from 0.
    pub step: u64,
    /// The epoch, from 0.
    pub epoch: u64,
}

impl Moment<'_> {
    /// Where the run stands for one question, after seeding libtorch's own generator for it.
    ///
    /// The default generator must exist already: creating it asks the system for entropy.
    fn open(&self, question: &str, numbers: &[u64]) -> Progress {
        let seed = self.seed.child(question, numbers);
        tch::manual_seed(seed.stream("libtorch", &[]).word() as i64);
        Progress::new(seed, self.step, self.epoch, self.setup)
    }
}

/// The tensors that `loss` reads. None is written to.
#[derive(Debug)]
pub struct LossInputs {
    /// `[B, D]`.
    pub image: Tensor,
    /// `[B, D]`.
    pub text: Tensor,
    /// By declared name.
    pub learnables: NamedTensors,
    /// `[B, ..]` each, before the step.
    pub columns: NamedTensors,
    /// By declared name.
    pub globals: NamedTensors,
}

/// What one lane's `loss` comes to. Every tensor is contiguous and needs no grad.
#[derive(Debug)]
pub struct LossAnswer {
    /// The loss of each anchor, `[R]`.
    pub loss: Tensor,
    /// `[B, D]`: gradient of the sum of this lane's anchors over `B`.
    pub image: Tensor,
    /// `[B, D]`, likewise.
    pub text: Tensor,
    /// Likewise, by declared name.
    pub learnables: NamedTensors,
    /// New values of every column at the lane's rows, `[R, ..]`.
    pub rows: NamedTensors,
    /// Every declared loss diagnostic, `[R]`.
    pub diagnostics: NamedTensors,
}

/// Asks `loss` of one lane and takes the gradients.
///
/// - Errors: the algorithm's own; [`Error::Shape`] where the answer is not one loss an anchor; a diagnostic
///   that was not reported; a loss that depends on nothing that is trained.
pub fn loss<A: Algorithm>(
    algorithm: &A,
    moment: &Moment<'_>,
    lane: u64,
    rows: Range<usize>,
    inputs: &LossInputs,
) -> Result<LossAnswer> {
    let progress = moment.open("loss", &[moment.step, lane]);
    let constant = |tensors: &NamedTensors| -> NamedTensors {
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    };
    let (image, text) = (leaf(&inputs.image)?, leaf(&inputs.text)?);
    let learnables: NamedTensors =
        inputs.learnables.iter().map(|(name, tensor)| Ok((name.clone(), leaf(tensor)?))).collect::<Result<_>>()?;
    let mut leaves = vec![image.shallow_clone(), text.shallow_clone()];
    leaves.extend(learnables.values().map(Tensor::shallow_clone));

    let batch = Batch::new(image, text, learnables, constant(&inputs.globals), rows.clone());
    let mut memory = SampleRows::new(constant(&inputs.columns), &moment.declaration.loss_diagnostics, &rows);
    let loss = tch::with_grad(|| algorithm.loss(&batch, &mut memory, &progress))?;

    Error::check_shape(|| "what `loss` returned".to_owned(), &[rows.len() as i64], &loss)?;
    let mut gradients = gradients(&loss, moment.setup.batch, &leaves)?.into_iter();
    let mut next = || gradients.next().ok_or(Error::NotHere("a gradient a leaf"));
    let (image, text) = (next()?, next()?);
    let learnables = inputs.learnables.keys().map(|name| Ok((name.clone(), next()?))).collect::<Result<_>>()?;
    let (rows, diagnostics) = memory.finish(&rows)?;
    Ok(LossAnswer { loss: plain(&loss)?, image, text, learnables, rows: all(rows)?, diagnostics: all(diagnostics)? })
}

/// Asks `loss` of each of `lanes` equal parts of the batch and adds the answers up, as a step does.
///
/// Gradients are added in a binary tree over the lanes; per-anchor values stand in the batch's order.
pub fn whole<A: Algorithm>(
    algorithm: &A,
    moment: &Moment<'_>,
    lanes: usize,
    inputs: &LossInputs,
) -> Result<LossAnswer> {
    let rows = moment.setup.batch / lanes;
    let answers = (0..lanes).map(|lane| loss(algorithm, moment, lane as u64, lane * rows..(lane + 1) * rows, inputs));
    let mut answers = answers.collect::<Result<Vec<_>>>()?;
    while answers.len() > 1 {
        let mut pairs = answers.into_iter();
        let mut joined = Vec::new();
        while let Some(left) = pairs.next() {
            joined.push(match pairs.next() {
                Some(right) => left.joined(&right)?,
                None => left,
            });
        }
        answers = joined;
    }
    answers.pop().ok_or(Error::NotHere("a step without lanes"))
}

impl LossAnswer {
    /// The answer for the rows of both.
    fn joined(&self, right: &Self) -> Result<Self> {
        let both = |left: &NamedTensors,
                    right: &NamedTensors,
                    join: fn(&Tensor, &Tensor) -> Result<Tensor>|
         -> Result<NamedTensors> {
            left.iter().zip(right.values()).map(|((name, a), b)| Ok((name.clone(), join(a, b)?))).collect()
        };
        let add = |a: &Tensor, b: &Tensor| Ok(a.f_add(b)?);
        let append = |a: &Tensor, b: &Tensor| Ok(Tensor::f_cat(&[a, b], 0)?);
        Ok(Self {
            loss: append(&self.loss, &right.loss)?,
            image: add(&self.image, &right.image)?,
            text: add(&self.text, &right.text)?,
            learnables: both(&self.learnables, &right.learnables, add)?,
            rows: both(&self.rows, &right.rows, append)?,
            diagnostics: both(&self.diagnostics, &right.diagnostics, append)?,
        })
    }
}

/// The same memory as a tensor that gradients are taken for.
fn leaf(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_detach()?.f_set_requires_grad(true)?)
}

/// Gradients of `sum(loss) / batch`; zero for a leaf that the loss does not depend on.
fn gradients(loss: &Tensor, batch: usize, leaves: &[Tensor]) -> Result<Vec<Tensor>> {
    if !loss.requires_grad() {
        return Err(Error::NotHere("what `loss` returned depends on no embedding and no learnable"));
    }
    let total = tch::with_grad(|| loss.f_sum(loss.f_kind()?)?.f_div_scalar(batch as f64))?;
    let found = Tensor::f_run_backward(&[total], leaves, false, false)?;
    let whole = found.iter().zip(leaves).map(|(gradient, leaf)| match gradient.defined() {
        true => plain(gradient),
        false => Ok(leaf.f_detach()?.f_zeros_like()?),
    });
    whole.collect()
}

fn plain(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_detach()?.f_contiguous()?)
}

fn all(tensors: NamedTensors) -> Result<NamedTensors> {
    tensors.into_iter().map(|(name, tensor)| Ok((name, plain(&tensor)?))).collect()
}

/// A tensor of the trainer: its value before the question, and the memory that takes the new one.
#[derive(Debug)]
pub struct DoubleBuffer {
    /// The value before; never written.
    pub before: Tensor,
    /// Where the new value goes, of the same shape; none makes the place read-only.
    pub after: Option<Tensor>,
}

impl DoubleBuffer {
    /// A place with memory of its own for the new value.
    pub fn new(before: Tensor) -> Result<Self> {
        let after = Some(before.f_zeros_like()?);
        Ok(Self { before, after })
    }

    fn open(self) -> parameters::TrackedBuffer {
        parameters::TrackedBuffer::new(self.before, self.after)
    }
}

/// A parameter for `update` or `publish`.
#[must_use]
pub fn parameter(
    shape: ParameterShape,
    value: DoubleBuffer,
    gradient: Option<Tensor>,
    slots: BTreeMap<String, DoubleBuffer>,
) -> Parameter {
    let slots = slots.into_iter().map(|(name, place)| (name, place.open())).collect();
    Parameter::new(shape, value.open(), gradient, slots)
}

/// All that `update` or `publish` gets, in the order of [`Setup::trained`]; `publish` reports no diagnostics.
#[must_use]
pub fn parameters(all: Vec<Parameter>, globals: BTreeMap<String, DoubleBuffer>, diagnostics: &[String]) -> Parameters {
    let globals = globals.into_iter().map(|(name, place)| (name, place.open())).collect();
    Parameters::new(all, globals, diagnostics)
}

/// Asks `update`; afterwards every place's `after` holds the new value, or the old one where none was set.
///
/// Gives the diagnostics.
pub fn update<A: Algorithm>(
    algorithm: &A,
    moment: &Moment<'_>,
    image: Tensor,
    text: Tensor,
    parameters: &mut Parameters,
) -> Result<BTreeMap<String, f32>> {
    let progress = moment.open("update", &[moment.step]);
    tch::no_grad(|| {
        let (learnables, globals) = parameters.for_batch()?;
        let batch = Batch::new(image, text, learnables, globals, 0..moment.setup.batch);
        algorithm.update(parameters, &batch, &progress)?;
        parameters.finish()
    })
}

/// Asks `publish`; afterwards every value's `after` holds what is to be published.
pub fn publish<A: Algorithm>(algorithm: &A, moment: &Moment<'_>, parameters: &mut Parameters) -> Result<()> {
    let _ = moment.open("publish", &[moment.step]);
    tch::no_grad(|| {
        algorithm.publish(parameters)?;
        parameters.finish().map(|_| ())
    })
}
