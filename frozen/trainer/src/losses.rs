//! The eight questions about a batch's losses, one a lane, and what their answers add up to.
//!
//! Several workers share the lanes where there are cores for them. All answer alike, and answers are put
//! together in the order of the lanes, so their number decides time and no bit.

use std::{collections::BTreeMap, ops::Range};

use host::Worker;
use records::{
    Stop,
    v1::{outcome::TrainerUsage, protocol::LANES},
};

use crate::{
    batch::DecodedBatch,
    forward::EmbeddingPair,
    lanes::{LaneTree, add_values, shares, side_by_side},
    state::RunState,
    step::{AnswerReader, note},
};

/// What the eight answers add up to.
pub struct Losses {
    /// `[B]`.
    pub loss: Vec<f32>,
    /// `[B]` a diagnostic.
    pub diagnostics: BTreeMap<String, Vec<f32>>,
    /// `[B, ..]` a column.
    pub rows: Vec<Vec<f32>>,
    /// `[B, D]` each.
    pub gradients: EmbeddingPair<Vec<f32>>,
    /// As the learnables.
    pub learnables: Vec<Vec<f32>>,
}

/// What one worker answers about its lanes, in the order of [`Form`].
struct Answered {
    /// The loss, columns, diagnostics: the lanes' rows one after the other.
    rows: Vec<Vec<f32>>,
    /// Of the whole batch's embeddings, then of the learnables: the lanes' sum.
    gradients: Vec<Vec<f32>>,
    usage: Vec<host::AnswerCost>,
}

/// Names and lengths of what an answer holds.
struct Form {
    /// `loss`, `rows/..` and `diagnostics/..`.
    rows: Vec<(String, usize)>,
    /// `image`, `text`, `learnables/..`.
    gradients: Vec<(String, usize)>,
    columns: usize,
}

/// Asks for the losses of a batch.
pub fn ask(
    workers: &mut [Worker],
    state: &RunState,
    usage: &mut TrainerUsage,
    batch: &DecodedBatch,
    embeddings: &EmbeddingPair<Vec<f32>>,
) -> Result<Losses, Stop> {
    for worker in &mut *workers {
        write_inputs(worker, state, batch, embeddings);
    }
    let diagnostics = workers[0].declaration().loss_diagnostics.clone();
    let form = Form::new(state, &diagnostics, batch);
    let shared = shares(workers.len()).zip(workers).collect();
    let parts = side_by_side(shared, |(lanes, worker)| form.ask(worker, batch, lanes))?;
    let mut rows = vec![Vec::new(); form.rows.len()];
    let mut tree = LaneTree::new(add_values);
    for part in parts {
        part.usage.into_iter().for_each(|used| note(usage, used, |usage| &mut usage.loss_cpu_micros));
        rows.iter_mut().zip(&part.rows).for_each(|(all, part)| all.extend(part));
        tree.push(part.gradients)?;
    }
    // The number of workers is a power of two, so there is a sum.
    let mut sums = tree.finish().unwrap_or_default().into_iter();
    let gradients = EmbeddingPair { image: sums.next().unwrap_or_default(), text: sums.next().unwrap_or_default() };
    let mut rows = rows.into_iter();
    Ok(Losses {
        loss: rows.next().unwrap_or_default(),
        rows: rows.by_ref().take(form.columns).collect(),
        diagnostics: diagnostics.into_iter().zip(rows).collect(),
        gradients,
        learnables: sums.collect(),
    })
}

impl Form {
    fn new(state: &RunState, diagnostics: &[String], batch: &DecodedBatch) -> Self {
        let lane = batch.ids.len() / LANES;
        let whole = batch.ids.len() * state.model.config().embed_dim;
        let columns = state.columns.iter().map(|column| (format!("rows/{}", column.name), lane * column.width));
        let diagnostics = diagnostics.iter().map(|name| (format!("diagnostics/{name}"), lane));
        let learnables = state.learnables.iter();
        let learnables =
            learnables.map(|learnable| (format!("learnables/{}", learnable.name), learnable.values.data.len()));
        Self {
            rows: std::iter::once(("loss".to_owned(), lane)).chain(columns).chain(diagnostics).collect(),
            gradients: ["image", "text"].map(|name| (name.to_owned(), whole)).into_iter().chain(learnables).collect(),
            columns: state.columns.len(),
        }
    }

    fn ask(&self, worker: &mut Worker, batch: &DecodedBatch, lanes: Range<usize>) -> Result<Answered, Stop> {
        let mut rows = vec![Vec::new(); self.rows.len()];
        let mut usage = Vec::new();
        let mut tree = LaneTree::new(add_values);
        let at_once = worker.lanes_max().min(lanes.len()).max(1);
        for first in lanes.clone().step_by(at_once) {
            let asked = first..(first + at_once).min(lanes.end);
            let answers = worker.ask_loss(batch.step, batch.epoch, asked.clone())?;
            for (lane, answer) in asked.zip(&answers) {
                let reader = AnswerReader { answer, step: batch.step, question: format!("loss, lane {lane}") };
                tree.push(self.take(&reader, &mut rows)?)?;
                usage.push(answer.usage());
            }
        }
        Ok(Answered { rows, gradients: tree.finish().unwrap_or_default(), usage })
    }

    /// Copies one lane's answer: its rows behind those that are there, its gradients as they are.
    fn take(&self, reader: &AnswerReader<'_, '_>, rows: &mut [Vec<f32>]) -> Result<Vec<Vec<f32>>, Stop> {
        for ((name, length), rows) in self.rows.iter().zip(rows) {
            let start = rows.len();
            rows.resize(start + length, 0.0);
            reader.copy(name, &mut rows[start..])?;
        }
        let copy = |(name, length): &(String, usize)| {
            let mut values = vec![0.0; *length];
            reader.copy(name, &mut values).map(|_| values)
        };
        let mut gradients = self.gradients.iter().map(copy).collect::<Result<Vec<_>, _>>()?;
        // As for parameters: sums start at +0.0, so that no -0.0 of an answer survives alone.
        gradients.iter_mut().flatten().for_each(|value| *value += 0.0);
        Ok(gradients)
    }
}

fn write_inputs(worker: &mut Worker, state: &RunState, batch: &DecodedBatch, embeddings: &EmbeddingPair<Vec<f32>>) {
    worker.loss_input("image").copy_from_slice(&embeddings.image);
    worker.loss_input("text").copy_from_slice(&embeddings.text);
    for learnable in &state.learnables {
        worker.loss_input(&format!("learnables/{}", learnable.name)).copy_from_slice(&learnable.values.data);
    }
    for column in &state.columns {
        let to = worker.loss_input(&format!("columns/{}", column.name));
        for (to, &id) in to.chunks_exact_mut(column.width.max(1)).zip(&batch.ids) {
            let start = id as usize * column.width;
            to.copy_from_slice(&column.values.data[start..start + column.width]);
        }
    }
    for global in &state.globals {
        worker.loss_input(&format!("globals/{}", global.name)).copy_from_slice(&global.values.data);
    }
}
