//! Two runs beside each other: the first step where they part, and in which columns.
//!
//! Golden, trial and audit ask this. Exactly, bit for bit: there is no tolerance. Both runs are read once, a step of
//! each at a time.

use std::io::Read;

use ::evidence::{RowState, Steps, TranscriptError};
use records::{Finding, Rule, v1::transcript::Line};

/// How many columns a finding names before it counts the rest.
const NAMED_COLUMNS: usize = 6;

/// How two runs compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Every way in which they differ, of rule `transcript-diverged`: other columns, too few steps, and the first step
    /// that is not equal.
    pub findings: Vec<Finding>,
    /// How many steps of each were compared.
    pub steps: u64,
}

/// A run that cannot be compared because its own evidence does not hold together.
#[derive(Debug, thiserror::Error)]
#[error("{side}: {damage}")]
pub struct Unsound {
    /// Whose.
    pub side: WhichRun,
    /// What is wrong.
    #[source]
    pub damage: Damage,
}

/// Which of the two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichRun {
    /// The one that says how it should be.
    Recorded,
    /// The one that is held to it.
    Found,
}

impl std::fmt::Display for WhichRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Recorded => "the recorded run",
            Self::Found => "this run",
        })
    }
}

/// What does not hold in a run's evidence.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Its transcript.
    #[error("transcript.jsonl: {0}")]
    Transcript(#[from] TranscriptError),
    /// A row of its fingerprints.
    #[error("fingerprints.bin: step {step} is not the row that its line names")]
    Row {
        /// The row's step.
        step: u64,
    },
}

/// One run and where it stands.
struct Runner<'a, T, F> {
    side: WhichRun,
    steps: &'a mut Steps<T, F>,
    line: Option<Line>,
}

impl<T: Read, F: Read> Runner<'_, T, F> {
    fn advance(&mut self) -> Result<(), Unsound> {
        let unsound = |damage| Unsound { side: self.side, damage };
        self.line = match self.steps.step().map_err(|error| unsound(error.into()))? {
            None => None,
            Some((line, RowState::Named)) => Some(line),
            Some((line, _)) => return Err(unsound(Damage::Row { step: line.step })),
        };
        Ok(())
    }

    fn columns(&self) -> &[String] {
        &self.steps.transcript().header().columns
    }
}

/// Compares the first `steps` steps of a run with those of a recorded one; without a number, as many as the longer has.
///
/// Unless `ignore_chain`, the chains must be equal too, so that the runs had the same `run.json`.
///
/// - Errors: one of them is damaged within those steps, or cannot be read.
pub fn compare<A: Read, B: Read, C: Read, D: Read>(
    recorded: &mut Steps<A, B>,
    found: &mut Steps<C, D>,
    steps: Option<u64>,
    ignore_chain: bool,
) -> Result<Compared, Unsound> {
    let mut a = Runner { side: WhichRun::Recorded, steps: recorded, line: None };
    let mut b = Runner { side: WhichRun::Found, steps: found, line: None };
    if let Some(finding) = other_columns(a.columns(), b.columns()) {
        return Ok(Compared { findings: vec![finding], steps: 0 });
    }
    let mut parting = None;
    let (mut done, mut both) = (0, 0);
    while steps.is_none_or(|steps| done < steps) {
        a.advance()?;
        b.advance()?;
        match (&a.line, &b.line) {
            (None, None) => break,
            (Some(x), Some(y)) => {
                both += 1;
                if parting.is_none() {
                    parting = part(x, y, a.steps.row(), b.steps.row(), a.columns(), ignore_chain);
                }
            }
            _ => {}
        }
        done += 1;
    }
    let mut findings = Vec::new();
    let wanted = steps.unwrap_or(done);
    for (side, length) in [(a.side, a.steps.transcript().steps()), (b.side, b.steps.transcript().steps())] {
        if length < wanted {
            let finding = Finding::new(Rule::Diverged, side.to_string());
            findings.push(finding.expected(format!("{wanted} steps")).found(format!("{length} steps")));
        }
    }
    findings.extend(parting);
    Ok(Compared { findings, steps: both })
}

fn other_columns(golden: &[String], run: &[String]) -> Option<Finding> {
    if golden == run {
        return None;
    }
    let other = golden.iter().zip(run).find(|(a, b)| a != b);
    let (expected, found) = other.map_or(("", ""), |(a, b)| (a.as_str(), b.as_str()));
    let finding = Finding::new(Rule::Diverged, "columns of fingerprints");
    Some(
        finding
            .expected(format!("{} columns {expected}", golden.len()))
            .found(format!("{} columns {found}", run.len())),
    )
}

