//! `cargo xtask`: what a checkout needs around cargo. Sets the machine up, builds the kit, tells the
//! demo, runs the tests, the peers and the benchmarks. Starts programs and links none of ours
//! but what names their files, lists the frozen tree and pins numerics.

mod bench;
mod check;
mod demo;
mod emoji;
mod golden;
mod kit;
mod peers;
mod setup;
mod shell;
mod soak;
mod tables;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Development tasks of maxclip.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// One entry from ZIP to leaderboard on this machine: the story, with real commands
    Demo(demo::Args),
    /// Every test, after setting the machine up
    Test(test::Args),
    /// Fetch libtorch and cmake into the user's cache folder and link them into the checkout
    Setup,
    /// Build the programs and write `target/debug/kit.json`, which `maxclip` builds submissions with
    Kit,
    /// Record the golden that a release carries for this machine's class, into `golden/`
    Golden(golden::Args),
    /// Train on emoji of two vendors, evaluate on a third one's
    Emoji(emoji::Args),
    /// Compare with open_clip, CLIP_benchmark and Pillow, run for real
    Peers(peers::Args),
    /// Share homes between programs many times, and compare with one after the other
    Soak(soak::Args),
    /// Measure ratios against a peer in the same run
    Bench(bench::Args),
    /// Write the tables of characters that captions are cleaned with, out of Python 3.10
    Tables(tables::Args),
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(error.downcast_ref::<shell::CommandFailed>().map_or(1, shell::CommandFailed::code))
        }
    }
}

fn run(task: Task) -> Result<()> {
    let checkout = &shell::checkout(&std::env::current_dir()?)?;
    match task {
        Task::Demo(args) => demo::run(checkout, &args),
        Task::Test(args) => test::run(checkout, &args),
        Task::Setup => setup::run(checkout).map(|_| ()),
        Task::Kit => setup::run(checkout).and_then(|machine| kit::build(&machine)).map(|_| ()),
        Task::Golden(args) => golden::run(checkout, &args),
        Task::Emoji(args) => emoji::run(checkout, args),
        Task::Peers(args) => peers::run(checkout, args),
        Task::Soak(args) => soak::run(checkout, &args),
        Task::Bench(args) => bench::run(checkout, &args),
        Task::Tables(args) => tables::run(checkout, &args),
    }
}
