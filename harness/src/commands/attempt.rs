//! `maxclip try`: what participants look at all day. Checks, builds, trains for a while beside the baseline,
//! evaluates both and says what that is worth. Never a verdict.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    thread::ScopedJoinHandle,
};

use anyhow::Result;
use competition::compare::{Results, TaskScore, View, compare};
use records::{
    Exit, NumericsClass, Stop, Verdict,
    file::{self, FileError},
    v1::{
        build::ObjectForm,
        outcome::Trained,
        protocol::{self, Protocol, SEEDS_MAX, Scale},
    },
};
use verifier::{config::CONFIG_BYTES_MAX, object, release::PinnedProtocol};

use crate::{
    compile, curve, datahome,
    entry::Entry,
    findings,
    folders::Home,
    kit::Kit,
    launch,
    number::{decimal, signed},
    overrides,
    practice::{Practice, Side},
    problem::Problem,
    progress::LiveProgress,
    protocols, signals,
    stop::{self, stop},
    terminal::{Paint, Terminal},
    traces,
};

/// Arguments of `maxclip try`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that holds `src/`, `config.toml` and `submission.toml`
    #[arg(default_value = "editable")]
    entry: PathBuf,
    /// The protocol: a name, or a file of its organizer that ends with .toml
    #[arg(long, value_name = "NAME|FILE", default_value = "mini")]
    protocol: String,
    /// The scale
    #[arg(long, default_value = "small")]
    scale: String,
    /// Practice seeds to train both on: more of them tell smaller differences from luck
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(SEEDS_MAX)))]
    seeds: u32,
    /// Steps to train, and the length of every schedule
    #[arg(long, default_value_t = 200, value_parser = super::positive::<u64>)]
    steps: u64,
    /// Changes a value of config.toml: `--set rho=9`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Another configuration file
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where data and runs lie
    #[arg(long, default_value = "runs")]
    home: PathBuf,
    /// Where the built programs are [default: beside this program]
    #[arg(long)]
    kit: Option<PathBuf>,
}

/// Tries.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let _patience = signals::patiently(signals::Again::Anew);
    let kit = Kit::find(args.kit.as_deref()).map_err(Problem::from)?;
    match attempt(&args, &kit, terminal) {
        Ok(()) => Ok(Exit::Pass),
        Err(stop) => {
            if let Stop::Fail(findings) = &stop {
                let fail = terminal.paint(Paint::Bad, "FAIL");
                terminal.line(format_args!("{fail}: {}   not a verdict", findings::count(findings.len())));
            }
            stop::tell(stop, terminal)
        }
    }
}

fn attempt(args: &Args, kit: &Kit, terminal: &mut Terminal) -> Result<(), Stop> {
    let pinned =
        protocols::chosen(&args.protocol).and_then(|asked| protocols::with_steps(&asked, args.steps)).map_err(stop)?;
    let scale = protocols::scale(&pinned.protocol, &args.scale)?;
    let home = Home(args.home.clone());
    let (tried, baseline) = (entry(args, &pinned)?, Entry::baseline()?);

    let bar = terminal.progress("build", 0);
    let Prepared { class, builds: [tried_build, baseline_build] } = prepare(kit, &home, &pinned, [&tried, &baseline])?;
    drop(bar);
    let word = terminal.paint(Paint::Good, "pass");
    let (of, seeds) = (format!("{}-{}", pinned.protocol.name, scale.name), args.seeds);
    let many = if seeds == 1 { String::new() } else { format!(" on each of {seeds} seeds") };
    terminal.line(format_args!("  check {word}   {} steps of {of}{many}   not a verdict", args.steps));
    let practice = Practice { kit, home: &home, pinned: &pinned, scale, class };
    let attempt = Attempt { practice, steps: args.steps };
    let folder = next(&home).map_err(stop)?;
    let (mut sides, mut pairs) = (Vec::new(), Vec::new());
    for repeat in 1..=seeds {
        let below = if seeds == 1 { folder.clone() } else { folder.join(repeat.to_string()) };
        let tried = practice.side(&tried, &tried_build, repeat, below)?;
        sides.push((tried, practice.kept(&baseline, &baseline_build, repeat)?));
    }
    let both = sides.iter().flat_map(|(tried, baseline)| [tried, baseline]);
    practice.require_room(&both.collect::<Vec<_>>()).map_err(stop)?;
    for (tried, baseline) in sides {
        pairs.push(attempt.pair(tried, baseline, terminal)?);
    }
    report(&pairs, &pinned, scale, terminal).map_err(stop)?;
    terminal.line(format_args!("  {}   {}", folder.display(), tried.digest.short()));
    Ok(())
}

