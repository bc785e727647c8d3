//! `maxclip verify`: whether a certificate and every file beside it are what a trusted key signed.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use records::{
    Exit, Finding, Reason, ReleaseDigest, Verdict,
    file::read_named,
    v1::statement::{Certificate, StatedOutcome},
};
use serde_json::json;
use verifier::{
    certificate::{self, Ground, Verified},
    evidence::part::{KINDS, Part},
    keys::Trust,
};

use crate::{
    goldens, named,
    plain::PlainFolder,
    problem::Problem,
    protocols, round,
    terminal::{Paint, Terminal},
};

/// The longest list of keys, in bytes.
const TRUST_MAX: u64 = 1 << 20;

/// Arguments of `maxclip verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The certificate; the files that it names lie beside it
    certificate: PathBuf,
    /// A list of public keys that you trust, such as a `.pub` file; repeat it for more
    #[arg(long, required = true, value_name = "KEYS")]
    trust: Vec<PathBuf>,
    /// Look at one part alone: a kind (source, run, transcript, checkpoints, evaluation), or a file or folder of
    /// the certificate (small, small/1/published)
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// The round, by which every seed is made again: its organizer's file, or what `round reveal` wrote
    #[arg(long, value_name = "FILE")]
    round: Option<PathBuf>,
    /// What `round commit` wrote before the round, which the certificate is held to
    #[arg(long, value_name = "FILE")]
    commitment: Option<PathBuf>,
    /// The file of an organizer's own protocol that it was certified under; its model lies beside it
    #[arg(long, value_name = "FILE")]
    protocol: Option<String>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// Verifies.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let trust = trust(&args.trust)?;
    let bytes = named::certificate(&args.certificate)?;
    let (release, goldens) = (protocols::release_with(args.protocol.as_slice())?, goldens::own());
    let round = match args.round.map(|path| round::known(&path, &trust)).transpose()? {
        None => None,
        Some(Verdict::Pass(round)) => Some(round),
        Some(Verdict::Fail(findings)) => return tell_findings(&findings, args.json, terminal),
        Some(Verdict::Inconclusive(reason)) => return tell_reason(&reason, args.json, terminal),
    };
    let announced = match round::announced(args.commitment.as_deref(), Some(&trust))? {
        Verdict::Pass(announced) => announced,
        Verdict::Fail(findings) => return tell_findings(&findings, args.json, terminal),
        Verdict::Inconclusive(reason) => return tell_reason(&reason, args.json, terminal),
    };
    let (round, announced) = (round.as_ref(), announced.as_ref());
    let ground = Ground { release: &release, round, announced, goldens: &goldens };
    let part = args.only.map_or(Part::Kept, Part::Only);
    match certificate::verify(&bytes, &trust, &PlainFolder::of(&args.certificate), &part, &ground)? {
        Verdict::Pass(verified) if verified.counts.files == 0 => Err(no_such_part(&part).into()),
        Verdict::Pass(verified) => tell_pass(&verified, &release.digest, args.json, terminal),
        Verdict::Fail(findings) => tell_findings(&findings, args.json, terminal),
        Verdict::Inconclusive(reason) => tell_reason(&reason, args.json, terminal),
    }
}

fn no_such_part(part: &Part) -> Problem {
    let name = if let Part::Only(name) = part { name.as_str() } else { "anything" };
    Problem::usage(format!("the certificate names no file that is `{name}`, of that kind, or below it"))
        .hint(format!("name a kind ({}), or a file or folder that `maxclip show --files` lists", KINDS.join(", ")))
}

/// Reads lists of public keys.
pub fn trust(paths: &[PathBuf]) -> Result<Trust> {
    let mut text = String::new();
    for path in paths {
        let bytes = read_named(path, TRUST_MAX)?;
        let one = String::from_utf8(bytes).ok().context(Problem::usage(format!("{} is not text", path.display())))?;
        Trust::parse(&one).map_err(|error| Problem::usage(format!("{}: {error}", path.display())))?;
        text.push_str(&one);
        text.push('\n');
    }
    Ok(Trust::parse(&text).map_err(|error| Problem::usage(format!("the lists of --trust together: {error}")))?)
}

