//! `maxclip show`: a certificate on one screen, with what it holds and nothing else.

use std::path::PathBuf;

use anyhow::Result;
use records::{Exit, Verdict, file::read_named, v1::statement::{Certificate, Outcome, StageValue, Statement}};
use tasks::aggregate::aggregates;
use verifier::envelope::{self, CERTIFICATE_MAX};

use super::verify;
use crate::{
    board,
    terminal::{Paint, Terminal},
};

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
    let bytes = read_named(&args.certificate, CERTIFICATE_MAX)?;
    let (statement, signers) = if envelope::is_unsigned(&bytes) {
        match envelope::read(bytes.strip_suffix(b"\n").unwrap_or(&bytes)) {
            Verdict::Pass(statement) => (statement, "unsigned: nobody answers for it before `maxclip sign`".to_owned()),
            Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
        }
    } else if args.trust.is_empty() {
        match envelope::peek(&bytes) {
            Verdict::Pass((envelope, statement)) => {
                let ids: Vec<_> = envelope.signatures.iter().map(|signature| signature.keyid.as_str()).collect();
                (statement, format!("names {} (not judged: no --trust)", ids.join(", ")))
            }
            Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
        }
    } else {
        match envelope::open(&bytes, &verify::trust(&args.trust)?) {
            Verdict::Pass(opened) => {
                let word = |trusted| if trusted { "trusted" } else { "not in your list" };
                let ids: Vec<_> =
                    opened.signers.iter().map(|signer| format!("{} ({})", signer.id, word(signer.trusted))).collect();
                (opened.statement, format!("signed by {}", ids.join(", ")))
            }
            Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
        }
    };
    tell(&statement, &signers, terminal);
    if args.files {
        for file in statement.subject.iter().skip(1) {
            let bytes = file.annotations.map_or(0, |annotations| annotations.bytes);
            terminal.line(format_args!("  {bytes:>14}   {}", file.name));
        }
    }
    Ok(Exit::Pass)
}

fn tell(statement: &Statement, signers: &str, terminal: &mut Terminal) {
    let predicate = &statement.predicate;
    let (paint, word) = match predicate.outcome {
        Outcome::Pass => (Paint::Good, "PASS"),
        Outcome::Fail => (Paint::Bad, "FAIL"),
    };
    let word = terminal.paint(paint, word);
    let round = format!("{} round {}", predicate.round.competition, predicate.round.round);
    terminal.line(format_args!("{word}         {round}   {signers}"));
    for (label, text) in head(predicate) {
        terminal.line(format_args!("{label:<12} {text}"));
    }
    tell_runs(predicate, terminal);
    tell_stages(predicate, terminal);
    let files = statement.subject.len() - 1;
    terminal.line(format_args!("{:<12} {files} beside the certificate; `maxclip verify` checks them", "files"));
}

fn head(predicate: &Certificate) -> Vec<(&'static str, String)> {
    let none = || "none".to_owned();
    let (entry, submission, against) = (&predicate.entry, &predicate.submission, &predicate.against);
    let tree = submission.tree.map_or_else(|| format!("zip {}", submission.archive.short()), |tree| tree.short());
    vec![
        ("entry", format!("{}, team {}, {}   {tree}", entry.name, entry.team, entry.organization)),
        ("writeup", entry.writeup.clone()),
        ("against", format!("{} {}   {}", against.protocol, against.protocol_digest.short(), against.frozen.short())),
        ("judge", format!("{}   {}", against.release.short(), against.libtorch.map_or_else(none, |libtorch| libtorch.short()))),
        ("worker", submission.object.map_or_else(none, |object| object.short())),
        ("compiler", against.rustc.clone().unwrap_or_else(none)),
        ("class", against.class.map_or_else(none, |class| class.short())),
        ("golden", against.golden.map_or_else(none, |golden| golden.short())),
        ("seed", format!("from {}, beacon {}", predicate.round.commitment.short(), predicate.round.beacon)),
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
        let score = format!("{} ±{}", board::share(&run.mean), board::decimal(board::run_error(run)));
        let [transcript, checkpoint, data, seed] =
            [run.transcript.short(), run.checkpoint.short(), run.data.short(), run.seed.short()];
        terminal.line(format_args!(
            "  {:<10} {score:>14} {:>8}  {transcript:<14} {checkpoint:<14} {data:<14} {seed}",
            run.name().to_string(),
            run.steps
        ));
        for score in &run.scores {
            let value = estimate(score.value.value(), score.variance.value());
            let (items, ties) = (score.items, score.ties);
            terminal.line(format_args!("  {:<10} {value:>14}   {items} items, {ties} ties   {}", "", score.key));
        }
        for aggregate in aggregates(&run.scores).into_iter().skip(1) {
            let value = estimate(aggregate.value, aggregate.variance);
            terminal.line(format_args!("  {:<10} {value:>14}   DataComp's {}", "", aggregate.name));
        }
    }
    let (mean, error) = board::mean(&predicate.runs);
    terminal.line(format_args!(
        "  {:<10} {:>14}",
        "mean",
        format!("{} ±{}", board::decimal(mean), board::decimal(error))
    ));
    terminal.line("");
}

/// A value and its standard error.
fn estimate(value: f64, variance: f64) -> String {
    format!("{} ±{}", board::decimal(value), board::decimal(variance.sqrt()))
}

fn tell_stages(predicate: &Certificate, terminal: &mut Terminal) {
    let passed: Vec<_> = predicate
        .stages
        .iter()
        .filter(|stage| stage.value == StageValue::Pass)
        .map(|stage| stage.name.as_str())
        .collect();
    let text = if passed.is_empty() { "none passed".to_owned() } else { format!("{}: pass", passed.join(" ")) };
    terminal.line(format_args!("{:<12} {text}", "stages"));
    for stage in &predicate.stages {
        if let StageValue::Fail(findings) = &stage.value {
            terminal.line(format_args!("{:<12} {}: FAIL", "", stage.name));
            verify::tell_findings(findings, false, terminal).ok();
        }
    }
    if !predicate.containment.is_empty() {
        terminal.line(format_args!("{:<12} {}", "confinement", predicate.containment.join(", ")));
    }
}
