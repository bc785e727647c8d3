//! One step: embeddings, eight questions about loss, backward, one question about the update.
//!
//! Every tensor is checked for finite values before anything is built on it; answers are copied, and only
//! copies are used. The first that is not finite ends the run before the update, with step and tensor.
//!
//! Shape letters: `B` pairs in the global batch, `R` of a lane, `D` embedding width.

use std::collections::BTreeMap;

use clip::TOKEN_EMBEDDING;
use host::{Answer, Worker};
use numerics::fingerprint::{self, Pass, fingerprint, first_non_finite};
use records::{
    Blake3, Finding, Rule, Stop,
    v1::{outcome::TrainerUsage, transcript::Line},
};
use tch::Tensor;

use crate::{
    batch::DecodedBatch,
    forward::{EmbeddingPair, Execution, Forward, Gradients},
    losses,
    state::RunState,
};

/// Everything a step works on.
pub struct Stepper<'a> {
    /// The state that the step moves.
    pub state: &'a mut RunState,
    /// Who is asked: all of them about losses, the first about the update.
    pub workers: &'a mut [Worker],
    /// What has been used so far.
    pub usage: &'a mut TrainerUsage,
    /// Names of the fingerprints.
    pub columns: &'a [String],
    /// How the model is run.
    pub execution: Execution,
}

/// The fingerprints of a step, by name.
type Row = BTreeMap<String, u64>;

/// Names of the columns of `fingerprints.bin`, in their order.
pub fn fingerprint_columns(state: &RunState) -> Vec<String> {
    let mut names =
        ["embeddings/image", "embeddings/text", "gradients/image", "gradients/text"].map(String::from).to_vec();
    names.extend(state.trained.iter().map(|(name, _)| format!("gradients/{name}")));
    names.extend(state.model.parameters().keys().map(|name| format!("parameters/{name}")));
    for slot in &state.slots {
        names.extend(state.trained.iter().map(|(name, _)| format!("slots/{}/{name}", slot.name)));
    }
    names.extend(state.learnables.iter().map(|learnable| format!("learnables/{}", learnable.name)));
    names.extend(state.globals.iter().map(|global| format!("globals/{}", global.name)));
    names.extend(state.columns.iter().map(|column| format!("rows/{}", column.name)));
    names
}

