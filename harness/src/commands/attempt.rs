//! `maxclip try`: what participants look at all day. Checks, builds, trains for a while beside the baseline,
//! evaluates both and says what that is worth. Never a verdict.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    thread::ScopedJoinHandle,
};

use anyhow::{Context as _, Result};
use records::{
    Exit, NumericsClass, RunDigest, Verdict,
    file::{self, FileError},
    v1::{evaluation::Stated, outcome::Outcome, run::ResolvedRun},
};
use verifier::object::Form;

use verifier::config::CONFIG_BYTES_MAX;

use crate::{
    certify::statement::results,
    compile, curve, datahome,
    entry::Entry,
    folders::{self, Home},
    frozen,
    halt::{Halt, Went, settle},
    kit::Kit,
    launch::{self, Evaluation, Training},
    locks::Locked,
    overrides,
    problem::Problem,
    progress::Progress,
    resolve::{self, Law, Where, Who},
    round::Round,
    signals,
    terminal::{Paint, Terminal},
    together::Together,
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

/// One side of the comparison.
struct Side {
    entry: Entry,
    build: PathBuf,
    folder: PathBuf,
    run: RunDigest,
    resolved: ResolvedRun,
}

impl Side {
    /// Takes over what a report needs of another folder of the same run.
    fn take(&self, other: &Self) -> Result<()> {
        for name in ["transcript.jsonl", "eval_results.jsonl"] {
            file::write(&self.folder.join(name), &file::read(&other.folder.join(name))?)?;
        }
        Ok(file::write(&self.kept(), &file::read(&other.kept())?)?)
    }

    /// Its outcome, written when everything has been done.
    fn kept(&self) -> PathBuf {
        self.folder.join("kept.json")
    }
}

/// Tries.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let _patience = signals::patiently();
    let kit = Kit::find(args.kit.as_deref()).map_err(Problem::from)?;
    match attempt(&args, &kit, terminal) {
        Ok(()) => Ok(Exit::Pass),
        Err(halt) => {
            if let Halt::Fail(findings) = &halt {
                let (fail, plural) = (terminal.paint(Paint::Bad, "FAIL"), if findings.len() == 1 { "" } else { "s" });
                terminal.line(format_args!("{fail}: {} finding{plural}   not a verdict", findings.len()));
            }
            halt.tell(terminal)
        }
    }
}

fn attempt(args: &Args, kit: &Kit, terminal: &mut Terminal) -> Went<()> {
    let law = Law::chosen(&args.protocol)?.with_steps(args.steps)?;
    let scale = law.protocol.scale(&args.scale).ok_or_else(|| {
        let known: Vec<_> = law.protocol.scales.iter().map(|scale| scale.name.as_str()).collect();
        Problem::usage(format!("protocol `{}` has no scale `{}`", args.protocol, args.scale)).hint(known.join(", "))
    })?;
    let home = Home(args.home.clone());
    let (tried, baseline) = (entry(args, &law)?, Entry::baseline()?);

    let bar = terminal.progress("build", 0);
    let Prepared { class, builds: [tried_build, baseline_build] } = prepare(kit, &home, &law, [&tried, &baseline])?;
    drop(bar);
    let at = Where { frozen: frozen::digest(), class };
    let side = |entry: Entry, build: PathBuf, folder: &dyn Fn(&RunDigest) -> Result<PathBuf>| -> Went<Side> {
        let who = Who { tree: entry.digest, config: &entry.config };
        let run = resolve::run(&law, scale, 1, &who, &Round::practice(), at)?;
        let digest = run.digest()?;
        let folder = folder(&digest)?;
        Ok(Side { entry, build, folder, run: digest, resolved: run })
    };
    let tried = side(tried, tried_build, &|_| next(&home))?;
    resolve::place(&tried.resolved, &tried.folder)?;
    // The baseline is trained once for a run; who wants it meanwhile waits for it.
    let baseline = side(baseline, baseline_build, &|run| Ok(home.0.join("baselines").join(run.digits())))?;
    let alone = home.lock(Locked::Run(&baseline.run.digits()))?;
    let alone = (!baseline.kept().exists()).then_some(alone);
    resolve::place(&baseline.resolved, &baseline.folder)?;
    let word = terminal.paint(Paint::Good, "pass");
    let of = format!("{}-{}", law.protocol.name, scale.name);
    terminal.line(format_args!("  check {word}   {} steps of {of}   not a verdict", args.steps));
    let bench = Bench { kit, home: &home, law: &law, data: &scale.data, steps: args.steps };
    let [mine, theirs] = bench.train_both(&tried, &baseline, terminal)?;
    drop(alone);
    Ok(report(&tried, &mine, &baseline, &theirs, terminal)?)
}

/// The entry's folder with the configuration that the command line asks for.
fn entry(args: &Args, law: &Law) -> Went<Entry> {
    let mut entry = Entry::folder(&args.entry, &law.names()?)?;
    if let Some(path) = &args.config {
        let refuse = |_| Problem::usage(format!("{} is not UTF-8", path.display()));
        entry.config = String::from_utf8(file::read_named(path, CONFIG_BYTES_MAX as u64)?).map_err(refuse)?;
    }
    entry.config = overrides::apply(&entry.config, &args.set)?;
    Ok(entry)
}

/// What both sides need before they are resolved.
struct Prepared {
    class: NumericsClass,
    builds: [PathBuf; 2],
}

