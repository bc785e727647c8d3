//! Whether a statement says what its protocol, its release and its round make it say.
//!
//! A statement that agrees with its own files may still be about less than an entry was asked for: a scale left
//! out, a task twice, a seed of its own. What must be there is derived here, and never read from the statement.

use records::{
    Exit, Finding, Reason, Rule, SeedDigest, TreeDigest, Verdict,
    v1::{
        evaluation,
        golden::Golden,
        names::RunName,
        protocol::Scale,
        round::Announcement,
        run::ResolvedRun,
        statement::{Certificate, EntryLabel, Run, Stage, StageValue, StatedOutcome},
    },
    verdict::escape,
};

use crate::{
    config::{self, TableNames},
    evidence::{ARCHIVE, GOLDEN, Looked},
    gate::Judgement,
    release::{PinnedProtocol, Release},
    round::Round,
};

/// Holds the words of a statement to its protocol; no file is looked at.
#[must_use]
pub fn check(predicate: &Certificate, pinned: &PinnedProtocol) -> Vec<Finding> {
    let mut findings = Vec::new();
    let passed = predicate.outcome == StatedOutcome::Pass;
    compare(&mut findings, "against.protocol".to_owned(), &pinned.protocol.name, &predicate.against.protocol);
    let expected: Vec<_> =
        pinned.protocol.runs().map(|(scale, repeat)| RunName { scale: &scale.name, repeat }).collect();
    let found: Vec<_> = predicate.runs.iter().map(Run::name).collect();
    // Runs of an entry that failed go as far as its evidence does.
    if if passed { expected != found } else { !is_part(found.iter(), expected.iter()) } {
        findings.push(inconsistent("runs").expected(list(expected.iter())).found(list(found.iter())));
    }
    for run in &predicate.runs {
        if let Some(scale) = pinned.protocol.scale(&run.scale) {
            findings.extend(check_run(run, scale, pinned, passed));
        }
    }
    let walls = &predicate.containment;
    let stands = |word: &str| walls.iter().any(|wall| wall.split(':').next() == Some(word));
    let required = pinned.protocol.track.walls();
    if passed && !required.iter().copied().all(stands) {
        let required = list(required.iter());
        findings.push(inconsistent("containment").expected(required).found(list(walls.iter())));
    }
    findings
}

fn check_run(run: &Run, scale: &Scale, pinned: &PinnedProtocol, passed: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = |key: &str| format!("{} {key}", run.name());
    compare(&mut findings, place("steps"), &scale.steps, &run.steps);
    compare(&mut findings, place("lines"), &scale.steps.saturating_add(1), &run.lines);
    compare(&mut findings, place("data"), &scale.root, &run.data);
    let tasks = &pinned.protocol.evaluation.tasks;
    let complete = if passed { tasks.len() == run.scores.len() } else { tasks.len() >= run.scores.len() };
    if !complete || !run.scores.iter().zip(tasks).all(|(score, task)| task.is_scored_as(&score.key)) {
        let keys = list(run.scores.iter().map(|score| score.key.as_str()));
        let tasks = list(tasks.iter().map(|task| task.name.as_str()));
        findings.push(inconsistent(place("scores")).expected(tasks).found(keys));
    }
    findings.extend(check_mean(run));
    findings
}

fn check_mean(run: &Run) -> Option<Finding> {
    if let Some((score, (rule, found))) = run.scores.iter().find_map(|score| Some((score, score.impossible()?))) {
        return Some(inconsistent(format!("{} scores {}", run.name(), score.key)).expected(rule).found(found));
    }
    let mean = evaluation::mean(&run.scores);
    (mean != run.mean).then(|| inconsistent(format!("{} mean", run.name())).expected(mean).found(&run.mean))
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

/// Holds a statement to what was published of its round before it started.
#[must_use]
pub fn check_announced(predicate: &Certificate, announced: &Announcement) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (round, against) = (&predicate.round, &predicate.against);
    compare(&mut findings, "round.competition".to_owned(), &announced.competition, &round.competition);
    compare(&mut findings, "round.round".to_owned(), &announced.round, &round.round);
    compare(&mut findings, "round.commitment".to_owned(), &announced.commitment, &round.commitment);
    compare(&mut findings, "against.protocol".to_owned(), &announced.protocol_digest, &against.protocol_digest);
    findings
}

/// Holds what the evidence says to the release.
#[must_use]
pub fn check_evidence(looked: &Looked, release: &Release<'_>, pinned: &PinnedProtocol) -> Vec<Finding> {
    let mut findings = Vec::new();
    for run in &looked.runs {
        let place = format!("{}/run.json", run.name());
        if run.model != pinned.model {
            let expected = format!("the model `{}` of the protocol", pinned.protocol.model);
            findings.push(inconsistent(format!("{place} model")).expected(expected).found("another"));
        }
    }
    for scored in &looked.scored {
        if let Some(task) = pinned.protocol.evaluation.tasks.get(scored.task) {
            compare(&mut findings, scored.place.clone(), &task.root, &scored.data);
        }
    }
    if let Some(golden) = &looked.golden {
        let place = |key: &str| format!("{} {key}", GOLDEN);
        compare(&mut findings, place("protocol"), &pinned.protocol.name, &golden.protocol);
        compare(&mut findings, place("steps"), &pinned.protocol.golden.steps, &golden.steps);
        compare(&mut findings, place("tree"), &release.baseline, &golden.tree);
    }
    findings
}

