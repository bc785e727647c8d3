//! `maxclip show`: a certificate on one screen, with what it holds and nothing else.
//!
//! A certificate is a stranger's until somebody trusts its key: every text of it is cut to the columns of its place,
//! at most 120 a line, and a name has a line of its own, so that nothing in it can pass for what stands beside it.

use std::path::PathBuf;

use anyhow::Result;
use records::{
    Exit, Verdict,
    v1::statement::{Certificate, Run, StageValue, StatedOutcome, Statement},
};
use tasks::aggregate::aggregates;
use verifier::envelope;

use super::verify;
use crate::{
    cut::{self, LINE, MANY, WORD, cut},
    named,
    number::{decimal, share},
    terminal::{Paint, Terminal},
};

/// Columns of a path or of a list of words, which stands at the end of its line.
const PATH: usize = 100;
/// Columns of a key's id with what is known of it.
const SIGNER: usize = 40;
/// Signers that are named.
const WORDS: usize = 2;

/// Arguments of `maxclip show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The certificate
    certificate: PathBuf,
    /// A list of public keys that you trust; repeat it for more. Without one, signatures are not judged
    #[arg(long, value_name = "KEYS")]
    trust: Vec<PathBuf>,
    /// List every file that it names, with its length
    #[arg(long)]
    files: bool,
}

/// Shows.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let bytes = named::certificate(&args.certificate)?;
    let (statement, signers) = if envelope::is_unsigned(&bytes) {
        match envelope::read(bytes.strip_suffix(b"\n").unwrap_or(&bytes)) {
            Verdict::Pass(statement) => (statement, "unsigned: nobody answers for it before `maxclip sign`".to_owned()),
            Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
        }
    } else if args.trust.is_empty() {
        match envelope::peek(&bytes) {
            Verdict::Pass((envelope, statement)) => {
                let ids = envelope.signatures.iter().map(|signature| signature.keyid.as_str());
                (statement, format!("names {} (not judged: no --trust)", some(ids)))
            }
            Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
        }
    } else {
        match envelope::open(&bytes, &verify::trust(&args.trust)?) {
            Verdict::Pass(opened) => {
                let word = |trusted| if trusted { "trusted" } else { "not in your list" };
                let ids = opened.signers.iter().map(|signer| format!("{} ({})", signer.id, word(signer.trusted)));
                (opened.statement, format!("signed by {}", some(ids)))
            }
            Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
        }
    };
    tell(&statement, &signers, terminal);
    if args.files {
        for file in statement.subject.iter().skip(1) {
            let bytes = file.annotations.map_or(0, |annotations| annotations.bytes);
            terminal.line(format_args!("  {bytes:>14}   {}", cut(&file.name, PATH)));
        }
    }
    Ok(Exit::Pass)
}

fn tell(statement: &Statement, signers: &str, terminal: &mut Terminal) {
    let predicate = &statement.predicate;
    let (paint, word) = match predicate.outcome {
        StatedOutcome::Pass => (Paint::Good, "PASS"),
        StatedOutcome::Fail => (Paint::Bad, "FAIL"),
    };
    let word = terminal.paint(paint, word);
    let [competition, round] = [&predicate.round.competition, &predicate.round.round].map(|text| cut(text, WORD));
    terminal.line(format_args!("{word}         {competition} round {round}"));
    terminal.line(format_args!("{:<12} {signers}", "signature"));
    for (label, text) in head(predicate) {
        terminal.line(format_args!("{label:<12} {text}"));
    }
    tell_runs(predicate, terminal);
    tell_stages(predicate, terminal);
    let files = statement.subject.len() - 1;
    terminal.line(format_args!("{:<12} {files} beside the certificate; `maxclip verify` checks them", "files"));
}

/// The first words, each cut, and how many more there are.
fn some(words: impl ExactSizeIterator<Item = impl AsRef<str>>) -> String {
    let more = words.len().saturating_sub(WORDS);
    let mut shown: Vec<_> = words.take(WORDS).map(|word| cut(word.as_ref(), SIGNER)).collect();
    shown.extend((more > 0).then(|| format!("and {more} more")));
    shown.join(", ")
}

