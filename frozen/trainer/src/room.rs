//! How many bytes a run writes at most, counted from what is written: `checkpoint`, `transcript` and `step` beside this.
//!
//! The model's tensors are known. What an entry adds to them is declared by its object, so the protocol's limits and
//! those of `wire` stand in for it.

use records::v1::room::Room;
use wire::session::{NAME_LENGTH_MAX, NAMES_MAX, ParameterShape, RANK_MAX};

use crate::plan::RunPlan;

/// Text about a tensor in a header and in a manifest, besides its name and lengths: keys, a leaf, two offsets.
const TENSOR_TEXT: u64 = 256;
/// A number of 64 bits in decimal digits, with its comma.
const NUMBER_TEXT: u64 = 21;
/// A name with what stands before it, as in `slots/NAME/learnables.NAME`.
const DECLARED_NAME: u64 = 2 * NAME_LENGTH_MAX as u64 + 24;
/// A line of a transcript without its diagnostics.
const LINE_TEXT: u64 = 512;
/// A diagnostic: keys, bits and the longest decimal of a single, besides its name.
const DIAGNOSTIC_TEXT: u64 = 112 + NAME_LENGTH_MAX as u64;
/// Configuration, walls, outcome, lock and log, in whole blocks of a file system; folders.
const AROUND: u64 = 128 << 10;
/// Files of a checkpoint that end within a block, and its folder.
const CHECKPOINT_AROUND: u64 = 4 * (4 << 10);

/// What an entry may declare under a protocol.
struct Most {
    slots: u64,
    learnables: u64,
    learnable_values: u64,
    globals: u64,
    global_values: u64,
    columns: u64,
    column_values: u64,
}

/// What a run writes at most.
pub fn room(plan: &RunPlan) -> Room {
    let limits = &plan.protocol.state;
    let names = |values: u32| u64::from(values).min(NAMES_MAX as u64);
    let most = Most {
        slots: u64::from(limits.slots_max),
        learnables: names(limits.learnable_values_max),
        learnable_values: u64::from(limits.learnable_values_max),
        globals: names(limits.global_values_max),
        global_values: u64::from(limits.global_values_max),
        columns: names(limits.column_values_max),
        column_values: u64::from(limits.column_values_max).saturating_mul(plan.setup.samples),
    };
    let model = &plan.setup.parameters;
    let published = weights(model) + CHECKPOINT_AROUND;
    let columns = columns(model, &most);
    let diagnostics = 2 * NAMES_MAX as u64 * DIAGNOSTIC_TEXT;
    Room {
        start: AROUND + columns.text,
        step: LINE_TEXT + diagnostics + 8 * columns.count,
        checkpoint: published.saturating_add(state(model, &most)),
        published,
    }
}

/// A file of the model's weights and what its manifest says of it.
fn weights(model: &[ParameterShape]) -> u64 {
    let scale = TENSOR_TEXT + 4;
    model.iter().map(|tensor| values(tensor) * 4 + text(tensor.name.len() as u64, tensor.shape.len())).sum::<u64>()
        + scale
}

/// A file of what an entry remembers and what its manifest says of it.
fn state(model: &[ParameterShape], most: &Most) -> u64 {
    let declared = |count: u64| count * text(DECLARED_NAME, RANK_MAX);
    let own = [
        declared(most.learnables + most.globals + most.columns),
        4 * (most.learnable_values + most.global_values),
        most.column_values.saturating_mul(4),
    ];
    let slot_text = model.iter().map(|tensor| text(DECLARED_NAME + tensor.name.len() as u64, tensor.shape.len()));
    let slot_values = model.iter().map(values).sum::<u64>() + most.learnable_values;
    let slot = slot_text.sum::<u64>() + declared(most.learnables) + 4 * slot_values;
    own.into_iter().fold(most.slots.saturating_mul(slot), u64::saturating_add)
}

struct Columns {
    count: u64,
    text: u64,
}

/// The fingerprints of a step and the header that names them.
fn columns(model: &[ParameterShape], most: &Most) -> Columns {
    let tensors = model.len() as u64;
    let names: u64 = model.iter().map(|tensor| tensor.name.len() as u64).sum();
    let (each_tensor, each_learnable) = (2 + most.slots, 2 + most.slots);
    let declared = each_learnable * most.learnables + most.globals + most.columns;
    let count = 4 + each_tensor * tensors + declared;
    Columns { count, text: each_tensor * names + count * DECLARED_NAME }
}

fn values(tensor: &ParameterShape) -> u64 {
    tensor.shape.iter().map(|length| *length as u64).product()
}

/// What is said of a tensor, in its file's header and in its manifest.
fn text(name: u64, rank: usize) -> u64 {
    TENSOR_TEXT + 2 * (name + rank as u64 * NUMBER_TEXT)
}
