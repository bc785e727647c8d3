//! `maxclip leaderboard`: a table and a static page from certificates.
//!
//! A certificate that does not hold, cannot be judged here or is of another board is gone past and named. No evidence
//! is read: `maxclip verify` does that.

mod caption;
mod page;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Result;
use competition::board::{self, Apart, Board, Certified, EntryRow, Placement, Significance};
use records::{
    Exit, Finding, ProtocolDigest, Reason, Sha256, Verdict,
    file::{self, FileError, Links},
    v1::{names::CERTIFICATE, round::Announcement},
};
use serde_json::{Value, json};
use verifier::{
    certificate::{self, Ground},
    envelope::{self, CERTIFICATE_MAX},
    keys::{PublicKey, Trust},
};

use self::caption::Caption;
use super::verify;
use crate::{
    cut::{self, LINE, WORD, cut},
    number::{decimal, ranks, signed},
    outputs::Output,
    problem::Problem,
    protocols,
    terminal::{Paint, Terminal},
};

/// What a board has looked at.
const CHECKED: &str = "each signed by a trusted key; evidence not read";

/// Arguments of `maxclip leaderboard`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Certificates, entries' folders, or folders of those
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// A list of public keys that you trust, such as a `.pub` file; repeat it for more
    #[arg(long, required = true, value_name = "KEYS")]
    trust: Vec<PathBuf>,
    /// Leave out certificates of other protocols: a name, or the file of an organizer's own, by which they are judged
    #[arg(long, value_name = "NAME|FILE")]
    protocol: Option<String>,
    /// Leave out certificates of other rounds
    #[arg(long)]
    round: Option<String>,
    /// What the board is called, above it
    #[arg(long, value_name = "TEXT", value_parser = caption::title)]
    title: Option<String>,
    /// What `round commit` wrote before the round: certificates are held to it, and the board shows its dates
    #[arg(long, value_name = "FILE")]
    commitment: Option<PathBuf>,
    /// Write the page to this file too, and what it links to into `certificates/` beside it
    #[arg(long)]
    html: Option<PathBuf>,
    /// Print the board as JSON
    #[arg(long)]
    json: bool,
}

/// Why a certificate is not on the board.
enum Past {
    /// It does not hold.
    Fail(Vec<Finding>),
    /// It cannot be judged here.
    Unknown(Reason),
    /// It is of another board.
    Apart(String),
}

impl Past {
    fn exit(&self) -> Exit {
        match self {
            Self::Fail(_) => Exit::Fail,
            Self::Unknown(_) => Exit::Inconclusive,
            Self::Apart(_) => Exit::Pass,
        }
    }

    fn tell(&self, path: &str, terminal: &mut Terminal) -> Result<()> {
        terminal.say(format_args!("{path}: not on the board"));
        match self {
            Self::Fail(findings) => {
                let shown: Vec<_> = findings.iter().take(cut::MANY).map(cut::finding).collect();
                verify::tell_findings(&shown, false, terminal)?;
            }
            Self::Unknown(reason) => {
                let reason = Reason { why: cut(&reason.why, 3 * LINE), hint: reason.hint.clone() };
                verify::tell_reason(&reason, false, terminal)?;
            }
            Self::Apart(why) => terminal.say(format_args!("           {why}")),
        }
        Ok(())
    }

    fn json(&self, path: &str) -> Value {
        match self {
            Self::Fail(findings) => json!({"path": path, "exit": Exit::Fail, "findings": findings}),
            Self::Unknown(reason) => json!({"path": path, "exit": Exit::Inconclusive, "reason": reason}),
            Self::Apart(why) => json!({"path": path, "exit": Exit::Pass, "apart": why}),
        }
    }
}

