//! `cargo xtask golden`: records the golden that a release carries for this machine's class, into `golden/`.
//!
//! The last act before a release: a golden binds to the frozen tree, and any change of that voids it. Building once
//! more afterwards compiles it into `maxclip`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use records::v1::names;

use crate::{kit, setup, shell};

/// What a carried golden is made of: its statement first.
const FILES: [&str; 4] = [names::STATEMENT, names::GOLDEN, names::TRANSCRIPT, names::FINGERPRINTS];

/// Arguments of `cargo xtask golden`.
#[derive(clap::Args)]
pub struct Args {
    /// The protocol
    #[arg(long, default_value = "mini")]
    protocol: String,
    /// Why it is recorded: stands in its statement
    #[arg(long)]
    reason: String,
}

/// Records it in a home of its own and copies what a release carries.
pub fn run(checkout: &Path, args: &Args) -> Result<()> {
    let kit = kit::build(&setup::run(checkout)?)?;
    let home = tempfile::tempdir().context("cannot make a folder for the recording")?;
    let mut maxclip = Command::new(&kit.maxclip);
    maxclip.args(["golden", "record", "--protocol", &args.protocol, "--reason", &args.reason, "--home"]);
    shell::run(maxclip.arg(home.path()).current_dir(checkout))?;
    let recorded = recorded(&home.path().join("golden"))?;
    let name = recorded.file_name().context("a golden without a name")?;
    let target = checkout.join("golden").join(name);
    fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
    for file in FILES {
        let (from, to) = (recorded.join(file), target.join(file));
        fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    println!("{}   commit it, and build once more: `maxclip` carries it then", target.display());
    Ok(())
}

/// The one golden of a fresh home.
fn recorded(goldens: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(goldens).with_context(|| format!("cannot read {}", goldens.display()))?;
    let folders = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let found = folders.into_iter().find(|folder| folder.join(FILES[0]).is_file());
    found.with_context(|| format!("no golden in {}", goldens.display()))
}
