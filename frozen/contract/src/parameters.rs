//! Parameters, their gradients and slots, and the globals: what `update` reads and sets.

use std::collections::BTreeMap;

use tch::Tensor;
use wire::session::{ParameterKind, ParameterShape};

use crate::{Error, Result};

const LEARNABLE: &str = "learnables.";
const NO_GRADIENT: &str = "there is no gradient in `publish`";
const READ_ONLY: &str = "`publish` sets values of parameters and nothing else";

/// A tensor of the trainer: what it was, where a new value goes, and whether one was set.
#[derive(Debug)]
pub(crate) struct TrackedBuffer {
    before: Tensor,
    after: Option<Tensor>,
    written: bool,
}

impl TrackedBuffer {
    /// A place whose new value goes to `after`, of the same shape; read-only where there is none.
    pub(crate) fn new(before: Tensor, after: Option<Tensor>) -> Self {
        Self { before, after, written: false }
    }

    /// The value as it stands now. A copy once it was set, so that what a caller holds never changes.
    fn now(&self) -> Result<Tensor> {
        match &self.after {
            Some(after) if self.written => fresh(after),
            _ => Ok(self.before.shallow_clone()),
        }
    }

    fn set(&mut self, what: impl FnOnce() -> String, value: &Tensor) -> Result<()> {
        Error::check_shape(what, &self.before.size(), value)?;
        let after = self.after.as_mut().ok_or(Error::NotHere(READ_ONLY))?;
        after.f_copy_(&value.f_detach()?)?;
        self.written = true;
        Ok(())
    }

    /// The new value's memory, holding the value as it stands now, to step in place.
    pub(crate) fn in_place(&mut self) -> Result<&mut Tensor> {
        let after = self.after.as_mut().ok_or(Error::NotHere(READ_ONLY))?;
        if !self.written {
            after.f_copy_(&self.before)?;
            self.written = true;
        }
        Ok(after)
    }

    fn finish(&mut self) -> Result<()> {
        if self.after.is_some() {
            self.in_place()?;
        }
        Ok(())
    }
}

/// A copy without a gradient, in memory of its own.
pub(crate) fn fresh(tensor: &Tensor) -> Result<Tensor> {
    let source = tensor.f_detach()?;
    let mut copy = source.f_empty_like()?;
    copy.f_copy_(&source)?;
    Ok(copy)
}

/// One tensor that is trained: of the model, or a learnable.
///
/// Values go in and come out by copy. There is no way to hold on to the tensor itself, which could be
/// rebound to another one and silently train nothing.
#[derive(Debug)]
pub struct Parameter {
    shape: ParameterShape,
    pub(crate) value: TrackedBuffer,
    pub(crate) gradient: Option<Tensor>,
    pub(crate) slots: BTreeMap<String, TrackedBuffer>,
}

impl Parameter {
    pub(crate) fn new(
        shape: ParameterShape,
        value: TrackedBuffer,
        gradient: Option<Tensor>,
        slots: BTreeMap<String, TrackedBuffer>,
    ) -> Self {
        Self { shape, value, gradient, slots }
    }

    /// Its name: open_clip's, such as `visual.transformer.resblocks.0.mlp.c_fc.weight`, or `learnables.NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shape.name
    }

    /// What it is to an optimizer.
    #[must_use]
    pub fn kind(&self) -> ParameterKind {
        self.shape.kind
    }

    /// Lengths of its dimensions; a learnable may have none.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape.shape
    }

    /// Its value as it stands now: as before the step, or as last set.
    pub fn value(&self) -> Result<Tensor> {
        self.value.now()
    }

    /// The gradient of the mean loss over the global batch.
    ///
    /// - Errors: in `publish` there is none.
    pub fn gradient(&self) -> Result<&Tensor> {
        self.gradient.as_ref().ok_or(Error::NotHere(NO_GRADIENT))
    }

    /// A declared slot as it stands now.
    ///
    /// - Errors: [`Error::Unknown`] where it was not declared.
    pub fn slot(&self, name: &str) -> Result<Tensor> {
        match self.slots.get(name) {
            Some(place) => place.now(),
            None => Err(Error::unknown("slot", name, self.slots.keys())),
        }
    }

    /// Sets its value; the values are copied and converted to f32.
    ///
    /// - Errors: [`Error::Shape`] where the shape is another one; nothing is broadcast.
    pub fn set(&mut self, value: &Tensor) -> Result<()> {
        let name = &self.shape.name;
        self.value.set(|| format!("parameter `{name}`"), value)
    }

    /// Sets a declared slot; the values are copied and converted to f32.
    ///
    /// - Errors: [`Error::Unknown`], [`Error::Shape`]; in `publish` slots are read-only.
    pub fn set_slot(&mut self, name: &str, value: &Tensor) -> Result<()> {
        if !self.slots.contains_key(name) {
            return Err(Error::unknown("slot", name, self.slots.keys()));
        }
        let parameter = &self.shape.name;
        match self.slots.get_mut(name) {
            Some(place) => place.set(|| format!("slot `{name}` of `{parameter}`"), value),
            None => Ok(()),
        }
    }

    /// Value, gradient and two slots, for a step in place.
    pub(crate) fn for_step(&mut self, names: [&str; 2]) -> Result<(&mut Tensor, &Tensor, [&mut Tensor; 2])> {
        if let Some(missing) = names.iter().find(|&&name| !self.slots.contains_key(name)) {
            return Err(Error::unknown("slot", missing, self.slots.keys()));
        }
        let gradient = self.gradient.as_ref().ok_or(Error::NotHere(NO_GRADIENT))?;
        let mut slots = names.map(|_| None);
        for (name, place) in &mut self.slots {
            if let Some(index) = names.iter().position(|wanted| wanted == name) {
                slots[index] = Some(place.in_place()?);
            }
        }
        let [Some(first), Some(second)] = slots else { return Err(Error::NotHere("two slots of one name")) };
        Ok((self.value.in_place()?, gradient, [first, second]))
    }

    fn finish(&mut self) -> Result<()> {
        self.value.finish()?;
        self.slots.values_mut().try_for_each(TrackedBuffer::finish)
    }
}

