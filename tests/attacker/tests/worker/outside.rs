//! What somebody outside does to a worker is never the entry's fault.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use records::Stop;
use rustix::process::{Pid, Signal, kill_process};

use crate::common::*;

fn children(pid: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let text: String = tasks.flat_map(|task| fs::read_to_string(task.path().join("children"))).collect();
    text.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Kills whatever `targets` names, again and again, while `work` runs; gives how many it hit.
fn while_killing<T>(targets: impl Fn() -> Vec<Pid> + Sync, work: impl FnOnce() -> T) -> (T, usize) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut hit = 0;
            while !done.load(Ordering::Relaxed) {
                hit += targets().into_iter().filter(|pid| kill_process(*pid, Signal::KILL).is_ok()).count();
                thread::sleep(Duration::from_millis(20));
            }
            hit
        });
        let value = work();
        done.store(true, Ordering::Relaxed);
        (value, killer.join().unwrap())
    })
}

#[test]
fn a_server_that_was_killed_is_started_again_with_what_stood_in_its_memory() {
    let mut worker = start("none");
    let first = copies(&lane(&mut worker, 3, 1));
    let server = worker.server();
    kill_process(server, Signal::KILL).unwrap();
    assert_eq!(copies(&lane(&mut worker, 3, 1)), first);
    assert_ne!(worker.server(), server);
}

#[test]
fn a_server_that_is_killed_twice_is_inconclusive() {
    let mut worker = start("none");
    let own = rustix::process::getpid();
    // Every child of this process is a server of this test: tests run in processes of their own.
    kill_process(worker.server(), Signal::KILL).unwrap();
    let (ended, hit) = while_killing(|| children(own), || worker.ask_loss(3, 0, 1..2).map(drop));
    let Err(Stop::Inconclusive(reason)) = ended else { panic!("judged: {ended:?}") };
    assert!(hit > 0 && reason.why.contains("server"), "{hit} {reason:?}");
}

#[test]
fn a_cell_that_is_killed_twice_is_inconclusive() {
    let mut worker = start("hang");
    let server = worker.server();
    let (ended, hit) = while_killing(|| children(server), || worker.ask_loss(3, 0, 1..2).map(drop));
    let Err(Stop::Inconclusive(reason)) = ended else { panic!("judged: {ended:?}") };
    assert!(hit >= 2, "{hit}");
    assert_eq!(reason.why, "step 3, loss, lane 1: the cell was killed from outside, twice");
}
