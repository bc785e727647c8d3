//! A board: a function of certificates and of nothing else.
//!
//! It is of one round, one protocol, one frozen tree and one numerics class; certificates of others are set apart, and
//! those of different releases of the frozen tree stand together. An
//! entry's score at a scale is the mean of its tasks and repeats, its score the mean of the scales. Ranks are
//! intervals, and a difference is called or is within noise, as [`crate::compare`] says, which is the only place that does.

use std::collections::{BTreeMap, BTreeSet};

use records::{
    Blake3, ReleaseDigest, Sha256, TreeDigest,
    canonical::{self, CanonicalError},
    merkle,
    v1::{
        protocol::Protocol,
        statement::{Certificate, EntryLabel, StageValue, StatedOutcome, Statement},
    },
};

use crate::{
    compare::{CompareError, Comparison, Difference, Standing, View, compare},
    terms::{results, terms},
};

/// The task that stands beside the mean.
const IMAGENET: &str = "imagenet1k";

/// A certificate that holds.
#[derive(Debug, Clone)]
pub struct Certified {
    /// Where it was read from.
    pub path: String,
    /// SHA-256 of that file.
    pub file: Sha256,
    /// What it says.
    pub statement: Statement,
    /// The trusted keys that signed it.
    pub signers: BTreeSet<Sha256>,
}

/// A certificate that holds, and is not of this board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// Where it was read from.
    pub path: String,
    /// What is another one.
    pub why: String,
}

/// What a difference to the baseline comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Significance {
    /// Found better.
    Better,
    /// Found worse.
    Worse,
    /// Neither.
    Noise,
}

/// An entry's place in a view.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Score and rank.
    pub standing: Standing,
    /// The difference to the baseline, where that is on the board and is another one.
    pub on_baseline: Option<(Difference, Significance)>,
}

/// A score over items alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ItemScore {
    /// The mean of the runs.
    pub value: f64,
    /// Its standard error over the items, which all runs share.
    pub error: f64,
}

/// An entry that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRow {
    /// Hostile text.
    pub entry: EntryLabel,
    /// The tree, whole: two entries may share the digits that are shown.
    pub tree: Option<TreeDigest>,
    /// The statement.
    pub statement: Sha256,
    /// The certificate's file.
    pub file: Sha256,
    /// Whether this is the baseline.
    pub baseline: bool,
    /// By view: the mean of the scales, then each scale.
    pub places: Vec<Placement>,
    /// Where the protocol has that task.
    pub imagenet: Option<ItemScore>,
}

/// An entry that failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailedEntry {
    /// Hostile text.
    pub entry: EntryLabel,
    /// The ZIP.
    pub archive: Sha256,
    /// The certificate's file.
    pub file: Sha256,
    /// The stage.
    pub stage: String,
    /// Ids of the rules that were broken.
    pub rules: Vec<String>,
}

/// A scale of a board.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardScale {
    /// Its name.
    pub name: String,
    /// Trainings of an entry.
    pub seeds: u32,
    /// What the protocol says that scores differ by from seed to seed.
    pub spread: f64,
    /// Whether that stands in for what this board has too few trainings to measure.
    pub spread_stands_in: bool,
}

/// The whole board.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// The competition.
    pub competition: String,
    /// Its round.
    pub round: String,
    /// The protocol's name.
    pub protocol: String,
    /// The protocol in a sentence.
    pub about: String,
    /// Scales, in their order.
    pub scales: Vec<BoardScale>,
    /// Whether the protocol's spread stands in where the mean of the scales is compared.
    pub spread_stands_in: bool,
    /// By score.
    pub rows: Vec<EntryRow>,
    /// By name.
    pub failed: Vec<FailedEntry>,
    /// The releases that stated its certificates, and how many each of them stated.
    pub releases: BTreeMap<ReleaseDigest, usize>,
    /// How many certificates it is a function of; those of one statement count once.
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
    /// Of several boards, none of which has more than another.
    #[error(
        "{0} and {1} are of different {2}, and as many certificates are of the one as of the other: a board is of one"
    )]
    Mixed(String, String, &'static str),
    /// A statement without a canonical form; none that was opened is.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Runs that its protocol does not ask for; none that conforms has them.
    #[error("{0} has other runs than its protocol asks for")]
    Runs(String),
    /// Scores that cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
}

