//! The scores of a certificate, read again from `eval_results.jsonl`.

use records::{
    Blake3, Finding, Rule,
    v1::{
        evaluation::{self, TaskResult},
        statement::{Run, Score},
    },
};

use super::Scored;

/// How far the decimal `main_metric`, which DataComp's tools read, may be from the exact share.
const DECIMAL_TOLERANCE: f64 = 1e-6;

/// Checks every line against the certificate's score of its task; gives the data that each rests on.
pub fn check(bytes: &[u8], run: &Run, name: &str) -> (Vec<Scored>, Vec<Finding>) {
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (mut scored, mut findings) = (Vec::new(), Vec::new());
    for (index, score) in run.scores.iter().enumerate() {
        let place = format!("{name}:{} {}", index + 1, score.key);
        match lines.get(index) {
            None => findings.push(Finding::new(Rule::EvaluationChanged, place).found("no such line")),
            Some(line) if Blake3::of(line) != score.line => {
                findings
                    .push(Finding::new(Rule::EvaluationChanged, place).expected(score.line).found(Blake3::of(line)));
            }
            Some(line) => match serde_json::from_slice::<TaskResult>(line) {
                Ok(result) => {
                    findings.extend(check_result(&result, score, run, &place));
                    scored.push(Scored { place: format!("{place} data"), task: index, data: result.maxclip.data });
                }
                Err(error) => {
                    let finding =
                        Finding::new(Rule::Inconsistent, format!("{place} line")).found("not a task's result");
                    findings.push(finding.attach(error.to_string().as_bytes()));
                }
            },
        }
    }
    if lines.len() > run.scores.len() {
        let place = format!("{name}:{}", run.scores.len() + 1);
        findings.push(Finding::new(Rule::EvaluationChanged, place).expected("the end").found("another line"));
    }
    (scored, findings)
}

fn check_result(result: &TaskResult, score: &Score, run: &Run, place: &str) -> Vec<Finding> {
    let wrong = |what: &str| Finding::new(Rule::Inconsistent, format!("{place} {what}"));
    let mut findings = Vec::new();
    if result.key != score.key {
        findings.push(wrong("key").expected(&score.key).found(&result.key));
    }
    let exact = result.maxclip.main_metric;
    if exact != score.main_metric {
        let text = |share: evaluation::Fraction| format!("{} of {}", share.numerator, share.denominator);
        findings.push(wrong("main_metric").expected(text(score.main_metric)).found(text(exact)));
    }
    if result.maxclip.checkpoint != run.checkpoint {
        findings.push(wrong("checkpoint").expected(run.checkpoint).found(result.maxclip.checkpoint));
    }
    let decimal = result.metrics.get("main_metric").and_then(serde_json::Value::as_f64);
    if !decimal.is_some_and(|decimal| (decimal - exact.value()).abs() <= DECIMAL_TOLERANCE) {
        let found = decimal.map_or_else(|| "none".to_owned(), |decimal| decimal.to_string());
        findings.push(wrong("metrics.main_metric").expected(exact.value()).found(found));
    }
    findings
}
