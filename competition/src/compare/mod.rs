//! Whether one entry is better than another: differences on common seeds and common items, with what is
//! left to chance in them.
//!
//! # What is compared
//! Every entry was trained at the same scales, on the same seeds (repeats) and scored on the same items. A score
//! at a scale is the mean over repeats of the mean over tasks; the overall score is the mean of the scales. Each of
//! these is a [`View`]. A comparison looks at *differences*, in which much of the chance is common and cancels.
//!
//! # What is left to chance
//! Had others been drawn, a difference would have been another one: other items, or other seeds. Items and seeds are
//! crossed (each seed's model sees each item), so a difference has the variance of a crossed layout,
//!
//! ```text
//! settled + seeds,   settled = I/M,   seeds = S/n + IS/(nM)
//! ```
//!
//! over M items and n seeds: `I` is what an item does to the difference whatever the seed, `S` what a seed does to all
//! items at once, `IS` what seed and item do together.
//!
//! - **settled** is taken from the pair. A task tells what each of B blocks of items adds to its score; with
//!   delta_b the difference of two entries' blocks, averaged over repeats and scales first (their items are the same),
//!   B/(B-1) sum (delta_b - mean delta)^2 estimates `I/M + IS/(nM)`. The same of what is left of each block when its
//!   mean over repeats is taken off estimates `IS/(nM)`, and is subtracted. Tasks that share their items are one:
//!   their blocks are added up first. B - 1 degrees of freedom a group of tasks.
//! - **seeds** is taken from the whole board. At a scale, the scores of k entries on n seeds are a two-way layout,
//!   `entry + seed + residual`; what a seed does to all entries alike cancels in a difference. Twice the mean square of
//!   the residual over n, with (k-1)(n-1) degrees of freedom, is what seeds leave. Pooling assumes that entries react to
//!   seeds about equally strongly; where the pair's own residual says more than the board's, the pair's counts, so that an
//!   unsteady entry is not measured by the calm of others, nor by that of ten near copies of itself. Identical results
//!   count once. What seeds do item by item is known better than the rest: it is the least that seeds are taken to do.
//! - **With one seed** a layout has no residual. The protocol states the standard deviation between seeds that was
//!   measured of the baseline's score, and twice its square stands in for `seeds`. It holds what common seeds would have
//!   cancelled too, and nothing is subtracted from the items' part: mostly it says less than would be true. An entry that
//!   is less steady than the baseline is the exception. A board says that it rests on this.
//! - **With few degrees** of the residual over the view's scales (fewer than [`ENOUGH`]: two entries, say, at one scale
//!   with six seeds, or at three scales with two) it is small by luck too often, and the protocol's spread stands in
//!   unless the residual says more. With more of them it is no floor: it is several times what common seeds leave, and
//!   would take away what they are for.
//!
//! The sum is Student's t with Satterthwaite's degrees of freedom (Biometrics Bulletin 2, 1946), which are few where the
//! part that is known from few is large. `tests/simulated.rs` plays boards of which everything is known, and says how
//! often this calls what is not there, and what is; `cargo run --example rates` does so at length.
//!
//! # All pairs at once
//! Among 20 equally good entries are 190 pairs, so a twentieth of them would "differ". All differences of a
//! view are one family: the probability of calling any equal pair different is held at [`LEVEL`] by Holm's step-down
//! (Scandinavian Journal of Statistics 6, 1979) over both directions of each pair. It assumes nothing about how pairs depend
//! on each other and nothing of equal variances, as Tukey's range would; the price is a critical value at most a few
//! hundredths larger. Counting both directions makes the *sign* part of the claim, and with it ranks: entry i stands
//! between 1 + (entries found better) and k - (entries found worse), at the same level for all entries at once (Mogstad,
//! Romano, Shaikh, Wilhelm: Inference for Ranks, Review of Economic Studies 91, 2024).

mod chance;
mod family;
mod noise;

use std::collections::BTreeMap;

use self::{
    chance::Estimate,
    noise::{Cell, EntryAtScale},
};

/// How often, at most, a view of equally good entries calls any two of them different.
pub const LEVEL: f64 = 0.05;

/// Degrees of freedom from which on a view's residual says what seeds leave, and the protocol's spread nothing.
pub const ENOUGH: usize = 6;

/// What all entries of a comparison have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The protocol's scales, in its order.
    pub scales: Vec<ScaleTerms>,
    /// By task in the protocol's order: its group of tasks that ask about the same items, counted from 0.
    pub items: Vec<usize>,
}

/// A scale of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleTerms {
    /// Its name.
    pub name: String,
    /// Measured standard deviation between seeds of the baseline's score at this scale; used where too few trainings say
    /// what seeds leave.
    pub spread: f64,
}

