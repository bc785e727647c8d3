//! What is remembered about the samples of a batch, and what is reported about its anchors.

use std::{collections::BTreeMap, ops::Range};

use tch::Tensor;

use crate::{Error, Result, parameters::fresh};

/// The declared columns at the batch's samples, and the anchors' diagnostics.
///
/// Reading shows columns as they were before the step, the same to every lane: what another lane sets, or
/// this one, is not seen before the next step. Writing reaches this lane's own rows.
#[derive(Debug)]
pub struct SampleRows {
    columns: BTreeMap<String, ColumnTensors>,
    diagnostics: BTreeMap<String, Option<Tensor>>,
    anchors: i64,
}

#[derive(Debug)]
struct ColumnTensors {
    /// `[B, ..]`, before the step.
    before: Tensor,
    /// `[R, ..]`, where they were set.
    after: Option<Tensor>,
}

impl SampleRows {
    pub(crate) fn new(columns: BTreeMap<String, Tensor>, diagnostics: &[String], rows: &Range<usize>) -> Self {
        let columns = columns.into_iter().map(|(name, before)| (name, ColumnTensors { before, after: None })).collect();
        let diagnostics = diagnostics.iter().map(|name| (name.clone(), None)).collect();
        Self { columns, diagnostics, anchors: rows.len() as i64 }
    }

    /// A column's values at all samples of the batch, as they were before the step.
    ///
    /// - Shapes: `[B]`, or `[B, ..]` for a column that was declared with a shape. A constant for autograd.
    /// - Errors: [`Error::Unknown`] where it was not declared.
    pub fn column(&self, name: &str) -> Result<&Tensor> {
        match self.columns.get(name) {
            Some(column) => Ok(&column.before),
            None => Err(Error::unknown("column", name, self.columns.keys())),
        }
    }

    /// Sets a column at this lane's anchors, in their order; seen from the next step on.
    ///
    /// - Shapes: `[R]` or `[R, ..]`. The values are copied, without their gradient.
    /// - Errors: [`Error::Unknown`], [`Error::Shape`].
    pub fn set(&mut self, name: &str, values: &Tensor) -> Result<()> {
        if !self.columns.contains_key(name) {
            return Err(Error::unknown("column", name, self.columns.keys()));
        }
        if let Some(column) = self.columns.get_mut(name) {
            let mut expected = column.before.size();
            expected[0] = self.anchors;
            Error::check_shape(|| format!("column `{name}`"), &expected, values)?;
            column.after = Some(fresh(values)?);
        }
        Ok(())
    }

    /// Reports a declared diagnostic for each anchor; the transcript holds its mean over the batch.
    ///
    /// - Shapes: `[R]`.
    /// - Errors: [`Error::Unknown`], [`Error::Shape`], [`Error::Diagnostic`] at the second time.
    pub fn report(&mut self, diagnostic: &str, values: &Tensor) -> Result<()> {
        Error::check_shape(|| format!("diagnostic `{diagnostic}`"), &[self.anchors], values)?;
        match self.diagnostics.get_mut(diagnostic) {
            Some(Some(_)) => Err(Error::Diagnostic { name: diagnostic.to_owned(), found: "reported twice" }),
            Some(place) => {
                *place = Some(fresh(values)?);
                Ok(())
            }
            None => Err(Error::unknown("loss diagnostic", diagnostic, self.diagnostics.keys())),
        }
    }

    /// New values of every column at `rows` (old ones where none were set), and every diagnostic.
    pub(crate) fn finish(self, rows: &Range<usize>) -> Result<(BTreeMap<String, Tensor>, BTreeMap<String, Tensor>)> {
        let columns = self.columns.into_iter().map(|(name, column)| {
            let unchanged = || column.before.f_narrow(0, rows.start as i64, rows.len() as i64);
            Ok((name, column.after.map_or_else(unchanged, Ok)?))
        });
        let columns = columns.collect::<Result<_>>()?;
        let diagnostics = self.diagnostics.into_iter().map(|(name, values)| match values {
            Some(values) => Ok((name, values)),
            None => Err(Error::Diagnostic { name, found: "not reported" }),
        });
        Ok((columns, diagnostics.collect::<Result<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn rows() -> SampleRows {
        let u = Tensor::arange(4, (Kind::Float, Device::Cpu));
        let mean = Tensor::zeros([4, 3], (Kind::Float, Device::Cpu));
        SampleRows::new([("u".into(), u), ("mean".into(), mean)].into(), &["objective".to_owned()], &(2..4))
    }

    #[test]
    fn what_is_set_is_seen_later_and_the_rest_stays() {
        let mut rows = rows();
        let mut new = Tensor::from_slice(&[7.0f32, 8.0]);
        rows.set("u", &new).unwrap();
        let _ = new.fill_(0.0);
        assert_eq!(Vec::<f32>::try_from(rows.column("u").unwrap()).unwrap(), [0.0, 1.0, 2.0, 3.0]);
        rows.report("objective", &Tensor::from_slice(&[1.0f32, 2.0])).unwrap();
        let (columns, diagnostics) = rows.finish(&(2..4)).unwrap();
        assert_eq!(Vec::<f32>::try_from(&columns["u"]).unwrap(), [7.0, 8.0]);
        assert_eq!(columns["mean"].size(), [2, 3]);
        assert_eq!(Vec::<f32>::try_from(&diagnostics["objective"]).unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn names_shapes_and_numbers_of_reports_are_checked() {
        let mut rows = rows();
        let two = Tensor::from_slice(&[1.0f32, 2.0]);
        assert!(matches!(rows.column("v"), Err(Error::Unknown { .. })));
        assert!(matches!(rows.set("v", &two), Err(Error::Unknown { .. })));
        assert!(matches!(rows.set("mean", &two), Err(Error::Shape { .. })));
        assert!(matches!(rows.set("u", &Tensor::from(1.0f32)), Err(Error::Shape { .. })));
        assert!(matches!(rows.report("x", &two), Err(Error::Unknown { .. })));
        rows.report("objective", &two).unwrap();
        assert!(matches!(rows.report("objective", &two), Err(Error::Diagnostic { .. })));
        assert!(matches!(self::rows().finish(&(2..4)), Err(Error::Diagnostic { .. })));
    }
}