/// Those certificates that make one board, the one that most of them are of, and those that are set apart.
///
/// - Errors: [`BoardError::Mixed`] where two boards have equally many.
pub fn gather(certified: Vec<Certified>) -> Result<(Vec<Certified>, Vec<Apart>), BoardError> {
    let mut apart = Vec::new();
    let judged = |predicate: &Certificate| {
        let against = &predicate.against;
        Some(format!("{} {}", against.protocol_digest, against.frozen))
    };
    let round = |predicate: &Certificate| canonical::to_bytes(&predicate.round).ok();
    let class = |predicate: &Certificate| predicate.against.class.map(|class| class.to_string());
    let of = split(certified, "protocols or frozen trees", judged, &mut apart)?;
    let of = split(of, "rounds", round, &mut apart)?;
    let of = split(of, "numerics classes", class, &mut apart)?;
    Ok((of, apart))
}

/// Keeps what has the commonest value; what has none is of every board.
fn split<K: Ord>(
    all: Vec<Certified>,
    what: &'static str,
    key: impl Fn(&Certificate) -> Option<K>,
    apart: &mut Vec<Apart>,
) -> Result<Vec<Certified>, BoardError> {
    let key = |one: &Certified| key(&one.statement.predicate);
    let mut counts: BTreeMap<K, (usize, &str)> = BTreeMap::new();
    for one in &all {
        if let Some(key) = key(one) {
            counts.entry(key).or_insert((0, &one.path)).0 += 1;
        }
    }
    let most = counts.values().map(|(count, _)| *count).max().unwrap_or(0);
    let mut first = counts.iter().filter(|(_, (count, _))| *count == most);
    let Some((kept, (_, example))) = first.next() else { return Ok(all) };
    if let Some((_, (_, other))) = first.next() {
        return Err(BoardError::Mixed((*example).to_owned(), (*other).to_owned(), what));
    }
    let stays: Vec<bool> = all.iter().map(|one| key(one).is_none_or(|key| key == *kept)).collect();
    let mut of = Vec::new();
    for (one, stays) in all.into_iter().zip(stays) {
        if stays {
            of.push(one);
        } else {
            apart.push(Apart { path: one.path, why: format!("most certificates are of other {what}") });
        }
    }
    Ok(of)
}

/// Makes the board of certificates that [`gather`] put together; the same one whatever their order.
pub fn make(certified: &[Certified], protocol: &Protocol, baseline: &TreeDigest) -> Result<Board, BoardError> {
    let statements = statements(certified)?;
    let first = &certified.first().ok_or(BoardError::Empty)?.statement.predicate;
    let leaves =
        statements.iter().map(|(digest, signed)| leaf(digest, &signed.signers)).collect::<Result<Vec<_>, _>>()?;
    let passed: Vec<_> = statements.iter().filter(|(_, one)| one.outcome() == StatedOutcome::Pass).collect();
    let failed: BTreeSet<_> =
        statements.values().filter(|one| one.outcome() == StatedOutcome::Fail).map(failure).collect();
    let scored = passed.iter().map(|(_, one)| {
        results(&one.certificate().runs, protocol).ok_or_else(|| BoardError::Runs(one.first.path.clone()))
    });
    let scored = scored.collect::<Result<Vec<_>, _>>()?;
    let terms = terms(protocol);
    let views = [View::Overall].into_iter().chain((0..terms.scales.len()).map(View::Scale));
    let views = if scored.is_empty() {
        Vec::new()
    } else {
        views.map(|view| compare(&terms, &scored, view)).collect::<Result<Vec<_>, _>>()?
    };
    let is_baseline = |one: &Signed<'_>| one.certificate().submission.tree == Some(*baseline);
    let base = passed.iter().position(|(_, one)| is_baseline(one));
    let row = |(at, (digest, one)): (usize, &(&Sha256, &Signed<'_>))| EntryRow {
        entry: one.certificate().entry.clone(),
        tree: one.certificate().submission.tree,
        statement: **digest,
        file: one.first.file,
        baseline: is_baseline(one),
        places: views.iter().map(|view| place(view, at, base)).collect(),
        imagenet: imagenet(one.certificate()),
    };
    let mut rows: Vec<EntryRow> = passed.iter().enumerate().map(row).collect();
    rows.sort_by(|a, b| {
        let by_name = || (&a.entry, a.tree, a.statement).cmp(&(&b.entry, b.tree, b.statement));
        score(b, 0).total_cmp(&score(a, 0)).then_with(by_name)
    });
    let stands_in = |at: usize| views.get(at).is_none_or(|view| view.spread_stands_in);
    let scale = |(at, scale): (usize, &records::v1::protocol::Scale)| BoardScale {
        name: scale.name.clone(),
        seeds: scale.seeds,
        spread: scale.spread,
        spread_stands_in: stands_in(at + 1),
    };
    Ok(Board {
        competition: first.round.competition.clone(),
        round: first.round.round.clone(),
        protocol: protocol.name.clone(),
        about: protocol.about.clone(),
        scales: protocol.scales.iter().enumerate().map(scale).collect(),
        spread_stands_in: stands_in(0),
        rows,
        failed: failed.into_iter().collect(),
        releases: releases(statements.values()),
        certificates: leaves.len(),
        root: merkle::root(&leaves),
    })
}

/// The rows in the order of a view, as places in [`Board::rows`].
#[must_use]
pub fn order(rows: &[EntryRow], score: impl Fn(&EntryRow) -> f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| score(&rows[b]).total_cmp(&score(&rows[a])));
    order
}