impl Stepper<'_> {
    /// Does one step; the line has neither chain nor digest of fingerprints yet.
    pub fn step(&mut self, batch: &DecodedBatch) -> Result<(Line, Vec<u64>), Stop> {
        let mut row = Row::new();
        let forward = Forward::run(&self.state.model, batch, self.execution)?;
        record_pair(&mut row, "embeddings", &forward.embeddings, batch.step)?;
        let losses = losses::ask(self.workers, self.state, self.usage, batch, &forward.embeddings)?;
        write_embeddings(&mut self.workers[0], &forward.embeddings);
        record_pair(&mut row, "gradients", &losses.gradients, batch.step)?;
        let gradients = forward.backward(&losses.gradients)?;
        self.write_update_inputs(&gradients, &losses.learnables, batch.step, &mut row)?;
        let mut diagnostics = means(&losses.diagnostics);
        self.take_update(batch, &mut row, &mut diagnostics)?;
        self.commit_rows(batch, &losses.rows, &mut row);
        Ok((line(batch, mean(&losses.loss), diagnostics), self.ordered(&row)))
    }

    /// Writes values, gradients and slots of everything that is trained, and the globals.
    fn write_update_inputs(
        &mut self,
        gradients: &Gradients,
        learnables: &[Vec<f32>],
        step: u64,
        row: &mut Row,
    ) -> Result<(), Stop> {
        for ((name, tensor), gradient) in self.state.model.parameters().iter().zip(&gradients.parameters) {
            self.workers[0].update_input(&format!("value/{name}")).copy_from_slice(shim::values(tensor)?);
            let to = self.workers[0].update_input(&format!("gradient/{name}"));
            let place = format!("gradients/{name}");
            let found = if name == TOKEN_EMBEDDING {
                scatter(gradient, &gradients.tokens, tensor.size()[1] as usize, to)?
            } else {
                fingerprint::copy(shim::values(&gradient.contiguous())?, to)
            };
            require(found, to, Rule::NonFinite, step, &place)?;
            row.insert(place, found.fingerprint);
        }
        for (learnable, gradient) in self.state.learnables.iter().zip(learnables) {
            let name = format!("learnables.{}", learnable.name);
            self.workers[0].update_input(&format!("value/{name}")).copy_from_slice(&learnable.values.data);
            let to = self.workers[0].update_input(&format!("gradient/{name}"));
            let (found, place) = (fingerprint::copy(gradient, to), format!("gradients/{name}"));
            require(found, to, Rule::NonFinite, step, &place)?;
            row.insert(place, found.fingerprint);
        }
        write_slots_and_globals(&mut self.workers[0], self.state);
        Ok(())
    }

    /// Asks for the update and takes it over.
    fn take_update(
        &mut self,
        batch: &DecodedBatch,
        row: &mut Row,
        diagnostics: &mut BTreeMap<String, f32>,
    ) -> Result<(), Stop> {
        let names = self.workers[0].declaration().update_diagnostics.clone();
        let answer = self.workers[0].ask_update(batch.step, batch.epoch)?;
        note(self.usage, answer.usage(), |usage| &mut usage.update_cpu_micros);
        let reader = AnswerReader { answer: &answer, step: batch.step, question: "update".to_owned() };
        reader.trained(self.state, row)?;
        for global in &mut self.state.globals {
            let place = format!("globals/{}", global.name);
            let fingerprint = reader.copy(&place, &mut global.values.data)?;
            row.insert(place, fingerprint);
        }
        for name in names {
            let mut value = [0.0];
            reader.copy(&format!("diagnostics/{name}"), &mut value)?;
            let key = if diagnostics.contains_key(&name) { format!("update.{name}") } else { name };
            diagnostics.insert(key, value[0]);
        }
        Ok(())
    }

    /// Writes what was remembered of the batch's samples; no batch holds a sample twice.
    fn commit_rows(&mut self, batch: &DecodedBatch, rows: &[Vec<f32>], row: &mut Row) {
        for (column, values) in self.state.columns.iter_mut().zip(rows) {
            let width = column.width;
            for (at, &id) in batch.ids.iter().enumerate() {
                let start = id as usize * width;
                column.values.data[start..start + width].copy_from_slice(&values[at * width..(at + 1) * width]);
            }
            row.insert(format!("rows/{}", column.name), fingerprint(values));
        }
    }

    fn ordered(&self, row: &Row) -> Vec<u64> {
        self.columns.iter().map(|name| row.get(name).copied().unwrap_or(0)).collect()
    }
}

/// Asks for the weights to evaluate: the model's parameters in order, and `logit_scale`.
pub fn ask_publish(
    worker: &mut Worker,
    state: &RunState,
    usage: &mut TrainerUsage,
    step: u64,
    epoch: u64,
) -> Result<(Vec<Vec<f32>>, f32), Stop> {
    for (name, tensor) in state.model.parameters() {
        worker.update_input(&format!("value/{name}")).copy_from_slice(shim::values(tensor)?);
    }
    for learnable in &state.learnables {
        worker.update_input(&format!("value/learnables.{}", learnable.name)).copy_from_slice(&learnable.values.data);
    }
    write_slots_and_globals(worker, state);
    let answer = worker.ask_publish(step, epoch)?;
    note(usage, answer.usage(), |usage| &mut usage.update_cpu_micros);
    let reader = AnswerReader { answer: &answer, step, question: "publish".to_owned() };
    let mut published = Vec::new();
    let mut logit_scale = state.logit_scale();
    for (name, shape) in &state.trained {
        let mut values = vec![0.0; shape.iter().product()];
        reader.copy(&format!("value/{name}"), &mut values)?;
        if name == "learnables.log_scale" && shape.is_empty() {
            logit_scale = values[0];
        }
        published.push(values);
    }
    published.truncate(state.model.parameters().len());
    Ok((published, logit_scale))
}

/// Takes tensors out of an answer: copied, fingerprinted and checked in one pass.
pub struct AnswerReader<'a, 'w> {
    /// The answer.
    pub answer: &'a Answer<'w>,
    /// Of the question.
    pub step: u64,
    /// What was asked, for findings.
    pub question: String,
}

impl AnswerReader<'_, '_> {
    /// Copies a tensor; gives its fingerprint.
    pub fn copy(&self, name: &str, to: &mut [f32]) -> Result<u64, Stop> {
        let found = self.answer.copy(name, to);
        require(found, to, Rule::NotFinite, self.step, &format!("{}, `{name}`", self.question))?;
        Ok(found.fingerprint)
    }

