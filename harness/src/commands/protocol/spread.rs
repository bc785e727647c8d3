//! `maxclip protocol spread`: how much of a score is luck, measured where an organizer will state it.
//!
//! The baseline, or an entry with the settings that a baseline should have under a protocol of one's own, is trained on
//! practice seeds at the protocol's own lengths, and its mean score over all tasks is looked at from seed to seed. What
//! was trained once, by `try` too, is not trained again.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{
    Exit, Stop,
    v1::protocol::{SEEDS_MAX, Scale},
};

use super::fill;
use verifier::release::PinnedProtocol;

use crate::{
    compile, datahome,
    entry::Entry,
    folders::Home,
    kit::Kit,
    launch,
    number::decimal,
    practice::Practice,
    problem::Problem,
    protocols::{self, read_text},
    signals,
    stop::{self, of_the_baseline, stop},
    terminal::Terminal,
};

/// Arguments of `maxclip protocol spread`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A name, or a file of your own that ends with .toml
    #[arg(value_name = "NAME|FILE")]
    protocol: String,
    /// Practice seeds to train on, at every scale: 12 leave a fifth of a spread open, 3 leave half of it
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(2..=i64::from(SEEDS_MAX)))]
    seeds: u32,
    /// The folder of an entry to measure it on, such as the baseline with a table for your protocol [default: the
    /// baseline]
    #[arg(long, value_name = "DIR")]
    entry: Option<PathBuf>,
    /// Write the spreads into the file
    #[arg(long)]
    write: bool,
    /// Where data, goldens and entries lie
    #[arg(long, default_value = "runs")]
    home: PathBuf,
    /// Where the built programs are [default: beside this program]
    #[arg(long)]
    kit: Option<PathBuf>,
}

/// Measures.
pub fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit> {
    let _patience = signals::patiently(signals::Again::GoesOn);
    let pinned = protocols::chosen(&args.protocol)?;
    if args.write && !args.protocol.ends_with(".toml") {
        let problem =
            Problem::usage(format!("`{}` is a protocol of this release: nothing is written there", args.protocol));
        return Err(problem.hint("without --write the spreads are printed").into());
    }
    let kit = Kit::find(args.kit.as_deref()).map_err(Problem::from)?;
    let home = Home(args.home.clone());
    datahome::provide(&home, &pinned.protocol)?;
    match measure(args, &pinned, &kit, &home, terminal) {
        Ok(spreads) if args.write => write(args, &pinned, &spreads, terminal),
        Ok(_) => Ok(Exit::Pass),
        Err(stop) => stop::tell(stop, terminal),
    }
}

/// Every scale's spread, printed as soon as it is known.
fn measure(
    args: &Args,
    pinned: &PinnedProtocol,
    kit: &Kit,
    home: &Home,
    terminal: &mut Terminal,
) -> Result<Vec<Spread>, Stop> {
    let class = launch::class(kit).map_err(stop)?;
    let subject = match &args.entry {
        None => Subject::Baseline(Entry::baseline()?),
        Some(folder) => Subject::Entry(Entry::folder(folder, &protocols::names(&pinned.protocol).map_err(stop)?)?),
    };
    let mut spreads = Vec::new();
    for Scale { name, steps, .. } in &pinned.protocol.scales {
        let cut = protocols::with_steps(pinned, *steps).map_err(stop)?;
        let Some(scale) = cut.protocol.scale(name) else { continue };
        let practice = Practice { kit, home, pinned: &cut, scale, class };
        let spread = Spread::of(&scores(&practice, &subject, args.seeds, terminal)?);
        let Spread { value, error, mean } = spread;
        let (value, error, mean) = (decimal(value), decimal(error), decimal(mean));
        terminal.line(format_args!(
            "{name:<12} spread {value} ± {error}   of a mean score of {mean}, {} seeds of {steps} steps",
            args.seeds
        ));
        spreads.push(spread);
    }
    Ok(spreads)
}

/// Whose spread is measured.
enum Subject {
    Baseline(Entry),
    Entry(Entry),
}

