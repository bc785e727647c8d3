//! The worker of Rust entries: a frozen server, the same program for every entry.
//!
//! It warms libtorch up ([`warm`]) and serves ([`cell::server`]). An entry is a shared object that a cell loads after
//! its lock; nothing of it is ever here. It reads no argument, no environment and no file of its own.

mod warm;

use std::process::ExitCode;

use cell::{object, profile, server};

fn main() -> ExitCode {
    let served = match warm::warm_up() {
        Ok(()) => server::serve(&profile::RUST, object::answer).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::from(wire::exit::FAULT as u8)
        }
    }
}
