//! `maxclip data`: makes pictures shards and shards a data set, and says what a data set or a task is.

use std::path::{Path, PathBuf};

use anyhow::Result;
use data::{
    dataset::Dataset,
    index,
    shapes::{self, Spec},
};
use records::Exit;

use crate::{
    packing::{task, training},
    shell,
    terminal::Terminal,
};

/// Arguments of `maxclip data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What to do with data.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Pack a folder of pictures, each with its caption beside it (a.jpg and a.txt), into shards for training
    Pack {
        /// The folder; those below it count too
        folder: PathBuf,
        /// Where the shards go: `runs/data/NAME` for a scale whose data are called NAME
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Take that many, by uid: a smaller set lies within a larger one of the same folder
        #[arg(long, value_name = "N", value_parser = super::positive::<u64>)]
        samples: Option<u64>,
    },
    /// Pack a folder of pictures into an evaluation task and print its identity
    ///
    /// With classnames.txt and zeroshot_classification_templates.txt in it, and a folder of pictures for each class, it is zero-shot
    /// classification; else each picture has its captions beside it, one a line, and it is retrieval
    Task {
        /// The folder
        folder: PathBuf,
        /// Where the task goes: `runs/data/NAME` for a task that is called NAME
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Read every shard of a folder, decode every image and write the index; goes on where it was stopped
    Index {
        /// A folder of WebDataset shards: jpg, png or webp, txt, json with a uid
        folder: PathBuf,
    },
    /// Print a data set's or a task's size and identity, after reading every sample and decoding every image
    Verify {
        /// An indexed folder, or a task's
        folder: PathBuf,
    },
    /// Say whether each data set is contained in the next
    Nested {
        /// Indexed folders, smallest first
        #[arg(required = true, num_args = 2..)]
        folders: Vec<PathBuf>,
    },
    /// Generate the `shapes` data sets and tasks of protocol `mini`
    Shapes {
        /// Where to write them
        #[arg(default_value = "runs/data")]
        folder: PathBuf,
    },
}

/// Does it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    match args.act {
        Act::Pack { folder, out, samples } => pack(&folder, &out, samples, terminal)?,
        Act::Task { folder, out } => {
            let (summary, left_out) = task::pack(&folder, &out)?;
            tell_left_out(&left_out, terminal);
            terminal.line(summary);
        }
        Act::Index { folder } => {
            let mut bar = None;
            index::build(&folder, &mut |scanned| {
                let bar = bar.get_or_insert_with(|| terminal.progress("index", scanned.total >> 20));
                bar.reach(scanned.done >> 20);
            })?;
            drop(bar);
            let set = Dataset::open(&folder)?;
            terminal.line(format_args!("{} samples   {}", set.len(), set.root()));
        }
        Act::Verify { folder } if task::is_task(&folder) => terminal.line(task::summary(&folder)?),
        Act::Verify { folder } => {
            let set = Dataset::open(&folder)?;
            let bar = terminal.progress("verify", set.len());
            set.verify(&mut |done| bar.reach(done))?;
            drop(bar);
            terminal.line(format_args!("{} samples   {}", set.len(), set.root()));
        }
        Act::Nested { folders } => {
            let sets = folders.iter().map(|folder| Dataset::open(folder)).collect::<Result<Vec<_>, _>>()?;
            for (pair, names) in sets.windows(2).zip(folders.windows(2)) {
                pair[0].check_within(&pair[1])?;
                terminal.line(format_args!("{} is contained in {}", names[0].display(), names[1].display()));
            }
        }
        Act::Shapes { folder } => {
            for (name, root) in shapes::generate(&folder, &Spec::mini())? {
                terminal.line(format_args!("{}   {root}", folder.join(name).display()));
            }
        }
    }
    Ok(Exit::Pass)
}

fn pack(folder: &Path, out: &Path, samples: Option<u64>, terminal: &mut Terminal) -> Result<()> {
    let bar = terminal.progress("pack", 0);
    let packed = training::pack(folder, out, samples, &mut |done| bar.reach(done))?;
    drop(bar);
    tell_left_out(&packed.left_out, terminal);
    let plural = if packed.shards == 1 { "" } else { "s" };
    terminal.line(format_args!("{} samples in {} shard{plural}   {}", packed.samples, packed.shards, out.display()));
    terminal.say(format_args!("index them: maxclip data index {}", shell::path(out)));
    Ok(())
}

/// Names some of what was neither picture nor text: it may be pictures of a kind that nobody reads here.
fn tell_left_out(files: &[PathBuf], terminal: &mut Terminal) {
    const SHOWN: usize = 3;
    if files.is_empty() {
        return;
    }
    let shown: Vec<_> = files.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    let more = if files.len() > SHOWN { ", .." } else { "" };
    terminal.say(format_args!("left out, neither picture nor text: {} ({}{more})", files.len(), shown.join(", ")));
}