/// The finding where two runs part at a step.
fn part(x: &Line, y: &Line, rows_x: &[u8], rows_y: &[u8], columns: &[String], ignore_chain: bool) -> Option<Finding> {
    let what = differences(x, y, rows_x, rows_y, columns, ignore_chain);
    if what.is_empty() {
        return None;
    }
    let summary = |line: &Line| format!("loss {} ({})", line.loss.read, line.loss.bits);
    let finding = Finding::new(Rule::Diverged, format!("step {}: {}", x.step, listed(&what)));
    Some(finding.expected(summary(x)).found(summary(y)))
}

/// Names, cut after a few.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_COLUMNS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED_COLUMNS) {
        None | Some(0) => shown,
        Some(rest) => format!("{shown} and {rest} more"),
    }
}

fn differences(
    x: &Line,
    y: &Line,
    rows_x: &[u8],
    rows_y: &[u8],
    columns: &[String],
    ignore_chain: bool,
) -> Vec<String> {
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
        for (name, (a, b)) in columns.iter().zip(rows_x.chunks(8).zip(rows_y.chunks(8))) {
            note(a != b, name);
        }
    }
    // The chain repeats every difference before it; on its own it says that run.json differs.
    if !ignore_chain && what.is_empty() && x.chain != y.chain {
        what.push("chain".to_owned());
    }
    what
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::transcript::tests::written;

    type Files = (Vec<u8>, Vec<u8>);

    fn compared(a: &Files, b: &Files, steps: Option<u64>, ignore_chain: bool) -> Result<Compared, Unsound> {
        let mut a = Steps::open(&a.0[..], &a.1[..]).unwrap();
        let mut b = Steps::open(&b.0[..], &b.1[..]).unwrap();
        compare(&mut a, &mut b, steps, ignore_chain)
    }

    fn places(a: &Files, b: &Files, steps: Option<u64>, ignore_chain: bool) -> Vec<String> {
        let compared = compared(a, b, steps, ignore_chain).unwrap();
        compared.findings.into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn equal_runs_have_no_finding() {
        let run = |steps| written(1, steps, |step| step as f32, |step, column| step + column);
        let whole = Compared { findings: vec![], steps: 4 };
        assert_eq!(compared(&run(4), &run(4), None, false).unwrap(), whole);
        assert_eq!(compared(&run(4), &run(6), Some(4), false).unwrap(), whole);
    }

    #[test]
    fn the_first_step_and_its_columns_are_named() {
        let a = written(1, 5, |_| 1.0, |step, column| step + column);
        let b = written(1, 5, |_| 1.0, |step, column| step + column + u64::from(step >= 3 && column > 0));
        assert_eq!(places(&a, &b, None, true), ["step 3: gradients/a, parameters/a"]);
        assert_eq!(places(&a, &b, Some(3), true), [""; 0]);
        assert_eq!(places(&a, &b, Some(4), true).len(), 1);
    }

    #[test]
    fn a_short_run_is_not_equal() {
        let run = |steps| written(1, steps, |_| 1.0, |step, column| step + column);
        assert_eq!(places(&run(4), &run(3), Some(4), true), ["this run"]);
        assert_eq!(places(&run(3), &run(4), None, true), ["the recorded run"]);
        assert_eq!(places(&run(3), &run(4), Some(3), true), [""; 0]);
    }

    #[test]
    fn another_run_with_equal_steps_differs_in_its_chain_alone() {
        let [a, b] = [1, 2].map(|run| written(run, 2, |_| 1.0, |step, column| step + column));
        assert_eq!(places(&a, &b, None, true), [""; 0]);
        assert_eq!(places(&a, &b, None, false), ["step 0: chain"]);
    }

    #[test]
    fn a_run_that_is_damaged_where_it_is_compared_is_no_run_that_differs() {
        let a = written(1, 4, |_| 1.0, |step, column| step + column);
        let mut b = a.clone();
        b.1[24 * 2] ^= 1;
        let error = compared(&a, &b, None, true).unwrap_err();
        assert_eq!(error.to_string(), "this run: fingerprints.bin: step 2 is not the row that its line names");
        assert!(compared(&a, &b, Some(2), true).is_ok());
        let mut b = a.clone();
        let at = b.0.windows(3).rposition(|text| text == b"tau").unwrap();
        b.0[at] = b'u';
        let error = compared(&b, &a, None, true).unwrap_err();
        assert_eq!(error.to_string(), "the recorded run: transcript.jsonl: line 5 does not continue the chain");
    }
}