/// A row's score in a view.
#[must_use]
pub fn score(row: &EntryRow, view: usize) -> f64 {
    row.places.get(view).map_or(0.0, |place| place.standing.score)
}

/// A statement with all who signed it, wherever.
struct Signed<'a> {
    /// That of the least file digest.
    first: &'a Certified,
    signers: BTreeSet<Sha256>,
}

impl Signed<'_> {
    fn certificate(&self) -> &Certificate {
        &self.first.statement.predicate
    }

    fn outcome(&self) -> StatedOutcome {
        self.certificate().outcome
    }
}

fn statements(certified: &[Certified]) -> Result<BTreeMap<Sha256, Signed<'_>>, BoardError> {
    let mut signed: BTreeMap<Sha256, Signed<'_>> = BTreeMap::new();
    for one in certified {
        let digest = Sha256::of(&canonical::to_bytes(&one.statement)?);
        let known = signed.entry(digest).or_insert_with(|| Signed { first: one, signers: BTreeSet::new() });
        known.signers.extend(&one.signers);
        if one.file < known.first.file {
            known.first = one;
        }
    }
    Ok(signed)
}

fn releases<'a>(statements: impl Iterator<Item = &'a Signed<'a>>) -> BTreeMap<ReleaseDigest, usize> {
    let mut releases = BTreeMap::new();
    for one in statements {
        *releases.entry(one.certificate().against.release).or_insert(0) += 1;
    }
    releases
}

/// What a board rests on, a leaf a statement in the order of their digests: canonical JSON of `statement`, the
/// SHA-256 of what was signed, and `signers`, the SHA-256 of each trusted key that signed it, sorted.
///
/// A signature of an unknown key is in no leaf: anyone can add one.
fn leaf(statement: &Sha256, signers: &BTreeSet<Sha256>) -> Result<Blake3, BoardError> {
    let leaf = serde_json::json!({"statement": statement, "signers": signers});
    Ok(merkle::leaf(&canonical::to_bytes(&leaf)?))
}

fn place(view: &Comparison, at: usize, baseline: Option<usize>) -> Placement {
    let on_baseline = baseline.filter(|base| *base != at).map(|base| {
        let call = match (view.better(at, base), view.better(base, at)) {
            (true, _) => Significance::Better,
            (_, true) => Significance::Worse,
            _ => Significance::Noise,
        };
        (view.difference(at, base), call)
    });
    Placement { standing: view.standings[at].clone(), on_baseline }
}

/// Repeats and scales ask about the same items, so that more of them make its error no smaller: the mean of theirs
/// is the most that it can be.
fn imagenet(certificate: &Certificate) -> Option<ItemScore> {
    let scores = || certificate.runs.iter().flat_map(|run| &run.scores).filter(|score| score.key == IMAGENET);
    let count = scores().count() as f64;
    let mean = |of: fn(&records::v1::evaluation::Score) -> f64| scores().map(of).sum::<f64>() / count;
    let error = |score: &records::v1::evaluation::Score| score.variance.value().max(0.0).sqrt();
    (count > 0.0).then(|| ItemScore { value: mean(|score| score.value.value()), error: mean(error) })
}

fn failure(one: &Signed<'_>) -> FailedEntry {
    let predicate = one.certificate();
    let (stage, rules) = predicate.stages.last().map_or((String::new(), BTreeSet::new()), |stage| {
        let rules = match &stage.value {
            StageValue::Fail(findings) => findings.iter().map(|finding| finding.rule.id().to_owned()).collect(),
            _ => BTreeSet::new(),
        };
        (stage.name.clone(), rules)
    });
    let (archive, rules) = (predicate.submission.archive, rules.into_iter().collect());
    FailedEntry { entry: predicate.entry.clone(), archive, file: one.first.file, stage, rules }
}
