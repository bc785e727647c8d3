//! SIGINT and SIGTERM: programs are ended, what has been done is kept, and the way to go on is said.
//!
//! A command that starts programs or works in folders for a while holds [`patiently`]: a first signal then asks every
//! program of ours to stop, and the command ends at its next [`check`]: what a training had not put into a checkpoint is
//! done again when it goes on. Everywhere else, and the second time, a signal ends the process at once. Nothing is lost by that
//! either: files are renamed into place, locks are the kernel's, and programs die with the one that started them.

use std::{
    io,
    os::fd::OwnedFd,
    process::Child,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering},
    },
    thread,
};

use records::Exit;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{problem::Problem, terminal};

/// The signal that came, or 0.
static CAME: AtomicI32 = AtomicI32::new(0);
/// How many want to end by themselves.
static PATIENT: AtomicUsize = AtomicUsize::new(0);
/// Whether the command that runs begins anew when it is given again.
static ANEW: AtomicBool = AtomicBool::new(false);
/// The programs that run, by a handle that names each for good.
static RUNNING: Mutex<Vec<(u32, OwnedFd)>> = Mutex::new(Vec::new());
/// The same command, as the caller would give it again.
static AGAIN: OnceLock<String> = OnceLock::new();

/// Takes the signals; `again` is the command that goes on where this one ends.
pub fn watch(again: String) -> io::Result<()> {
    AGAIN.set(again).ok();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || signals.forever().for_each(came))?;
    Ok(())
}

fn came(signal: i32) {
    let again = CAME.swap(signal, Ordering::SeqCst) != 0;
    if again || PATIENT.load(Ordering::SeqCst) == 0 {
        std::process::exit(i32::from(exit(signal).code()));
    }
    terminal::talk("stopping: what has been done is kept; a second signal ends at once");
    running().iter().for_each(|(_, handle)| stop(handle));
}

/// Asks a program to stop; one that has ended already is what is wanted.
fn stop(handle: &OwnedFd) {
    pidfd_send_signal(handle, Signal::TERM).ok();
}

fn exit(signal: i32) -> Exit {
    if signal == SIGINT { Exit::Interrupted } else { Exit::Terminated }
}

/// Whether the process ends by itself after a signal.
#[derive(Debug)]
pub struct Patience(());

/// What the same command does where a signal ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It goes on.
    GoesOn,
    /// It begins anew.
    Anew,
}

/// From here on until it is dropped, a first signal is answered at the next [`check`].
#[must_use]
pub fn patiently(again: Again) -> Patience {
    ANEW.store(again == Again::Anew, Ordering::SeqCst);
    PATIENT.fetch_add(1, Ordering::SeqCst);
    Patience(())
}

impl Drop for Patience {
    fn drop(&mut self) {
        PATIENT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ends here where a signal came.
pub fn check() -> Result<(), Problem> {
    let signal = CAME.load(Ordering::SeqCst);
    if signal == 0 {
        return Ok(());
    }
    let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
    let problem = Problem { exit: exit(signal), what: format!("stopped by {name}"), hint: None };
    Err(match AGAIN.get() {
        Some(command) if ANEW.load(Ordering::SeqCst) => problem.hint(format!("to begin anew: {command}")),
        Some(command) => problem.hint(format!("what has been done is kept; to go on: {command}")),
        None => problem,
    })
}

/// A handle that names a program for good, whoever else is given its id later.
pub fn handle(child: &Child) -> io::Result<Option<OwnedFd>> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())).transpose()?)
}

/// A program that is asked to stop when a signal comes, until this is dropped.
#[derive(Debug)]
pub struct Running(u32);

/// Keeps a program's handle; one that was started after the signal came is asked at once.
pub fn watched(child: &Child) -> io::Result<Running> {
    if let Some(handle) = handle(child)? {
        let mut running = running();
        if CAME.load(Ordering::SeqCst) != 0 {
            stop(&handle);
        }
        running.push((child.id(), handle));
    }
    Ok(Running(child.id()))
}

impl Drop for Running {
    fn drop(&mut self) {
        running().retain(|(id, _)| *id != self.0);
    }
}

fn running() -> MutexGuard<'static, Vec<(u32, OwnedFd)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
