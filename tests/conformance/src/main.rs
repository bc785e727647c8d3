//! The conformance suite of a worker: a program that plays the host with nothing but `frozen/wire`.
//!
//! A worker in any language passes it with a *specimen*: an entry of that language whose configuration is
//! `{"attack": NAME, "rate": NUMBER}` and that does what NAME says. `none` is an honest algorithm with a learnable
//! `log_scale`, columns `seen` and `pair` `[2]`, a slot `momentum`, a global `count` `[1]` and diagnostics `similarity`
//! and `norm`; the other names stand in [`checks`]. The Rust specimen is `tests/attacker`.

mod checks;
mod host;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Holds a worker to `frozen/wire`.
#[derive(Parser)]
struct Arguments {
    /// The server program.
    #[arg(long)]
    worker: PathBuf,
    /// The specimen, in the form that the worker's cells load.
    #[arg(long)]
    entry: PathBuf,
    /// The frozen probe, in the same form.
    #[arg(long)]
    probe: PathBuf,
    /// The folder of the libraries that the server needs.
    #[arg(long)]
    libraries: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { worker, entry, probe, libraries } = Arguments::parse();
    let launch = host::Launch { worker, entry, probe, libraries };
    let (mut passed, mut failed) = (0, 0);
    for (name, check) in checks::ALL {
        match check(&launch) {
            Ok(()) => {
                passed += 1;
                println!("ok      {name}");
            }
            Err(error) => {
                failed += 1;
                println!("FAILED  {name}: {error:#}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
