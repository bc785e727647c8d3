//! All that a run remembers between steps, owned here and nowhere else.
//!
//! A worker sees copies and answers with copies; what it declares decides what there is.

use std::collections::BTreeMap;

use clip::{Clip, LOGIT_SCALE_INITIAL, NamedValues, Values};
use shim::ShimError;
use tch::{TchError, Tensor};
use wire::session::{Declaration, Setup};

/// The learnable whose value checkpoints carry as `logit_scale`.
const LOG_SCALE: &str = "log_scale";

/// A tensor with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredValues {
    /// Its declared name.
    pub name: String,
    /// Its lengths and numbers.
    pub values: Values,
}

/// What is remembered of each sample.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnValues {
    /// Its declared name.
    pub name: String,
    /// Values of one sample.
    pub width: usize,
    /// `[samples, shape ..]`.
    pub values: Values,
}

/// One tensor a trained parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotTensors {
    /// Its declared name.
    pub name: String,
    /// In the order of [`RunState::trained`].
    pub tensors: Vec<Vec<f32>>,
}

/// The state of a run.
pub struct RunState {
    /// The model and its weights.
    pub model: Clip,
    /// Tensors trained beside it.
    pub learnables: Vec<DeclaredValues>,
    /// One tensor a parameter and slot.
    pub slots: Vec<SlotTensors>,
    /// What is remembered of each sample.
    pub columns: Vec<ColumnValues>,
    /// Tensors that `update` writes.
    pub globals: Vec<DeclaredValues>,
    /// Names and shapes of what is trained: the model's, then `learnables.x`.
    pub trained: Vec<(String, Vec<usize>)>,
}

impl RunState {
    /// The state before the first step.
    pub fn initial(model: Clip, setup: &Setup, declared: &Declaration) -> Self {
        let trained: Vec<_> = setup.trained(declared).into_iter().map(|p| (p.name, p.shape)).collect();
        let zeros = || trained.iter().map(|(_, shape)| vec![0.0; shape.iter().product()]).collect();
        let samples = setup.samples as usize;
        Self {
            model,
            learnables: declared.learnables.iter().map(|l| named(&l.name, &l.shape, l.initial.clone())).collect(),
            slots: declared
                .slots
                .iter()
                .map(|slot| SlotTensors { name: slot.name.clone(), tensors: zeros() })
                .collect(),
            columns: (declared.columns.iter())
                .map(|column| {
                    let width = column.shape.iter().product();
                    let shape = [&[samples], &*column.shape].concat();
                    let values = Values { shape, data: vec![column.initial; samples * width] };
                    ColumnValues { name: column.name.clone(), width, values }
                })
                .collect(),
            globals: (declared.globals.iter())
                .map(|g| named(&g.name, &g.shape, vec![g.initial; g.shape.iter().product()]))
                .collect(),
            trained,
        }
    }

    /// What checkpoints carry as `logit_scale`: the learnable `log_scale` of one value, or ln(1 / 0.07).
    pub fn logit_scale(&self) -> f32 {
        let declared = self.learnables.iter().find(|l| l.name == LOG_SCALE && l.values.shape.is_empty());
        declared.and_then(|l| l.values.data.first().copied()).unwrap_or(LOGIT_SCALE_INITIAL)
    }