/// Makes a board of the certificates that hold.
///
/// Ends in 1 where one of the others does not hold, else in 3 where one cannot be judged: a board that leaves something
/// out is written, and never passes for the whole.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let html = args.html.as_deref().map(|path| Output::named(path, "board.html")).transpose()?;
    let trust = verify::trust(&args.trust)?;
    let asked = args.protocol.as_deref().map(protocols::chosen).transpose()?.map(|pinned| pinned.digest);
    let own = args.protocol.iter().filter(|name| name.ends_with(".toml")).cloned().collect::<Vec<_>>();
    let release = protocols::release_with(&own)?;
    let caption = match Caption::read(args.title, args.commitment, &trust)? {
        Verdict::Pass(caption) => caption,
        Verdict::Fail(findings) => return verify::tell_findings(&findings, args.json, terminal),
        Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, args.json, terminal),
    };
    let ground = Ground { release: &release, round: None, announced: caption.announced(), goldens: &[] };
    let (mut certified, mut past) = (Vec::new(), Vec::new());
    for (path, links) in certificates(&args.from)? {
        let name = path.display().to_string();
        match open(&path, links, &trust)? {
            Verdict::Pass(one) if left_out(&one, asked.as_ref(), args.round.as_deref()) => {}
            Verdict::Pass(one) => match held(one, &ground) {
                Ok(one) => certified.push(one),
                Err(why) => past.push((name, why)),
            },
            Verdict::Fail(findings) => past.push((name, Past::Fail(findings))),
            Verdict::Inconclusive(reason) => past.push((name, Past::Unknown(reason))),
        }
    }
    let refused = |error| Problem::usage(error).hint("name the board's: `--protocol NAME`, `--round NAME`");
    let (certified, apart) = board::gather(certified).map_err(refused)?;
    past.extend(apart.into_iter().map(|Apart { path, why }| (path, Past::Apart(why))));
    let exits: Vec<_> = past.iter().map(|(_, past)| past.exit()).collect();
    let exit = [Exit::Fail, Exit::Inconclusive].into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::Pass);
    if !args.json {
        past.iter().try_for_each(|(path, past)| past.tell(path, terminal))?;
    }
    let Some(first) = certified.first() else {
        return nothing(&past, exit, args.json, terminal);
    };
    let pinned = release.protocol(&first.statement.predicate.against).map_err(Problem::from)?;
    let board = board::make(&certified, &pinned.protocol, &release.baseline).map_err(Problem::usage)?;
    if let Some(out) = &html {
        page::write(out, &board, &caption, &certified)?;
    }
    if args.json {
        tell_json(&board, &caption, &past, exit, terminal)?;
    } else {
        tell(&board, &caption, &past, terminal);
    }
    Ok(exit)
}

/// Whether the caller asked for another protocol or round.
fn left_out(one: &Certified, protocol: Option<&ProtocolDigest>, round: Option<&str>) -> bool {
    let predicate = &one.statement.predicate;
    protocol.is_some_and(|asked| *asked != predicate.against.protocol_digest)
        || round.is_some_and(|asked| asked != predicate.round.round)
}

/// Holds a certificate to this release and to what was announced of its round: whether it says what it must.
fn held(one: Certified, ground: &Ground<'_>) -> Result<Certified, Past> {
    let stated = &one.statement.predicate.round;
    let called =
        |announced: &Announcement| (&announced.competition, &announced.round) == (&stated.competition, &stated.round);
    if ground.announced.is_some_and(|announced| !called(announced)) {
        return Err(Past::Apart("it is of another round than the commitment that was given".to_owned()));
    }
    let round = certificate::known_round(&one.statement);
    match certificate::conform(&one.statement, &Ground { round: round.as_ref(), ..*ground }) {
        Verdict::Pass(_) => Ok(one),
        Verdict::Fail(findings) => Err(Past::Fail(findings)),
        Verdict::Inconclusive(reason) => Err(Past::Unknown(reason)),
    }
}

fn nothing(past: &[(String, Past)], exit: Exit, as_json: bool, terminal: &mut Terminal) -> Result<Exit> {
    if exit == Exit::Pass {
        return Err(Problem::usage("no certificate of that protocol and round").into());
    }
    if as_json {
        let left: Vec<_> = past.iter().map(|(path, past)| past.json(path)).collect();
        terminal.json(&json!({"exit": exit, "left_out": left}))?;
    } else {
        terminal.say("no board: none of the certificates can be on one");
    }
    Ok(exit)
}

