//! `maxclip try`: what participants look at all day. Checks, builds, trains for a while beside the baseline,
//! evaluates both and says what that is worth. Never a verdict.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::{Context as _, Result};
use records::{Exit, evaluation::Fraction, file, outcome::Outcome};

use crate::{
    certify::statement::results,
    compile, curve, datahome,
    entry::Entry,
    folders::{self, Home},
    frozen,
    halt::{Halt, Went, settle},
    kit::Kit,
    launch::{self, Evaluation, Training},
    overrides,
    problem::Problem,
    resolve::{self, Law, Where, Who},
    round::Round,
    terminal::{Paint, Terminal},
};

/// Arguments of `maxclip try`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that holds `src/`, `config.toml` and `submission.toml`
    #[arg(default_value = "editable")]
    entry: PathBuf,
    /// The protocol
    #[arg(long, default_value = "mini")]
    protocol: String,
    /// The scale
    #[arg(long, default_value = "small")]
    scale: String,
    /// Steps to train, and the length of every schedule
    #[arg(long, default_value_t = 200)]
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
}

/// Tries.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let kit = Kit::find(args.kit.as_deref()).map_err(|reason| Problem::inconclusive(reason.why).hint(reason.hint))?;
    match attempt(&args, &kit, terminal) {
        Ok(()) => Ok(Exit::Pass),
        Err(Halt::Fail(findings)) => {
            crate::findings::print(&findings.iter().collect::<Vec<_>>(), None, terminal);
            Ok(Exit::Fail)
        }
        Err(Halt::Inconclusive(reason)) => Err(Problem::inconclusive(reason.why).hint(reason.hint).into()),
        Err(Halt::Error(error)) => Err(error),
    }
}

fn attempt(args: &Args, kit: &Kit, terminal: &mut Terminal) -> Went<()> {
    let law = Law::named(&args.protocol)?.with_steps(args.steps)?;
    let scale = law.protocol.scale(&args.scale).ok_or_else(|| {
        let known: Vec<_> = law.protocol.scales.iter().map(|scale| scale.name.as_str()).collect();
        Problem::usage(format!("protocol `{}` has no scale `{}`", args.protocol, args.scale)).hint(known.join(", "))
    })?;
    let home = Home(args.home.clone());
    let mut tried = Entry::folder(&args.entry)?;
    if let Some(path) = &args.config {
        tried.config = String::from_utf8(file::read(path)?).map_err(|_| Problem::usage(format!("{} is not UTF-8", path.display())))?;
    }
    tried.config = overrides::apply(&tried.config, &args.set)?;
    let baseline = Entry::baseline()?;

    let roots = datahome::provide(&home.data(), &law.protocol)?;
    let at = Where { frozen: frozen::digest(), class: launch::class(kit)? };
    let number = next(&home)?;
    let side = |entry: Entry, folder: PathBuf| -> Went<Side> {
        let build = home.build(&entry.digest);
        settle(compile::build(kit, &entry.sources(), &build)?)?;
        let who = Who { tree: entry.digest, config: &entry.config };
        let index = law.protocol.scales.iter().position(|other| other.name == scale.name).unwrap_or(0);
        let run = resolve::run(&law, scale, &who, &Round::practice(), roots[index], at)?;
        resolve::place(&run, &folder)?;
        Ok(Side { entry, build, folder })
    };
    let bar = terminal.progress("build", 0);
    let tried = side(tried, home.0.join(format!("try-{number:04}")))?;
    // The baseline is trained once for a protocol, a scale and a number of steps.
    let name = format!("baseline-{}-{}-{}", args.protocol, scale.name, args.steps);
    let baseline = side(baseline, home.0.join("build").join(name))?;
    drop(bar);
    terminal.line(format_args!(
        "  check {}   {} steps of {}-{}   not a verdict",
        terminal.paint(Paint::Good, "pass"),
        args.steps,
        args.protocol,
        scale.name
    ));
    let sides = [&tried, &baseline];
    let bar = Mutex::new(terminal.progress("train", 2 * args.steps));
    let trained = std::thread::scope(|scope| {
        let work = sides.map(|side| scope.spawn(|| train(side, kit, &home, &law, &scale.data, &bar)));
        work.map(|thread| thread.join().unwrap_or_else(|_| Err(Halt::Error(anyhow::anyhow!("a thread panicked")))))
    });
    drop(bar);
    let [mine, theirs] = trained;
    report(&tried, &mine?, &baseline, &theirs?, terminal)?;
    Ok(())
}

