//! The evaluation tasks: how their data lie on disk, how features become scores, how scores become means.
//!
//! Everything here is exact: a score is a share of counted hits, ties count against the model, and neither
//! the order of samples nor their cut into shards can change one. Links no libtorch: whoever has the
//! features can compute the scores again. Sees no model, no run and no clock.
//!
//! Source: DataComp's evaluation (arXiv:2304.14108) on CLIP_benchmark 1.4.0's data layout.

pub mod aggregate;
pub mod features;
pub mod layout;
pub mod list;
pub mod score;

pub use features::{FeatureError, Features};
pub use layout::{About, Kind, LayoutError, Sample, Target, Task};
pub use list::{DATACOMP, Group, Listed, Routine};
pub use score::{Score, ScoreError};
