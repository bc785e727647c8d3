//! `maxclip status`: what lies in a home, how far it is, and who is at work there.
//!
//! Folders are named by whole digests, which nobody reads: this is the list by which people find theirs.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use anyhow::Result;
use records::{
    Exit, canonical,
    file::{FileError, read_bounded},
    v1::{
        identity::{IDENTITY_BYTES_MAX, Identity},
        names,
        protocol::Protocol,
        run::ResolvedRun,
        statement::StatedOutcome,
    },
};
use serde::Serialize;
use verifier::{evidence::bytes_max, release::PinnedProtocol};

use crate::{
    archive, disk,
    folders::{EntryFolder, Home},
    locks::Locked,
    protocols,
    terminal::{Paint, Terminal},
};

/// More than this is not the name of a stage.
const NOW_BYTES_MAX: u64 = 64;

/// Arguments of `maxclip status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The home: where data, goldens and entries lie
    #[arg(default_value = "runs")]
    home: PathBuf,
    /// Print canonical JSON
    #[arg(long)]
    json: bool,
}

/// What lies in a home.
#[derive(Debug, Serialize)]
struct Report {
    home: PathBuf,
    bytes: u64,
    free_bytes: Option<u64>,
    goldens: Vec<Line>,
    entries: Vec<Entry>,
    at_work: Vec<Holder>,
}

/// A folder and its size.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    bytes: u64,
}

/// An entry.
#[derive(Debug, Serialize)]
struct Entry {
    folder: PathBuf,
    name: String,
    team: String,
    protocol: String,
    competition: String,
    round: String,
    state: State,
    runs: Vec<LiveProgress>,
    bytes: u64,
    /// The process that is at work on it.
    process: Option<String>,
}

/// How far an entry is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// On its way, in a stage.
    Stage(String),
    /// Scales that were done here, of an entry that several machines share.
    Stands(Vec<String>),
    /// Judged, and not signed.
    Stated(StatedOutcome),
    /// Judged and signed.
    Signed(StatedOutcome),
    /// Files that do not say what they are.
    Damaged(String),
}

/// How far a training is.
#[derive(Debug, Serialize)]
struct LiveProgress {
    run: String,
    step: u64,
    steps: u64,
}

/// A lock that a living process holds.
#[derive(Debug, Serialize)]
struct Holder {
    lock: String,
    process: String,
}

/// Looks.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let home = Home(args.home);
    let report = look(&home)?;
    if args.json {
        terminal.json(&report)?;
    } else {
        tell(&report, terminal);
    }
    Ok(Exit::Pass)
}

fn look(home: &Home) -> Result<Report> {
    fs::read_dir(&home.0).map_err(FileError::at("read", &home.0))?;
    let protocols = protocols();
    let golden = |path: PathBuf| Ok(Line { name: named(&path), bytes: disk::size(&path)? });
    let mut at_work = Vec::new();
    for lock in disk::below(&home.locks())? {
        if let Some(process) = home.holder(&named(&lock))? {
            at_work.push(Holder { lock: named(&lock), process });
        }
    }
    Ok(Report {
        home: home.0.clone(),
        bytes: disk::size(&home.0)?,
        free_bytes: disk::free(&home.0).ok(),
        goldens: disk::below(&home.0.join("golden"))?.into_iter().map(golden).collect::<Result<_>>()?,
        entries: disk::below(&home.entries())?
            .into_iter()
            .map(|folder| entry(home, folder, &protocols))
            .collect::<Result<_>>()?,
        at_work,
    })
}

fn entry(home: &Home, folder: PathBuf, protocols: &[(String, PinnedProtocol)]) -> Result<Entry> {
    let bytes = disk::size(&folder)?;
    let read = read_bounded(&folder.join(names::IDENTITY), IDENTITY_BYTES_MAX).map_err(|error| error.to_string());
    let identity = read.and_then(|bytes| canonical::from_file::<Identity>(&bytes).map_err(|error| error.to_string()));
    let unknown = |why: String| Entry {
        folder: folder.clone(),
        name: String::new(),
        team: String::new(),
        protocol: String::new(),
        competition: String::new(),
        round: String::new(),
        state: State::Damaged(why),
        runs: Vec::new(),
        bytes,
        process: None,
    };
    let identity: Identity = match identity {
        Ok(identity) => identity,
        Err(why) => return Ok(unknown(format!("no identity: {why}"))),
    };
    if identity.digest().digits() != named(&folder) {
        return Ok(unknown(format!("a copy: identity.json is that of {}", identity.digest())));
    }
    let runs = runs(&folder)?;
    let process = home.holder(&Locked::Entry(identity.digest()).name())?;
    let (state, about) = match EntryFolder(folder.clone()).finished() {
        Ok(Some(finished)) => {
            let predicate = finished.statement.predicate;
            let state = if finished.signed { State::Signed } else { State::Stated };
            (state(predicate.outcome), Some((predicate.entry.name, predicate.entry.team)))
        }
        Ok(None) => (unfinished(&EntryFolder(folder.clone()), process.is_some())?, about(&folder)),
        Err(error) => (State::Damaged(format!("{error:#}")), about(&folder)),
    };
    let (name, team) = about.unwrap_or_default();
    let protocol = protocols.iter().find(|(_, pinned)| pinned.digest == identity.protocol);
    Ok(Entry {
        name,
        team,
        protocol: protocol.map_or_else(|| identity.protocol.to_string(), |(name, _)| name.clone()),
        competition: identity.round.competition.clone(),
        round: identity.round.round.clone(),
        state,
        runs,
        bytes,
        process,
        folder,
    })
}