/// The entry's folder with the configuration that the command line asks for.
fn entry(args: &Args, pinned: &PinnedProtocol) -> Result<Entry, Stop> {
    let mut entry = Entry::folder(&args.entry, &protocols::names(&pinned.protocol).map_err(stop)?)?;
    if let Some(path) = &args.config {
        let refuse = |_| Problem::usage(format!("{} is not UTF-8", path.display()));
        entry.config = String::from_utf8(file::read_named(path, CONFIG_BYTES_MAX as u64)?).map_err(refuse)?;
    }
    entry.config = overrides::apply(&entry.config, &args.set).map_err(stop)?;
    Ok(entry)
}

/// What both sides need before they are resolved.
struct Prepared {
    class: NumericsClass,
    builds: [PathBuf; 2],
}

/// Builds both entries, each once, while this machine's class is measured and the data are made.
fn prepare(kit: &Kit, home: &Home, pinned: &PinnedProtocol, entries: [&Entry; 2]) -> Result<Prepared, Stop> {
    let build = |entry: &Entry| -> Result<(ObjectForm, PathBuf), Stop> {
        let (built, out) = compile::shared(kit, home, &entry.sources()?)?;
        Ok((built.form, out))
    };
    std::thread::scope(|scope| {
        // Who builds the same waits for the other and finds it built.
        let work = entries.map(|entry| scope.spawn(move || build(entry)));
        datahome::provide(home, &pinned.protocol).map_err(stop)?;
        let class = launch::class(kit).map_err(stop)?;
        let [(tried, tried_build), (baseline, baseline_build)] = match work.map(joined) {
            [tried, baseline] => [tried?, baseline?],
        };
        Verdict::from_findings((), object::beyond(&tried, &baseline)).into_result()?;
        Ok(Prepared { class, builds: [tried_build, baseline_build] })
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, Result<T, Stop>>) -> Result<T, Stop> {
    thread.join().unwrap_or_else(|_| Err(Problem::fault("a thread panicked").into()))
}

/// Both sides on one seed, and how they ended.
struct Pair<'a> {
    tried: Side<'a>,
    mine: Trained,
    baseline: Side<'a>,
    theirs: Trained,
}

/// Trains an entry and the baseline on the same seeds.
struct Attempt<'a> {
    practice: Practice<'a>,
    steps: u64,
}

impl Attempt<'_> {
    /// Trains both on a seed. The baseline is trained once for a run; who wants it meanwhile waits for it.
    fn pair<'a>(&self, tried: Side<'a>, baseline: Side<'a>, terminal: &Terminal) -> Result<Pair<'a>, Stop> {
        self.practice.place(&tried).map_err(stop)?;
        let alone = self.practice.hold(&baseline).map_err(stop)?;
        let [mine, theirs] = self.train_both(&tried, &baseline, terminal)?;
        drop(alone);
        Ok(Pair { tried, mine, baseline, theirs })
    }

    /// Trains the entry, and the baseline where that has not been done.
    fn train_both(&self, tried: &Side<'_>, baseline: &Side<'_>, terminal: &Terminal) -> Result<[Trained; 2], Stop> {
        // Two runs of one digest are one run: an entry that is the baseline is not trained twice.
        let kept = baseline.is_done();
        let same = tried.run == baseline.run && !kept;
        let beside = if same || kept { 1 } else { 2 };
        let bar = terminal.progress("train", beside as u64 * self.steps);
        if same {
            let trained = self.train(tried, beside, &bar)?;
            baseline.take(tried).map_err(stop)?;
            return Ok([trained.clone(), trained]);
        }
        let [mine, theirs] = std::thread::scope(|scope| {
            let bar = &bar;
            [tried, baseline].map(|side| scope.spawn(move || self.train(side, beside, bar))).map(joined)
        });
        Ok([mine?, theirs?])
    }

    fn train(&self, side: &Side<'_>, beside: usize, bar: &LiveProgress) -> Result<Trained, Stop> {
        self.practice.train(side, beside, |progress| bar.follow(&side.entry.about.name, &progress))
    }
}

