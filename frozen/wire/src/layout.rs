//! Where each tensor lies in an arena.
//!
//! A tensor starts at a multiple of [`ALIGNMENT`] bytes and is f32, row-major; what lies between tensors is
//! zero. The order is fixed by the declaration, so two hosts lay out alike.

use serde::{Deserialize, Serialize};

use crate::session::{Declaration, Setup, count};

/// Where a tensor may start, in bytes: more than any vector register or cache line asks for.
pub const ALIGNMENT: usize = 512;
/// Arenas are whole pages.
const PAGE: usize = 4096;

/// A tensor in an arena.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorPlace {
    /// Its name: see [`Layout`].
    pub name: String,
    /// Lengths of its dimensions; none is a single value.
    pub shape: Vec<usize>,
    /// Its first byte in the arena.
    pub offset: usize,
}

impl TensorPlace {
    /// How many values it holds.
    #[must_use]
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// The byte behind its last one.
    #[must_use]
    pub fn end(&self) -> usize {
        self.offset + self.values() * size_of::<f32>()
    }
}

/// The tensors of the four arenas.
///
/// - inputs of `loss`: `image` and `text` `[B, D]`, `learnables/x`, `columns/c` `[B, ..]`, `globals/g`;
/// - results of `loss`: `loss` `[R]`, `image` and `text` `[B, D]` and `learnables/x` (gradients of the lane's
///   summed loss over `B`), `rows/c` `[R, ..]`, `diagnostics/d` `[R]`;
/// - inputs of `update`: `image`, `text`, `value/P` and `gradient/P` and `slot/S/P` for every trained
///   parameter `P` (the model's, then `learnables.x`), `globals/g`;
/// - results of `update`: `value/P`, `slot/S/P`, `globals/g`, `diagnostics/d` `[]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// What `loss` reads.
    pub loss_inputs: Vec<TensorPlace>,
    /// What `loss` writes.
    pub loss_results: Vec<TensorPlace>,
    /// What `update` and `publish` read.
    pub update_inputs: Vec<TensorPlace>,
    /// What `update` and `publish` write.
    pub update_results: Vec<TensorPlace>,
}

/// A layout that no machine could hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` of shape {shape:?} does not fit into memory")]
pub struct TooLarge {
    name: String,
    shape: Vec<usize>,
}

impl Layout {
    /// Lays out the arenas of a run.
    pub fn new(setup: &Setup, declaration: &Declaration) -> Result<Self, TooLarge> {
        let (batch, rows) = (setup.batch, setup.lane_rows);
        let embeddings =
            [("image".to_owned(), vec![batch, setup.width]), ("text".to_owned(), vec![batch, setup.width])];
        let learnables = || declaration.learnables.iter().map(|l| (format!("learnables/{}", l.name), l.shape.clone()));
        let globals = || declaration.globals.iter().map(|g| (format!("globals/{}", g.name), g.shape.clone()));
        let columns = |prefix: &'static str, length: usize| {
            let shape = move |shape: &[usize]| [&[length], shape].concat();
            declaration.columns.iter().map(move |c| (format!("{prefix}/{}", c.name), shape(&c.shape)))
        };
        let trained = setup.trained(declaration);
        let every = |prefix: &str| {
            trained.iter().map(|p| (format!("{prefix}/{}", p.name), p.shape.clone())).collect::<Vec<_>>()
        };
        let slots = || declaration.slots.iter().flat_map(|slot| every(&format!("slot/{}", slot.name)));
        let loss_diagnostics = declaration.loss_diagnostics.iter().map(|d| (format!("diagnostics/{d}"), vec![rows]));
        let update_diagnostics = declaration.update_diagnostics.iter().map(|d| (format!("diagnostics/{d}"), vec![]));
        Ok(Self {
            loss_inputs: place(
                embeddings.iter().cloned().chain(learnables()).chain(columns("columns", batch)).chain(globals()),
            )?,
            loss_results: place(
                [("loss".to_owned(), vec![rows])]
                    .into_iter()
                    .chain(embeddings.iter().cloned())
                    .chain(learnables())
                    .chain(columns("rows", rows))
                    .chain(loss_diagnostics),
            )?,
            update_inputs: place(
                embeddings
                    .iter()
                    .cloned()
                    .chain(every("value"))
                    .chain(every("gradient"))
                    .chain(slots())
                    .chain(globals()),
            )?,
            update_results: place(
                every("value").into_iter().chain(slots()).chain(globals()).chain(update_diagnostics),
            )?,
        })
    }
}

/// The size of the arena that holds these tensors: whole pages, one at least.
#[must_use]
pub fn arena_bytes(places: &[TensorPlace]) -> usize {
    places.iter().map(TensorPlace::end).max().unwrap_or(0).next_multiple_of(PAGE).max(PAGE)
}

