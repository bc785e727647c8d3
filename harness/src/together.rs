//! Programs that run beside each other for one verdict: the first that says nothing about an entry ends the others,
//! whose work nobody needs then.

use std::{
    os::fd::OwnedFd,
    process::Child,
    sync::{Mutex, PoisonError},
};

use rustix::process::{Signal, pidfd_send_signal};

use records::Stop;

use crate::signals;

/// What runs, until something stops.
#[derive(Debug, Default)]
pub struct Together {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    first: Option<Stop>,
    stopped: bool,
    running: Vec<(u32, OwnedFd)>,
}

impl Together {
    /// Whether something has stopped: what has not started need not.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.with(|state| state.stopped)
    }

    /// Keeps a program's handle, so that it can be ended; ends it at once where something has stopped.
    pub fn enter(&self, child: &Child) -> std::io::Result<()> {
        let Some(handle) = signals::handle(child)? else { return Ok(()) };
        self.with(|state| {
            if state.stopped {
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

    /// Keeps the first stop and ends everything that still runs. What a program that was ended so comes to is no
    /// stop of its own.
    pub fn stop(&self, stop: Stop) {
        self.with(|state| {
            if !state.stopped {
                state.stopped = true;
                state.first = Some(stop);
                state.running.iter().for_each(|(_, handle)| end(handle));
            }
        });
    }

    /// The first stop.
    #[must_use]
    pub fn first(self) -> Option<Stop> {
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

    use records::Problem;

    use super::*;

    #[test]
    fn the_first_stop_ends_the_others_and_is_the_one_that_counts() {
        let together = Together::default();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
                    together.enter(&child).unwrap();
                    let status = child.wait().unwrap();
                    together.leave(&child);
                    together.stop(Problem::fault(format!("ended: {status}")).into());
                });
            }
            while together.with(|state| state.running.len()) < 2 {
                std::thread::yield_now();
            }
            together.stop(Problem::fault("the first").into());
        });
        assert!(start.elapsed().as_secs() < 30 && together.stopped());
        let Some(Stop::Fault(fault)) = together.first() else { panic!("no stop") };
        assert_eq!(fault.what, "the first");
    }
}