    /// Parameters, learnables and slots of an answer to `update`.
    fn trained(&self, state: &mut RunState, row: &mut Row) -> Result<(), Stop> {
        for (name, tensor) in state.model.parameters_mut() {
            let fingerprint = self.copy(&format!("value/{name}"), shim::values_mut(tensor)?)?;
            row.insert(format!("parameters/{name}"), fingerprint);
        }
        for learnable in &mut state.learnables {
            let fingerprint = self.copy(&format!("value/learnables.{}", learnable.name), &mut learnable.values.data)?;
            row.insert(format!("learnables/{}", learnable.name), fingerprint);
        }
        for slot in &mut state.slots {
            for ((name, _), values) in state.trained.iter().zip(&mut slot.tensors) {
                let fingerprint = self.copy(&format!("slot/{}/{name}", slot.name), values)?;
                row.insert(format!("slots/{}/{name}", slot.name), fingerprint);
            }
        }
        Ok(())
    }
}

fn write_embeddings(worker: &mut Worker, embeddings: &EmbeddingPair<Vec<f32>>) {
    worker.update_input("image").copy_from_slice(&embeddings.image);
    worker.update_input("text").copy_from_slice(&embeddings.text);
}

fn write_slots_and_globals(worker: &mut Worker, state: &RunState) {
    for slot in &state.slots {
        for ((name, _), values) in state.trained.iter().zip(&slot.tensors) {
            worker.update_input(&format!("slot/{}/{name}", slot.name)).copy_from_slice(values);
        }
    }
    for global in &state.globals {
        worker.update_input(&format!("globals/{}", global.name)).copy_from_slice(&global.values.data);
    }
}

/// Spreads the gradient of the used rows of a table over the whole table.
fn scatter(gradient: &Tensor, rows: &[i64], width: usize, to: &mut [f32]) -> Result<Pass, Stop> {
    to.fill(0.0);
    let gradient = gradient.f_contiguous()?;
    for (values, &row) in shim::values(&gradient)?.chunks_exact(width).zip(rows) {
        to[row as usize * width..(row as usize + 1) * width].copy_from_slice(values);
    }
    let finite = first_non_finite(shim::values(&gradient)?).is_none();
    Ok(Pass { fingerprint: fingerprint(to), finite })
}

fn record_pair(row: &mut Row, prefix: &str, pair: &EmbeddingPair<Vec<f32>>, step: u64) -> Result<(), Stop> {
    for (tower, values) in [("image", &pair.image), ("text", &pair.text)] {
        let place = format!("{prefix}/{tower}");
        let found = Pass { fingerprint: fingerprint(values), finite: first_non_finite(values).is_none() };
        require(found, values, Rule::NonFinite, step, &place)?;
        row.insert(place, found.fingerprint);
    }
    Ok(())
}

/// Ends the run where a tensor is not finite, with its first such element.
fn require(found: Pass, values: &[f32], rule: Rule, step: u64, place: &str) -> Result<(), Stop> {
    if found.finite {
        return Ok(());
    }
    let finding = Finding::new(rule, format!("step {step}, {place}")).expected("only finite values");
    Err(match first_non_finite(values) {
        Some(at) => finding.found(format!("{} at element {at} of {}", values[at], values.len())),
        None => finding,
    }
    .into())
}

/// Adds up what an answer cost.
pub fn note(usage: &mut TrainerUsage, used: host::AnswerCost, question: impl Fn(&mut TrainerUsage) -> &mut u64) {
    usage.questions += 1;
    usage.worker_cpu_micros += used.cpu_micros;
    usage.worker_max_rss_kib = usage.worker_max_rss_kib.max(used.max_rss_kib);
    *question(usage) += used.cpu_micros;
}

/// A mean over anchors, summed in their order in double precision.
fn mean(values: &[f32]) -> f32 {
    let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
    (sum / values.len().max(1) as f64) as f32
}

fn means(diagnostics: &BTreeMap<String, Vec<f32>>) -> BTreeMap<String, f32> {
    diagnostics.iter().map(|(name, values)| (name.clone(), mean(values))).collect()
}

fn line(batch: &DecodedBatch, loss: f32, diagnostics: BTreeMap<String, f32>) -> Line {
    let ids: Vec<u8> = batch.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let unset = Blake3([0; 32]);
    Line {
        step: batch.step,
        epoch: batch.epoch,
        ids: Blake3::of(&ids),
        loss: loss.into(),
        diagnostics: diagnostics.into_iter().map(|(name, value)| (name, value.into())).collect(),
        fingerprints: unset,
        chain: unset,
    }
}
