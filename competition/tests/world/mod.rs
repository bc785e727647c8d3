//! Boards drawn by chance, with every number known: items of Bernoulli answers, some of which entries share,
//! and seeds that move all items of a model at once.

#![expect(clippy::expect_used, reason = "helpers of tests may fail as tests do")]

use competition::compare::{Results, ScaleTerms, TaskScore, Terms, View, compare};

/// Blocks of items.
const BLOCKS: usize = 16;

/// How what a seed does is distributed, at a standard deviation of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Normal,
    /// Student's t with three degrees of freedom: now and then a seed far off.
    Heavy,
    /// Exponential, to the left: some seeds end badly and none ends well beyond the rest.
    Skewed,
}

/// What a board is drawn from.
#[derive(Debug, Clone)]
pub struct World {
    pub entries: usize,
    pub seeds: usize,
    pub scales: usize,
    pub tasks: usize,
    /// Of a task.
    pub items: usize,
    /// Whether the tasks ask about the same items.
    pub same_items: bool,
    /// Standard deviation of what a seed does to every entry alike.
    pub common: f64,
    /// Standard deviation of what a seed does to one entry.
    pub apart: f64,
    /// By entry, a factor of `apart`; cycled.
    pub unsteady: &'static [f64],
    pub shape: Shape,
    /// Shares of an answer that hang on the item alone and on item and entry; the rest hangs on the seed too.
    pub settled: [f64; 2],
    /// What the first entry is better by.
    pub lift: f64,
}

impl World {
    /// Figures near those measured: two tasks of 500 items, a common part several times what remains.
    pub fn new(entries: usize, seeds: usize, scales: usize) -> Self {
        Self {
            entries,
            seeds,
            scales,
            tasks: 2,
            items: 500,
            same_items: false,
            common: 0.03,
            apart: 0.008,
            unsteady: &[1.0],
            shape: Shape::Normal,
            settled: [0.5, 0.2],
            lift: 0.0,
        }
    }

    /// Where what a seed does to one entry is all that it does: what the protocol states is then true of differences.
    pub fn nothing_common(entries: usize, seeds: usize, scales: usize) -> Self {
        Self { common: 0.0, apart: 0.03, ..Self::new(entries, seeds, scales) }
    }

    /// What a protocol of this world would state.
    pub fn terms(&self) -> Terms {
        let spread = (self.common * self.common + self.apart * self.apart).sqrt();
        let scales = (0..self.scales).map(|at| ScaleTerms { name: format!("scale {at}"), spread }).collect();
        Terms { scales, items: (0..self.tasks).map(|task| if self.same_items { 0 } else { task }).collect() }
    }

    /// A board.
    pub fn draw(&self, dice: &mut Dice) -> Vec<Results> {
        let items = self.items * if self.same_items { 1 } else { self.tasks };
        let by_item: Vec<f64> = (0..items).map(|_| dice.uniform()).collect();
        let by_entry: Vec<Vec<f64>> = (0..self.entries).map(|_| (0..items).map(|_| dice.uniform()).collect()).collect();
        // Which latent an answer hangs on belongs to the item, so that entries share it.
        let kinds: Vec<f64> = (0..items).map(|_| dice.uniform()).collect();
        let mut results = vec![Results(Vec::new()); self.entries];
        for _ in 0..self.scales {
            let seeds: Vec<f64> = (0..self.seeds).map(|_| self.common * dice.shaped(Shape::Normal)).collect();
            for (entry, results) in results.iter_mut().enumerate() {
                let unsteady = self.unsteady[entry % self.unsteady.len()];
                let repeats = seeds.iter().map(|seed| {
                    let lift = if entry == 0 { self.lift } else { 0.0 };
                    let p = 0.4 + lift + seed + self.apart * unsteady * dice.shaped(self.shape);
                    let asked = |dice: &mut Dice, item: usize| {
                        let latent = match kinds[item] {
                            kind if kind < self.settled[0] => by_item[item],
                            kind if kind < self.settled[0] + self.settled[1] => by_entry[entry][item],
                            _ => dice.uniform(),
                        };
                        latent < p
                    };
                    (0..self.tasks)
                        .map(|task| {
                            let first = if self.same_items { 0 } else { task * self.items };
                            self.task((0..self.items).map(|item| asked(dice, first + item)))
                        })
                        .collect()
                });
                results.0.push(repeats.collect());
            }
        }
        results
    }

    fn task(&self, answers: impl Iterator<Item = bool>) -> TaskScore {
        let mut blocks = vec![0.0; BLOCKS];
        for (item, right) in answers.enumerate() {
            blocks[item % BLOCKS] += f64::from(right) / self.items as f64;
        }
        TaskScore { value: blocks.iter().sum(), blocks }
    }
}

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform(), self.uniform());
        (-2.0 * libm::log(a)).sqrt() * libm::cos(std::f64::consts::TAU * b)
    }

    /// Of mean zero and a standard deviation of one.
    pub fn shaped(&mut self, shape: Shape) -> f64 {
        match shape {
            Shape::Normal => self.normal(),
            Shape::Heavy => {
                let square: f64 = (0..3).map(|_| self.normal()).map(|x| x * x).sum();
                self.normal() / (square / 3.0).sqrt() / 3f64.sqrt()
            }
            Shape::Skewed => 1.0 + libm::log(self.uniform()),
        }
    }
}

/// How often a world's boards were called what they are.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Boards of equally good entries on which any two were called different.
    pub wrong: f64,
    /// Pairs of an entry that is three standard errors better, and another one, that were called so.
    pub called: f64,
    /// Boards on which that entry was called better than at least one other.
    pub noticed: f64,
}

impl World {
    /// Draws this many boards of equally good entries, and as many where the first entry is better than all
    /// others by three standard errors of a difference, which are those seen on the boards before.
    pub fn rates(&self, boards: u32, seed: u64) -> Rates {
        let mut dice = Dice(seed);
        let mut play = |lift| {
            let world = Self { lift, ..self.clone() };
            let compared = compare(&world.terms(), &world.draw(&mut dice), View::Overall);
            compared.expect("a board of one form")
        };
        let (mut wrong, mut squares, mut called, mut noticed) = (0, 0.0, 0, 0);
        for _ in 0..boards {
            let board = play(0.0);
            wrong += u32::from(board.standings.iter().any(|one| one.best > 1));
            squares += board.difference(0, 1).value.powi(2);
        }
        let error = (squares / f64::from(boards)).sqrt();
        for _ in 0..boards {
            let board = play(3.0 * error);
            let below = (1..self.entries).filter(|&other| board.better(0, other)).count() as u32;
            called += below;
            noticed += u32::from(below > 0);
        }
        let of = |count: u32| f64::from(count) / f64::from(boards);
        Rates { wrong: of(wrong), called: of(called) / (self.entries - 1) as f64, noticed: of(noticed) }
    }
}
