//! The table at the end: what each entry scores on the unseen vendor, and whether that is what the command
//! claims.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result};
use records::{
    canonical, file,
    v1::{
        evaluation::TaskResult,
        names,
        outcome::{Outcome, TrainerUsage},
    },
};

/// Top-1 of OpenCLIP over that of a guess, at the least.
const TIMES_CHANCE: f64 = 100.0;
/// Top-1 of FastCLIP-v3 over OpenCLIP's, at the least.
const SHARE: f64 = 0.7;

/// One entry's scores.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRow {
    /// The entry.
    pub name: String,
    /// Zero-shot over all names: the first, and one of the first five.
    pub top1: f64,
    /// One of the first five.
    pub top5: f64,
    /// The caption's image first among all images.
    pub image_first: f64,
    /// The image's caption first among all captions.
    pub text_first: f64,
    /// CPU seconds of its training, worker included.
    pub seconds: f64,
}

impl ScoreRow {
    /// Reads `eval_results.jsonl` and `outcome.json` of a run's folder.
    pub fn read(name: &str, folder: &Path) -> Result<Self> {
        let outcome = file::read(&folder.join(names::OUTCOME))?;
        let outcome: Outcome = canonical::from_file(&outcome).context(names::OUTCOME)?;
        let usage = outcome.training.context("the trainer says nothing of what it did")?.usage;
        let results = String::from_utf8(file::read(&folder.join(names::RESULTS))?).context(names::RESULTS)?;
        Self::of(name, &results, &usage)
    }

    fn of(name: &str, results: &str, usage: &TrainerUsage) -> Result<Self> {
        let lines = results.lines().map(serde_json::from_str).collect::<Result<Vec<TaskResult>, _>>();
        let lines = lines.context(names::RESULTS)?;
        let metric = |metric: &str| {
            let found = lines.iter().find_map(|line| line.metrics.get(metric)?.as_f64());
            found.with_context(|| format!("no task of {name} has the metric {metric}"))
        };
        let micros = usage.trainer_cpu_micros + usage.worker_cpu_micros;
        Ok(Self {
            name: name.to_owned(),
            top1: metric("acc1")?,
            top5: metric("acc5")?,
            image_first: metric("image_retrieval_recall@1")?,
            text_first: metric("text_retrieval_recall@1")?,
            seconds: micros as f64 / 1e6,
        })
    }
}

/// The table of OpenCLIP and the baseline, and whether both claims hold.
pub fn table(openclip: &ScoreRow, baseline: &ScoreRow, names: usize) -> (String, bool) {
    let times = |row: &ScoreRow| row.top1 * names as f64;
    let mut text = String::from("  entry          top-1   x chance   top-5   image R@1   text R@1   CPU seconds\n");
    for row in [openclip, baseline] {
        let ScoreRow { name, top1, top5, image_first, text_first, seconds } = row;
        let times = times(row);
        // Writing to a string cannot fail.
        writeln!(text, "  {name:<13} {top1:6.4}   {times:8.0}  {top5:6.4}      {image_first:6.4}     {text_first:6.4}   {seconds:11.0}").ok();
    }
    let share = baseline.top1 / openclip.top1;
    let claims = [
        (
            format!("{} at least {TIMES_CHANCE:.0} times chance in top-1", openclip.name),
            times(openclip) >= TIMES_CHANCE,
        ),
        (format!("{} at least {SHARE} of {}'s top-1: {share:.2}", baseline.name, openclip.name), share >= SHARE),
    ];
    for (claim, holds) in &claims {
        writeln!(text, "  {}   {claim}", if *holds { "yes" } else { "NO " }).ok();
    }
    (text, claims.iter().all(|(_, holds)| *holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, top1: f64) -> ScoreRow {
        ScoreRow { name: name.to_owned(), top1, top5: 0.2, image_first: 0.05, text_first: 0.06, seconds: 301.4 }
    }

    #[test]
    fn the_claims_are_those_of_the_figures() {
        let holds = |openclip, baseline| table(&row("OpenCLIP", openclip), &row("FastCLIP-v3", baseline), 2000).1;
        assert!(holds(0.05, 0.036));
        assert!(!holds(0.0499, 0.049));
        assert!(!holds(0.06, 0.041));
        assert!(!holds(0.0, 0.0));
    }

    #[test]
    fn a_table_has_a_line_an_entry() {
        let (text, _) = table(&row("OpenCLIP", 0.0612), &row("FastCLIP-v3", 0.05), 1905);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "  OpenCLIP      0.0612        117  0.2000      0.0500     0.0600           301");
        assert_eq!(lines[4], "  yes   FastCLIP-v3 at least 0.7 of OpenCLIP's top-1: 0.82");
    }

    #[test]
    fn figures_come_from_both_tasks() {
        let usage =
            TrainerUsage { worker_cpu_micros: 500_000, trainer_cpu_micros: 2_000_000, ..TrainerUsage::default() };
        let digest = "0".repeat(64);
        let blocks = vec![r#""0.03125""#; 16].join(",");
        let line = |metrics: &str| {
            format!(
                "{{\"key\":\"k\",\"dataset\":\"d\",\"metrics\":{{{metrics}}},\"maxclip\":{{\"value\":\"0.5\",\
                 \"variance\":\"0.0025\",\"items\":101,\"blocks\":[{blocks}],\"ties\":0,\
                 \"checkpoint\":\"b3:{digest}\",\"data\":\"data:{digest}\"}}}}\n"
            )
        };
        let first = line(r#""acc1":0.5,"acc5":0.75"#);
        let second = line(r#""image_retrieval_recall@1":0.25,"text_retrieval_recall@1":0.125"#);
        let row = ScoreRow::of("a", &(first.clone() + &second), &usage).unwrap();
        let expected = ScoreRow {
            name: "a".to_owned(),
            top1: 0.5,
            top5: 0.75,
            image_first: 0.25,
            text_first: 0.125,
            seconds: 2.5,
        };
        assert_eq!(row, expected);
        assert!(ScoreRow::of("a", &first, &usage).unwrap_err().to_string().contains("image_retrieval_recall@1"));
    }
}