/// All that is trained, the globals, and what `update` reports.
#[derive(Debug)]
pub struct Parameters {
    all: Vec<Parameter>,
    globals: BTreeMap<String, TrackedBuffer>,
    diagnostics: BTreeMap<String, Option<f32>>,
}

impl Parameters {
    pub(crate) fn new(all: Vec<Parameter>, globals: BTreeMap<String, TrackedBuffer>, diagnostics: &[String]) -> Self {
        let diagnostics = diagnostics.iter().map(|name| (name.clone(), None)).collect();
        Self { all, globals, diagnostics }
    }

    /// Each parameter of the model, sorted by name, then each learnable in the order of its declaration.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.all.iter()
    }

    /// As [`Parameters::iter`], for setting.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.all.iter_mut()
    }

    /// A parameter by name.
    ///
    /// - Errors: [`Error::Unknown`] where neither the model nor the learnables have it.
    pub fn get(&self, name: &str) -> Result<&Parameter> {
        self.all.iter().find(|parameter| parameter.name() == name).ok_or_else(|| self.unknown(name))
    }

    /// As [`Parameters::get`], for setting.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut Parameter> {
        match self.all.iter().position(|parameter| parameter.name() == name) {
            Some(index) => Ok(&mut self.all[index]),
            None => Err(self.unknown(name)),
        }
    }

    /// A learnable by the name it was declared with.
    pub fn learnable_mut(&mut self, name: &str) -> Result<&mut Parameter> {
        self.get_mut(&format!("{LEARNABLE}{name}"))
    }

    /// A declared global as it stands now.
    ///
    /// - Errors: [`Error::Unknown`] where it was not declared.
    pub fn global(&self, name: &str) -> Result<Tensor> {
        match self.globals.get(name) {
            Some(place) => place.now(),
            None => Err(Error::unknown("global", name, self.globals.keys())),
        }
    }

    /// Sets a declared global; the values are copied and converted to f32.
    ///
    /// - Errors: [`Error::Unknown`], [`Error::Shape`]; in `publish` globals are read-only.
    pub fn set_global(&mut self, name: &str, value: &Tensor) -> Result<()> {
        if !self.globals.contains_key(name) {
            return Err(Error::unknown("global", name, self.globals.keys()));
        }
        self.globals.get_mut(name).map_or(Ok(()), |place| place.set(|| format!("global `{name}`"), value))
    }

    /// Reports a declared diagnostic of this step.
    ///
    /// - Errors: [`Error::Unknown`]; [`Error::Diagnostic`] at the second time.
    pub fn report(&mut self, diagnostic: &str, value: f32) -> Result<()> {
        match self.diagnostics.get_mut(diagnostic) {
            Some(Some(_)) => Err(Error::Diagnostic { name: diagnostic.to_owned(), found: "reported twice" }),
            Some(place) => {
                *place = Some(value);
                Ok(())
            }
            None => Err(Error::unknown("update diagnostic", diagnostic, self.diagnostics.keys())),
        }
    }

    /// Completes what was not set with the old values, and gives the diagnostics.
    pub(crate) fn finish(&mut self) -> Result<BTreeMap<String, f32>> {
        self.all.iter_mut().try_for_each(Parameter::finish)?;
        self.globals.values_mut().try_for_each(TrackedBuffer::finish)?;
        let diagnostics = self.diagnostics.iter().map(|(name, value)| match value {
            Some(value) => Ok((name.clone(), *value)),
            None => Err(Error::Diagnostic { name: name.clone(), found: "not reported" }),
        });
        diagnostics.collect()
    }

    /// The learnables under their declared names, and the globals, as they stand now.
    pub(crate) fn for_batch(&self) -> Result<(BTreeMap<String, Tensor>, BTreeMap<String, Tensor>)> {
        let learnables = self.all.iter().filter_map(|parameter| {
            let name = parameter.name().strip_prefix(LEARNABLE)?;
            Some(parameter.value().map(|value| (name.to_owned(), value)))
        });
        let globals = self.globals.iter().map(|(name, place)| Ok((name.clone(), place.now()?)));
        Ok((learnables.collect::<Result<_>>()?, globals.collect::<Result<_>>()?))
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<String> = self.all.iter().map(|parameter| parameter.name().to_owned()).collect();
        Error::unknown("parameter", name, names.iter())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn full(value: f64) -> Tensor {
        Tensor::full([2, 3], value, (Kind::Float, Device::Cpu))
    }

    fn place(value: f64, read_only: bool) -> TrackedBuffer {
        TrackedBuffer::new(full(value), (!read_only).then(|| full(-1.0)))
    }

    /// Parameters as `update` sees them, or as `publish` does.
    fn parameters(publish: bool) -> Parameters {
        let parameter = |name: &str, kind| {
            let shape = ParameterShape { name: name.into(), kind, shape: vec![2, 3] };
            let slots = [("ema".to_owned(), place(5.0, publish))].into();
            Parameter::new(shape, place(1.0, false), (!publish).then(|| full(0.5)), slots)
        };
        let all = vec![parameter("w", ParameterKind::Matrix), parameter("learnables.s", ParameterKind::Learnable)];
        let diagnostics: &[String] = if publish { &[] } else { &["norm".to_owned()] };
        Parameters::new(all, [("count".to_owned(), place(9.0, publish))].into(), diagnostics)
    }

    fn first(tensor: &Tensor) -> f64 {
        tensor.double_value(&[0, 0])
    }

    #[test]
    fn what_is_set_is_read_back_and_what_was_read_does_not_change() {
        let mut parameters = parameters(false);
        let w = parameters.get_mut("w").unwrap();
        let before = w.value().unwrap();
        w.set(&full(2.0)).unwrap();
        let between = w.value().unwrap();
        w.set(&full(3.0)).unwrap();
        w.set_slot("ema", &(w.slot("ema").unwrap() + 1.0)).unwrap();
        assert_eq!([&before, &between, &w.value().unwrap(), &w.slot("ema").unwrap()].map(first), [1.0, 2.0, 3.0, 6.0]);
        parameters.set_global("count", &full(10.0)).unwrap();
        assert_eq!(first(&parameters.global("count").unwrap()), 10.0);
    }

    #[test]
    fn what_is_not_set_stays() {
        let mut parameters = parameters(false);
        parameters.learnable_mut("s").unwrap().set(&full(4.0)).unwrap();
        parameters.report("norm", 0.25).unwrap();
        assert_eq!(parameters.finish().unwrap(), [("norm".to_owned(), 0.25)].into());
        let after = |place: &TrackedBuffer| first(place.after.as_ref().unwrap());
        let found: Vec<_> = parameters.iter().map(|p| (after(&p.value), after(&p.slots["ema"]))).collect();
        assert_eq!(found, [(1.0, 5.0), (4.0, 5.0)]);
        assert_eq!(after(&parameters.globals["count"]), 9.0);
    }

    #[test]
    fn names_shapes_and_numbers_of_reports_are_checked() {
        let mut parameters = parameters(false);
        assert!(matches!(parameters.get("v"), Err(Error::Unknown { .. })));
        assert!(matches!(parameters.learnable_mut("w"), Err(Error::Unknown { .. })));
        assert!(matches!(parameters.set_global("x", &full(0.0)), Err(Error::Unknown { .. })));
        let w = parameters.get_mut("w").unwrap();
        assert!(matches!(w.slot("momentum"), Err(Error::Unknown { .. })));
        assert!(matches!(w.set_slot("momentum", &full(0.0)), Err(Error::Unknown { .. })));
        // One value would be broadcast by libtorch; here it is a mistake.
        assert!(matches!(w.set(&Tensor::from(1.0f32)), Err(Error::Shape { .. })));
        assert!(matches!(parameters.finish(), Err(Error::Diagnostic { .. })));
        parameters.report("norm", 1.0).unwrap();
        assert!(matches!(parameters.report("norm", 1.0), Err(Error::Diagnostic { .. })));
        assert!(matches!(parameters.report("other", 1.0), Err(Error::Unknown { .. })));
    }

    #[test]
    fn publish_sets_values_and_nothing_else() {
        let mut parameters = parameters(true);
        assert!(matches!(parameters.set_global("count", &full(0.0)), Err(Error::NotHere(_))));
        let w = parameters.get_mut("w").unwrap();
        assert!(matches!(w.gradient(), Err(Error::NotHere(_))));
        assert!(matches!(w.set_slot("ema", &full(0.0)), Err(Error::NotHere(_))));
        w.set(&w.slot("ema").unwrap()).unwrap();
        parameters.finish().unwrap();
        assert_eq!(first(&parameters.get("w").unwrap().value().unwrap()), 5.0);
    }

    #[test]
    fn a_value_is_taken_without_its_graph() {
        let mut parameters = parameters(false);
        let w = parameters.get_mut("w").unwrap();
        let with_graph = full(1.0).set_requires_grad(true) * 2.0;
        w.set(&with_graph).unwrap();
        assert!(!w.value().unwrap().requires_grad());
    }
}
