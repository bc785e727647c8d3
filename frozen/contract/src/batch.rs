//! The embeddings of a global batch, and which rows of it a lane answers for.

use std::{collections::BTreeMap, ops::Range};

use tch::Tensor;

use crate::{Error, Result};

/// The embeddings of the whole global batch, with the learnables and globals that go with them.
///
/// There are no sample ids, pixels, tokens or weights here: what is remembered about a sample goes through
/// [`crate::SampleRows`].
#[derive(Debug)]
pub struct Batch {
    image: Tensor,
    text: Tensor,
    learnables: BTreeMap<String, Tensor>,
    globals: BTreeMap<String, Tensor>,
    rows: Range<usize>,
}

impl Batch {
    pub(crate) fn new(
        image: Tensor,
        text: Tensor,
        learnables: BTreeMap<String, Tensor>,
        globals: BTreeMap<String, Tensor>,
        rows: Range<usize>,
    ) -> Self {
        Self { image, text, learnables, globals, rows }
    }

    /// Image embeddings of the global batch.
    ///
    /// - Shapes: `[B, D]`, rows of unit L2 norm; row `i` belongs to row `i` of [`Batch::text`].
    /// - In `loss` they require grad; in `update` they are constants.
    pub fn image(&self) -> &Tensor {
        &self.image
    }

    /// Text embeddings of the global batch; as [`Batch::image`].
    pub fn text(&self) -> &Tensor {
        &self.text
    }

    /// A learnable's value before the step: a leaf that requires grad in `loss`, a constant in `update`.
    ///
    /// - Errors: [`Error::Unknown`] where it was not declared.
    pub fn learnable(&self, name: &str) -> Result<&Tensor> {
        self.learnables.get(name).ok_or_else(|| Error::unknown("learnable", name, self.learnables.keys()))
    }

    /// A global's value before the step.
    ///
    /// - Errors: [`Error::Unknown`] where it was not declared.
    pub fn global(&self, name: &str) -> Result<&Tensor> {
        self.globals.get(name).ok_or_else(|| Error::unknown("global", name, self.globals.keys()))
    }

    /// The anchors: rows of the batch that this lane answers for. In `update`, all of them.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The anchors' part of a tensor whose first dimension is the batch's: `[B, ..]` to `[R, ..]`.
    ///
    /// A view: gradients flow through it. Works on columns of [`crate::SampleRows`] as well.
    pub fn own(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.f_narrow(0, self.rows.start as i64, self.rows.len() as i64)?)
    }

    /// Pairs in the global batch: `B`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.image.size().first().map_or(0, |&length| length as usize)
    }

    /// Whether the batch has no pair; never so in a run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Embedding width: `D`.
    #[must_use]
    pub fn width(&self) -> usize {
        self.image.size().get(1).map_or(0, |&width| width as usize)
    }
}
