//! The scores of a certificate, read again from `eval_results.jsonl`.

use records::{
    Blake3, Finding, Rule,
    v1::{
        evaluation::{Real, Score, TaskResult},
        statement::Run,
    },
};

use super::{ScoreData, compare};

/// Checks every line against the certificate's score of its task; gives the data that each rests on.
pub fn check(bytes: &[u8], run: &Run, name: &str) -> (Vec<ScoreData>, Vec<Finding>) {
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
                    scored.push(ScoreData { place: format!("{place} data"), task: index, data: result.maxclip.data });
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
    let mut findings = Vec::new();
    let mut hold = |what: &str, said: String, found: String| {
        compare(&mut findings, Rule::Inconsistent, format!("{place} {what}"), &said, &found);
    };
    let found = Score::of(result, score.line);
    hold("key", score.key.clone(), found.key);
    hold("value", score.value.to_string(), found.value.to_string());
    hold("variance", score.variance.to_string(), found.variance.to_string());
    hold("items", score.items.to_string(), found.items.to_string());
    hold("ties", score.ties.to_string(), found.ties.to_string());
    for (block, (said, found)) in score.blocks.iter().zip(found.blocks).enumerate() {
        hold(&format!("blocks[{block}]"), said.to_string(), found.to_string());
    }
    hold("checkpoint", run.checkpoint.to_string(), result.maxclip.checkpoint.to_string());
    // What DataComp's tools read. Both are doubles and both texts are read exactly.
    let decimal = result.metrics.get("main_metric").and_then(serde_json::Value::as_f64).and_then(Real::new);
    let decimal = decimal.map_or_else(|| "none".to_owned(), |decimal| decimal.to_string());
    hold("metrics.main_metric", score.value.to_string(), decimal);
    findings
}
