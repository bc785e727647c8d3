//! `maxclip protocol`: what there is, what one says, what is wrong with one of your own, and what it has to say of data
//! and seeds.

mod fill;
mod lines;
mod spread;

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{
    Exit,
    v1::protocol::{Protocol, ProtocolError, Scale},
};

use verifier::release::PinnedProtocol;

use crate::{
    frozen,
    problem::Problem,
    protocols::{self, model_beside, read_text},
    terminal::{Paint, Terminal},
};

/// Arguments of `maxclip protocol`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Lists the protocols of this release
    List,
    /// Says what a protocol asks for
    Show {
        /// A name, or a file of your own that ends with .toml
        #[arg(value_name = "NAME|FILE")]
        protocol: String,
    },
    /// Says everything that contradicts itself in a protocol of your own, with its lines
    Check {
        /// The file; its model lies beside it
        file: PathBuf,
    },
    /// Writes the roots and sizes of the data below the home into a protocol of your own
    Fill(fill::Args),
    /// Trains the baseline on practice seeds and says how much its mean score differs from one to the next
    Spread(spread::Args),
}

/// Does it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    match args.act {
        Act::List => {
            for name in frozen::protocols() {
                let pinned = protocols::carried(name)?;
                terminal.line(format_args!("{name:<10} {}   {}", pinned.digest.short(), pinned.protocol.about));
            }
            Ok(Exit::Pass)
        }
        Act::Show { protocol } => {
            show(&protocols::chosen(&protocol)?, terminal);
            Ok(Exit::Pass)
        }
        Act::Check { file } => check(&file, terminal),
        Act::Fill(args) => fill::run(&args, terminal),
        Act::Spread(args) => spread::run(&args, terminal),
    }
}

fn show(pinned: &PinnedProtocol, terminal: &mut Terminal) {
    let protocol = &pinned.protocol;
    let mut line = |label: &str, text: String| terminal.line(format_args!("{label:<12} {text}"));
    line("protocol", format!("{}   {}", protocol.name, pinned.digest));
    line("", protocol.about.clone());
    line("track", protocol.track.word().to_owned());
    line("open", protocol.track.open().to_owned());
    line("frozen", format!("everything else: the model `{}`, data, order, augmentation, evaluation", protocol.model));
    line("batch", format!("{} pairs, {} at once", protocol.batch.global, protocol.batch.micro));
    for scale in &protocol.scales {
        line("scale", about(scale, protocol));
        line("", format!("{} {}", scale.data, scale.root));
    }
    for task in &protocol.evaluation.tasks {
        line("task", format!("{} {}", task.name, task.root));
    }
    let (golden, trial) = (protocol.golden.steps, protocol.trial.steps);
    line(
        "checked",
        format!("golden of {golden} steps, trial of {trial}, a checkpoint every {}", protocol.checkpoint.every_steps),
    );
    let (worker, state) = (&protocol.worker, &protocol.state);
    line("limits", format!("an answer: {} s of CPU time, {} MiB", worker.cpu_seconds, worker.memory_mib));
    line(
        "",
        format!(
            "memory: {} values a sample, {} globals, {} learnables, {} slots a parameter",
            state.column_values_max, state.global_values_max, state.learnable_values_max, state.slots_max
        ),
    );
}

fn about(scale: &Scale, protocol: &Protocol) -> String {
    format!(
        "{}: {} samples, {} steps ({} epochs), {} seed{}, spread {}",
        scale.name,
        scale.samples,
        scale.steps,
        scale.epochs(&protocol.batch),
        scale.seeds,
        if scale.seeds == 1 { "" } else { "s" },
        scale.spread
    )
}

fn check(path: &Path, terminal: &mut Terminal) -> Result<Exit> {
    let text = read_text(path)?;
    let mut faults = Vec::new();
    let mut model = None;
    match Protocol::read(&text) {
        Ok(protocol) => {
            faults.extend(
                protocol.contradictions().into_iter().map(|one| (lines::number(&text, &one.key), one.to_string())),
            );
            model = Some(protocol.model);
        }
        Err(ProtocolError::Toml(error)) => {
            let at = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            faults.push((at.matches('\n').count() + 1, error.message().to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(model) = &model {
        let beside = model_beside(path, model);
        let wrong = read_text(&beside).map_err(|error| error.to_string()).and_then(|text| {
            let parsed: serde_json::Result<serde_json::Map<_, serde_json::Value>> = serde_json::from_str(&text);
            parsed.map(drop).map_err(|error| format!("{} is not a model's configuration: {error}", beside.display()))
        });
        faults.extend(wrong.err().map(|why| (lines::number(&text, "model"), format!("model: {why}"))));
    }
    faults.sort();
    for (line, why) in &faults {
        let word = terminal.paint(Paint::Bad, "wrong");
        terminal.line(format_args!("{word}      {}:{line}   {why}", path.display()));
    }
    if !faults.is_empty() {
        let places = if faults.len() == 1 { "1 place is".to_owned() } else { format!("{} places are", faults.len()) };
        return Err(Problem::usage(format!("{places} wrong in {}", path.display())).into());
    }
    let pinned = protocols::chosen(&path.to_string_lossy())?;
    let word = terminal.paint(Paint::Good, "pass");
    terminal.line(format_args!("{word}       {}   {}", pinned.protocol.name, pinned.digest));
    Ok(Exit::Pass)
}