fn report(pairs: &[Pair<'_>], pinned: &PinnedProtocol, scale: &Scale, terminal: &mut Terminal) -> Result<()> {
    for Pair { tried, baseline, .. } in pairs {
        let (tried, baseline) = (curve::losses(&tried.folder)?, curve::losses(&baseline.folder)?);
        terminal.line(format_args!("  loss        {}   baseline {}", curve::line(&tried), curve::line(&baseline)));
    }
    for (name, values) in pairs.first().map(|pair| diagnostics(&pair.tried.folder)).transpose()?.unwrap_or_default() {
        terminal.line(format_args!("  {name:<11} {}", curve::line(&values)));
    }
    let scores = |side: fn(&Pair<'_>) -> Result<Vec<TaskScore>>| pairs.iter().map(side).collect::<Result<Vec<_>>>();
    let both = [scores(|pair| pair.tried.scores())?, scores(|pair| pair.baseline.scores())?];
    worth(both, &pinned.protocol, scale)?.iter().for_each(|line| terminal.line(format_args!("  {line}")));
    let cost = |trained: &Trained| (trained.usage.worker_cpu_micros + trained.usage.trainer_cpu_micros) as f64;
    let mine: f64 = pairs.iter().map(|pair| cost(&pair.mine)).sum();
    let theirs: f64 = pairs.iter().map(|pair| cost(&pair.theirs)).sum();
    terminal.line(format_args!("  cost        {:.2} x the baseline's CPU time", mine / theirs.max(1.0)));
    Ok(())
}

/// Scores beside the baseline's, and what their difference is worth by the rule of boards.
fn worth(both: [Vec<Vec<TaskScore>>; 2], protocol: &Protocol, scale: &Scale) -> Result<Vec<String>> {
    let seeds = both[0].len();
    let mean = |side: usize, task: usize| both[side].iter().map(|run| run[task].value).sum::<f64>() / seeds as f64;
    let task = |(at, task): (usize, &protocol::Task)| {
        let (mine, theirs) = (mean(0, at), mean(1, at));
        format!("{:<28} {}   {} on the baseline", task.name, decimal(mine), signed(mine - theirs))
    };
    let mut lines: Vec<String> = protocol.evaluation.tasks.iter().enumerate().map(task).collect();
    let mut terms = competition::terms(protocol);
    terms.scales.retain(|known| known.name == scale.name);
    let compared = compare(&terms, &both.map(|runs| Results(vec![runs])), View::Overall)?;
    let difference = compared.difference(0, 1);
    let word = match (compared.better(0, 1), compared.better(1, 0)) {
        (true, _) => "better",
        (_, true) => "worse",
        _ => "within noise",
    };
    let (score, value) = (decimal(compared.standings[0].score), signed(difference.value));
    let error = decimal(difference.error);
    lines.push(format!("{:<28} {score}   {value} on the baseline, standard error {error}: {word}", "mean"));
    if compared.spread_stands_in {
        let (why, spread) = (if seeds == 1 { "one seed" } else { "few seeds" }, decimal(scale.spread));
        lines.push(format!("{why}: the protocol's spread between seeds ({spread}) stands in; `--seeds N` for more"));
    }
    Ok(lines)
}

fn diagnostics(folder: &Path) -> Result<BTreeMap<String, Vec<f32>>> {
    let mut curves: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    traces::each(folder, |step| {
        for (name, value) in step.diagnostics {
            curves.entry(name).or_default().extend(value.value());
        }
    })?;
    Ok(curves)
}

/// The folder of the next attempt, made here: nobody else gets it.
fn next(home: &Home) -> Result<PathBuf> {
    fs::create_dir_all(&home.0).map_err(FileError::at("create", &home.0))?;
    let mut last = 0;
    for entry in fs::read_dir(&home.0).map_err(FileError::at("read", &home.0))? {
        let name = entry.map_err(FileError::at("read", &home.0))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("try-")).and_then(|digits| digits.parse().ok());
        last = last.max(number.unwrap_or(0u32));
    }
    loop {
        last += 1;
        let folder = home.0.join(format!("try-{last:04}"));
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                return made.map(|()| folder.clone()).map_err(|error| FileError::at("create", folder)(error).into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: [f64; 2]) -> Vec<TaskScore> {
        // Alike in all blocks: nothing hangs on which items there are.
        values.map(|value| TaskScore { value, blocks: vec![value / 16.0; 16] }).to_vec()
    }

    fn lines(mine: &[[f64; 2]], theirs: &[[f64; 2]]) -> Vec<String> {
        let protocol = protocols::chosen("mini").unwrap().protocol;
        let side = |runs: &[[f64; 2]]| runs.iter().map(|values| run(*values)).collect();
        worth([side(mine), side(theirs)], &protocol, protocol.scale("small").unwrap()).unwrap()
    }

    #[test]
    fn one_seed_says_what_stands_in() {
        // The spread of .054 on both sides: a standard error of .0764, and 1.96 of them are .150.
        let near = lines(&[[0.5, 0.6]], &[[0.4, 0.5]]);
        assert_eq!(near[0], "shapes-classification        .500   +.100 on the baseline");
        assert_eq!(
            near[2],
            "mean                         .550   +.100 on the baseline, standard error .076: within noise"
        );
        assert!(near[3].starts_with("one seed: the protocol's spread between seeds (.054) stands in"), "{near:?}");
        let far = lines(&[[0.5, 0.6]], &[[0.34, 0.44]]);
        assert!(far[2].ends_with("+.160 on the baseline, standard error .076: better"), "{far:?}");
    }

    #[test]
    fn enough_seeds_measure_what_they_leave() {
        let mine: Vec<_> = (0..8).map(|at| [0.5 + 0.01 * f64::from(at), 0.5]).collect();
        let theirs: Vec<_> = mine.iter().map(|[a, b]| [a - 0.02, b - 0.02]).collect();
        // Whatever a seed does it does to both, so that a small difference is none of luck.
        let lines = lines(&theirs, &mine);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[2].contains("-.020 on the baseline") && lines[2].ends_with(": worse"), "{lines:?}");
    }
}