/// The protocols of this release, to name a digest.
fn protocols() -> Vec<(String, PinnedProtocol)> {
    let pinned = |name: &str| protocols::carried(name).ok().map(|pinned| (name.to_owned(), pinned));
    crate::frozen::protocols().into_iter().filter_map(pinned).collect()
}

/// What `submission.toml` says, where the entry is not judged yet.
fn about(folder: &Path) -> Option<(String, String)> {
    let text = archive::about(&folder.join("entry/editable/submission.toml"))?;
    let text = |key: &str| text.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    Some((text("name"), text("team")))
}

/// How far an entry without a statement is: what stands of it where nobody is at work, or else its stage.
fn unfinished(folder: &EntryFolder, at_work: bool) -> Result<State> {
    let scale = |path: &PathBuf| named(path).strip_prefix("share-")?.strip_suffix(".json").map(str::to_owned);
    let stand: Vec<_> = disk::below(&folder.0.join("stages"))?.iter().filter_map(scale).collect();
    if !at_work && !stand.is_empty() {
        return Ok(State::Stands(stand));
    }
    let noted = read_bounded(&folder.now(), NOW_BYTES_MAX).ok();
    // It is noted as soon as the gate has passed: who finds nothing came a moment before.
    let stage = noted.and_then(|bytes| canonical::from_file::<String>(&bytes).ok());
    Ok(State::Stage(stage.unwrap_or_else(|| "intake".to_owned())))
}

/// Every run of an entry's folder but its trials.
fn runs(folder: &Path) -> Result<Vec<LiveProgress>> {
    let mut found = Vec::new();
    for scale in disk::below(folder)?.into_iter().filter(|path| named(path) != "trial") {
        for run in std::iter::once(scale.clone()).chain(disk::below(&scale)?) {
            if let Some(steps) = steps(&run) {
                let name = run.strip_prefix(folder).unwrap_or(&run).display().to_string();
                found.push(LiveProgress { run: name, step: done(&run), steps });
            }
        }
    }
    Ok(found)
}

/// The steps of a run folder's run; `None` where it is none.
fn steps(folder: &Path) -> Option<u64> {
    let bytes = read_bounded(&folder.join(names::RUN), bytes_max(names::RUN)).ok()?;
    let run: ResolvedRun = canonical::from_file(&bytes).ok()?;
    let (protocol, _) = Protocol::parse(&run.protocol).ok()?;
    protocol.scale(&run.scale).map(|scale| scale.steps)
}

/// The steps that stand in a run folder's transcript.
fn done(folder: &Path) -> u64 {
    let Ok(file) = File::open(folder.join(names::TRANSCRIPT)) else { return 0 };
    let lines = BufReader::new(file).split(b'\n').map_while(io::Result::ok).count();
    (lines as u64).saturating_sub(1)
}

fn named(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn tell(report: &Report, terminal: &mut Terminal) {
    let free = report.free_bytes.map(|free| format!(", {} free", disk::shown(free))).unwrap_or_default();
    terminal.line(format_args!("home      {}   {}{free}", report.home.display(), disk::shown(report.bytes)));
    for golden in &report.goldens {
        terminal.line(format_args!("golden    {}   {}", golden.name, disk::shown(golden.bytes)));
    }
    for entry in &report.entries {
        tell_entry(entry, terminal);
    }
    for Holder { lock, process } in &report.at_work {
        terminal.line(format_args!("at work   process {process} has {lock}"));
    }
}

fn tell_entry(entry: &Entry, terminal: &mut Terminal) {
    let outcome = |outcome: &StatedOutcome, note| match outcome {
        StatedOutcome::Pass => (Paint::Good, "PASS", note),
        StatedOutcome::Fail => (Paint::Bad, "FAIL", note),
    };
    let note;
    let (paint, word, note) = match &entry.state {
        State::Signed(found) => outcome(found, "signed"),
        State::Stated(found) => outcome(found, "not signed"),
        State::Stands(scales) => {
            note = format!("scale {}; no verdict before all are joined", scales.join(", "));
            (Paint::Doubt, "stands", note.as_str())
        }
        State::Stage(stage) => {
            (Paint::Doubt, stage.as_str(), if entry.process.is_some() { "at work" } else { "stopped" })
        }
        State::Damaged(why) => (Paint::Bad, "damaged", why.as_str()),
    };
    let word = terminal.paint(paint, word);
    let who = if entry.name.is_empty() { "a ZIP without a name" } else { &entry.name };
    let team = if entry.team.is_empty() { String::new() } else { format!(", team {}", entry.team) };
    terminal.line(format_args!("entry     {who}{team}   {word}, {note}"));
    let round = format!("{} round {}", entry.competition, entry.round);
    terminal.line(format_args!("          {}, {round}   {}", entry.protocol, disk::shown(entry.bytes)));
    let unfinished = entry.runs.iter().filter(|run| run.step < run.steps);
    let runs: Vec<_> = unfinished.map(|run| format!("{} {} of {}", run.run, run.step, run.steps)).collect();
    if !runs.is_empty() {
        terminal.line(format_args!("          {}", runs.join(", ")));
    }
    terminal.line(format_args!("          {}", entry.folder.display()));
}