/// Builds both entries, each once, while this machine's class is measured and the data are made.
fn prepare(kit: &Kit, home: &Home, law: &Law, entries: [&Entry; 2]) -> Went<Prepared> {
    let build = |entry: &Entry| -> Went<(Form, PathBuf)> {
        let (verdict, out) = compile::shared(kit, home, &entry.sources())?;
        Ok((settle(verdict)?.form, out))
    };
    std::thread::scope(|scope| {
        // Who builds the same waits for the other and finds it built.
        let work = entries.map(|entry| scope.spawn(move || build(entry)));
        datahome::provide(home, &law.protocol)?;
        let class = launch::class(kit)?;
        let [(tried, tried_build), (baseline, baseline_build)] = match work.map(joined) {
            [tried, baseline] => [tried?, baseline?],
        };
        settle(Verdict::from_findings((), tried.beyond(&baseline)))?;
        Ok(Prepared { class, builds: [tried_build, baseline_build] })
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, Went<T>>) -> Went<T> {
    thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked").into()))
}

/// What both sides are trained with.
struct Bench<'a> {
    kit: &'a Kit,
    home: &'a Home,
    law: &'a Law,
    data: &'a str,
    steps: u64,
}

impl Bench<'_> {
    /// Trains the entry, and the baseline where that has not been done.
    fn train_both(&self, tried: &Side, baseline: &Side, terminal: &Terminal) -> Went<[Outcome; 2]> {
        // Two runs of one digest are one run: an entry that is the baseline is not trained twice.
        let kept = baseline.kept().exists();
        let same = tried.run == baseline.run && !kept;
        let beside = if same || kept { 1 } else { 2 };
        let bar = terminal.progress("train", beside as u64 * self.steps);
        if same {
            let outcome = self.train(tried, beside, &bar)?;
            baseline.take(tried)?;
            return Ok([outcome.clone(), outcome]);
        }
        let [mine, theirs] = std::thread::scope(|scope| {
            let bar = &bar;
            [tried, baseline].map(|side| scope.spawn(move || self.train(side, beside, bar))).map(joined)
        });
        Ok([mine?, theirs?])
    }

    /// Trains and evaluates one side beside others, where that has not been done.
    fn train(&self, side: &Side, beside: usize, bar: &Progress) -> Went<Outcome> {
        let Self { kit, home, law, data, .. } = *self;
        let training = Training {
            folder: side.folder.clone(),
            data: home.data().join(data),
            entry: compile::object(&side.build),
            until: None,
            restart_worker_every: None,
            recompute: false,
            beside,
        };
        let kept = side.kept();
        let name = side.entry.about.name.clone();
        if let Ok(bytes) = file::read(&kept) {
            return Ok(serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", kept.display()))?);
        }
        let outcome = settle(launch::train(kit, &training, &Together::default(), |progress| bar.follow(&name, &progress))?)?;
        let evaluation = Evaluation {
            checkpoint: side.folder.join("published"),
            model: folders::model(&side.folder),
            home: home.data(),
            tasks: law.protocol.evaluation.tasks.clone(),
            batch: law.protocol.evaluation.batch,
            out: side.folder.join("eval_results.jsonl"),
        };
        settle(launch::evaluate(kit, &evaluation, |_| ())?)?;
        file::write(&kept, &file::read(&side.folder.join("outcome.json"))?)?;
        Ok(outcome)
    }
}

fn report(mine: &Side, outcome: &Outcome, theirs: &Side, other: &Outcome, terminal: &mut Terminal) -> Result<()> {
    let losses = |side: &Side| curve::losses(&side.folder);
    let (tried, baseline) = (losses(mine)?, losses(theirs)?);
    terminal.line(format_args!("  loss        {}   baseline {}", curve::line(&tried), curve::line(&baseline)));
    for (name, values) in diagnostics(&mine.folder)? {
        terminal.line(format_args!("  {name:<11} {}", curve::line(&values)));
    }
    let scores = |side: &Side| -> Result<BTreeMap<String, Stated>> {
        Ok(results(&side.folder)?.into_iter().map(|(_, result)| (result.key, result.maxclip)).collect())
    };
    let base = scores(theirs)?;
    for (key, score) in scores(mine)? {
        let Some(other) = base.get(&key) else { continue };
        terminal.line(format_args!("  {key:<28} {}", compare(&score, other)));
    }
    let cost = |outcome: &Outcome| (outcome.usage.worker_cpu_micros + outcome.usage.trainer_cpu_micros) as f64;
    let ratio = cost(outcome) / cost(other).max(1.0);
    terminal.line(format_args!("  cost        {ratio:.2} x the baseline's CPU time"));
    terminal.line(format_args!("  {}   {}", mine.folder.display(), mine.entry.digest.short()));
    Ok(())
}

/// A score beside the baseline's, with the standard error of the difference.
fn compare(mine: &Stated, theirs: &Stated) -> String {
    let difference = mine.value.value() - theirs.value.value();
    let error = (mine.variance.value() + theirs.variance.value()).sqrt();
    let word = if difference.abs() < 2.0 * error { ": within noise" } else { "" };
    format!("{:.3} ({difference:+.3} on the baseline, standard error {error:.3}{word})", mine.value)
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
            made => return made.map(|()| folder.clone()).map_err(|error| FileError::at("create", folder)(error).into()),
        }
    }
}
