//! Real images and captions: trains on two vendors' emoji, evaluates on a third one's, which no training
//! sees. Names become captions; the same names are the classes of zero-shot classification.

mod catalogue;
mod packages;
mod picture;
mod shards;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use records::v1::{names, protocol::Protocol, run::ResolvedRun};

use crate::{kit, setup, shell};
use table::ScoreRow;

/// Arguments of `cargo xtask emoji`.
#[derive(Parser)]
pub struct Args {
    /// Where data and runs go
    #[arg(long, default_value = "runs/emoji")]
    home: PathBuf,
    /// Write the data and stop
    #[arg(long)]
    data_only: bool,
}

/// The entry that is tried; the baseline trains beside it.
const OPENCLIP: &str = "frozen/algorithms/openclip";

/// Fetches, trains, evaluates, prints a table.
///
/// - Errors: also where the table does not show what the README says of it.
pub fn run(checkout: &Path, args: Args) -> Result<()> {
    let home = checkout.join(args.home);
    let packages = packages::Packages::provide()?;
    let counts = shards::write(&packages, &home.join("data"))?;
    let shards::SetCounts { names, samples, unseen } = counts;
    eprintln!("{samples} pairs of {names} names for training, {unseen} images of an unseen vendor");
    if args.data_only {
        return Ok(());
    }
    let path = checkout.join("frozen/protocols/emoji.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (protocol, _) = Protocol::parse(&text)?;
    let scale = protocol.scales.first().context("protocol `emoji` has no scale")?;
    let maxclip = kit::build(&setup::run(checkout)?)?.maxclip;
    let command = |words: &[&str]| {
        let mut command = Command::new(&maxclip);
        command.current_dir(checkout).args(words);
        command
    };
    shell::run(command(&["data", "index"]).arg(home.join("data").join(&scale.data)))?;
    let steps = scale.steps.to_string();
    let start = Instant::now();
    let mut attempt =
        command(&["try", OPENCLIP, "--protocol", &protocol.name, "--scale", &scale.name, "--steps", &steps]);
    shell::run(attempt.arg("--home").arg(&home))?;
    let tried = last_attempt(&home)?;
    let baseline = baseline_of(&home, &tried)?;
    let (text, holds) =
        table::table(&ScoreRow::read("OpenCLIP", &tried)?, &ScoreRow::read("FastCLIP-v3", &baseline)?, names);
    println!(
        "emoji: {steps} steps of {}, {} s; chance is 1 of {names}",
        protocol.batch.global,
        start.elapsed().as_secs()
    );
    print!("{text}");
    if holds { Ok(()) } else { bail!("the figures are not what is claimed of them") }
}

/// The folder that `maxclip try` wrote last.
fn last_attempt(home: &Path) -> Result<PathBuf> {
    let mut last = None;
    for entry in fs::read_dir(home).with_context(|| format!("cannot read {}", home.display()))? {
        let name = entry.with_context(|| format!("cannot read {}", home.display()))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("try-")?.parse::<u32>().ok());
        last = last.max(number.map(|number| (number, home.join(name))));
    }
    last.map(|(_, folder)| folder).with_context(|| format!("no attempt in {}", home.display()))
}

/// The baseline's run that an attempt was measured against: of the same seed, data, protocol, programs and machine.
fn baseline_of(home: &Path, tried: &Path) -> Result<PathBuf> {
    let read = |folder: &Path| -> Result<ResolvedRun> {
        let path = folder.join(names::RUN);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    };
    let run = read(tried)?;
    let baselines = home.join("baselines");
    let mut found = Vec::new();
    for entry in fs::read_dir(&baselines).with_context(|| format!("cannot read {}", baselines.display()))? {
        let folder = entry.with_context(|| format!("cannot read {}", baselines.display()))?.path();
        let text = fs::read(folder.join(names::RUN)).unwrap_or_default();
        // One of another frozen tree may have another form, and is not what is looked for.
        if records::v1::run::frozen(&text) != Some(run.frozen) {
            continue;
        }
        let other = read(&folder)?;
        let as_tried = ResolvedRun { tree: run.tree, config: run.config.clone(), ..other };
        found.extend((as_tried == run).then_some(folder));
    }
    match <[PathBuf; 1]>::try_from(found) {
        Ok([folder]) => Ok(folder),
        Err(found) => bail!(
            "{} runs in {} could be the baseline of {}: remove that folder and run the command again",
            found.len(),
            baselines.display(),
            tried.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_is_the_one_of_the_largest_number() {
        let home = std::env::temp_dir().join(format!("maxclip-emoji-{}", std::process::id()));
        for name in ["try-0009", "try-0010", "build", "try-x"] {
            fs::create_dir_all(home.join(name)).unwrap();
        }
        let last = last_attempt(&home);
        fs::remove_dir_all(&home).unwrap();
        assert_eq!(last.unwrap(), home.join("try-0010"));
    }

    #[test]
    fn the_baseline_is_the_run_that_differs_in_the_entry_alone() {
        let home = std::env::temp_dir().join(format!("maxclip-emoji-baseline-{}", std::process::id()));
        let run = ResolvedRun {
            format: records::v1::run::RUN_FORMAT.to_owned(),
            protocol: "name = \"emoji\"\n".to_owned(),
            protocol_digest: records::ProtocolDigest([1; 32]),
            model: "{}".to_owned(),
            scale: "small".to_owned(),
            repeat: 1,
            data: records::DataRoot([2; 32]),
            frozen: records::FrozenDigest([3; 32]),
            tree: records::TreeDigest([4; 32]),
            config: "{}".to_owned(),
            seed: "05".repeat(32),
            class: records::NumericsClass([6; 32]),
        };
        let write = |folder: &str, run: &ResolvedRun| {
            let folder = home.join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(names::RUN), serde_json::to_string(run).unwrap()).unwrap();
            folder
        };
        let tried = write("try-0001", &run);
        let baseline = ResolvedRun { tree: records::TreeDigest([9; 32]), config: "{\"tau\":1}".to_owned(), ..run };
        write("baselines/other-seed", &ResolvedRun { seed: "06".repeat(32), ..baseline.clone() });
        write("baselines/other-frozen", &ResolvedRun { frozen: records::FrozenDigest([8; 32]), ..baseline.clone() });
        let none = baseline_of(&home, &tried).unwrap_err().to_string();
        let right = write("baselines/right", &baseline);
        let one = baseline_of(&home, &tried);
        write("baselines/of-another-editable", &ResolvedRun { tree: records::TreeDigest([7; 32]), ..baseline });
        let two = baseline_of(&home, &tried).unwrap_err().to_string();
        fs::remove_dir_all(&home).unwrap();
        assert!(none.starts_with("0 runs in "), "{none}");
        assert_eq!(one.unwrap(), right);
        assert!(two.starts_with("2 runs in "), "{two}");
    }
}
