//! `maxclip certify`: from a ZIP to an unsigned statement with its evidence.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{Exit, canonical, file, v1::statement::{Outcome, StageValue, Statement}};

use crate::{
    archive,
    certify::{Certification, Ended, statement},
    entry::{self, Entry},
    folders::Home,
    kit::Kit,
    problem::Problem,
    resolve::Law,
    round,
    terminal::{Paint, Terminal},
};

/// Arguments of `maxclip certify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The submission
    zip: PathBuf,
    /// The protocol to certify under
    #[arg(long)]
    protocol: String,
    /// Where data, goldens and entries lie
    #[arg(long, default_value = "runs")]
    home: PathBuf,
    /// The round's file: competition, round, secret, beacon [default: the practice round]
    #[arg(long)]
    round: Option<PathBuf>,
    /// Trainings at once
    #[arg(long, default_value_t = cores())]
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
    let law = Law::named(&args.protocol)?;
    let round = round::load(args.round.as_deref())?;
    let home = Home(args.home);
    let judgement = entry::gate(&archive::read_zip(&args.zip)?)?;
    if !args.json {
        for stage in judgement.stages.iter().filter(|stage| stage.value == StageValue::Pass) {
            let word = terminal.paint(Paint::Good, "pass");
            terminal.line(format_args!("    {:<12} {word}   {}", stage.name, stage.note));
        }
    }
    let Some(entry) = Entry::admitted(&judgement) else {
        let statement = statement::refused(&judgement, &law, &round);
        let path = home.refused(&judgement.archive, &law.protocol.name).statement();
        file::write(&path, &canonical::to_file(&statement)?)?;
        return tell(&statement, &path, args.json, terminal);
    };
    let kit = Kit::find(args.kit.as_deref()).map_err(Problem::from)?;
    let folder = home.entry(&entry.digest, &law.protocol.name);
    for (name, bytes) in &entry.tree.files {
        file::write(&folder.0.join("entry").join(name), bytes)?;
    }
    let job = Certification {
        kit: &kit,
        home: &home,
        folder,
        law: &law,
        round: &round,
        entry: &entry,
        archive: judgement.archive,
        jobs: args.jobs,
        quiet: args.json,
    };
    match job.run(judgement.stages.clone(), terminal)? {
        Ended::Inconclusive(reason) => Err(Problem::from(reason).into()),
        Ended::Judged(statement) => tell(&statement, &job.folder.statement(), args.json, terminal),
    }
}

/// Prints a verdict and gives its exit code.
fn tell(statement: &Statement, path: &Path, json: bool, terminal: &mut Terminal) -> Result<Exit> {
    let passed = statement.predicate.outcome == Outcome::Pass;
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