fn head(predicate: &Certificate) -> Vec<(&'static str, String)> {
    let none = || "none".to_owned();
    let (entry, submission, against) = (&predicate.entry, &predicate.submission, &predicate.against);
    let tree = submission.tree.map_or_else(|| format!("zip {}", submission.archive.short()), |tree| tree.short());
    let own = |text: &str| cut(text, LINE);
    let protocol = cut(&against.protocol, WORD);
    vec![
        ("entry", own(&entry.name)),
        ("team", own(&entry.team)),
        ("of", own(&entry.organization)),
        ("writeup", own(&entry.writeup)),
        ("submission", tree),
        ("against", format!("{protocol} {}   {}", against.protocol_digest.short(), against.frozen.short())),
        (
            "judge",
            format!(
                "{}   {}",
                against.release.short(),
                against.libtorch.map_or_else(none, |libtorch| libtorch.short())
            ),
        ),
        ("worker", submission.object.map_or_else(none, |object| object.short())),
        ("compiler", against.rustc.as_deref().map_or_else(none, own)),
        ("class", against.class.map_or_else(none, |class| class.short())),
        ("golden", against.golden.map_or_else(none, |golden| golden.short())),
        ("seed", format!("from {}, beacon {}", predicate.round.commitment.short(), cut(&predicate.round.beacon, LINE))),
    ]
}

fn tell_runs(predicate: &Certificate, terminal: &mut Terminal) {
    if predicate.runs.is_empty() {
        return;
    }
    terminal.line("");
    terminal.line(format_args!(
        "  {:<10} {:>14} {:>8}  {:<14} {:<14} {:<14} seed",
        "run", "mean", "steps", "transcript", "checkpoint", "data"
    ));
    for run in &predicate.runs {
        let variance: f64 = run.scores.iter().map(|score| score.variance.value()).sum();
        let error = variance.sqrt() / run.scores.len().max(1) as f64;
        let score = cut(&format!("{} ±{}", share(&run.mean), decimal(error)), WORD);
        let [transcript, checkpoint, data, seed] =
            [run.transcript.short(), run.checkpoint.short(), run.data.short(), run.seed.short()];
        terminal.line(format_args!(
            "  {:<10} {score:>14} {:>8}  {transcript:<14} {checkpoint:<14} {data:<14} {seed}",
            cut(&run.name().to_string(), WORD),
            run.steps
        ));
        for score in &run.scores {
            let value = estimate(score.value.value(), score.variance.value());
            let (items, ties, key) = (score.items, score.ties, cut(&score.key, WORD));
            terminal.line(format_args!("  {:<10} {value:>14}   {items} items, {ties} ties   {key}", ""));
        }
        for aggregate in aggregates(&run.scores).into_iter().skip(1) {
            let value = estimate(aggregate.value, aggregate.variance);
            terminal.line(format_args!("  {:<10} {value:>14}   DataComp's {}", "", aggregate.name));
        }
    }
    let note = "± is what the test items leave open; what seeds leave is a board's to say";
    terminal.line(format_args!("  {:<10} {:>8}         {note}", "mean", cut(&decimal(mean(&predicate.runs)), 8)));
    terminal.line("");
}

/// The mean of the scales, each the mean of its runs.
fn mean(runs: &[Run]) -> f64 {
    let run = |run: &Run| run.scores.iter().map(|score| score.value.value()).sum::<f64>() / run.scores.len() as f64;
    let scales: Vec<&[Run]> = runs.chunk_by(|a, b| a.scale == b.scale).collect();
    let scale = |runs: &&[Run]| runs.iter().map(run).sum::<f64>() / runs.len() as f64;
    scales.iter().map(scale).sum::<f64>() / scales.len() as f64
}

/// A value and its standard error; a number that no evaluation gives can be as long as it likes.
fn estimate(value: f64, variance: f64) -> String {
    cut(&format!("{} ±{}", decimal(value), decimal(variance.sqrt())), WORD)
}

fn tell_stages(predicate: &Certificate, terminal: &mut Terminal) {
    let passed = predicate.stages.iter().filter(|stage| stage.value == StageValue::Pass);
    let passed: Vec<_> = passed.take(MANY).map(|stage| cut(&stage.name, WORD)).collect();
    let text = if passed.is_empty() { "none passed".to_owned() } else { format!("{}: pass", passed.join(" ")) };
    terminal.line(format_args!("{:<12} {}", "stages", cut(&text, PATH)));
    for stage in &predicate.stages {
        if let StageValue::Fail(findings) = &stage.value {
            terminal.line(format_args!("{:<12} {}: FAIL", "", cut(&stage.name, WORD)));
            let shown: Vec<_> = findings.iter().take(MANY).map(cut::finding).collect();
            verify::tell_findings(&shown, false, terminal).ok();
            if findings.len() > MANY {
                terminal.line(format_args!("{:<12} and {} findings more", "", findings.len() - MANY));
            }
        }
    }
    if !predicate.containment.is_empty() {
        let walls: Vec<_> = predicate.containment.iter().map(|wall| cut(wall, WORD)).collect();
        terminal.line(format_args!("{:<12} {}", "confinement", cut(&walls.join(", "), PATH)));
    }
}
