//! What tests of metrics are written in.

use crate::{Features, Inputs, Metrics};

/// Rows of features, one after the other.
pub fn features(width: usize, rows: &[f32]) -> Features {
    let mut features = Features::new(width);
    features.extend(rows).unwrap();
    features
}

/// The same, of inputs that are all different.
pub fn distinct(width: usize, rows: &[f32]) -> Inputs {
    Inputs::distinct(features(width, rows))
}

/// The value of a metric that is defined.
pub fn value(metrics: &Metrics, name: &str) -> f64 {
    metrics.0[name].as_ref().unwrap().value
}