/// What an entry scored: by scale, by repeat, by task, each in the protocol's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Results(pub Vec<Vec<Vec<TaskScore>>>);

/// One task's score of one trained model.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskScore {
    /// The score.
    pub value: f64,
    /// What each block of items adds to it; a task's items are in the same blocks for every entry.
    pub blocks: Vec<f64>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The mean of the scales.
    Overall,
    /// One scale, by its place.
    Scale(usize),
}

/// Results that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// Nothing to compare.
    #[error("no entry, scale, repeat or task to compare")]
    Empty,
    /// A view of a scale that is not there.
    #[error("there is no scale at place {0} (from 0)")]
    View(usize),
    /// Not the form of the terms and of the first entry.
    #[error("entry {entry} (from 0) has other scales, repeats, tasks or blocks than the protocol and the first entry")]
    Form {
        /// The entry's place.
        entry: usize,
    },
    /// Fewer than two blocks say nothing about items.
    #[error("a score has {0} blocks of items, and two are the least that can differ")]
    Blocks(usize),
    /// No number.
    #[error("entry {entry} (from 0) has a score that is not finite")]
    NotFinite {
        /// The entry's place.
        entry: usize,
    },
    /// A spread that is none.
    #[error("the spread of scale `{scale}` is {spread}: a standard deviation is finite and not negative")]
    Spread {
        /// The scale.
        scale: String,
        /// Its spread, as text.
        spread: String,
    },
}

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The score.
    pub score: f64,
    /// Its standard error, over items and seeds, by itself: differences have errors of their own, mostly smaller.
    pub error: f64,
    /// The best rank that the results allow.
    pub best: usize,
    /// The worst one.
    pub worst: usize,
}

/// A difference of two entries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The first one's score less the second one's.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// The probability of one at least as large between equally good entries, of this pair alone.
    pub chance: f64,
}

/// All comparisons in one view.
#[derive(Debug, Clone)]
pub struct Comparison {
    entries: Vec<Entry>,
    /// What seeds leave in a difference, pooled.
    seeds: Estimate,
    /// By class: whether the first one was found better than the second one.
    better: Vec<Vec<bool>>,
    /// In the order of the entries given.
    pub standings: Vec<Standing>,
    /// Whether too few trainings were seen to measure what seeds leave, so that the protocol's spread stands in.
    pub spread_stands_in: bool,
}

/// What a view needs to know of an entry.
#[derive(Debug, Clone)]
struct Entry {
    /// Entries of identical results share one, numbered by their first one.
    class: usize,
    /// By scale of the view.
    rows: Vec<EntryAtScale>,
    /// Their mean.
    mean: Cell,
}

/// Compares entries of one protocol, seeds and items in one view.
///
/// - Errors: [`CompareError`] where results are not of one form.
pub fn compare(terms: &Terms, entries: &[Results], view: View) -> Result<Comparison, CompareError> {
    check(terms, entries)?;
    let looked: Vec<usize> = match view {
        View::Overall => (0..terms.scales.len()).collect(),
        View::Scale(at) if at < terms.scales.len() => vec![at],
        View::Scale(at) => return Err(CompareError::View(at)),
    };
    let entry = |(results, class): (&Results, usize)| {
        let rows = looked.iter().map(|&at| EntryAtScale::of(&results.0[at], terms)).collect::<Option<Vec<_>>>()?;
        let mean = Cell::mean(rows.iter().map(|row| &row.mean).collect::<Vec<_>>().into_iter())?;
        Some(Entry { class, rows, mean })
    };
    let entries: Option<Vec<_>> = entries.iter().zip(classes(entries)).map(entry).collect();
    let spreads: Vec<f64> = looked.iter().map(|&at| terms.scales[at].spread).collect();
    Ok(Comparison::new(entries.ok_or(CompareError::Empty)?, &spreads))
}

