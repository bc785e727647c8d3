//! `maxclip data`: makes shards a data set, and says what a data set is.

use std::path::PathBuf;

use anyhow::Result;
use data::{
    DataError,
    dataset::Dataset,
    index,
    shapes::{self, Spec},
};
use records::Exit;

use crate::{problem::Problem, terminal::Terminal};

/// Arguments of `maxclip data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What to do with data.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Read every shard of a folder, decode every image and write the index; goes on where it was stopped
    Index {
        /// A folder of WebDataset shards: jpg, png or webp, txt, json with a uid
        folder: PathBuf,
    },
    /// Print a data set's size and identity, after reading every sample and decoding every image
    Verify {
        /// An indexed folder
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

/// Does it. What is wrong with data is for their owner to repair.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    act(args, terminal).map_err(|error| match error.downcast::<DataError>() {
        Ok(DataError::File(error)) => error.into(),
        Ok(error) => Problem { exit: Exit::Usage, what: error.to_string(), hint: error.hint() }.into(),
        Err(error) => error,
    })
}

fn act(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    match args.act {
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
