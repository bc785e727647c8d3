//! Whole trainings of the baseline under `mini`: what must not change a byte, and what must stop a run.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
mod python;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use bench::{Bench, STEPS, TRAINER, talk};
use records::{FrozenDigest, Rule, v1::outcome::Ending};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

#[test]
fn a_training_is_repeatable() {
    let bench = Bench::new();
    let room = bench.room();
    let outcome = bench.train(&[]);
    assert_eq!((outcome.outcome, outcome.training.as_ref().unwrap().steps), (Ending::Done, STEPS));
    assert_eq!(outcome.training.as_ref().unwrap().usage.questions, STEPS * 9 + 1);
    bench.expect_reference();
    let transcript = fs::read_to_string(bench.path().join("transcript.jsonl")).unwrap();
    assert_eq!(transcript.lines().count() as u64, STEPS + 1);
    let columns = transcript.lines().next().unwrap().matches("/").count();
    assert_eq!(fs::metadata(bench.path().join("fingerprints.bin")).unwrap().len() % STEPS, 0);
    assert!(columns > 100, "{columns}");
    // What was foretold is never too little. The baseline has two of four slots, so it is too much by less than the half.
    let bytes = |name: &str| size(&bench.path().join(name));
    let pairs = [
        (room.checkpoint, bytes("checkpoints/5")),
        (room.published, bytes("published")),
        (room.whole(STEPS, 5), bytes("")),
    ];
    for (foretold, written) in pairs {
        assert!((written..2 * written).contains(&foretold), "{foretold} foretold, {written} written");
    }
    let rows = bytes("transcript.jsonl") + bytes("fingerprints.bin");
    assert!(rows < room.start + STEPS * room.step, "{rows}");
}

/// The bytes of every file below a path.
fn size(path: &Path) -> u64 {
    let metadata = fs::metadata(path).unwrap();
    if !metadata.is_dir() {
        return metadata.len();
    }
    fs::read_dir(path).unwrap().map(|entry| size(&entry.unwrap().path())).sum()
}

#[test]
fn recomputed_graphs_and_restarted_workers_change_nothing() {
    let bench = Bench::new();
    bench.train(&["--graphs", "recompute", "--restart-worker-every", "3"]);
    bench.expect_reference();
}

#[test]
fn threads_and_their_workers_change_nothing() {
    let bench = Bench::new();
    bench.train(&["--threads", "4", "--restart-worker-every", "5"]);
    bench.expect_reference();
    let refused = bench.command(&["--threads", "3"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("1, 2, 4 or 8"), "{}", talk(&refused));
}

#[test]
fn a_stopped_training_goes_on_to_the_same_bytes() {
    let bench = Bench::new();
    let outcome = bench.train(&["--until", "7"]);
    assert_eq!((outcome.outcome, outcome.training.as_ref().unwrap().steps), (Ending::Stopped, 7));
    assert!(bench.path().join("checkpoints/7").exists() && !bench.path().join("published").exists());
    assert_eq!(bench.train(&[]).training.unwrap().usage.steps, STEPS - 7);
    bench.expect_reference();
}

#[test]
fn a_killed_training_goes_on_to_the_same_bytes() {
    let bench = Bench::new();
    let mut child = bench.command(&[]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.take(9).filter(Result::is_ok).count(), 9);
    child.kill().unwrap();
    assert!(child.wait().unwrap().code().is_none());
    assert!(!bench.path().join("published").exists());
    // As left by a kill in the middle of a checkpoint that nobody asks for again.
    let left = bench.path().join("checkpoints/.3.x7Qp2k.part");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("model.safetensors"), b"half").unwrap();
    bench.train(&[]);
    assert!(!left.exists());
    bench.expect_reference();
}

#[test]
fn a_damaged_transcript_or_checkpoint_is_done_again() {
    let bench = Bench::new();
    bench.train(&[]);
    let transcript = bench.path().join("transcript.jsonl");
    let text = fs::read_to_string(&transcript).unwrap();
    let eight_steps: usize = text.split_inclusive('\n').take(9).map(str::len).sum();
    fs::write(&transcript, &text[..eight_steps + 100]).unwrap();
    let state = bench.path().join("checkpoints/5/state.safetensors");
    let mut bytes = fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&state, bytes).unwrap();
    let output = bench.command(&[]).output().unwrap();
    let talk = talk(&output);
    assert_eq!(output.status.code(), Some(0), "{talk}");
    assert!(talk.contains("checkpoint 10 is not used: the transcript does not lead to it"), "{talk}");
    assert!(talk.contains("checkpoint 5 is not used: state.safetensors: tensor `slots/"), "{talk}");
    bench.expect_reference();
}

#[test]
fn a_refused_write_is_a_fault_and_leaves_whole_records() {
    let bench = Bench::new();
    let mut child = bench.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().is_some_and(|line| line.is_ok()));
    let limit = Rlimit { current: Some(4096), maximum: None };
    prlimit(Some(Pid::from_child(&child)), Resource::Fsize, limit).unwrap();
    let output = child.wait_with_output().unwrap();
    let talk = talk(&output);
    assert_eq!(output.status.code(), Some(70), "{talk}");
    assert!(talk.contains("cannot write") && talk.contains("File too large"), "{talk}");
    let parts = bench.files().into_keys().filter(|name| name.contains(".part")).collect::<Vec<_>>();
    assert!(parts.is_empty(), "{parts:?}");
    let transcript = fs::read_to_string(bench.path().join("transcript.jsonl")).unwrap();
    assert!(transcript.ends_with('\n') && !bench.path().join("outcome.json").exists());
    bench.train(&[]);
    bench.expect_reference();
}

