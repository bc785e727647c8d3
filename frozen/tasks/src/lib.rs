//! The evaluation tasks: how their data lie on disk, how features become scores, how scores become means.
//!
//! A metric is a [`ScoredMetric`]: its value and what each independent item says of it, from which one place makes
//! the variance and the blocks that a certificate states. Equal similarities of different inputs count against
//! the model, so constant features score nothing; those of identical inputs go to the first, as in the
//! reference. Links no libtorch: whoever has the features can compute the scores again. Sees no model, no run
//! and no clock.
//!
//! Items, classes and captions come in the order of the samples' keys, so that neither the order of samples
//! in shards nor their cut into shards can change a score or a block.
//!
//! Source: DataComp's evaluation (arXiv:2304.14108) on CLIP_benchmark 1.4.0's data layout.

pub mod aggregate;
pub mod classification;
pub mod f1;
pub mod features;
pub mod inputs;
pub mod jaccard;
pub mod layout;
pub mod list;
pub mod retrieval;
pub mod score;
pub mod scored;
#[cfg(test)]
mod testing;

pub use classification::classification;
pub use f1::macro_f1;
pub use features::{FeatureError, Features};
pub use inputs::Inputs;
pub use jaccard::{Choice, mean_jaccard};
pub use layout::{About, FETCH_AGAIN, LayoutError, Target, TaskData, TaskKind, TaskSample};
pub use list::{DATACOMP, Listed, Routine, TaskGroup};
pub use retrieval::retrieval;
pub use score::{Metrics, ScoreError};
pub use scored::ScoredMetric;
