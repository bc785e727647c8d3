//! A leaderboard: a function of certificates and of nothing else.
//!
//! An entry's score at a scale is the mean of its tasks and repeats, its score the mean of the scales. The standard
//! error takes each task as independent trials of one probability (binomial): it says what the number
//! of test samples alone leaves open, not what another seed would. Two entries tie where a difference
//! as large would be seen by chance with p of at least 0.05.

use std::collections::{BTreeMap, BTreeSet};

use records::{
    Blake3, Sha256,
    canonical::{self, CanonicalError},
    merkle,
    v1::statement::{Entry, Outcome, Run, StageValue, Statement},
};

/// Below this probability a difference counts.
const TIE: f64 = 0.05;

/// A certificate that a trusted key signed.
#[derive(Debug, Clone)]
pub struct Certified {
    /// Where it was read from.
    pub path: String,
    /// What it says.
    pub statement: Statement,
    /// The trusted keys that signed it.
    pub signers: BTreeSet<Sha256>,
}

/// An entry that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// From 1; equal scores share one.
    pub rank: usize,
    /// Hostile text.
    pub entry: Entry,
    /// The tree, in short.
    pub tree: String,
    /// Mean and standard error by scale, in the order of the certificate.
    pub scales: Vec<(String, f64, f64)>,
    /// The mean of the scales.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// The rank that it ties with, and the probability.
    pub tie: Option<(usize, f64)>,
}

/// An entry that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// Hostile text.
    pub entry: Entry,
    /// The submission, in short.
    pub tree: String,
    /// The stage.
    pub stage: String,
    /// Ids of the rules that were broken.
    pub rules: Vec<String>,
}

/// The whole board.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// The protocol's name.
    pub protocol: String,
    /// Competition and round.
    pub round: String,
    /// Scales, in their order.
    pub scales: Vec<String>,
    /// By rank.
    pub rows: Vec<Row>,
    /// By name.
    pub failed: Vec<Failed>,
    /// How many certificates it is a function of.
    pub certificates: usize,
    /// Merkle root over them, sorted by leaf.
    pub root: Blake3,
}

/// Why certificates do not make one board.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// None at all.
    #[error("no certificate")]
    Empty,
    /// Not of one round.
    #[error("{0} and {1} are of different rounds, protocols or frozen trees: a board is of one")]
    Mixed(String, String),
    /// A statement without a canonical form; none that was opened is.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Not of the same scales.
    #[error("{0} has other scales than the first entry")]
    Scales(String),
}

/// Makes the board of certificates; the same one whatever their order.
pub fn make(certified: &[Certified]) -> Result<Board, BoardError> {
    let first = certified.first().ok_or(BoardError::Empty)?;
    let law = |certified: &Certified| {
        let predicate = &certified.statement.predicate;
        (predicate.round.clone(), predicate.against.protocol_digest, predicate.against.frozen)
    };
    if let Some(other) = certified.iter().find(|other| law(other) != law(first)) {
        return Err(BoardError::Mixed(first.path.clone(), other.path.clone()));
    }
    let leaves = leaves(certified)?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for one in certified {
        match one.statement.predicate.outcome {
            Outcome::Pass => rows.push(row(&one.statement)),
            Outcome::Fail => failed.push(failure(&one.statement)),
        }
    }
    let rows = ranked(&rows, |row| (row.mean, row.error));
    failed.sort_by(|a: &Failed, b: &Failed| a.entry.cmp(&b.entry).then_with(|| a.tree.cmp(&b.tree)));
    failed.dedup();
    let names = |row: &Row| row.scales.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>();
    let scales = rows.first().map(names).unwrap_or_default();
    if let Some(other) = rows.iter().find(|row| names(row) != scales) {
        return Err(BoardError::Scales(other.entry.name.clone()));
    }
    let predicate = &first.statement.predicate;
    Ok(Board {
        protocol: predicate.against.protocol.clone(),
        round: format!("{} round {}", predicate.round.competition, predicate.round.round),
        scales,
        rows,
        failed,
        certificates: leaves.len(),
        root: merkle::root(&leaves),
    })
}