impl Comparison {
    fn new(entries: Vec<Entry>, spreads: &[f64]) -> Self {
        let firsts: Vec<usize> = (0..entries.len()).filter(|&at| entries[at].class == at).collect();
        let share = 1.0 / (spreads.len() * spreads.len()) as f64;
        let rows = |scale: usize| firsts.iter().map(|&at| &entries[at].rows[scale]).collect::<Vec<_>>();
        let spreads = || spreads.iter().enumerate();
        let degrees: usize = spreads().map(|(at, _)| noise::degrees(&rows(at))).sum();
        let apart = |(at, spread): (usize, &f64)| noise::apart(&rows(at), *spread, degrees >= ENOUGH).times(share);
        let seeds = Estimate::sum(spreads().map(apart));
        let alone: f64 = spreads().map(|(at, spread)| share * noise::alone(&rows(at), *spread)).sum();
        let count = entries.len();
        let mut made = Self {
            entries,
            seeds,
            better: vec![vec![false; count]; count],
            standings: Vec::new(),
            spread_stands_in: degrees < ENOUGH,
        };
        let pairs = firsts.iter().enumerate().flat_map(|(at, &a)| firsts[..at].iter().map(move |&b| (a, b)));
        let pairs = pairs.map(|(a, b)| {
            let difference = made.difference(a, b);
            let (high, low) = if difference.value > 0.0 { (a, b) } else { (b, a) };
            family::TestedPair { high, low, chance: difference.chance }
        });
        let called = family::called(pairs.collect(), firsts.len());
        called.iter().for_each(|pair| made.better[pair.high][pair.low] = true);
        made.standings = (0..count).map(|at| made.standing(at, alone)).collect();
        made
    }

    fn standing(&self, at: usize, seeds: f64) -> Standing {
        let entry = &self.entries[at];
        let count = |found: &dyn Fn(usize) -> bool| (0..self.entries.len()).filter(|&other| found(other)).count();
        Standing {
            score: entry.mean.score,
            error: (entry.mean.items().variance + seeds).sqrt(),
            best: 1 + count(&|other| self.better(other, at)),
            worst: self.entries.len() - count(&|other| self.better(at, other)),
        }
    }

    /// Whether the entry of the first place was found better than the one of the second, at [`LEVEL`] for all pairs.
    #[must_use]
    pub fn better(&self, a: usize, b: usize) -> bool {
        self.better[self.entries[a].class][self.entries[b].class]
    }

    /// The difference of two entries, by their places.
    #[must_use]
    pub fn difference(&self, a: usize, b: usize) -> Difference {
        let (one, other) = (&self.entries[a], &self.entries[b]);
        if one.class == other.class {
            return Difference { value: 0.0, error: 0.0, chance: 1.0 };
        }
        let mean = one.mean.less(&other.mean);
        let items = mean.items();
        let share = 1.0 / (one.rows.len() * one.rows.len()) as f64;
        let (mut own, mut by_item) = (0.0, Estimate::default());
        for (mine, theirs) in one.rows.iter().zip(&other.rows) {
            let (all, single) = mine.seeds_apart(theirs);
            own += share * all;
            by_item = Estimate::sum([by_item, single.times(share)]);
        }
        let settled = items.less(by_item);
        let seeds = self.seeds.at_least(own).at_least(by_item.variance);
        let both = Estimate::sum([settled, seeds]);
        Difference { value: mean.score, error: both.variance.sqrt(), chance: both.chance(mean.score) }
    }
}

/// By entry, the place of the first one with the same results.
fn classes(entries: &[Results]) -> Vec<usize> {
    let mut seen = BTreeMap::new();
    let bits = |results: &Results| -> Vec<u64> {
        let tasks = results.0.iter().flatten().flatten();
        tasks.flat_map(|task| task.blocks.iter().chain([&task.value]).map(|value| value.to_bits())).collect()
    };
    entries.iter().enumerate().map(|(at, results)| *seen.entry(bits(results)).or_insert(at)).collect()
}

fn check(terms: &Terms, entries: &[Results]) -> Result<(), CompareError> {
    let first = entries.first().and_then(|results| results.0.first()?.first()?.first()).ok_or(CompareError::Empty)?;
    let blocks = first.blocks.len();
    if terms.scales.is_empty() {
        return Err(CompareError::Empty);
    }
    if blocks < 2 {
        return Err(CompareError::Blocks(blocks));
    }
    if let Some(scale) = terms.scales.iter().find(|scale| !scale.spread.is_finite() || scale.spread < 0.0) {
        return Err(CompareError::Spread { scale: scale.name.clone(), spread: scale.spread.to_string() });
    }
    let repeats: Vec<usize> = entries[0].0.iter().map(Vec::len).collect();
    for (entry, Results(scales)) in entries.iter().enumerate() {
        let alike = scales.len() == terms.scales.len()
            && scales.iter().zip(&repeats).all(|(scale, repeats)| scale.len() == *repeats && *repeats > 0)
            && scales.iter().flatten().all(|tasks| tasks.len() == terms.items.len())
            && scales.iter().flatten().flatten().all(|task| task.blocks.len() == blocks);
        if !alike {
            return Err(CompareError::Form { entry });
        }
        let mut values = scales.iter().flatten().flatten().flat_map(|task| task.blocks.iter().chain([&task.value]));
        if !values.all(|value| value.is_finite()) {
            return Err(CompareError::NotFinite { entry });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
