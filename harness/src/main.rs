//! `maxclip`: turns a CLIP training submission into a number that nobody has to take on trust.
//!
//! This file folds every error into an exit code with one meaning ([`records::Exit`]) and reads what
//! the environment says about the terminal; nothing below it does. No libtorch is linked here.

mod archive;

mod certify;
mod commands;
mod compile;
mod curve;
mod cut;
mod datahome;
mod disk;
mod entry;
mod findings;
mod folders;
mod frozen;
mod golden;
mod goldens;
mod kit;
mod launch;
mod libtorch;
mod locks;
#[cfg(test)]
mod mentioned;
mod named;
mod number;
mod outputs;
mod overrides;
mod packing;
mod plain;
mod plot;
mod practice;
mod private;
mod problem;
mod progress;
mod protocols;
mod resolve;
mod room;
mod round;
mod scratch;
mod shell;
mod signals;
mod stop;
mod terminal;
mod together;
mod traces;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;
use records::Exit;

use crate::{
    commands::Command,
    problem::Problem,
    terminal::{Colour, Terminal},
};

/// Turns a CLIP training submission into a number that nobody has to take on trust.
#[derive(Debug, Parser)]
#[command(name = "maxclip", version, disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let colour = Colour::from_environment(set("NO_COLOR"), std::env::var_os("TERM"));
    let mut terminal = Terminal::real(colour);
    let exit = match Cli::try_parse() {
        Ok(cli) => {
            let watched =
                signals::watch(again()).map_err(|error| Problem::fault(format!("no signals: {error}")).into());
            let done = watched.and_then(|()| cli.command.run(&mut terminal));
            let exit = done.unwrap_or_else(|error| problem::tell(&error, &mut terminal));
            terminal.cut_off().map_or(exit, |problem| problem::tell(&problem.into(), &mut terminal))
        }
        Err(error) => {
            // What clap prints is help (stdout, 0) or a wrong command line (stderr, 2).
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Pass };
            error.print().map_or(Exit::Fault, |()| exit)
        }
    };
    exit.into()
}

/// This command, as a shell reads it.
fn again() -> String {
    let quoted = |word: OsString| shell::quoted(&word.to_string_lossy());
    let words: Vec<_> = std::iter::once("maxclip".to_owned()).chain(std::env::args_os().skip(1).map(quoted)).collect();
    words.join(" ")
}

/// Whether a variable of the environment is set to something.
fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value != OsString::new())
}
