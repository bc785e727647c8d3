//! The story: one machine plays participant, organizer, reviewer and cheat, with the real commands.
//!
//! Everything lies below `runs/demo`, which is emptied first: the demo never shows what an earlier one did.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use records::v1::names;

use crate::{
    kit::{self, BuiltKit},
    setup, shell,
};

/// Arguments of `cargo xtask demo`.
#[derive(Parser)]
pub struct Args {
    /// Where the demo's files go; emptied first
    #[arg(long, default_value = "runs/demo")]
    home: PathBuf,
}

/// One entry of the story.
struct Entry {
    folder: &'static str,
    zip: &'static str,
}

const ENTRIES: [Entry; 2] = [
    Entry { folder: "editable", zip: "fastclip.zip" },
    Entry { folder: "frozen/algorithms/openclip", zip: "openclip.zip" },
];

/// Tells it.
pub fn run(checkout: &Path, args: &Args) -> Result<()> {
    eprintln!("setting up and building (the first time about 14 minutes on two cores, later seconds)");
    let machine = setup::run(checkout)?;
    let kit = kit::build(&machine)?;
    let start = Instant::now();
    let home = checkout.join(&args.home);
    shell::remove(&home)?;
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    let story = Story { checkout, kit, home };
    story.tell()?;
    let seconds = start.elapsed().as_secs();
    println!("\ndone in {} min {} s, set-up and build not counted\n", seconds / 60, seconds % 60);
    println!("  change the loss      editable/src/loss.rs, then   cargo maxclip try");
    println!("  look at the runs     {}/report.html", story.shown());
    println!("  doubt the number     cargo maxclip verify --help, docs/reviewers.md");
    Ok(())
}

struct Story<'a> {
    checkout: &'a Path,
    kit: BuiltKit,
    home: PathBuf,
}

impl Story<'_> {
    fn tell(&self) -> Result<()> {
        println!("maxclip demo: two entries, from ZIP to leaderboard\n\nparticipant");
        for entry in &ENTRIES {
            self.show(&["pack", entry.folder, "-o", &self.path(entry.zip)])?;
            self.show(&["check", &self.path(entry.zip)])?;
        }
        println!("\norganizer   (the key is made just now: nobody else trusts it)");
        self.show(&["key", "new", "--name", "demo", "--out", &self.path("demo")])?;
        self.show(&["golden", "record", "--protocol", "mini", "--reason", "demo machine", "--home", &self.path("")])?;
        let mut folders = Vec::new();
        for entry in &ENTRIES {
            folders.push(self.certify(entry)?);
        }
        println!("\nleaderboard");
        let mut board = vec!["leaderboard".to_owned(), "--trust".to_owned(), self.path("demo.pub")];
        board.extend(["--html".to_owned(), self.path("board.html")]);
        board.extend(folders.iter().map(|folder| folder.join(names::CERTIFICATE).to_string_lossy().into_owned()));
        self.show(&board.iter().map(String::as_str).collect::<Vec<_>>())?;
        let mut report = vec!["report".to_owned(), "--out".to_owned(), self.path("report.html")];
        report.extend(folders.iter().map(|folder| folder.to_string_lossy().into_owned()));
        self.show(&report.iter().map(String::as_str).collect::<Vec<_>>())?;
        println!("\nreviewer");
        self.verify(&folders[0], 0)?;
        self.cheat(&folders[0])
    }

    fn certify(&self, entry: &Entry) -> Result<PathBuf> {
        let before = self.entries()?;
        self.show(&["certify", &self.path(entry.zip), "--protocol", "mini", "--home", &self.path("")])?;
        let new = self.entries()?.into_iter().find(|folder| !before.contains(folder));
        let folder = new.context("`certify` left no folder behind")?;
        let (golden, key) = (self.path("golden"), self.path("demo.key"));
        self.show(&["sign", &folder.to_string_lossy(), "--golden", &golden, "--key", &key])?;
        Ok(folder)
    }

    /// Folders that hold a statement.
    fn entries(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let entries = self.home.join("entries");
        if !entries.is_dir() {
            return Ok(found);
        }
        for entry in fs::read_dir(&entries).with_context(|| format!("cannot read {}", entries.display()))? {
            let path = entry?.path();
            if path.join(names::STATEMENT).is_file() {
                found.push(path);
            }
        }
        Ok(found)
    }

    fn verify(&self, folder: &Path, expected: i32) -> Result<()> {
        let certificate = folder.join(names::CERTIFICATE);
        let arguments =
            ["verify", &certificate.to_string_lossy(), "--trust", &self.path("demo.pub")].map(str::to_owned);
        let status = self.start(&arguments)?;
        if status != expected {
            bail!("`maxclip verify` ended with {status}, {expected} was due");
        }
        Ok(())
    }

    fn cheat(&self, folder: &Path) -> Result<()> {
        let checkpoint = folder.join("medium/1/published/model.safetensors");
        println!("\ncheat       one bit of {} is flipped", self.short(&checkpoint));
        let at = fs::metadata(&checkpoint).with_context(|| format!("no {}", checkpoint.display()))?.len() * 2 / 3;
        flip(&checkpoint, at)?;
        let judged = self.verify(folder, 1);
        flip(&checkpoint, at)?;
        judged?;
        println!("    exit 1, as it should; the bit is put back, and");
        self.verify(folder, 0)
    }

    /// Prints and runs a command that must end well.
    fn show(&self, arguments: &[&str]) -> Result<()> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        match self.start(&arguments)? {
            0 => Ok(()),
            status => bail!("`maxclip {}` ended with {status}", arguments.join(" ")),
        }
    }

    fn start(&self, arguments: &[String]) -> Result<i32> {
        let words: Vec<_> = arguments.iter().map(|word| quote(&self.short(Path::new(word)))).collect();
        println!("  $ maxclip {}", words.join(" "));
        let mut command = Command::new(&self.kit.maxclip);
        let status = command.args(arguments).current_dir(self.checkout).status().context("cannot start maxclip")?;
        status.code().with_context(|| format!("`maxclip {}` was ended by a signal", words.join(" ")))
    }

    fn path(&self, name: &str) -> String {
        self.home.join(name).to_string_lossy().into_owned()
    }

    /// A path as seen from the checkout.
    fn short(&self, path: &Path) -> String {
        path.strip_prefix(self.checkout).unwrap_or(path).to_string_lossy().into_owned()
    }

    fn shown(&self) -> String {
        self.short(&self.home)
    }
}

fn quote(word: &str) -> String {
    if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() }
}

fn flip(path: &Path, at: u64) -> Result<()> {
    let cannot = || format!("cannot change {}", path.display());
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path).with_context(cannot)?;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut byte)).with_context(cannot)?;
    byte[0] ^= 1 << 3;
    file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&byte)).with_context(cannot)
}
