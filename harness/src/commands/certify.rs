//! `maxclip certify`: from a ZIP to an unsigned statement with its evidence.

use std::path::PathBuf;

use anyhow::Result;
use records::{Exit, Sha256, file, statement::Outcome};

use crate::{
    certify::{Certification, Ended},
    entry::Entry,
    folders::Home,
    kit::Kit,
    problem::Problem,
    resolve::Law,
    round::Round,
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
    let round = Round::load(args.round.as_deref())?;
    let home = Home(args.home);
    let bytes = file::read(&args.zip)?;
    let archive = Sha256::of(&bytes);
    let gate = match Entry::admit(&bytes) {
        Ok(gate) => gate,
        Err(refused) => return super::check::refuse(&args.zip, refused, args.json, terminal),
    };
    let kit = Kit::find(args.kit.as_deref()).map_err(|reason| Problem::inconclusive(reason.why).hint(reason.hint))?;
    let (entry, stages) = gate;
    let folder = home.entry(&entry.tree, &law.protocol.name);
    for (name, bytes) in &entry.files {
        file::write(&folder.0.join("entry").join(name), bytes)?;
    }
    if !args.json {
        for stage in &stages {
            let word = terminal.paint(Paint::Good, "pass");
            terminal.line(format_args!("    {:<12} {word}   {}", stage.name, stage.note));
        }
    }
    let job = Certification {
        kit: &kit,
        home: &home,
        folder,
        law: &law,
        round: &round,
        entry: &entry,
        archive,
        jobs: args.jobs,
        quiet: args.json,
    };
    match job.run(stages, terminal)? {
        Ended::Inconclusive(reason) => Err(Problem::inconclusive(reason.why).hint(reason.hint).into()),
        Ended::Judged(statement) => {
            let passed = statement.predicate.outcome == Outcome::Pass;
            if args.json {
                terminal.json(&statement)?;
            } else {
                let word = if passed { terminal.paint(Paint::Good, "PASS") } else { terminal.paint(Paint::Bad, "FAIL") };
                super::check::findings(&statement.predicate.stages, terminal);
                terminal.line(format_args!("    {word}         {}", job.folder.statement().display()));
            }
            Ok(if passed { Exit::Pass } else { Exit::Fail })
        }
    }
}
