//! Programs that run beside each other for one verdict: the first that says nothing about an entry ends the others,
//! whose work nobody needs then.

use std::{
    os::fd::OwnedFd,
    process::Child,
    sync::{Mutex, PoisonError},
};

use rustix::process::{Signal, pidfd_send_signal};

use crate::{halt::Halt, signals};

/// What runs, until something halts.
#[derive(Debug, Default)]
pub struct Together {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    first: Option<Halt>,
    halted: bool,
    running: Vec<(u32, OwnedFd)>,
}

impl Together {
    /// Whether something has halted: what has not started need not.
    #[must_use]
    pub fn halted(&self) -> bool {
        self.with(|state| state.halted)
    }

    /// Keeps a program's handle, so that it can be ended; ends it at once where something has halted.
    pub fn enter(&self, child: &Child) -> std::io::Result<()> {
        let Some(handle) = signals::handle(child)? else { return Ok(()) };
        self.with(|state| {
            if state.halted {
                end(&handle);
            }
            state.running.push((child.id(), handle));
        });
        Ok(())
    }

    /// Forgets a program that has ended.
    pub fn leave(&self, child: &Child) {
        self.with(|state| state.running.retain(|(id, _)| *id != child.id()));
    }

    /// Keeps the first halt and ends everything that still runs. What a program that was ended so comes to is no
    /// halt of its own.
    pub fn halt(&self, halt: Halt) {
        self.with(|state| {
            if !state.halted {
                state.halted = true;
                state.first = Some(halt);
                state.running.iter().for_each(|(_, handle)| end(handle));
            }
        });
    }

    /// The first halt.
    #[must_use]
    pub fn first(self) -> Option<Halt> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).first
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One that has ended already is what is wanted.
fn end(handle: &OwnedFd) {
    pidfd_send_signal(handle, Signal::KILL).ok();
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Instant};

    use super::*;

    #[test]
    fn the_first_halt_ends_the_others_and_is_the_one_that_counts() {
        let together = Together::default();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
                    together.enter(&child).unwrap();
                    let status = child.wait().unwrap();
                    together.leave(&child);
                    together.halt(Halt::Error(anyhow::anyhow!("ended: {status}")));
                });
            }
            while together.with(|state| state.running.len()) < 2 {
                std::thread::yield_now();
            }
            together.halt(Halt::Error(anyhow::anyhow!("the first")));
        });
        assert!(start.elapsed().as_secs() < 30 && together.halted());
        let Some(Halt::Error(error)) = together.first() else { panic!("no halt") };
        assert_eq!(error.to_string(), "the first");
    }
}
