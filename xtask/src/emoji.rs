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
use records::v1::protocol::Protocol;

use crate::{kit, setup, shell};
use table::Row;

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
    let shards::Counts { names, samples, unseen } = counts;
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
    let baseline = format!("build/baseline-{}-{}-{steps}", protocol.name, scale.name);
    let openclip = Row::read("OpenCLIP", &last_attempt(&home)?)?;
    let (text, holds) = table::table(&openclip, &Row::read("FastCLIP-v3", &home.join(baseline))?, names);
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
}
