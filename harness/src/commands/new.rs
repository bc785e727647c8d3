//! `maxclip new`: a complete entry to start from, the baseline.

use std::{fs, path::PathBuf};

use anyhow::Result;
use records::{
    Exit,
    file::{self, FileError},
};

use crate::{archive, frozen, problem::Problem, shell, terminal::Terminal};

/// Where to write it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder that is not there yet, or is empty.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let occupied = match fs::read_dir(&args.folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            let problem = Problem::usage(format!("{} is a file, or below one", args.folder.display()));
            return Err(problem.hint("name a folder that is not there yet").into());
        }
        Err(error) => return Err(FileError::at("read", &args.folder)(error).into()),
    };
    if occupied {
        let problem = Problem::usage(format!("{} is not empty", args.folder.display()));
        return Err(problem.hint("name a folder that is not there yet").into());
    }
    for (path, bytes) in frozen::kit().files {
        let path = path.strip_prefix(archive::EDITABLE).unwrap_or(&path);
        file::write(&args.folder.join(path), &bytes)?;
        terminal.line(args.folder.join(path).display());
    }
    let folder = shell::path(&args.folder);
    let loss = args.folder.join("src/loss.rs");
    terminal.say(format_args!("change the loss     {}, then   maxclip try {folder}", loss.display()));
    terminal.say(format_args!("make the ZIP        maxclip pack {folder} -o entry.zip"));
    Ok(Exit::Pass)
}