/// The mean score on each seed.
fn scores(practice: &Practice<'_>, subject: &Subject, seeds: u32, terminal: &Terminal) -> Result<Vec<f64>, Stop> {
    let (entry, build) = subject.build(practice)?;
    let steps = practice.scale.steps * u64::from(seeds);
    let bar = terminal.progress(&practice.scale.name, steps);
    let sides = (1..=seeds).map(|repeat| practice.kept(entry, &build, repeat)).collect::<Result<Vec<_>, _>>()?;
    practice.require_room(&sides.iter().collect::<Vec<_>>()).map_err(stop)?;
    let mut scores = Vec::new();
    for side in &sides {
        let alone = practice.hold(side).map_err(stop)?;
        practice.train(side, 1, |_| bar.add(1)).map_err(|stop| subject.refused(stop, &side.folder))?;
        drop(alone);
        let tasks = side.scores().map_err(stop)?;
        scores.push(tasks.iter().map(|task| task.value).sum::<f64>() / tasks.len() as f64);
        bar.reach(practice.scale.steps * scores.len() as u64);
    }
    Ok(scores)
}

impl Subject {
    fn build(&self, practice: &Practice<'_>) -> Result<(&Entry, PathBuf), Stop> {
        match self {
            Self::Baseline(entry) => Ok((entry, compile::baseline(practice.kit, practice.home)?.1)),
            Self::Entry(entry) => Ok((entry, compile::shared(practice.kit, practice.home, &entry.sources()?)?.1)),
        }
    }

    /// A baseline that is refused says something about this machine, an entry about itself.
    fn refused(&self, stop: Stop, folder: &Path) -> Stop {
        match self {
            Self::Baseline(_) => of_the_baseline(stop, &format!("its log lies in {}", folder.display())),
            Self::Entry(_) => stop,
        }
    }
}

/// The standard deviation of scores.
#[derive(Debug, Clone, Copy)]
struct Spread {
    value: f64,
    /// Its own standard error, as of normal scores: the value over the root of twice the degrees of freedom.
    error: f64,
    mean: f64,
}

impl Spread {
    fn of(scores: &[f64]) -> Self {
        let (count, freedom) = (scores.len() as f64, scores.len() as f64 - 1.0);
        let mean = scores.iter().sum::<f64>() / count;
        let value = (scores.iter().map(|score| (score - mean) * (score - mean)).sum::<f64>() / freedom).sqrt();
        Self { value, error: value / (2.0 * freedom).sqrt(), mean }
    }
}

fn write(args: &Args, pinned: &PinnedProtocol, spreads: &[Spread], terminal: &mut Terminal) -> Result<Exit> {
    let path = PathBuf::from(&args.protocol);
    if spreads.iter().any(|spread| spread.value < SPREAD_MIN) {
        let problem = Problem::usage("all seeds give one score at one of the scales: that is no spread to state");
        return Err(problem.hint("train longer, or evaluate on more items").into());
    }
    let text = read_text(&path)?;
    if protocols::chosen(&args.protocol)?.digest != pinned.digest {
        let problem = Problem::usage(format!("{} changed while its spreads were measured", path.display()));
        return Err(problem.hint("give the same command again: what was trained and still counts is kept").into());
    }
    let values: Vec<_> = spreads
        .iter()
        .enumerate()
        .map(|(number, spread)| (format!("scale.{number}.spread"), format!("{:.4}", spread.value)))
        .collect();
    let text = fill::write(&text, values.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .map_err(|why| Problem::usage(format!("{}: {why}", path.display())))?;
    fill::put(&path, &text)?;
    terminal.say(format_args!("written into {}", path.display()));
    Ok(Exit::Pass)
}

/// The least spread that is not written as 0.
const SPREAD_MIN: f64 = 0.000_05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_standard_deviation_of_a_sample() {
        let Spread { value, error, mean } = Spread::of(&[0.2, 0.4, 0.4, 0.4, 0.5, 0.5, 0.7, 0.9]);
        assert!((mean - 0.5).abs() < 1e-12);
        // The squares add up to 0.32, over seven degrees of freedom.
        assert!((value - (0.32f64 / 7.0).sqrt()).abs() < 1e-12 && (error - value / 14f64.sqrt()).abs() < 1e-12);
    }
}