#[test]
fn a_damaged_sample_is_named_by_shard_and_key() {
    let bench = Bench::new();
    let shard = bench.data().join("00000001.tar");
    let mut bytes = fs::read(&shard).unwrap();
    // In every sample's image, so that the first batch meets one.
    (700..bytes.len()).step_by(1000).for_each(|at| bytes[at] ^= 0x10);
    fs::write(&shard, bytes).unwrap();
    let output = bench.command(&[]).output().unwrap();
    let talk = talk(&output);
    assert_eq!(output.status.code(), Some(3), "{talk}");
    assert!(talk.contains("00000001.tar") && talk.contains("sample `") && talk.contains("damaged"), "{talk}");
    assert!(!bench.path().join("published").exists());
}

#[test]
fn a_machine_without_the_data_or_of_another_class_cannot_judge() {
    let bench = Bench::new();
    let output = bench.command_on(&bench.path().join("nowhere"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    assert!(talk(&output).contains("nowhere") && talk(&output).contains("hint: "), "{}", talk(&output));
    let bench = Bench::with(|run| run.class.0[3] ^= 1);
    let output = bench.command(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    assert_eq!(bench.outcome().outcome, Ending::Inconclusive);
}

#[test]
fn a_broken_configuration_key_is_the_entrys_fault() {
    let bench = Bench::with(|run| run.config = run.config.replace("\"rho\":6.5", "\"rho\":\"six\""));
    let output = bench.command(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    assert_eq!(bench.outcome().findings[0].rule, Rule::ConfigKey);
}

#[test]
fn a_step_that_is_not_finite_is_not_taken() {
    let bench = Bench::with(|run| run.config = run.config.replace("\"lr_peak\":0.002", "\"lr_peak\":1e39"));
    let output = bench.command(&[]).output().unwrap();
    let talk = talk(&output);
    assert_eq!(output.status.code(), Some(1), "{talk}");
    let outcome = bench.outcome();
    let finding = &outcome.findings[0];
    assert_eq!(finding.rule, Rule::NotFinite);
    assert!(finding.place.starts_with("step 0, update, `value/") && finding.found.contains("element"), "{finding:?}");
    assert_eq!((outcome.outcome, outcome.training.as_ref().unwrap().steps), (Ending::Failed, 0));
    let transcript = fs::read_to_string(bench.path().join("transcript.jsonl")).unwrap();
    assert_eq!(transcript.lines().count(), 1);
}

#[test]
fn another_environment_is_refused() {
    let bench = Bench::new();
    let output = bench.command(&[]).env("ATEN_CPU_CAPABILITY", "default").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("ATEN_CPU_CAPABILITY=avx2, found `default`"), "{}", talk(&output));
}

/// A copy of a program that says another frozen tree wherever it says its own: as if it had been built from that one.
fn rebuilt(program: &Path, folder: &Path, tree: FrozenDigest) -> PathBuf {
    let (own, other) = (stamp::own().unwrap().to_string(), tree.to_string());
    let mut bytes = fs::read(program).unwrap();
    let places: Vec<_> = bytes.windows(own.len()).enumerate().filter(|(_, text)| *text == own.as_bytes()).collect();
    let places: Vec<_> = places.into_iter().map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{} does not say its tree", program.display());
    places.iter().for_each(|at| bytes[*at..at + own.len()].copy_from_slice(other.as_bytes()));
    let copy = folder.join(program.file_name().unwrap());
    fs::write(&copy, bytes).unwrap();
    fs::set_permissions(&copy, fs::metadata(program).unwrap().permissions()).unwrap();
    copy
}

#[test]
fn programs_and_runs_of_two_frozen_trees_do_not_meet() {
    let (folder, tree) = (tempfile::tempdir().unwrap(), FrozenDigest([9; 32]));
    let trainer = Path::new(TRAINER);
    let worker = trainer.with_file_name("worker");
    let foreign = Bench::with(|run| run.frozen = tree);
    let ours = Bench::new();
    let other_trainer = rebuilt(trainer, folder.path(), tree);
    let other_worker = rebuilt(&worker, folder.path(), tree);
    for (bench, trainer, worker, named) in [
        (&foreign, trainer, &worker, "this trainer"),
        (&ours, &other_trainer, &worker, "this trainer"),
        (&ours, trainer, &other_worker, "the worker ("),
    ] {
        let output = bench.command_of(trainer, worker, &bench.data()).output().unwrap();
        let talk = talk(&output);
        assert_eq!(output.status.code(), Some(3), "{talk}");
        let digests = [stamp::own().unwrap(), tree].map(|digest| digest.to_string());
        assert!(digests.iter().all(|digest| talk.contains(digest)), "{talk}");
        assert!(talk.contains(named) && talk.contains("run.json") && talk.contains("hint: "), "{talk}");
        assert!(!bench.path().join("transcript.jsonl").exists());
    }
    // Both of one other tree are at home with each other as far as that goes.
    let output = foreign.command_of(&other_trainer, &other_worker, &foreign.data()).output().unwrap();
    assert!(talk(&output).contains("the probe ("), "{}", talk(&output));
}