fn tell_pass(verified: &Verified, release: &ReleaseDigest, json: bool, terminal: &mut Terminal) -> Result<Exit> {
    let counts = &verified.counts;
    let Certificate { outcome, against, .. } = &verified.statement.predicate;
    if json {
        let signers: Vec<_> =
            verified.signers.iter().map(|signer| json!({"keyid": signer.id, "trusted": signer.trusted})).collect();
        terminal.json(&json!({
            "exit": Exit::Pass, "outcome": outcome, "stated_by": against.release, "judged_by": release,
            "signers": signers, "checked": counts, "seeds": verified.seeds,
        }))?;
        return Ok(Exit::Pass);
    }
    let word = terminal.paint(Paint::Good, "pass");
    terminal.line(format_args!(
        "{word}       signature good, {0} of {0} files as signed, {1} checkpoints, {2} steps of transcripts",
        counts.files, counts.checkpoints, counts.steps
    ));
    if against.release != *release {
        let [stated, judged] = [&against.release, release].map(ReleaseDigest::short);
        terminal.line(format_args!("           stated by {stated}, judged here by {judged}: they judge it alike"));
    }
    match verified.seeds {
        Some(0) => {}
        Some(seeds) => terminal.line(format_args!("           {seeds} of {seeds} seeds are those of the round")),
        None => {
            terminal.line("           seeds not judged: that takes the round's secret, once revealed (--round FILE)")
        }
    }
    if counts.left_out > 0 {
        terminal.line(format_args!("           {} files were not asked for: nothing is said of them", counts.left_out));
    }
    if let [first, ..] = &counts.pruned[..] {
        let many = counts.pruned.len();
        terminal
            .line(format_args!("           {many} checkpoints pruned by rule, as nobody needs them here: {first} .."));
    }
    for signer in &verified.signers {
        let note = if signer.trusted { "trusted" } else { "not in your list: its signature was not judged" };
        terminal.line(format_args!("           signed by {}   {note}", signer.id));
    }
    if *outcome == StatedOutcome::Fail {
        terminal.line("           what it certifies is a FAIL: see `maxclip show`");
    }
    Ok(Exit::Pass)
}

/// Prints findings, one block each; the file first and the place in it below.
pub fn tell_findings(findings: &[Finding], json: bool, terminal: &mut Terminal) -> Result<Exit> {
    if json {
        terminal.json(&json!({"exit": Exit::Fail, "findings": findings}))?;
        return Ok(Exit::Fail);
    }
    let word = terminal.paint(Paint::Bad, "FAIL");
    for finding in findings {
        let (file, within) = split(&finding.place);
        terminal.line(format_args!("{word}       {:<20} {file}", finding.rule));
        if !within.is_empty() {
            terminal.line(format_args!("           {within}"));
        }
        for (label, text) in [("expected", &finding.expected), ("found", &finding.found)] {
            if !text.is_empty() {
                terminal.line(format_args!("           {label:<9} {text}"));
            }
        }
        let said = finding.attachment.iter().flat_map(|attachment| attachment.text.lines());
        said.for_each(|line| terminal.line(format_args!("           said      {line}")));
    }
    Ok(Exit::Fail)
}

/// The file of a place and what is in it; a place that starts with no path is one piece.
fn split(place: &str) -> (&str, &str) {
    let parts = place.split_once(' ').filter(|(file, _)| file.contains('/') && !file.ends_with([',', ':']));
    parts.unwrap_or((place, ""))
}

/// Prints why this cannot be judged here.
pub fn tell_reason(reason: &Reason, json: bool, terminal: &mut Terminal) -> Result<Exit> {
    if json {
        terminal.json(&json!({"exit": Exit::Inconclusive, "reason": reason}))?;
    } else {
        let word = terminal.paint(Paint::Doubt, "unknown");
        terminal.line(format_args!("{word}    {}", reason.why));
        terminal.hint(&reason.hint);
    }
    Ok(Exit::Inconclusive)
}
