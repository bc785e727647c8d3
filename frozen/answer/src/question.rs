//! One question, answered: tensors over its arenas, the participant's code, and where the answer goes.
//!
//! All of it runs inside the lock. The participant's code starts with the deserialisation of its configuration. What
//! counts as the answer is what lies in the results when the process has ended.

use std::collections::BTreeMap;

use contract::{
    Algorithm, Error, Tensor,
    harness::{self, LossAnswer, LossInputs, Moment, NamedTensors},
};
use numerics::Seed;
use wire::{
    Declaration, Session, TensorPlace, exit, layout, memory,
    message::{Question, QuestionKind},
    words,
};

use crate::say;

/// The memory of one question.
#[derive(Debug)]
pub struct Memory {
    /// What the host wrote.
    pub inputs: &'static [u8],
    /// Zeroes, for the results of each lane.
    pub results: &'static mut [u8],
}

/// Why there is no answer.
enum Failure {
    /// The configuration does not fit the algorithm.
    Config(String),
    /// The algorithm's error, or the contract's.
    Algorithm(Error),
    /// A declaration of so many bytes, more than the words hold.
    TooLong(usize),
    /// The session does not fit this question: the object was built for another version.
    Session(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Algorithm(error)
    }
}

impl From<shim::ShimError> for Failure {
    fn from(error: shim::ShimError) -> Self {
        Self::Algorithm(error.into())
    }
}

/// Answers a question; gives the cell's exit code.
pub fn answer<A: Algorithm>(question: &Question, session: &Session, memory: Memory) -> i32 {
    let answered = match question.kind {
        QuestionKind::Declare => declare::<A>(session, question.step),
        QuestionKind::Loss => {
            lanes::<A>(question, session, memory).map(|()| say(words::SaidKind::Done, question.step, b""))
        }
        QuestionKind::Update | QuestionKind::Publish => {
            update::<A>(question, session, memory).map(|()| say(words::SaidKind::Done, question.step, b""))
        }
        QuestionKind::Probe | QuestionKind::ProbeBehind => {
            Err(Failure::Session("a probe is no question for an entry".to_owned()))
        }
    };
    let (kind, text) = match answered {
        Ok(()) => return exit::ANSWERED,
        Err(Failure::Config(text)) => (words::SaidKind::Config, text),
        Err(Failure::Algorithm(error @ Error::Shape { .. })) => (words::SaidKind::Shape, error.to_string()),
        Err(Failure::Algorithm(error)) => (words::SaidKind::Refused, error.to_string()),
        Err(Failure::TooLong(bytes)) => {
            say(words::SaidKind::TooLong, bytes as u64, b"");
            return exit::SAID;
        }
        Err(Failure::Session(text)) => (words::SaidKind::Load, text),
    };
    say(kind, 0, text.as_bytes());
    exit::SAID
}

/// Builds the algorithm from its configuration; gives the keys that it did not read beside it.
fn build<A: Algorithm>(session: &Session) -> Result<(A, Vec<String>), Failure> {
    let mut unused = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(&session.config);
    let config: A::Config = serde_ignored::deserialize(&mut reader, |path| unused.push(path.to_string()))
        .map_err(|error| Failure::Config(error.to_string()))?;
    unused.sort();
    Ok((A::new(config, &session.setup)?, unused))
}

fn declare<A: Algorithm>(session: &Session, step: u64) -> Result<(), Failure> {
    let (algorithm, unused) = build::<A>(session)?;
    let mut declaration: Declaration = algorithm.declare().into();
    declaration.unused_config_keys = unused;
    let text = serde_json::to_vec(&declaration).map_err(|error| Failure::Session(error.to_string()))?;
    if text.len() > words::TEXT_BYTES {
        return Err(Failure::TooLong(text.len()));
    }
    say(words::SaidKind::Declaration, step, &text);
    Ok(())
}

fn seed(session: &Session) -> Result<Seed, Failure> {
    let mut seed = [0; 32];
    hex::decode_to_slice(&session.seed, &mut seed).map_err(|error| Failure::Session(error.to_string()))?;
    Ok(Seed(seed))
}

fn moment<'a>(question: &Question, session: &'a Session, seed: &'a Seed) -> Result<Moment<'a>, Failure> {
    let declaration = session.declaration.as_ref().ok_or_else(|| Failure::Session("no declaration".to_owned()))?;
    Ok(Moment { setup: &session.setup, declaration, seed, step: question.step, epoch: question.epoch })
}

/// Every lane of a question, one after the other, each from an algorithm that was just built.
fn lanes<A: Algorithm>(question: &Question, session: &Session, memory: Memory) -> Result<(), Failure> {
    let bytes = layout::arena_bytes(&session.loss_results);
    let mut results = memory.results.chunks_exact_mut(bytes);
    for lane in question.lane..question.lane.saturating_add(question.lanes) {
        let results = results.next().ok_or_else(|| Failure::Session("fewer results than lanes".to_owned()))?;
        loss::<A>(question, lane as usize, session, memory.inputs, results)?;
    }
    Ok(())
}

