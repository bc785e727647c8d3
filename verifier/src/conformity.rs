//! Whether a statement says what its protocol, its release and its round make it say.
//!
//! A statement that agrees with its own files may still be about less than an entry was asked for: a scale left
//! out, a task twice, a seed of its own. What must be there is derived here, and never read from the statement.

use records::{
    Finding, Rule, SeedDigest,
    v1::{
        evaluation::{self, Fraction},
        names::RunName,
        protocol::Scale,
        statement::{Certificate, Outcome, Run},
    },
};

use crate::{
    evidence::Looked,
    release::{Law, Release},
    round::Round,
};

/// What must stand around every worker of an entry that passes, by the word before a wall's `:`.
///
/// What follows the `:` is measured and differs between machines: `landlock:7` is the kernel's version of it,
/// `seccomp:25` how many forbidden things were tried from inside and all refused.
pub const REQUIRED: [&str; 2] = ["seccomp", "no-new-privs"];

/// Holds the words of a statement to its protocol; no file is looked at.
#[must_use]
pub fn check(predicate: &Certificate, law: &Law) -> Vec<Finding> {
    let mut findings = Vec::new();
    let passed = predicate.outcome == Outcome::Pass;
    compare(&mut findings, "against.protocol".to_owned(), &law.protocol.name, &predicate.against.protocol);
    let expected: Vec<_> = law.protocol.runs().map(|(scale, repeat)| RunName { scale: &scale.name, repeat }).collect();
    let found: Vec<_> = predicate.runs.iter().map(Run::name).collect();
    // Runs of an entry that failed go as far as its evidence does.
    if if passed { expected != found } else { !is_part(found.iter(), expected.iter()) } {
        findings.push(inconsistent("runs").expected(list(expected.iter())).found(list(found.iter())));
    }
    for run in &predicate.runs {
        if let Some(scale) = law.protocol.scale(&run.scale) {
            findings.extend(check_run(run, scale, law, passed));
        }
    }
    let walls = &predicate.containment;
    let stands = |word: &str| walls.iter().any(|wall| wall.split(':').next() == Some(word));
    if passed && !REQUIRED.into_iter().all(stands) {
        let required = list(REQUIRED.into_iter());
        findings.push(inconsistent("containment").expected(required).found(list(walls.iter())));
    }
    findings
}

fn check_run(run: &Run, scale: &Scale, law: &Law, passed: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = |key: &str| format!("{} {key}", run.name());
    compare(&mut findings, place("steps"), &scale.steps, &run.steps);
    compare(&mut findings, place("lines"), &scale.steps.saturating_add(1), &run.lines);
    compare(&mut findings, place("data"), &scale.root, &run.data);
    let tasks = &law.protocol.evaluation.tasks;
    let complete = if passed { tasks.len() == run.scores.len() } else { tasks.len() >= run.scores.len() };
    if !complete || !run.scores.iter().zip(tasks).all(|(score, task)| is_of(&score.key, &task.name)) {
        let keys = list(run.scores.iter().map(|score| score.key.as_str()));
        let tasks = list(tasks.iter().map(|task| task.name.as_str()));
        findings.push(inconsistent(place("scores")).expected(tasks).found(keys));
    }
    findings.extend(check_mean(run));
    findings
}

/// Whether a key is that of a task's folder: DataComp's tasks are called by their keys, others like their folders.
fn is_of(key: &str, folder: &str) -> bool {
    key == folder || evaluation::folder(key) == folder
}

fn check_mean(run: &Run) -> Option<Finding> {
    let finding = inconsistent(format!("{} mean", run.name()));
    let impossible = |share: &Fraction| share.denominator == 0 || share.numerator > share.denominator;
    if let Some(score) = run.scores.iter().find(|score| impossible(&score.main_metric)) {
        return Some(finding.expected("shares between 0 and 1").found(&score.key));
    }
    let shares: Vec<_> = run.scores.iter().map(|score| score.main_metric).collect();
    let mean = evaluation::mean(&shares);
    (mean != run.mean).then(|| finding.expected(mean).found(&run.mean))
}

/// Holds a statement, its trainings' seeds included, to the round that it is judged in.
#[must_use]
pub fn check_round(predicate: &Certificate, round: &Round) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (expected, found) = (round.public(), &predicate.round);
    compare(&mut findings, "round.competition".to_owned(), &expected.competition, &found.competition);
    compare(&mut findings, "round.round".to_owned(), &expected.round, &found.round);
    compare(&mut findings, "round.commitment".to_owned(), &expected.commitment, &found.commitment);
    compare(&mut findings, "round.beacon".to_owned(), &expected.beacon, &found.beacon);
    if findings.is_empty() {
        for run in &predicate.runs {
            let seed = round.seed(&predicate.against.protocol_digest, run.name());
            compare(&mut findings, format!("{} seed", run.name()), &SeedDigest::of(&seed.0), &run.seed);
        }
    }
    findings
}

/// Holds what the evidence says to the release.
#[must_use]
pub fn check_evidence(looked: &Looked, release: &Release, law: &Law) -> Vec<Finding> {
    let mut findings = Vec::new();
    for run in &looked.runs {
        let place = format!("{}/run.json", run.name());
        if run.model != law.model {
            let expected = format!("the model `{}` of the protocol", law.protocol.model);
            findings.push(inconsistent(format!("{place} model")).expected(expected).found("another"));
        }
    }
    for scored in &looked.scored {
        if let Some(task) = law.protocol.evaluation.tasks.get(scored.task) {
            compare(&mut findings, scored.place.clone(), &task.root, &scored.data);
        }
    }
    if let Some(golden) = &looked.golden {
        let place = |key: &str| format!("{} {key}", crate::evidence::GOLDEN);
        compare(&mut findings, place("protocol"), &law.protocol.name, &golden.protocol);
        compare(&mut findings, place("steps"), &law.protocol.golden.steps, &golden.steps);
        compare(&mut findings, place("tree"), &release.baseline, &golden.tree);
    }
    findings
}

fn inconsistent(place: impl Into<String>) -> Finding {
    Finding::new(Rule::Inconsistent, place)
}

fn compare<T: PartialEq + std::fmt::Display>(findings: &mut Vec<Finding>, place: String, expected: &T, found: &T) {
    if expected != found {
        findings.push(inconsistent(place).expected(expected).found(found));
    }
}

fn list(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let names: Vec<_> = names.map(|name| name.to_string()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Whether some names stand among others in the others' order, each at most once.
fn is_part<T: PartialEq>(mut some: impl Iterator<Item = T>, mut others: impl Iterator<Item = T>) -> bool {
    some.all(|name| others.any(|other| other == name))
}