/// Every certificate at or below what was named, without doubles, in the order of their paths; only one that
/// was itself named may be a link.
fn certificates(from: &[PathBuf]) -> Result<Vec<(PathBuf, Links)>> {
    let mut found = Vec::new();
    for path in from {
        if !path.is_dir() {
            found.push((path.clone(), Links::Follow));
            continue;
        }
        let own = path.join(CERTIFICATE);
        if is_there(&own)? {
            found.push((own, Links::Refuse));
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(FileError::at("read", path))?;
        for entry in entries {
            let inner = entry.map_err(FileError::at("read", path))?.path().join(CERTIFICATE);
            if is_there(&inner)? {
                found.push((inner, Links::Refuse));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.dedup_by(|(a, _), (b, _)| a == b);
    if found.is_empty() {
        let home = from.iter().map(|path| path.join("entries")).find(|entries| entries.is_dir());
        let hint = home.map_or_else(
            || "`maxclip sign` writes one into an entry's folder".to_owned(),
            |entries| format!("a home's entries lie below {}: name that", entries.display()),
        );
        return Err(Problem::usage("no certificate.json there").hint(hint).into());
    }
    Ok(found)
}

/// Whether something is called like a certificate. What it is shows when it is opened: a link, a FIFO or a folder that may
/// not be read is refused, and never left out of a board without a word.
fn is_there(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(FileError::at("read", path)(error).into()),
    }
}

/// Opens a certificate: who signed it.
fn open(path: &Path, links: Links, trust: &Trust) -> Result<Verdict<Certified>> {
    let bytes = file::read_plain(path, CERTIFICATE_MAX, links)?;
    let (path, file) = (path.display().to_string(), Sha256::of(&bytes));
    Ok(envelope::open(&bytes, trust).map(|opened| {
        let signed = |key: &&PublicKey| opened.signers.iter().any(|signer| signer.trusted && signer.id == key.id());
        let signers = trust.keys.iter().filter(signed).map(PublicKey::digest).collect();
        Certified { path, file, statement: opened.statement, signers }
    }))
}

fn tell(board: &Board, caption: &Caption, past: &[(String, Past)], terminal: &mut Terminal) {
    if let Some(title) = &caption.title {
        let title = terminal.paint(Paint::Strong, &cut(title, LINE));
        terminal.line(title);
    }
    let title = terminal.paint(Paint::Strong, "leaderboard");
    let [protocol, competition, round] =
        [&board.protocol, &board.competition, &board.round].map(|text| cut(text, WORD));
    terminal.line(format_args!("{title}   {protocol}   {competition} round {round}"));
    let scales: String = board.scales.iter().map(|scale| format!("{:>9}", cut(&scale.name, 8))).collect();
    let imagenet = board.rows.iter().any(|row| row.imagenet.is_some());
    let beside = if imagenet { "  ImageNet" } else { "" };
    terminal.line(format_args!("  rank  {:<20} {:>12}{beside}{scales}   on the baseline", "entry", "mean"));
    for row in &board.rows {
        let Some((place, scales)) = row.places.split_first() else { continue };
        let scales: String = scales.iter().map(|place| format!("{:>9}", decimal(place.standing.score))).collect();
        let beside = row.imagenet.map_or_else(String::new, |scored| format!("{:>10}", decimal(scored.value)));
        let mean = format!("{} ± {}", decimal(place.standing.score), decimal(place.standing.error));
        let (rank, name) = (ranks(place.standing.best, place.standing.worst), cut(&row.entry.name, 20));
        let pad = " ".repeat(20usize.saturating_sub(cut::columns(&name)));
        terminal.line(format_args!("{rank:>6}  {name}{pad} {mean:>12}{beside}{scales}   {}", on_baseline(row, place)));
    }
    for failed in &board.failed {
        let what = format!("failed: {} ({})", cut(&failed.stage, WORD), failed.rules.join(", "));
        terminal.line(format_args!("     -  {:<20} {what}", cut(&failed.entry.name, 20)));
    }
    let unknown = "not known: no commitment of the round was given (--commitment FILE)";
    let dated = match caption.notes() {
        Some([days, beacon]) => vec![("dates", days), ("beacon", beacon)],
        None => vec![("dates", unknown.to_owned())],
    };
    for (label, note) in dated.into_iter().chain(["seeds", "ranks"].into_iter().zip(notes(board))) {
        terminal.line(format_args!("  {label:<8} {note}"));
    }
    if let Some(note) = releases(board) {
        terminal.line(format_args!("  {:<8} {note}", "releases"));
    }
    terminal.line(format_args!("  {:<8} {CHECKED}", "checked"));
    if !past.is_empty() {
        terminal.line(format_args!("  {:<8} {} certificates are not on it: see above", "left out", past.len()));
    }
    terminal.line(format_args!("  a function of {} certificates, root {}", board.certificates, board.root));
}

fn on_baseline(row: &EntryRow, place: &Placement) -> String {
    match &place.on_baseline {
        None if row.baseline => "is the baseline".to_owned(),
        None => "the baseline is not here".to_owned(),
        Some((difference, call)) => {
            let word = match call {
                Significance::Better => "better",
                Significance::Worse => "worse",
                Significance::Noise => "within noise",
            };
            format!("{} ± {}  {word}", signed(difference.value), decimal(difference.error))
        }
    }
}

/// What a reader must know of a board's numbers.
fn notes(board: &Board) -> [String; 2] {
    let seeds = |scale: &board::BoardScale| format!("{} {}", cut(&scale.name, WORD), scale.seeds);
    let seeds: Vec<_> = board.scales.iter().map(seeds).collect();
    let spreads: Vec<_> = board.scales.iter().map(|scale| decimal(scale.spread)).collect();
    let rest = if board.scales.iter().all(|scale| scale.seeds == 1) {
        format!("one seed: the protocol's spread between seeds stands in ({})", spreads.join(", "))
    } else if board.spread_stands_in {
        format!("too few trainings to measure luck: the protocol's spread stands in ({})", spreads.join(", "))
    } else {
        "what seeds leave to chance is measured here".to_owned()
    };
    [
        format!("the same for all, {}; {rest}", seeds.join(", ")),
        "intervals, as far as the results tell; all differences of the board are called at one level, 5 %".to_owned(),
    ]
}

/// Which releases stated the certificates, where there is more than one.
fn releases(board: &Board) -> Option<String> {
    let named = board.releases.iter().map(|(release, count)| format!("{} ({count})", release.short()));
    let named: Vec<_> = named.collect();
    (named.len() > 1).then(|| format!("stated by {} of one frozen tree: {}", named.len(), named.join(", ")))
}

fn tell_json(
    board: &Board,
    caption: &Caption,
    past: &[(String, Past)],
    exit: Exit,
    terminal: &mut Terminal,
) -> Result<()> {
    let real = |value: f64| format!("{value:.6}");
    let place = |name: &str, place: &Placement| {
        let on_baseline = place.on_baseline.map(|(difference, call)| {
            let call = match call {
                Significance::Better => "better",
                Significance::Worse => "worse",
                Significance::Noise => "within-noise",
            };
            json!({"difference": real(difference.value), "error": real(difference.error), "call": call})
        });
        let standing = &place.standing;
        json!({
            "of": name, "score": real(standing.score), "error": real(standing.error), "best": standing.best,
            "worst": standing.worst, "on_baseline": on_baseline,
        })
    };
    let names = || ["mean"].into_iter().chain(board.scales.iter().map(|scale| scale.name.as_str()));
    let row = |row: &EntryRow| {
        json!({
            "entry": row.entry, "tree": row.tree, "statement": row.statement, "certificate": row.file,
            "baseline": row.baseline,
            "imagenet1k": row.imagenet.map(|scored| json!({"score": real(scored.value), "error": real(scored.error)})),
            "places": names().zip(&row.places).map(|(name, at)| place(name, at)).collect::<Vec<_>>(),
        })
    };
    let failed = |failed: &board::FailedEntry| {
        json!({
            "entry": failed.entry, "archive": failed.archive, "certificate": failed.file, "stage": failed.stage,
            "rules": failed.rules,
        })
    };
    let scale = |scale: &board::BoardScale| {
        json!({
            "scale": scale.name, "seeds": scale.seeds, "spread": real(scale.spread),
            "spread_stands_in": scale.spread_stands_in,
        })
    };
    terminal.json(&json!({
        "exit": exit, "protocol": board.protocol, "competition": board.competition, "round": board.round,
        "caption": caption.json(),
        "certificates": board.certificates, "root": board.root, "checked": CHECKED, "releases": board.releases,
        "scales": board.scales.iter().map(scale).collect::<Vec<_>>(), "spread_stands_in": board.spread_stands_in,
        "rows": board.rows.iter().map(row).collect::<Vec<_>>(),
        "failed": board.failed.iter().map(failed).collect::<Vec<_>>(),
        "left_out": past.iter().map(|(path, past)| past.json(path)).collect::<Vec<_>>(),
    }))
}
