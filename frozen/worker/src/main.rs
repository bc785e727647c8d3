//! The worker of Rust entries: a frozen server, the same program for every entry.
//!
//! It warms libtorch up ([`worker::warm`]) and serves ([`cell::server`]). An entry is a shared object that a cell loads after
//! its lock; nothing of it is ever here. It reads no argument, no environment and no file of its own.

use cell::{fork::exit_now, object, profile, server};
use wire::exit;
use worker::warm;

fn main() {
    let served = match warm::warm_up() {
        Ok(()) => server::serve(&profile::RUST, object::answer).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    // At once in both cases: what libraries left for the exit would ask for the clock that the server gave up.
    match served {
        Ok(()) => exit_now(exit::ANSWERED),
        Err(error) => {
            eprintln!("worker: {error}");
            exit_now(exit::FAULT)
        }
    }
}