/// What a board rests on, a leaf a statement in the order of their digests: canonical JSON of `statement`, the
/// SHA-256 of what was signed, and `signers`, the SHA-256 of each trusted key that signed it, sorted.
///
/// A signature of an unknown key is in no leaf: anyone can add one.
fn leaves(certified: &[Certified]) -> Result<Vec<Blake3>, BoardError> {
    let mut signed: BTreeMap<Sha256, BTreeSet<Sha256>> = BTreeMap::new();
    for one in certified {
        let digest = Sha256::of(&canonical::to_bytes(&one.statement)?);
        signed.entry(digest).or_default().extend(&one.signers);
    }
    let leaf = |(statement, signers): (&Sha256, &BTreeSet<Sha256>)| {
        let leaf = serde_json::json!({"statement": statement, "signers": signers});
        Ok(merkle::leaf(&canonical::to_bytes(&leaf)?))
    };
    signed.iter().map(leaf).collect()
}

fn row(statement: &Statement) -> Row {
    let predicate = &statement.predicate;
    let scales = scales(&predicate.runs);
    let (mean, error) = mean(&predicate.runs);
    Row { rank: 0, entry: predicate.entry.clone(), tree: short(statement), scales, mean, error, tie: None }
}

fn failure(statement: &Statement) -> Failed {
    let predicate = &statement.predicate;
    let (stage, rules) = predicate.stages.last().map_or((String::new(), Vec::new()), |stage| {
        let mut rules: Vec<_> = match &stage.value {
            StageValue::Fail(findings) => findings.iter().map(|finding| finding.rule.id().to_owned()).collect(),
            _ => Vec::new(),
        };
        rules.sort();
        rules.dedup();
        (stage.name.clone(), rules)
    });
    Failed { entry: predicate.entry.clone(), tree: short(statement), stage, rules }
}

fn short(statement: &Statement) -> String {
    let submission = &statement.predicate.submission;
    submission.tree.map_or_else(|| submission.archive.short(), |tree| tree.short())
}

/// The rows in the order of a score, given with its standard error, with that order's ranks and ties.
pub fn ranked(rows: &[Row], score: impl Fn(&Row) -> (f64, f64)) -> Vec<Row> {
    let with = |row: &Row| {
        let (mean, error) = score(row);
        Row { mean, error, tie: None, ..row.clone() }
    };
    let mut rows: Vec<Row> = rows.iter().map(with).collect();
    rows.sort_by(|a, b| {
        b.mean.total_cmp(&a.mean).then_with(|| a.entry.cmp(&b.entry)).then_with(|| a.tree.cmp(&b.tree))
    });
    rows.dedup();
    rank(&mut rows);
    rows
}

fn rank(rows: &mut [Row]) {
    let mut head = 0;
    for at in 0..rows.len() {
        rows[at].rank = if at > 0 && rows[at].mean == rows[at - 1].mean { rows[at - 1].rank } else { at + 1 };
        if at == 0 {
            continue;
        }
        let p = chance(&rows[head], &rows[at]);
        if p >= TIE {
            rows[at].tie = Some((rows[head].rank, p));
        } else {
            head = at;
        }
    }
}

/// The probability of a difference at least as large between two equally good entries (normal, two-sided).
fn chance(a: &Row, b: &Row) -> f64 {
    let spread = (2.0 * (a.error * a.error + b.error * b.error)).sqrt();
    let difference = (a.mean - b.mean).abs();
    if spread > 0.0 { libm::erfc(difference / spread) } else { f64::from(difference == 0.0) }
}

/// Mean and standard error of each scale, in the order of the runs.
///
/// All repeats are scored on the same items, so repeating makes the items' part of the error no smaller.
fn scales(runs: &[Run]) -> Vec<(String, f64, f64)> {
    let by_scale = runs.chunk_by(|a, b| a.scale == b.scale);
    let mean = |runs: &[Run], value: fn(&Run) -> f64| runs.iter().map(value).sum::<f64>() / runs.len() as f64;
    by_scale.map(|runs| (runs[0].scale.clone(), mean(runs, run_mean), mean(runs, run_error))).collect()
}

/// The mean of a run's tasks.
fn run_mean(run: &Run) -> f64 {
    let sum: f64 = run.scores.iter().map(|score| score.value.value()).sum();
    sum / (run.scores.len().max(1)) as f64
}

