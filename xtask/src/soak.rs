//! What the tests show once, many times: programs that share a home at the same time come to what they come to one
//! after the other, byte for byte.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use records::v1::names;

use crate::{
    kit::{self, BuiltKit},
    setup, shell,
};

/// Arguments of `cargo xtask soak`.
#[derive(Parser)]
pub struct Args {
    /// How often each is done
    #[arg(long, default_value_t = 20)]
    times: u32,
    /// The protocol, by name or file
    #[arg(long, default_value = "mini")]
    protocol: String,
    /// Where it works; emptied first
    #[arg(long, default_value = "runs/soak")]
    home: PathBuf,
}

/// The entries that are certified beside each other.
const ENTRIES: [(&str, &str); 2] = [("fastclip", "editable"), ("openclip", "frozen/algorithms/openclip")];

/// Soaks.
pub fn run(checkout: &Path, args: &Args) -> Result<()> {
    let kit = kit::build(&setup::run(checkout)?)?;
    let home = checkout.join(&args.home);
    shell::remove(&home)?;
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    let soak = Soak { checkout, kit, home, protocol: args.protocol.clone() };
    for (name, folder) in ENTRIES {
        let folder = text(&checkout.join(folder));
        soak.all(&[words(&["pack", &folder, "-o", &soak.zip(name)])])?;
    }
    let start = Instant::now();
    let expected = soak.sequential()?;
    println!("one after the other: {} s", start.elapsed().as_secs());
    for time in 1..=args.times {
        let start = Instant::now();
        soak.once(&expected).with_context(|| format!("time {time} of {}", args.times))?;
        println!("{time} of {}: equal, {} s", args.times, start.elapsed().as_secs());
    }
    println!(
        "two goldens, two entries and one entry twice, at once, {} times each: as one after the other",
        args.times
    );
    Ok(())
}

struct Soak<'a> {
    checkout: &'a Path,
    kit: BuiltKit,
    home: PathBuf,
    protocol: String,
}

/// What a home holds that must not depend on when it came there: each golden's record and each statement.
type Results = BTreeMap<PathBuf, Vec<u8>>;

impl Soak<'_> {
    fn sequential(&self) -> Result<Results> {
        let home = self.home.join("sequential");
        self.all(&[self.golden(&home)])?;
        for (name, _) in ENTRIES {
            self.all(&[self.certify(name, &home)])?;
        }
        results(&home)
    }

    /// Everything at once, in a fresh home each.
    fn once(&self, expected: &Results) -> Result<()> {
        let home = self.home.join("at-once");
        shell::remove(&home)?;
        self.all(&[self.golden(&home), self.golden(&home)])?;
        // A golden's record and its statement; an empty home would be equal to nothing.
        let alone = expected.iter().filter(|(path, _)| path.starts_with("golden"));
        ensure!(results(&home)?.iter().eq(alone), "two goldens at once are another golden than one");
        // A home that holds a golden and nothing else: data and builds are made by both.
        let recorded = self.home.join("golden");
        fs::rename(home.join("golden"), &recorded).context("cannot keep the golden")?;
        shell::remove(&home)?;
        fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
        fs::rename(&recorded, home.join("golden")).context("cannot put the golden back")?;
        self.all(&ENTRIES.map(|(name, _)| self.certify(name, &home)))?;
        ensure!(results(&home)? == *expected, "two entries at once came to other statements than one after the other");
        let entries = home.join("entries");
        shell::remove(&entries)?;
        let (one, other) = (ENTRIES[0].0, ENTRIES[1].0);
        self.all(&[self.certify(one, &home), self.certify(one, &home)])?;
        self.all(&[self.certify(other, &home)])?;
        ensure!(results(&home)? == *expected, "one entry twice at once came to another statement than once");
        let left = left(&home)?;
        ensure!(left.is_empty(), "left half-written: {left:?}");
        Ok(())
    }

    fn golden(&self, home: &Path) -> Vec<String> {
        words(&["golden", "record", "--protocol", &self.protocol, "--reason", "soak", "--home", &text(home)])
    }

    fn certify(&self, name: &str, home: &Path) -> Vec<String> {
        words(&["certify", &self.zip(name), "--protocol", &self.protocol, "--home", &text(home)])
    }

    fn zip(&self, name: &str) -> String {
        text(&self.home.join(format!("{name}.zip")))
    }

    /// Starts all, then waits for each; each must end well.
    fn all(&self, commands: &[Vec<String>]) -> Result<()> {
        let start = |arguments: &Vec<String>| {
            let mut command = Command::new(&self.kit.maxclip);
            command.args(arguments).current_dir(self.checkout).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().context("cannot start maxclip")
        };
        let children = commands.iter().map(start).collect::<Result<Vec<_>>>()?;
        for (child, arguments) in children.into_iter().zip(commands) {
            let output = child.wait_with_output().context("cannot wait for maxclip")?;
            if !output.status.success() {
                let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
                bail!("`maxclip {}` ended with {}\n{out}{err}", arguments.join(" "), output.status);
            }
        }
        Ok(())
    }
}

fn results(home: &Path) -> Result<Results> {
    let mut found = Results::new();
    for name in ["golden", "entries"] {
        let folder = home.join(name);
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            for file in [names::GOLDEN, names::STATEMENT].map(|file| path.join(file)) {
                if file.is_file() {
                    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                    found.insert(file.strip_prefix(home).unwrap_or(&file).to_owned(), bytes);
                }
            }
        }
    }
    // An entry's own copy of the golden is evidence like any other.
    found.retain(|path, _| !path.starts_with("entries") || path.ends_with(names::STATEMENT));
    Ok(found)
}

/// What nobody finished: parts, and scratch folders.
fn left(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "part") || folder.ends_with("scratch") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(left(&path)?);
        }
    }
    Ok(found)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
