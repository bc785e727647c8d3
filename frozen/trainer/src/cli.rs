//! The command line, and the one place where environment and threads of the machine are looked at.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use host::{Python, Server};
use records::{
    Exit, Problem, Stop,
    v1::{
        outcome::{Ending, TrainerUsage},
        protocol::LANES,
    },
};

use crate::{
    forward::Graphs,
    plan::RunPlan,
    probe, room,
    run::{Options, train},
};

/// Trains one resolved run.
#[derive(Parser)]
#[command(version = stamp::VERSION)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains the run of a folder, or goes on with it.
    Train {
        /// The folder with `run.json`.
        folder: PathBuf,
        /// The data set's folder.
        #[arg(long)]
        data: PathBuf,
        #[command(flatten)]
        server: Box<ServerArguments>,
        /// The entry that its cells load.
        #[arg(long)]
        entry: PathBuf,
        /// The frozen probe that shows what holds them.
        #[arg(long)]
        probe: PathBuf,
        /// The folder with libtorch's libraries, for the worker.
        #[arg(long)]
        libraries: PathBuf,
        /// Stop after so many steps; a later start goes on.
        #[arg(long)]
        until: Option<u64>,
        /// Start the worker again each so many steps.
        #[arg(long)]
        restart_worker_every: Option<u64>,
        /// Keep the graphs of micro-batches in memory, or compute them again.
        #[arg(long, value_enum, default_value = "keep")]
        graphs: Graphs,
        /// Threads that share the lanes: 1, 2, 4 or 8. Decides time and no bit.
        #[arg(long, default_value = "1", value_parser = threads)]
        threads: usize,
    },
    /// Prints the digest that says where training gives equal bits.
    Class,
    /// Prints how many bytes the run of each folder writes at most, a line of JSON each.
    Room {
        /// Folders with `run.json`.
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
}

/// The worker's server: a program of ours for Rust entries, or CPython with what makes it one.
#[derive(clap::Args)]
struct ServerArguments {
    /// The worker's server program.
    #[arg(long, required_unless_present = "python", conflicts_with = "python")]
    worker: Option<PathBuf>,
    /// The CPython that becomes the server, for entries in Python.
    #[arg(long, requires_all = ["python_library", "contract", "package", "standard_library"])]
    python: Option<PathBuf>,
    /// `libworker_python.so`.
    #[arg(long, requires = "python")]
    python_library: Option<PathBuf>,
    /// The folder of the contract in Python.
    #[arg(long, requires = "python")]
    contract: Option<PathBuf>,
    /// A folder with torch or what it imports.
    #[arg(long, requires = "python")]
    package: Vec<PathBuf>,
    /// A folder of CPython's own.
    #[arg(long, requires = "python")]
    standard_library: Vec<PathBuf>,
}

impl ServerArguments {
    fn server(self) -> Server {
        match (self.python, self.worker) {
            (Some(program), _) => Server::Python(Python {
                program,
                library: self.python_library.unwrap_or_default(),
                contract: self.contract.unwrap_or_default(),
                packages: self.package,
                own: self.standard_library,
            }),
            (None, worker) => Server::Rust(worker.unwrap_or_default()),
        }
    }
}

/// Runs a command.
pub fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Pass };
            error.print().ok();
            return exit;
        }
    };
    match dispatch(arguments.command) {
        Ok(()) => Exit::Pass,
        Err(stop) => {
            eprintln!("trainer: {stop}");
            stop.exit()
        }
    }
}

fn dispatch(command: Command) -> Result<(), Stop> {
    require_environment()?;
    let signal = |error| Problem::fault(format!("cannot set what a signal does: {error}"));
    shim::end_with_parent().map_err(signal)?;
    shim::ignore_file_size_signal().map_err(signal)?;
    shim::one_thread()?;
    shim::pin(shim::Fill::Nothing)?;
    match command {
        Command::Class => println!("{}", probe::class()?),
        Command::Room { folders } => {
            for folder in folders {
                println!("{}", serde_json::json!(room::room(&RunPlan::read(&folder)?)));
            }
        }
        Command::Train {
            folder,
            data,
            server,
            entry,
            probe,
            libraries,
            until,
            restart_worker_every,
            graphs,
            threads,
        } => {
            let loaders = loaders();
            let options = Options {
                folder,
                data,
                server: server.server(),
                entry,
                probe,
                libraries,
                until,
                restart_worker_every,
                graphs,
                threads,
                loaders,
            };
            let mut usage = TrainerUsage::default();
            match train(&options, &mut usage)? {
                Ending::Stopped => eprintln!("trainer: stopped; start it again to go on"),
                _ => eprintln!("trainer: done"),
            }
        }
    }
    Ok(())
}

/// The variables are read by libtorch's libraries as they load: they must be there from the start.
fn require_environment() -> Result<(), Stop> {
    for &(name, expected) in numerics::pin::ENVIRONMENT {
        #[expect(clippy::disallowed_methods, reason = "the environment enters here")]
        let found = std::env::var(name).unwrap_or_default();
        if found != expected {
            let what = format!("the environment must hold {name}={expected}, found `{found}`");
            return Err(Problem::usage(what).hint("`maxclip` starts the trainer with the right one").into());
        }
    }
    Ok(())
}

/// A number of threads that divides the lanes.
fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| (1..=LANES).contains(threads) && LANES.is_multiple_of(*threads));
    threads.ok_or_else(|| "1, 2, 4 or 8".to_owned())
}

/// Decoding gets the cores that the trainer does not need; its results do not depend on their number.
fn loaders() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, 8))
}