fn loss<A: Algorithm>(
    question: &Question,
    lane: usize,
    session: &Session,
    inputs: &'static [u8],
    results: &'static mut [u8],
) -> Result<(), Failure> {
    let seed = seed(session)?;
    let moment = moment(question, session, &seed)?;
    let mut inputs = Inputs::new(&session.loss_inputs, inputs)?;
    let inputs = LossInputs {
        image: inputs.take("image")?,
        text: inputs.take("text")?,
        learnables: inputs.take_all("learnables/"),
        columns: inputs.take_all("columns/"),
        globals: inputs.take_all("globals/"),
    };
    let (algorithm, _) = build::<A>(session)?;
    let rows = question.rows as usize;
    let answer = harness::loss(&algorithm, &moment, lane as u64, lane * rows..(lane + 1) * rows, &inputs)?;
    Results::new(&session.loss_results, results).write(answer)
}

fn update<A: Algorithm>(question: &Question, session: &Session, memory: Memory) -> Result<(), Failure> {
    let seed = seed(session)?;
    let moment = moment(question, session, &seed)?;
    let publish = question.kind == QuestionKind::Publish;
    let mut inputs = Inputs::new(&session.update_inputs, memory.inputs)?;
    let mut results = Results::new(&session.update_results, memory.results);
    let mut parameters = Vec::new();
    for shape in session.setup.trained(moment.declaration) {
        let name = &shape.name;
        let gradient = if publish { None } else { Some(inputs.take(&format!("gradient/{name}"))?) };
        let value = inputs.place(&format!("value/{name}"), Some(&mut results))?;
        let mut slots = BTreeMap::new();
        for slot in &moment.declaration.slots {
            let after = (!publish).then_some(&mut results);
            slots.insert(slot.name.clone(), inputs.place(&format!("slot/{}/{name}", slot.name), after)?);
        }
        parameters.push(harness::parameter(shape, value, gradient, slots));
    }
    let mut globals = BTreeMap::new();
    for global in &moment.declaration.globals {
        let after = (!publish).then_some(&mut results);
        globals.insert(global.name.clone(), inputs.place(&format!("globals/{}", global.name), after)?);
    }
    let (algorithm, _) = build::<A>(session)?;
    if publish {
        let mut parameters = harness::parameters(parameters, globals, &[]);
        return Ok(harness::publish(&algorithm, &moment, &mut parameters)?);
    }
    let mut parameters = harness::parameters(parameters, globals, &moment.declaration.update_diagnostics);
    let (image, text) = (inputs.take("image")?, inputs.take("text")?);
    for (name, value) in harness::update(&algorithm, &moment, image, text, &mut parameters)? {
        results.take(&format!("diagnostics/{name}"))?.fill(value);
    }
    Ok(())
}

/// Tensors over the inputs, each taken once.
struct Inputs(NamedTensors);

impl Inputs {
    fn new(places: &[TensorPlace], memory: &'static [u8]) -> Result<Self, Failure> {
        let tensor = |place: &TensorPlace| {
            Ok((place.name.clone(), shim::view(memory::floats(memory, place), &dimensions(place))?))
        };
        Ok(Self(places.iter().map(tensor).collect::<Result<_, Failure>>()?))
    }

    fn take(&mut self, name: &str) -> Result<Tensor, Failure> {
        self.0.remove(name).ok_or_else(|| Failure::Session(format!("no input `{name}`")))
    }

    /// Every tensor whose name starts so, by the rest of its name.
    fn take_all(&mut self, prefix: &str) -> NamedTensors {
        let named = self.0.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
        named.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect()
    }

    /// A tensor and where its new value goes; nowhere for what is only read.
    fn place(&mut self, name: &str, results: Option<&mut Results>) -> Result<harness::DoubleBuffer, Failure> {
        let before = self.take(name)?;
        let after = match results {
            Some(results) => Some(shim::view_mut(results.take(name)?, &before.size())?),
            None => None,
        };
        Ok(harness::DoubleBuffer { before, after })
    }
}

/// Memory of the results, each taken once.
struct Results(BTreeMap<String, &'static mut [f32]>);

impl Results {
    fn new(places: &[TensorPlace], memory: &'static mut [u8]) -> Self {
        Self(memory::into_floats(memory, places))
    }

    fn take(&mut self, name: &str) -> Result<&'static mut [f32], Failure> {
        self.0.remove(name).ok_or_else(|| Failure::Session(format!("no result `{name}`")))
    }

    fn write(mut self, answer: LossAnswer) -> Result<(), Failure> {
        let whole = [("loss", answer.loss), ("image", answer.image), ("text", answer.text)];
        let parts = [("learnables/", answer.learnables), ("rows/", answer.rows), ("diagnostics/", answer.diagnostics)];
        let whole = whole.into_iter().map(|(name, tensor)| (name.to_owned(), tensor));
        let parts = parts.into_iter().flat_map(|(prefix, tensors)| {
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor))
        });
        for (name, tensor) in whole.chain(parts) {
            let place = self.take(&name)?;
            let tensor = tensor.f_to_kind(contract::Kind::Float).map_err(Error::from)?;
            let tensor = tensor.f_contiguous().map_err(Error::from)?;
            let values = shim::values(&tensor)?;
            if values.len() != place.len() {
                let (expected, found) = (vec![place.len() as i64], tensor.size());
                return Err(Error::Shape { what: name, expected, found }.into());
            }
            place.copy_from_slice(values);
        }
        Ok(())
    }
}

fn dimensions(place: &TensorPlace) -> Vec<i64> {
    place.shape.iter().map(|length| *length as i64).collect()
}