/// Holds what a statement says of a ZIP to what the gate says of it now: the same release says the same.
#[must_use]
pub fn check_gate(predicate: &Certificate, again: &Judgement) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = |what: &str| format!("{ARCHIVE} {what}");
    let text = |tree: Option<TreeDigest>| tree.map_or_else(|| "none".to_owned(), |tree| tree.to_string());
    let (submission, entry) = (&predicate.submission, again.entry.clone().unwrap_or_else(nobody));
    compare(&mut findings, place("tree"), &text(again.submission), &text(submission.tree));
    for ((key, said), (_, found)) in words(&entry).into_iter().zip(words(&predicate.entry)) {
        compare(&mut findings, place(key), said, found);
    }
    // A gate that passed is followed by other stages; one that did not is all there is.
    let stated = match again.exit() {
        Exit::Pass => predicate.stages.get(..again.stages.len()).unwrap_or(&predicate.stages),
        _ => &predicate.stages,
    };
    let differs = again.stages.iter().zip(stated).find(|(again, stated)| again != stated);
    if let Some((again, stated)) = differs {
        let (expected, found) = (in_short(again), in_short(stated));
        findings.push(inconsistent(place(&format!("stage {}", again.name))).expected(expected).found(found));
    } else if again.stages.len() != stated.len() {
        let list_of = |stages: &[Stage]| list(stages.iter().map(|stage| stage.name.as_str()));
        findings.push(inconsistent(place("stages")).expected(list_of(&again.stages)).found(list_of(stated)));
    }
    findings
}

/// Whether a statement rests on a golden that can be told from another one: who signs has to know.
pub fn knows_golden(predicate: &Certificate, known: &[Golden]) -> Result<(), Reason> {
    let against = &predicate.against;
    let what = |golden: &Golden| (golden.protocol_digest, golden.frozen, Some(golden.class));
    let here = (against.protocol_digest, against.frozen, against.class);
    if against.class.is_none() || known.iter().any(|golden| what(golden) == here) {
        return Ok(());
    }
    let class = against.class.map_or_else(String::new, |class| class.to_string());
    Err(Reason {
        why: format!("no golden that is known here is of protocol `{}` and {class}", escape(&against.protocol)),
        hint: "name your own with --golden: `maxclip golden record` makes it, or get the organizer's".to_owned(),
    })
}

/// Holds a golden to those that are known; one of a class that none of them is of is not judged.
#[must_use]
pub fn check_golden(golden: &Golden, known: &[Golden]) -> Option<Finding> {
    let rival = known.iter().find(|other| other.is_for(golden))?;
    let equal = known.iter().any(|other| other == golden);
    let finding = || inconsistent(format!("{GOLDEN} transcript")).expected(rival.transcript).found(golden.transcript);
    (!equal).then(finding)
}

/// Holds each run's configuration to the one in the ZIP.
#[must_use]
pub fn check_configs(
    runs: &[ResolvedRun],
    again: &Judgement,
    pinned: &PinnedProtocol,
    names: &TableNames,
) -> Vec<Finding> {
    let Some(tree) = &again.tree else { return Vec::new() };
    let mut findings = Vec::new();
    for run in runs {
        match config::resolve(tree.config(), &pinned.protocol.name, &run.scale, names) {
            Verdict::Pass(expected) => {
                compare(&mut findings, format!("{}/run.json config", run.name()), &expected, &run.config);
            }
            // The gate refuses such a configuration, and a run of a ZIP that was refused is said there.
            Verdict::Fail(_) | Verdict::Inconclusive(_) => {}
        }
    }
    findings
}

/// Who handed in a ZIP that does not say so.
#[must_use]
pub fn nobody() -> EntryLabel {
    let [name, team, organization, writeup, contact] = <[String; 5]>::default();
    EntryLabel { name, team, organization, writeup, contact }
}

fn words(entry: &EntryLabel) -> [(&'static str, &String); 5] {
    [
        ("name", &entry.name),
        ("team", &entry.team),
        ("organization", &entry.organization),
        ("writeup", &entry.writeup),
        ("contact", &entry.contact),
    ]
}

fn in_short(stage: &Stage) -> String {
    let value = match &stage.value {
        StageValue::Pass => "pass".to_owned(),
        StageValue::Fail(findings) => {
            list(findings.iter().map(|finding| format!("{} {}", finding.rule, finding.place)))
        }
        StageValue::Inconclusive(_) => "inconclusive".to_owned(),
    };
    format!("{} {value} ({})", stage.name, stage.note)
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
