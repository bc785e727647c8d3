//! A certification that is killed, at whatever moment, and started again ends with the same bytes.
//!
//! A kill counts where it hit something: a `maxclip` of ours that lives, with a trainer below it that lives, some steps
//! into the trial or the trainings and before their end, or with an evaluator that lives. Where that moment does not
//! come, the test fails. What is below a `maxclip` that is killed goes with it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use flows::{maxclip, programs, root};

/// How long to wait for a moment that does not come.
const PATIENCE: Duration = Duration::from_secs(600);
const SIGKILL: i32 = 9;

fn certify(home: &Path) -> Vec<String> {
    let zip = home.join("entry.zip").to_string_lossy().into_owned();
    let home = home.to_string_lossy().into_owned();
    ["certify", &zip, "--protocol", "mini", "--home", &home].map(str::to_owned).to_vec()
}

fn prepare(home: &Path) {
    let entry = root().join("frozen/algorithms/openclip");
    let zip = home.join("entry.zip");
    let packed = maxclip(home, &["pack", &entry.to_string_lossy(), "-o", &zip.to_string_lossy()]);
    assert_eq!(packed.code, Some(0), "{}", packed.err);
    let golden = ["golden", "record", "--reason", "test", "--home", &home.to_string_lossy()].map(str::to_owned);
    let golden = maxclip(home, &golden.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(golden.code, Some(0), "{}", golden.err);
}

fn finish(home: &Path) -> Vec<u8> {
    let arguments = certify(home);
    let ended = maxclip(home, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let statements = files(&home.join("entries"), "statement.json");
    assert_eq!(statements.len(), 1);
    fs::read(&statements[0]).unwrap()
}

/// Every file of a name below a folder; what goes away meanwhile is not there.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path(), name),
        Ok(_) if entry.file_name() == name => vec![entry.path()],
        _ => Vec::new(),
    });
    found.collect()
}

/// Where in a certification to strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Trial,
    Training,
}

/// Steps that stand in the transcripts of a phase.
fn steps(home: &Path, phase: Phase) -> usize {
    let of_phase = |path: &PathBuf| {
        let has = |name: &str| path.components().any(|part| part.as_os_str() == name);
        !has("golden") && has("trial") == (phase == Phase::Trial)
    };
    let lines = |path: PathBuf| fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
    // The first line of each is its header.
    files(home, "transcript.jsonl").into_iter().filter(of_phase).map(|path| lines(path).saturating_sub(1)).sum()
}

/// Whether a process is one of our programs, and alive.
fn lives(pid: u32, program: &str) -> bool {
    let runs = fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path == programs().join(program));
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    runs && !state.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z')
}

/// The processes of a program that a process started and that live.
fn below(pid: u32, program: &str) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    let children: Vec<u32> = children.flat_map(|text| numbers(&text)).collect();
    children.into_iter().filter(|pid| lives(*pid, program)).collect()
}

fn numbers(text: &str) -> Vec<u32> {
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Kills a certification once it has done so many steps of a phase; fails where it ends before, or never gets there.
fn strike(home: &Path, phase: Phase, after: usize) {
    // A start cuts transcripts back to their checkpoints: what counts is what was added since the fewest.
    let mut fewest = usize::MAX;
    strike_once(home, "trainer", &format!("{phase:?}"), || {
        let now = steps(home, phase);
        fewest = fewest.min(now);
        now - fewest >= after
    });
}

/// Kills a certification at a moment when a program lives below it; fails where it ends before, or where that never is.
fn strike_once(home: &Path, program: &str, what: &str, mut due: impl FnMut() -> bool) {
    let mut command = Command::new(programs().join("maxclip"));
    command.args(certify(home)).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    let mut child: Child = command.spawn().unwrap();
    let start = Instant::now();
    loop {
        let due = due();
        if let Some(status) = child.try_wait().unwrap() {
            panic!("it ended with {status} in {what}: nothing was killed");
        }
        let below = below(child.id(), program);
        if due && !below.is_empty() {
            assert_eq!(files(&home.join("entries"), "statement.json").len(), 0, "what is killed is not done");
            kill(child, &below, program);
            println!("killed in {what}, with {program} {below:?}");
            return;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("no {what} after {PATIENCE:?}: nothing was killed in time");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Kills a living `maxclip`; what lives below it must be gone soon.
fn kill(mut child: Child, below: &[u32], program: &str) {
    assert!(lives(child.id(), "maxclip"), "what is killed is a living maxclip of this kit");
    // Halted, so that none of them can end by itself, at a pipe that nobody reads.
    let halted: Vec<u32> = below.iter().copied().filter(|pid| signal(*pid, "-STOP") && lives(*pid, program)).collect();
    assert!(!halted.is_empty(), "{below:?} ended before the kill");
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(SIGKILL), "{status}");
    let start = Instant::now();
    while halted.iter().any(|pid| lives(*pid, program)) {
        if start.elapsed() > Duration::from_secs(10) {
            halted.iter().for_each(|pid| assert!(signal(*pid, "-KILL")));
            panic!("a {program} of {halted:?} outlives its maxclip");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to a program that we started; whether it was there.
fn signal(pid: u32, name: &str) -> bool {
    Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
fn four_kills_change_nothing_and_leave_nobody_behind() {
    let undisturbed = tempfile::tempdir().unwrap();
    prepare(undisturbed.path());
    let expected = finish(undisturbed.path());

    let killed = tempfile::tempdir().unwrap();
    prepare(killed.path());
    // Moments that differ from run to run: the process id is as good a die as any here. A trial has 120 steps and the
    // trainings 288, of which a kill loses at most 47 a scale.
    let die = std::process::id() as usize;
    strike(killed.path(), Phase::Trial, 1 + die % 40);
    strike(killed.path(), Phase::Training, 1 + die * 7_919 % 40);
    strike(killed.path(), Phase::Training, 1 + die * 104_729 % 40);
    strike_once(killed.path(), "evaluator", "evaluation", || true);
    assert_eq!(finish(killed.path()), expected, "statements differ after four kills");
}

/// The test above can fail: a certification that has ended is not struck.
#[test]
fn a_certification_that_is_over_is_not_killed() {
    let home = tempfile::tempdir().unwrap();
    prepare(home.path());
    finish(home.path());
    let struck = std::panic::catch_unwind(|| strike(home.path(), Phase::Training, 1));
    let why = *struck.unwrap_err().downcast::<String>().unwrap();
    assert!(why.contains("nothing was killed"), "{why}");
}
