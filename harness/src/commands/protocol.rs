//! `maxclip protocol`: what there is, what one says, and what is wrong with one of your own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{
    Exit,
    v1::protocol::{Protocol, ProtocolError, Scale},
};

use crate::{
    frozen,
    problem::Problem,
    resolve::{Law, model_beside, read_text},
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
}

/// Does it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    match args.act {
        Act::List => {
            for name in frozen::protocols() {
                let law = Law::named(name)?;
                terminal.line(format_args!("{name:<10} {}   {}", law.digest.short(), law.protocol.about));
            }
            Ok(Exit::Pass)
        }
        Act::Show { protocol } => {
            show(&Law::chosen(&protocol)?, terminal);
            Ok(Exit::Pass)
        }
        Act::Check { file } => check(&file, terminal),
    }
}

fn show(law: &Law, terminal: &mut Terminal) {
    let protocol = &law.protocol;
    let mut line = |label: &str, text: String| terminal.line(format_args!("{label:<12} {text}"));
    line("protocol", format!("{}   {}", protocol.name, law.digest));
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
            faults.extend(protocol.faults().into_iter().map(|fault| (line_of(&text, &fault.key), fault.to_string())));
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
        faults.extend(wrong.err().map(|why| (line_of(&text, "model"), format!("model: {why}"))));
    }
    faults.sort();
    for (line, why) in &faults {
        let word = terminal.paint(Paint::Bad, "wrong");
        terminal.line(format_args!("{word}      {}:{line}   {why}", path.display()));
    }
    if !faults.is_empty() {
        return Err(Problem::usage(format!("{} places of {} are wrong", faults.len(), path.display())).into());
    }
    let law = Law::chosen(&path.to_string_lossy())?;
    let word = terminal.paint(Paint::Good, "pass");
    terminal.line(format_args!("{word}       {}   {}", law.protocol.name, law.digest));
    Ok(Exit::Pass)
}

/// The line, from 1, where a key of a fault stands: `scale.1.steps` is `steps` below the second `[[scale]]`. The
/// table's line where the key is not written, the first line for the whole file.
fn line_of(text: &str, key: &str) -> usize {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let (mut here, mut counts, mut found) = (String::new(), std::collections::BTreeMap::<String, usize>::new(), 1);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(list) = line.strip_prefix("[[").and_then(|rest| rest.split_once("]]")) {
            let count = counts.entry(list.0.to_owned()).or_default();
            here = format!("{}.{count}", list.0);
            *count += 1;
        } else if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            here = header.0.to_owned();
        }
        if here == table {
            if line.starts_with('[') {
                found = index + 1;
            }
            if line.split_once('=').is_some_and(|(word, _)| word.trim() == name) {
                return index + 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_at_its_line() {
        let text = "name = \"x\"\n[batch]\nglobal = 7\n[[scale]]\nsteps = 1\n[[scale]]\nname = \"b\"\nsteps = 2\n";
        for (key, line) in [
            ("name", 1),
            ("batch.global", 3),
            ("batch.micro", 2),
            ("scale.0.steps", 5),
            ("scale.1.steps", 8),
            ("scale.1.seeds", 6),
            ("", 1),
        ] {
            assert_eq!(line_of(text, key), line, "{key}");
        }
    }
}
