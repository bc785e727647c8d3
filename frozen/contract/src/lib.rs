//! What a participant sees: the whole of it, and the only crate besides `serde` that an entry may use.
//!
//! An entry is a library with a type named `Entry` that implements [`Algorithm`]. The trainer owns the model,
//! the data and everything that is remembered; an algorithm answers two questions a step:
//!
//! 1. [`Algorithm::loss`], once a *lane*: here are the embeddings of the whole global batch; what is the loss
//!    of each *anchor*, a row that this lane answers for? Gradients follow by autograd.
//! 2. [`Algorithm::update`], once a step: here are parameters, gradients and your state; what are the new ones?
//!
//! Shape letters: `B` pairs in the global batch, `R` anchors of a lane (`B / 8`), `D` embedding width.
//!
//! What makes a result the same for everybody also shapes what an algorithm may do:
//!
//! - **Nothing outlives an answer.** Each question is answered by a process of its own, from a value that
//!   [`Algorithm::new`] has just built. What is remembered stands in declared [`State`].
//! - **Eight lanes, always**, whatever runs them. A lane gives the loss of *its* anchors, and gradients flow
//!   from there into all rows of the batch: the lanes are added up. Return one loss an anchor, never a mean.
//! - **Inputs are read-only.** Writing to one in place ends the process; copy first (`tensor.copy()`).
//! - **No clock, no files, no threads, no `HashMap`.** Random numbers come from [`Progress::random`], and
//!   float functions outside tensors from [`math`] and [`schedule`], which give the same bits on every machine.
//!
//! Tensors are `tch`'s. Its plain methods and operators panic where shapes do not fit; the forms that start
//! with `f_` return a result instead. Either way the entry fails with libtorch's message.
//!
//! ```no_run,standalone_crate
//! use contract::{Algorithm, AdamW, Batch, Kind, Parameters, Progress, Result, SampleRows, Setup, State, Tensor};
//!
//! /// Pulls pairs together and does nothing else: the smallest entry that trains (and collapses).
//! pub struct Entry {
//!     config: Config,
//! }
//!
//! #[derive(serde::Deserialize)]
//! pub struct Config {
//!     learning_rate: f64,
//! }
//!
//! impl Algorithm for Entry {
//!     type Config = Config;
//!
//!     fn new(config: Config, _setup: &Setup) -> Result<Self> {
//!         Ok(Self { config })
//!     }
//!
//!     fn declare(&self) -> State {
//!         State::new().slot("exp_avg").slot("exp_avg_sq")
//!     }
//!
//!     fn loss(&self, batch: &Batch, _memory: &mut SampleRows, _progress: &Progress) -> Result<Tensor> {
//!         let similarity_r = (batch.own(batch.image())? * batch.own(batch.text())?).sum_dim_intlist(1, false, None::<Kind>);
//!         Ok(1.0 - similarity_r)
//!     }
//!
//!     fn update(&self, parameters: &mut Parameters, _batch: &Batch, progress: &Progress) -> Result<()> {
//!         let adamw = AdamW { lr: self.config.learning_rate, beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weight_decay: 0.0 };
//!         for parameter in parameters.iter_mut() {
//!             contract::adamw(parameter, &adamw, progress.step())?;
//!         }
//!         Ok(())
//!     }
//! }
//! ```

mod adamw;
mod batch;
mod error;
pub mod harness;
pub mod math;
mod parameters;
mod progress;
mod random;
mod rows;
pub mod schedule;
mod state;

pub use adamw::adamw;
pub use batch::Batch;
pub use error::{Error, Result};
pub use parameters::{Parameter, Parameters};
pub use progress::Progress;
pub use random::Random;
pub use rows::SampleRows;
pub use shim::AdamW;
pub use state::State;
pub use tch::{Device, IndexOp, Kind, Reduction, Tensor, no_grad};
pub use wire::session::{ParameterKind, ParameterShape, Setup};

/// A training algorithm: a loss and an update.
///
/// Methods take `&self`: an algorithm is a configuration and a set of rules, not a place to keep things.
pub trait Algorithm: Sized {
    /// What stands in `config.toml`, for the scale and protocol at hand.
    ///
    /// A key that the type does not have is refused, so that a misspelt one cannot pass unnoticed; so is a
    /// missing one, unless it has a `#[serde(default)]`.
    type Config: serde::de::DeserializeOwned;

    /// Builds the algorithm: before each question, and once before [`Algorithm::declare`].
    ///
    /// - Errors: numbers in the configuration that make no sense; see [`ensure!`].
    fn new(config: Self::Config, setup: &Setup) -> Result<Self>;

    /// Declares what is trained beside the model, what is remembered, and what is reported.
    ///
    /// Asked once, at the start of a run; must not depend on anything but configuration and setup.
    fn declare(&self) -> State;

    /// The loss of each anchor of this lane.
    ///
    /// - Shapes: the result is `[R]`, in the order of [`Batch::rows`].
    /// - What is trained: the gradient of `sum over all B anchors / B`, added over the lanes, with respect to
    ///   the embeddings (and from there the model) and every learnable.
    /// - State: `memory` shows columns as they were before the step, to every lane; what a lane sets for its
    ///   own rows is seen from the next step on.
    fn loss(&self, batch: &Batch, memory: &mut SampleRows, progress: &Progress) -> Result<Tensor>;

    /// Sets new values of parameters, slots and globals. Autograd is off.
    ///
    /// A parameter, slot or global that is not set stays as it is.
    fn update(&self, parameters: &mut Parameters, batch: &Batch, progress: &Progress) -> Result<()>;

    /// Sets the weights to evaluate and to publish, where they are not the ones being trained: an average, or
    /// the other point of a schedule-free method.
    ///
    /// Works on a copy: training goes on from what [`Algorithm::update`] left. Only values can be set.
    fn publish(&self, parameters: &mut Parameters) -> Result<()> {
        let _ = parameters;
        Ok(())
    }
}
