//! What items and seeds leave open in a difference, as mean squares.

use super::{TaskScore, Terms, chance::Estimate};

/// One trained model, or the mean or a deviation of such: the mean of its tasks, and what blocks add to it.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The mean of tasks.
    pub score: f64,
    /// By group of tasks that share their items, by block.
    groups: Vec<Vec<f64>>,
}

impl Cell {
    /// Of tasks in the protocol's order.
    pub fn of(tasks: &[TaskScore], terms: &Terms) -> Self {
        let share = 1.0 / tasks.len() as f64;
        let count = terms.items.iter().max().map_or(0, |last| last + 1);
        let blocks = tasks.first().map_or(0, |task| task.blocks.len());
        let mut made = Self { score: 0.0, groups: vec![vec![0.0; blocks]; count] };
        for (task, &group) in tasks.iter().zip(&terms.items) {
            made.score += share * task.value;
            made.groups[group].iter_mut().zip(&task.blocks).for_each(|(sum, block)| *sum += share * block);
        }
        made
    }

    /// The mean of some of one form; `None` of none.
    pub fn mean<'a>(cells: impl ExactSizeIterator<Item = &'a Self>) -> Option<Self> {
        let share = 1.0 / cells.len() as f64;
        cells.map(|cell| cell.map(|value| share * value)).reduce(|sum, cell| sum.with(&cell, |a, b| a + b))
    }

    /// Less another one.
    pub fn less(&self, other: &Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    fn map(&self, with: impl Fn(f64) -> f64) -> Self {
        let groups = self.groups.iter().map(|blocks| blocks.iter().map(|block| with(*block)).collect());
        Self { score: with(self.score), groups: groups.collect() }
    }

    fn with(&self, other: &Self, with: impl Fn(f64, f64) -> f64) -> Self {
        let both = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| with(*a, *b)).collect();
        Self { score: with(self.score, other.score), groups: self.groups.iter().zip(&other.groups).map(both).collect() }
    }

    /// The variance over items: B/(B-1) sum (block - mean block)^2 a group.
    pub fn items(&self) -> Estimate {
        let group = |blocks: &Vec<f64>| {
            let count = blocks.len() as f64;
            let mean = blocks.iter().sum::<f64>() / count;
            let squares: f64 = blocks.iter().map(|block| (block - mean) * (block - mean)).sum();
            Estimate::of(count / (count - 1.0) * squares, count - 1.0)
        };
        Estimate::sum(self.groups.iter().map(group))
    }
}

/// An entry at one scale.
#[derive(Debug, Clone)]
pub struct EntryAtScale {
    /// The mean of its repeats.
    pub mean: Cell,
    /// Each repeat less that mean.
    deviations: Vec<Cell>,
}

impl EntryAtScale {
    /// Of an entry's repeats; `None` of none.
    pub fn of(repeats: &[Vec<TaskScore>], terms: &Terms) -> Option<Self> {
        let cells: Vec<_> = repeats.iter().map(|tasks| Cell::of(tasks, terms)).collect();
        let mean = Cell::mean(cells.iter())?;
        let deviations = cells.iter().map(|cell| cell.less(&mean)).collect();
        Some(Self { mean, deviations })
    }

    fn repeats(&self) -> f64 {
        self.deviations.len() as f64
    }

    fn squares(&self) -> f64 {
        self.deviations.iter().map(|cell| cell.score * cell.score).sum()
    }

    /// The mean square of what seeds do to a difference with another entry, for the mean of repeats: all of it, and
    /// the part that they do item by item. Both zero with one seed.
    pub fn seeds_apart(&self, other: &Self) -> (f64, Estimate) {
        let (mut all, mut by_item) = (0.0, Estimate::default());
        for (mine, theirs) in self.deviations.iter().zip(&other.deviations) {
            let cell = mine.less(theirs);
            all += cell.score * cell.score;
            by_item = Estimate::sum([by_item, cell.items()]);
        }
        let seeds = (self.repeats() - 1.0).max(1.0);
        let share = 1.0 / (self.repeats() * seeds);
        // n deviations from their mean have the degrees of n - 1.
        (share * all, by_item.times(share).with_degrees(seeds / self.repeats()))
    }
}

/// Degrees of freedom of what a layout `entry + seed` of these leaves.
pub fn degrees(rows: &[&EntryAtScale]) -> usize {
    let repeats = rows.first().map_or(0, |row| row.deviations.len());
    rows.len().saturating_sub(1) * repeats.saturating_sub(1)
}

/// The variance that seeds leave in the difference of two entries of these at one scale, pooled over all of them.
///
/// The mean square of what a layout `entry + seed` leaves, where there is one and it is `believed`; otherwise the square
/// of the protocol's spread, or that mean square where it is larger.
pub fn apart(rows: &[&EntryAtScale], spread: f64, believed: bool) -> Estimate {
    let repeats = rows.first().map_or(1, |row| row.deviations.len());
    let degrees = degrees(rows) as f64;
    let stated = Estimate::known(spread * spread);
    let one = if degrees > 0.0 {
        let seed = |at: usize| rows.iter().map(|row| row.deviations[at].score).sum::<f64>() / rows.len() as f64;
        let common: f64 = (0..repeats).map(|at| seed(at) * seed(at)).sum();
        // The columns' means are orthogonal to what is left of them.
        let left = rows.iter().map(|row| row.squares()).sum::<f64>() - rows.len() as f64 * common;
        let residual = Estimate::of(left.max(0.0) / degrees, degrees);
        if believed { residual } else { stated.at_least(residual.variance) }
    } else {
        stated
    };
    one.times(2.0 / repeats as f64)
}

/// The variance that seeds leave in one entry's score at one scale, pooled over all of these; with one seed, that of the
/// protocol's spread.
pub fn alone(rows: &[&EntryAtScale], spread: f64) -> f64 {
    let repeats = rows.first().map_or(1.0, |row| row.repeats());
    let degrees = rows.len() as f64 * (repeats - 1.0);
    let squares: f64 = rows.iter().map(|row| row.squares()).sum();
    (if degrees >= 1.0 { squares / degrees } else { spread * spread }) / repeats
}
