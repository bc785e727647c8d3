//! `maxclip certify`: from a ZIP to an unsigned statement with its evidence.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{
    Exit, canonical, file,
    v1::{
        identity::{HandedIn, Identity},
        statement::{Stage, StageValue, StatedOutcome, Statement},
    },
};
use serde_json::json;
use verifier::{gate::Judgement, release::PinnedProtocol};

use crate::{
    archive,
    certify::{
        Certification, Ended,
        share::{self, Offer},
        statement,
    },
    entry::{self, Entry},
    folders::{EntryFolder, Finished, Home},
    frozen,
    kit::Kit,
    launch,
    locks::{Lock, Locked},
    problem::Problem,
    protocols, round, signals,
    terminal::{Paint, Terminal},
};

/// Arguments of `maxclip certify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The submission
    zip: PathBuf,
    /// The protocol to certify under: a name, or a file of your own that ends with .toml
    #[arg(long, value_name = "NAME|FILE")]
    protocol: String,
    /// Where data, goldens and entries lie
    #[arg(long, default_value = "runs")]
    home: PathBuf,
    /// The round's file, with its beacon [default: the practice round]
    #[arg(long)]
    round: Option<PathBuf>,
    /// Do this scale and no other: several machines share an entry, and --join puts it together
    #[arg(long, value_name = "NAME", conflicts_with = "join")]
    scale: Option<String>,
    /// The entry's folder of a machine that did a scale of it; repeat it for more
    #[arg(long, value_name = "ENTRY_FOLDER")]
    join: Vec<PathBuf>,
    /// Trainings at once
    #[arg(long, default_value_t = cores(), value_parser = super::positive::<usize>)]
    jobs: usize,
    /// Where the built programs are [default: beside this program]
    #[arg(long)]
    kit: Option<PathBuf>,
    /// Print the statement instead of the story
    #[arg(long)]
    json: bool,
}

/// Processors that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Certifies.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let _patience = signals::patiently(signals::Again::GoesOn);
    let pinned = protocols::chosen(&args.protocol)?;
    args.scale.as_deref().map(|scale| protocols::scale(&pinned.protocol, scale)).transpose()?;
    let round = round::load(args.round.as_deref())?;
    let home = Home(args.home);
    let zip = archive::read_zip(&args.zip)?;
    let judgement = entry::gate(&zip, Some(&pinned.protocol))?;
    if !args.json {
        tell_passed(&judgement.stages, terminal);
    }
    let Some(entry) = Entry::admitted(&judgement) else {
        let handed_in = HandedIn::Refused { archive: judgement.archive };
        let identity = Identity::new(handed_in, pinned.digest, round.public(), judgement.frozen);
        let (folder, _alone) = hold(&home, &identity)?;
        if let Some(finished) = folder.claim(&identity)? {
            return found(&finished, &judgement, args.json, terminal);
        }
        file::write(&folder.archive(), &zip)?;
        let statement = statement::refused(&judgement, zip.len(), &pinned, &round);
        file::write(&folder.statement(), &canonical::to_file(&statement)?)?;
        return tell(&statement, &folder.statement(), args.json, terminal);
    };
    let kit = Kit::find(args.kit.as_deref()).map_err(Problem::from)?;
    let class = launch::class(&kit)?;
    let handed_in = HandedIn::Admitted { tree: entry.digest, class };
    let identity = Identity::new(handed_in, pinned.digest, round.public(), frozen::digest());
    let (folder, _alone) = hold(&home, &identity)?;
    if let Some(finished) = folder.claim(&identity)? {
        return found(&finished, &judgement, args.json, terminal);
    }
    if args.scale.as_deref().is_some_and(|scale| folder.share(scale).exists()) {
        terminal.say("this scale stood before; nothing is done again");
        return tell_standing(&folder, &pinned, args.json, terminal);
    }
    let open = |path: &PathBuf| Offer::open(path, &folder, &identity, &pinned.protocol);
    let offers = args.join.iter().map(open).collect::<Result<Vec<_>>>()?;
    file::write(&folder.archive(), &zip)?;
    for (name, bytes) in &entry.tree.files {
        file::write(&folder.0.join("entry").join(name), bytes)?;
    }
    let job = Certification {
        kit: &kit,
        home: &home,
        folder,
        class,
        pinned: &pinned,
        round: &round,
        entry: &entry,
        archive: judgement.archive,
        jobs: args.jobs,
        quiet: args.json,
        only: args.scale.as_deref(),
        offers,
    };
    match job.run(judgement.stages.clone(), terminal)? {
        Ended::Inconclusive(reason) => Err(Problem::from(reason).into()),
        Ended::Judged(statement) => tell(&statement, &job.folder.statement(), args.json, terminal),
        Ended::Stands => tell_standing(&job.folder, &pinned, args.json, terminal),
    }
}

