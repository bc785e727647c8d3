//! Runs a compiler within limits: `maxclip confined .. -- PROGRAM ..` limits itself and becomes the program.
//!
//! The limits are set by the process that will be the compiler, so no moment exists in which it runs
//! without them, and nothing here needs `unsafe`.

use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _,
};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::terminal::Terminal;

/// Address space of a compiler: 2 GiB is measured to be enough for a crate that uses the contract.
const MEMORY_BYTES: u64 = 2 << 30;
const CPU_SECONDS: u64 = 60;
const FILE_BYTES: u64 = 256 << 20;

/// Arguments of the hidden command.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders that may be read
    #[arg(long)]
    read: Vec<PathBuf>,
    /// Folders that may be written
    #[arg(long)]
    write: Vec<PathBuf>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    program: Vec<String>,
}

/// The command that runs `program` in confinement, with an empty environment.
pub fn command(read: &[&Path], write: &[&Path], program: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program's own file")?);
    command.env_clear().arg("confined");
    for folder in read {
        command.arg("--read").arg(folder);
    }
    for folder in write {
        command.arg("--write").arg(folder);
    }
    command.arg("--").arg(program);
    Ok(command)
}

/// Sets the limits and becomes the program; returns only where that fails.
pub fn run(args: Args, _terminal: &mut Terminal) -> Result<records::Exit> {
    let limits = [
        (Resource::As, MEMORY_BYTES),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Fsize, FILE_BYTES),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
            .with_context(|| format!("cannot limit {resource:?}"))?;
    }
    fence(&args)?;
    let [program, arguments @ ..] = args.program.as_slice() else { anyhow::bail!("no program") };
    Err(Command::new(program).args(arguments).exec()).with_context(|| format!("cannot start {program}"))
}

/// A Landlock domain, where the kernel has Landlock.
fn fence(args: &Args) -> Result<()> {
    let abi = ABI::V3;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .create()?;
    let system = ["/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache", "/proc", "/dev"].map(PathBuf::from);
    for folder in args.read.iter().chain(&system).filter(|folder| folder.exists()) {
        rules = rules.add_rule(PathBeneath::new(PathFd::new(folder)?, AccessFs::from_read(abi)))?;
    }
    for folder in &args.write {
        rules = rules.add_rule(PathBeneath::new(PathFd::new(folder)?, AccessFs::from_all(abi)))?;
    }
    rules.restrict_self()?;
    Ok(())
}