/// The standard error of a run's mean.
#[must_use]
pub fn run_error(run: &Run) -> f64 {
    let variance = |score: &records::v1::evaluation::Score| score.variance.value();
    run.scores.iter().map(variance).sum::<f64>().sqrt() / run.scores.len().max(1) as f64
}

/// The mean of the scales and its standard error.
#[must_use]
pub fn mean(runs: &[Run]) -> (f64, f64) {
    let scales = scales(runs);
    let count = scales.len().max(1) as f64;
    let squares: f64 = scales.iter().map(|(_, _, error)| error * error).sum();
    (scales.iter().map(|(_, mean, _)| mean).sum::<f64>() / count, squares.sqrt() / count)
}

/// `.412`: three decimals without the zero before them.
#[must_use]
pub fn decimal(value: f64) -> String {
    let text = format!("{value:.3}");
    text.strip_prefix('0').map(str::to_owned).unwrap_or(text)
}

/// A certificate's decimal in the form of [`decimal`].
#[must_use]
pub fn share(text: &str) -> String {
    text.parse().map_or_else(|_| "?".to_owned(), decimal)
}

/// The note beside a tie, in the form of the mock-up: `tie with 1 (p = .27)`.
#[must_use]
pub fn tie_note(row: &Row) -> String {
    let Some((rank, p)) = row.tie else { return String::new() };
    let p = format!("{p:.2}");
    format!("tie with {rank} (p = {})", p.strip_prefix('0').unwrap_or(&p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, mean: f64, error: f64) -> Row {
        let word = || String::new();
        let entry = Entry { name: name.into(), team: word(), organization: word(), writeup: word(), contact: word() };
        Row { rank: 0, entry, tree: String::new(), scales: vec![], mean, error, tie: None }
    }

    #[test]
    fn differences_within_chance_tie_and_equal_scores_share_a_rank() {
        let mut rows =
            vec![row("a", 0.412, 0.009), row("b", 0.398, 0.009), row("c", 0.398, 0.009), row("d", 0.2, 0.009)];
        rank(&mut rows);
        assert_eq!(rows.iter().map(|row| row.rank).collect::<Vec<_>>(), [1, 2, 2, 4]);
        assert_eq!(tie_note(&rows[1]), "tie with 1 (p = .27)");
        assert_eq!(tie_note(&rows[3]), "");
    }

    #[test]
    fn each_scale_has_an_order_and_ties_of_its_own() {
        let scales = |small: f64, large: f64| vec![("small".into(), small, 0.01), ("large".into(), large, 0.01)];
        let (first, second) = (row("a", 0.5, 0.007), row("b", 0.4, 0.007));
        let board = [Row { scales: scales(0.4, 0.6), ..first }, Row { scales: scales(0.401, 0.399), ..second }];
        let names = |rows: &[Row]| rows.iter().map(|row| row.entry.name.clone()).collect::<Vec<_>>();
        let small = ranked(&board, |row| (row.scales[0].1, row.scales[0].2));
        assert_eq!((names(&small), tie_note(&small[1])), (vec!["b".into(), "a".into()], "tie with 1 (p = .94)".into()));
        let large = ranked(&board, |row| (row.scales[1].1, row.scales[1].2));
        assert_eq!((names(&large), tie_note(&large[1])), (vec!["a".into(), "b".into()], String::new()));
    }

    #[test]
    fn the_chance_is_the_normal_one() {
        // 1.96 standard errors of a difference: 5 %.
        let error = 0.01 / 2f64.sqrt();
        assert!((chance(&row("a", 0.5196, error), &row("b", 0.5, error)) - 0.05).abs() < 1e-4);
        assert_eq!(chance(&row("a", 0.5, 0.0), &row("b", 0.5, 0.0)), 1.0);
        assert_eq!(chance(&row("a", 0.6, 0.0), &row("b", 0.5, 0.0)), 0.0);
    }

    #[test]
    fn decimals_are_short() {
        assert_eq!((decimal(0.4123), decimal(1.0), decimal(0.0)), (".412".into(), "1.000".into(), ".000".into()));
        assert_eq!(share("0.412000"), ".412");
    }
}
