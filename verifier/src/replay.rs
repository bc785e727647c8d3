//! Two runs beside each other: the first step where they part, and in which columns.
//!
//! Golden, trial and audit ask this. Exactly, bit for bit: there is no tolerance.

use records::{Finding, Rule, v1::transcript::Line};

use crate::transcript::Evidence;

/// How many columns a finding names before it counts the rest.
const NAMED_COLUMNS: usize = 6;

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parting {
    /// The first step that differs.
    pub step: u64,
    /// What differs there: `loss`, `ids`, names of diagnostics and of fingerprint columns, in their order.
    pub what: Vec<String>,
}

/// The first of `steps` steps at which two runs differ.
///
/// Without `ignore_chain` the chains must be equal too, so that the runs had the same `run.json`.
#[must_use]
pub fn part(a: &Evidence, b: &Evidence, steps: u64, ignore_chain: bool) -> Option<Parting> {
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    for step in 0..steps.min(a.lines.len()).min(b.lines.len()) {
        let what = differences(a, b, step, ignore_chain);
        if !what.is_empty() {
            return Some(Parting { step: step as u64, what });
        }
    }
    None
}

/// Compares the first `steps` steps of a run with those of a recorded one.
///
/// Every way in which they differ is a finding of rule `transcript-diverged`: other columns, too few
/// steps, and the first step that is not equal.
#[must_use]
pub fn compare(golden: &Evidence, run: &Evidence, steps: u64, ignore_chain: bool) -> Vec<Finding> {
    let diverged = |place: String| Finding::new(Rule::Diverged, place);
    if golden.header.columns != run.header.columns {
        let other = golden.header.columns.iter().zip(&run.header.columns).find(|(a, b)| a != b);
        let (expected, found) = other.map_or(("", ""), |(a, b)| (a.as_str(), b.as_str()));
        return vec![
            diverged("columns of fingerprints".to_owned())
                .expected(format!("{} columns {expected}", golden.header.columns.len()))
                .found(format!("{} columns {found}", run.header.columns.len())),
        ];
    }
    let mut findings = Vec::new();
    for (name, evidence) in [("the recorded run", golden), ("this run", run)] {
        if (evidence.lines.len() as u64) < steps {
            let found = format!("{} steps", evidence.lines.len());
            findings.push(diverged(name.to_owned()).expected(format!("{steps} steps")).found(found));
        }
    }
    if let Some(parting) = part(golden, run, steps, ignore_chain) {
        let line = |evidence: &Evidence| summary(&evidence.lines[parting.step as usize]);
        findings.push(
            diverged(format!("step {}: {}", parting.step, listed(&parting.what)))
                .expected(line(golden))
                .found(line(run)),
        );
    }
    findings
}

/// Names, cut after a few.
#[must_use]
pub fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_COLUMNS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED_COLUMNS) {
        None | Some(0) => shown,
        Some(rest) => format!("{shown} and {rest} more"),
    }
}

fn summary(line: &Line) -> String {
    format!("loss {} ({})", line.loss.read, line.loss.bits)
}

fn differences(a: &Evidence, b: &Evidence, step: usize, ignore_chain: bool) -> Vec<String> {
    let (x, y) = (&a.lines[step], &b.lines[step]);
    let mut what = Vec::new();
    let mut note = |differs: bool, name: &str| {
        if differs {
            what.push(name.to_owned());
        }
    };
    note(x.epoch != y.epoch, "epoch");
    note(x.ids != y.ids, "ids");
    note(x.loss != y.loss, "loss");
    if x.diagnostics != y.diagnostics {
        for name in x.diagnostics.keys().chain(y.diagnostics.keys().filter(|name| !x.diagnostics.contains_key(*name))) {
            note(x.diagnostics.get(name) != y.diagnostics.get(name), &format!("diagnostics/{name}"));
        }
    }
    if x.fingerprints != y.fingerprints {
        for (column, name) in a.header.columns.iter().enumerate() {
            note(a.row(step).get(column) != b.row(step).get(column), name);
        }
        note(a.header.columns != b.header.columns, "columns of fingerprints");
    }
    // The chain repeats every difference before it; on its own it says that run.json differs.
    if !ignore_chain && what.is_empty() && x.chain != y.chain {
        what.push("chain".to_owned());
    }
    what
}

#[cfg(test)]
mod tests {
    use records::Verdict;

    use super::*;
    use crate::transcript::{Names, tests::written};

    fn evidence(steps: u64, loss: impl Fn(u64) -> f32, print: impl Fn(u64, u64) -> u64) -> Evidence {
        let (transcript, fingerprints) = written(steps, loss, print);
        match Evidence::read(&transcript, &fingerprints, Names { transcript: "t", fingerprints: "f" }) {
            Verdict::Pass(evidence) => evidence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn equal_runs_have_no_finding() {
        let run = || evidence(4, |step| step as f32, |step, column| step + column);
        assert_eq!(compare(&run(), &run(), 4, false), []);
        assert_eq!(compare(&run(), &evidence(6, |step| step as f32, |step, column| step + column), 4, false), []);
    }

    #[test]
    fn the_first_step_and_its_columns_are_named() {
        let a = evidence(5, |_| 1.0, |step, column| step + column);
        let b = evidence(5, |_| 1.0, |step, column| step + column + u64::from(step >= 3 && column > 0));
        assert_eq!(part(&a, &b, 5, true).unwrap().step, 3);
        let findings = compare(&a, &b, 5, true);
        assert_eq!(findings[0].place, "step 3: gradients/a, parameters/a");
        assert_eq!(compare(&a, &b, 3, true), []);
    }

    #[test]
    fn a_short_run_is_not_equal() {
        let run = |steps| evidence(steps, |_| 1.0, |step, column| step + column);
        assert_eq!(compare(&run(4), &run(3), 4, true)[0].place, "this run");
    }

    #[test]
    fn another_run_with_equal_steps_differs_in_its_chain_alone() {
        let a = evidence(2, |_| 1.0, |step, column| step + column);
        let mut b = a.clone();
        b.lines[0].chain = records::Blake3([9; 32]);
        assert_eq!(compare(&a, &b, 2, true), []);
        assert_eq!(compare(&a, &b, 2, false)[0].place, "step 0: chain");
    }
}