/// Trains and evaluates one side, where that has not been done.
fn train(
    side: &Side,
    kit: &Kit,
    home: &Home,
    law: &Law,
    data: &str,
    bar: &Mutex<crate::terminal::Progress>,
) -> Went<Outcome> {
    let training = Training {
        folder: side.folder.clone(),
        data: home.data().join(data),
        worker: compile::program(&side.build),
        until: None,
        restart_worker_every: None,
        recompute: false,
    };
    let tick = |_| {
        if let Ok(mut bar) = bar.lock() {
            bar.add(1);
        }
    };
    let kept = side.folder.join("kept.json");
    if let Ok(bytes) = file::read(&kept) {
        return Ok(serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", kept.display()))?);
    }
    let outcome = settle(launch::train(kit, &training, tick)?)?;
    let evaluation = Evaluation {
        checkpoint: side.folder.join("published"),
        model: folders::model(&side.folder),
        tasks: home.data(),
        names: law.protocol.evaluation.tasks.clone(),
        batch: law.protocol.evaluation.batch,
        out: side.folder.join("eval_results.jsonl"),
    };
    settle(launch::evaluate(kit, &evaluation, |_| ())?)?;
    file::write(&kept, &file::read(&side.folder.join("outcome.json"))?)?;
    Ok(outcome)
}

fn report(mine: &Side, outcome: &Outcome, theirs: &Side, other: &Outcome, terminal: &mut Terminal) -> Result<()> {
    let losses = |side: &Side| curve::losses(&side.folder);
    let (tried, baseline) = (losses(mine)?, losses(theirs)?);
    let last = baseline.last().copied().unwrap_or(f32::NAN);
    terminal.line(format_args!("  loss        {}   baseline {last:.3}", curve::line(&tried)));
    for (name, values) in diagnostics(&mine.folder)? {
        terminal.line(format_args!("  {name:<11} {}", curve::line(&values)));
    }
    let scores = |side: &Side| -> Result<BTreeMap<String, Fraction>> {
        Ok(results(&side.folder)?.into_iter().map(|(_, result)| (result.key, result.maxclip.main_metric)).collect())
    };
    let base = scores(theirs)?;
    for (key, share) in scores(mine)? {
        let Some(other) = base.get(&key) else { continue };
        terminal.line(format_args!("  {key:<28} {}", compare(share, *other)));
    }
    let cost = |outcome: &Outcome| (outcome.usage.worker_cpu_micros + outcome.usage.trainer_cpu_micros) as f64;
    let ratio = cost(outcome) / cost(other).max(1.0);
    terminal.line(format_args!("  cost        {ratio:.2} x the baseline's CPU time"));
    terminal.line(format_args!("  {}   submission:{}", mine.folder.display(), mine.entry.digest.stem()));
    Ok(())
}

/// A score beside the baseline's, with the standard error of the difference.
fn compare(mine: Fraction, theirs: Fraction) -> String {
    let variance = |share: Fraction| share.value() * (1.0 - share.value()) / share.denominator as f64;
    let difference = mine.value() - theirs.value();
    let error = (variance(mine) + variance(theirs)).sqrt();
    let word = if difference.abs() < 2.0 * error { ": within noise" } else { "" };
    format!("{:.3} ({difference:+.3} on the baseline, standard error {error:.3}{word})", mine.value())
}

fn diagnostics(folder: &Path) -> Result<BTreeMap<String, Vec<f32>>> {
    let mut curves: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for step in curve::steps(folder)? {
        for (name, value) in step.diagnostics {
            curves.entry(name).or_default().extend(value.value());
        }
    }
    Ok(curves)
}

/// The number of the next attempt.
fn next(home: &Home) -> Result<u32> {
    let Ok(entries) = std::fs::read_dir(&home.0) else { return Ok(1) };
    let mut last = 0;
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("try-")).and_then(|digits| digits.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last + 1)
}