fn place(tensors: impl Iterator<Item = (String, Vec<usize>)>) -> Result<Vec<TensorPlace>, TooLarge> {
    let mut offset = 0usize;
    tensors
        .map(|(name, shape)| {
            let refuse = || TooLarge { name: name.clone(), shape: shape.clone() };
            let start = offset;
            let bytes = count(&shape).and_then(|values| values.checked_mul(size_of::<f32>())).ok_or_else(refuse)?;
            let end = start.checked_add(bytes).and_then(|end| end.checked_next_multiple_of(ALIGNMENT));
            offset = end.filter(|end| *end <= isize::MAX as usize / 2).ok_or_else(refuse)?;
            Ok(TensorPlace { name, shape, offset: start })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Column, Global, Learnable, ParameterKind, ParameterShape, Slot};

    fn setup() -> Setup {
        Setup {
            batch: 16,
            lane_rows: 2,
            width: 5,
            samples: 100,
            steps: 10,
            epochs: 2,
            steps_per_epoch: 6,
            parameters: vec![ParameterShape { name: "w".into(), kind: ParameterKind::Matrix, shape: vec![3, 7] }],
        }
    }

    fn declaration() -> Declaration {
        Declaration {
            learnables: vec![Learnable { name: "x".into(), shape: vec![], initial: vec![1.0] }],
            columns: vec![Column { name: "c".into(), shape: vec![2], initial: 0.0 }],
            slots: vec![Slot { name: "s".into() }],
            globals: vec![Global { name: "g".into(), shape: vec![4], initial: 0.0 }],
            loss_diagnostics: vec!["d".into()],
            update_diagnostics: vec!["e".into()],
            unused_config_keys: vec![],
        }
    }

    fn names(places: &[TensorPlace]) -> Vec<&str> {
        places.iter().map(|place| &*place.name).collect()
    }

    #[test]
    fn every_tensor_of_the_contract_has_its_place() {
        let layout = Layout::new(&setup(), &declaration()).unwrap();
        assert_eq!(names(&layout.loss_inputs), ["image", "text", "learnables/x", "columns/c", "globals/g"]);
        assert_eq!(names(&layout.loss_results), ["loss", "image", "text", "learnables/x", "rows/c", "diagnostics/d"]);
        let inputs = "image text value/w value/learnables.x gradient/w gradient/learnables.x slot/s/w \
                      slot/s/learnables.x globals/g";
        assert_eq!(names(&layout.update_inputs).join(" "), inputs);
        let results = "value/w value/learnables.x slot/s/w slot/s/learnables.x globals/g diagnostics/e";
        assert_eq!(names(&layout.update_results).join(" "), results);
        assert_eq!(layout.loss_inputs[3].shape, [16, 2]);
        assert_eq!(layout.loss_results[4].shape, [2, 2]);
    }

    #[test]
    fn offsets_are_those_of_another_implementation() {
        // Computed in Python: each tensor starts at the next multiple of 512 bytes behind the one before.
        let mut setup = setup();
        setup.parameters[0].shape = vec![300, 7];
        let layout = Layout::new(&setup, &declaration()).unwrap();
        let offsets = |places: &[TensorPlace]| places.iter().map(|place| place.offset).collect::<Vec<_>>();
        assert_eq!(offsets(&layout.loss_inputs), [0, 512, 1024, 1536, 2048]);
        assert_eq!(offsets(&layout.loss_results), [0, 512, 1024, 1536, 2048, 2560]);
        assert_eq!(offsets(&layout.update_inputs), [0, 512, 1024, 9728, 10240, 18944, 19456, 28160, 28672]);
        assert_eq!(offsets(&layout.update_results), [0, 8704, 9216, 17920, 18432, 18944]);
        assert_eq!(arena_bytes(&layout.update_inputs), 32768);
    }

    #[test]
    fn tensors_are_aligned_and_do_not_overlap() {
        let layout = Layout::new(&setup(), &declaration()).unwrap();
        for arena in [layout.loss_inputs, layout.loss_results, layout.update_inputs, layout.update_results] {
            for pair in arena.windows(2) {
                assert!(pair[0].end() <= pair[1].offset && pair[1].offset % ALIGNMENT == 0);
            }
            assert!(arena.iter().all(|place| place.end() <= arena_bytes(&arena)));
        }
    }

    #[test]
    fn what_no_machine_holds_is_refused() {
        let mut declaration = declaration();
        declaration.columns[0].shape = vec![usize::MAX / 8];
        assert!(Layout::new(&setup(), &declaration).is_err());
    }
}