    /// The names and tensors of `state.safetensors`.
    pub fn tensors(&self) -> Vec<(String, &[usize], &[f32])> {
        let lists = [("learnables", &self.learnables), ("globals", &self.globals)];
        let named = lists
            .into_iter()
            .flat_map(|(prefix, list)| list.iter().map(move |n| (format!("{prefix}/{}", n.name), &n.values)));
        let mut all: Vec<_> = named.map(|(name, values)| (name, &*values.shape, &*values.data)).collect();
        all.extend(self.columns.iter().map(|c| (format!("columns/{}", c.name), &*c.values.shape, &*c.values.data)));
        for slot in &self.slots {
            let tensors = self.trained.iter().zip(&slot.tensors);
            all.extend(tensors.map(|((name, shape), data)| (format!("slots/{}/{name}", slot.name), &**shape, &**data)));
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Takes over what a checkpoint holds; names and shapes must be those that were declared.
    pub fn restore(&mut self, model: Clip, mut values: NamedValues) -> Result<(), String> {
        let mut take = |name: String, shape: &[usize], data: &mut Vec<f32>| {
            let found = values.remove(&name).ok_or_else(|| format!("`{name}` is missing"))?;
            if found.shape != shape {
                return Err(format!("`{name}` has shape {:?}, expected {shape:?}", found.shape));
            }
            *data = found.data;
            Ok(())
        };
        for (prefix, list) in [("learnables", &mut self.learnables), ("globals", &mut self.globals)] {
            for DeclaredValues { name, values } in list {
                take(format!("{prefix}/{name}"), &values.shape, &mut values.data)?;
            }
        }
        for ColumnValues { name, values, .. } in &mut self.columns {
            take(format!("columns/{name}"), &values.shape, &mut values.data)?;
        }
        for slot in &mut self.slots {
            for ((name, shape), data) in self.trained.iter().zip(&mut slot.tensors) {
                take(format!("slots/{}/{name}", slot.name), shape, data)?;
            }
        }
        if let Some(name) = values.keys().next() {
            return Err(format!("`{name}` was not declared"));
        }
        self.model = model;
        Ok(())
    }
}

fn named(name: &str, shape: &[usize], data: Vec<f32>) -> DeclaredValues {
    DeclaredValues { name: name.to_owned(), values: Values { shape: shape.to_vec(), data } }
}

/// The values of a model's parameters, for a checkpoint.
pub fn parameter_values(parameters: &BTreeMap<String, Tensor>) -> Result<Vec<(&String, &[f32])>, ShimError> {
    parameters.iter().map(|(name, tensor)| Ok((name, shim::values(tensor)?))).collect()
}

/// Marks what autograd differentiates for: every parameter but the token table, whose used rows are a leaf
/// of their own in each step.
pub fn track_gradients(model: &mut Clip) -> Result<(), TchError> {
    let mut tracked = model.parameters_mut().iter_mut().filter(|(name, _)| *name != clip::TOKEN_EMBEDDING);
    tracked.try_for_each(|(_, tensor)| tensor.f_set_requires_grad(true).map(drop))
}

#[cfg(test)]
mod tests {
    use clip::ModelConfig;
    use numerics::Seed;
    use wire::session::{self, Learnable};

    use super::*;

    fn state(scale: f32) -> RunState {
        let config = ModelConfig::parse(include_str!("../../protocols/models/mini.json")).unwrap();
        let model = Clip::initialise(&config, &Seed([1; 32])).unwrap();
        let setup = Setup {
            batch: 16,
            lane_rows: 2,
            width: 64,
            samples: 5,
            steps: 1,
            epochs: 1,
            steps_per_epoch: 1,
            parameters: vec![],
        };
        let declared = Declaration {
            learnables: vec![Learnable { name: "log_scale".into(), shape: vec![], initial: vec![scale] }],
            columns: vec![session::Column { name: "u".into(), shape: vec![2], initial: 0.5 }],
            slots: vec![session::Slot { name: "m".into() }],
            globals: vec![session::Global { name: "g".into(), shape: vec![3], initial: 1.0 }],
            ..Declaration::default()
        };
        RunState::initial(model, &setup, &declared)
    }

    fn values(state: &RunState) -> NamedValues {
        state
            .tensors()
            .into_iter()
            .map(|(name, shape, data)| (name, Values { shape: shape.to_vec(), data: data.to_vec() }))
            .collect()
    }

    #[test]
    fn what_is_written_is_restored() {
        let (first, mut second) = (state(1.5), state(2.5));
        assert_eq!(
            first.tensors().iter().map(|t| &*t.0).collect::<Vec<_>>(),
            ["columns/u", "globals/g", "learnables/log_scale", "slots/m/learnables.log_scale"]
        );
        let model =
            Clip::from_values(second.model.config(), clip::values::initial(second.model.config(), &Seed([1; 32])))
                .unwrap();
        second.restore(model, values(&first)).unwrap();
        assert_eq!(values(&second), values(&first));
        assert_eq!(second.logit_scale(), 1.5);
    }

    #[test]
    fn a_checkpoint_of_another_declaration_is_refused() {
        for change in [
            |values: &mut NamedValues| drop(values.remove("globals/g")),
            |values: &mut NamedValues| {
                drop(values.insert("globals/h".into(), Values { shape: vec![], data: vec![0.0] }))
            },
            |values: &mut NamedValues| values.get_mut("columns/u").unwrap().shape = vec![10],
        ] {
            let mut values = values(&state(1.0));
            change(&mut values);
            let mut target = state(1.0);
            let model = Clip::initialise(target.model.config(), &Seed([1; 32])).unwrap();
            assert!(target.restore(model, values).is_err());
        }
    }
}
