//! The declaration of what an algorithm trains, remembers and reports.

use wire::session::{Column, Declaration, Global, Learnable, Slot};

/// What an algorithm trains beside the model, remembers between questions, and reports.
///
/// | sort | shape | read in | written in | use it for |
/// |---|---|---|---|---|
/// | learnable | any | `loss` (a leaf), `update` (a parameter) | `update` | temperature, bias, a small network |
/// | column | one entry a sample of the data set | `loss` (the batch's samples) | `loss` (own rows) | per-sample estimators |
/// | slot | that of each parameter and learnable | `update`, `publish` | `update` | moments, averages |
/// | global | any | everywhere | `update` | running statistics, counters |
///
/// Everything is f32, and the protocol limits how much there may be. Names are made of letters, digits and
/// `_`, unique within their sort. The trainer owns the state: it is fingerprinted at each step, hashed, and
/// stands in every checkpoint.
///
/// ```no_run,standalone_crate
/// let state = contract::State::new()
///     .learnable("log_scale", &[], 2.66)
///     .column("u_image", 0.0)
///     .slot("exp_avg")
///     .loss_diagnostic("objective");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct State {
    declaration: Declaration,
}

impl State {
    /// Nothing declared.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tensor that is trained beside the model, filled with `value` at first; `&[]` is a single value.
    ///
    /// In [`crate::Algorithm::loss`] it is `batch.learnable(name)`, in [`crate::Algorithm::update`] the
    /// parameter `learnables.NAME`, or `parameters.learnable_mut(name)`.
    pub fn learnable(self, name: &str, shape: &[usize], value: f32) -> Self {
        let count = shape.iter().product();
        self.learnable_from(name, shape, vec![value; count])
    }

    /// A learnable with first values of its own, row-major.
    pub fn learnable_from(mut self, name: &str, shape: &[usize], initial: Vec<f32>) -> Self {
        self.declaration.learnables.push(Learnable { name: name.to_owned(), shape: shape.to_vec(), initial });
        self
    }

    /// One value for each sample of the data set, `initial` before the sample is first seen.
    pub fn column(self, name: &str, initial: f32) -> Self {
        self.column_of(name, &[], initial)
    }

    /// A tensor for each sample of the data set, filled with `initial` before the sample is first seen.
    pub fn column_of(mut self, name: &str, shape: &[usize], initial: f32) -> Self {
        self.declaration.columns.push(Column { name: name.to_owned(), shape: shape.to_vec(), initial });
        self
    }

    /// A tensor of the shape of each parameter and learnable, zero at first.
    pub fn slot(mut self, name: &str) -> Self {
        self.declaration.slots.push(Slot { name: name.to_owned() });
        self
    }

    /// A tensor that `update` writes and everything reads, filled with `value` at first.
    pub fn global(mut self, name: &str, shape: &[usize], value: f32) -> Self {
        self.declaration.globals.push(Global { name: name.to_owned(), shape: shape.to_vec(), initial: value });
        self
    }

    /// A number that `loss` reports for each anchor; the transcript holds its mean over the batch.
    pub fn loss_diagnostic(mut self, name: &str) -> Self {
        self.declaration.loss_diagnostics.push(name.to_owned());
        self
    }

    /// A number that `update` reports at each step.
    pub fn update_diagnostic(mut self, name: &str) -> Self {
        self.declaration.update_diagnostics.push(name.to_owned());
        self
    }
}

impl From<State> for Declaration {
    fn from(state: State) -> Self {
        state.declaration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_says_what_was_said() {
        let declaration: Declaration = State::new()
            .learnable("scale", &[2, 3], 0.5)
            .learnable_from("bias", &[2], vec![1.0, 2.0])
            .column("u", 0.0)
            .column_of("mean", &[4], 1.0)
            .slot("exp_avg")
            .global("count", &[], 0.0)
            .loss_diagnostic("objective")
            .update_diagnostic("rate")
            .into();
        assert_eq!(declaration.learnables[0].initial, [0.5; 6]);
        assert_eq!(declaration.learnables[1].initial, [1.0, 2.0]);
        assert_eq!((&declaration.columns[0].shape[..], &declaration.columns[1].shape[..]), (&[][..], &[4][..]));
        assert_eq!((declaration.slots.len(), declaration.globals.len()), (1, 1));
        assert_eq!((&*declaration.loss_diagnostics[0], &*declaration.update_diagnostics[0]), ("objective", "rate"));
    }
}