/// Says which scales stand, and how they become a statement: what was asked for is done, and nothing is judged.
fn tell_standing(folder: &EntryFolder, pinned: &PinnedProtocol, json: bool, terminal: &mut Terminal) -> Result<Exit> {
    let shares = share::standing(folder, &pinned.protocol)?;
    let names = pinned.protocol.scales.iter().map(|scale| scale.name.as_str());
    let (stand, open): (Vec<_>, Vec<_>) = names.partition(|name| shares.contains_key(*name));
    if json {
        let exit = Exit::Pass;
        terminal.json(&json!({"exit": exit, "folder": folder.0, "stand": stand, "open": open}))?;
        return Ok(exit);
    }
    let word = terminal.paint(Paint::Good, "stands");
    terminal.line(format_args!("    {word}       {}   no verdict yet", folder.0.display()));
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    terminal.line(format_args!("    scales       {}   not here: {}", list(&stand), list(&open)));
    terminal.hint(match open.is_empty() {
        true => "all scales stand here: give the same command without --scale",
        false => {
            "when each scale stands on some machine, copy their folders to one of them, and give the same command there \
             with --join FOLDER for each, and without --scale"
        }
    });
    Ok(Exit::Pass)
}

/// The folder of an identity, held alone.
fn hold(home: &Home, identity: &Identity) -> Result<(EntryFolder, Lock)> {
    Ok((home.entry(identity), home.lock(Locked::Entry(identity.digest()))?))
}

fn tell_passed(stages: &[Stage], terminal: &mut Terminal) {
    for stage in stages.iter().filter(|stage| stage.value == StageValue::Pass) {
        let word = terminal.paint(Paint::Good, "pass");
        terminal.line(format_args!("    {:<12} {word}   {}", stage.name, stage.note));
    }
}

/// Gives the statement that is there: one tree is one entry of a round, whoever hands it in and however it is packed.
fn found(finished: &Finished, judgement: &Judgement, json: bool, terminal: &mut Terminal) -> Result<Exit> {
    let (path, statement) = (finished.path.display(), &finished.statement);
    let word = if finished.signed { "signed" } else { "certified" };
    terminal.say(format_args!("this was {word} before; nothing is done again"));
    let submission = &statement.predicate.submission;
    if submission.archive != judgement.archive {
        let entry = &statement.predicate.entry;
        terminal.say(format_args!(
            "the same tree in another ZIP: {path} names {}, handed in as `{}` by team `{}`",
            submission.archive, entry.name, entry.team
        ));
    }
    if !finished.signed {
        terminal.hint("to have the statement written anew, remove it: what has been done already is not done twice");
    }
    if !json {
        let rest = statement.predicate.stages.get(judgement.stages.len()..).unwrap_or_default();
        tell_passed(rest, terminal);
    }
    tell(statement, &finished.path, json, terminal)
}

/// Prints a verdict and gives its exit code.
fn tell(statement: &Statement, path: &Path, json: bool, terminal: &mut Terminal) -> Result<Exit> {
    let passed = statement.predicate.outcome == StatedOutcome::Pass;
    if json {
        terminal.json(statement)?;
    } else {
        let word = if passed { terminal.paint(Paint::Good, "PASS") } else { terminal.paint(Paint::Bad, "FAIL") };
        for stage in &statement.predicate.stages {
            if let StageValue::Fail(findings) = &stage.value {
                crate::findings::print(&findings.iter().collect::<Vec<_>>(), None, terminal);
            }
        }
        terminal.line(format_args!("    {word}         {}", path.display()));
    }
    Ok(if passed { Exit::Pass } else { Exit::Fail })
}
