//! Bad input: a clear error, the right exit code, nothing half-written.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{fs, path::Path, process::Command};

use flows::{ended, maxclip, programs, root};

fn kit(folder: &Path) {
    let made = maxclip(folder, &["new", "entry"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
}

#[test]
fn a_configuration_key_that_nobody_reads_is_named() {
    let folder = tempfile::tempdir().unwrap();
    kit(folder.path());
    let config = folder.path().join("entry/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("learning_rat = 1.0\n{text}")).unwrap();
    let tried = maxclip(folder.path(), &["try", "entry", "--steps", "8"]);
    assert_eq!(tried.code, Some(1), "{}{}", tried.out, tried.err);
    assert!(format!("{}{}", tried.out, tried.err).contains("learning_rat"), "{}{}", tried.out, tried.err);
}

#[test]
fn a_missing_data_set_is_named_with_the_way_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    kit(folder.path());
    let tried = maxclip(folder.path(), &["try", "entry", "--protocol", "emoji"]);
    assert_eq!(tried.code, Some(2), "{}{}", tried.out, tried.err);
    assert!(
        tried.err.contains("protocol `emoji` needs it") && tried.err.contains("cargo xtask emoji"),
        "{}",
        tried.err
    );
}

#[test]
fn a_truncated_zip_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    kit(folder.path());
    let packed = maxclip(folder.path(), &["pack", "entry", "-o", "entry.zip"]);
    assert_eq!(packed.code, Some(0), "{}", packed.err);
    let path = folder.path().join("entry.zip");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
    let checked = maxclip(folder.path(), &["check", "entry.zip"]);
    assert_eq!(checked.code, Some(1), "{}{}", checked.out, checked.err);
    assert!(checked.out.contains("zip-unreadable") || checked.out.contains("zip-not-one-archive"), "{}", checked.out);
}

#[test]
fn a_machine_without_libtorch_cannot_judge_and_can_check() {
    let folder = tempfile::tempdir().unwrap();
    kit(folder.path());
    assert_eq!(maxclip(folder.path(), &["pack", "entry", "-o", "entry.zip"]).code, Some(0));
    let mut kit = kit_from_elsewhere();
    kit["libtorch"] = "nowhere".into();
    fs::write(folder.path().join("kit.json"), kit.to_string()).unwrap();
    let certified = maxclip(folder.path(), &CERTIFY);
    assert_eq!(certified.code, Some(3), "{}{}", certified.out, certified.err);
    assert!(certified.err.contains("libtorch") && certified.err.contains("cargo xtask setup"), "{}", certified.err);
    assert_eq!(maxclip(folder.path(), &["check", "entry.zip"]).code, Some(0));
}

const CERTIFY: [&str; 6] = ["certify", "entry.zip", "--protocol", "mini", "--kit", "kit.json"];

/// The kit as a folder elsewhere names it: its paths start at its own folder.
fn kit_from_elsewhere() -> serde_json::Value {
    let text = fs::read_to_string(programs().join("kit.json")).unwrap();
    let mut kit: serde_json::Value = serde_json::from_str(&text).unwrap();
    let whole = |path: &mut serde_json::Value| *path = programs().join(path.as_str().unwrap()).to_str().unwrap().into();
    for group in ["programs", "build"] {
        for part in kit[group].as_object_mut().unwrap().values_mut() {
            whole(if part.is_object() { &mut part["path"] } else { part });
        }
    }
    whole(&mut kit["libtorch"]);
    whole(&mut kit["checkout"]);
    kit
}

/// The trainer of this checkout, with another digest wherever it says its own: as if built from another tree.
#[test]
fn a_trainer_of_another_frozen_tree_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    kit(folder.path());
    assert_eq!(maxclip(folder.path(), &["pack", "entry", "-o", "entry.zip"]).code, Some(0));
    let mut kit = kit_from_elsewhere();
    let (own, other) = (kit["frozen"].as_str().unwrap().to_owned(), format!("frozen:{}", "09".repeat(32)));
    let mut trainer = fs::read(programs().join("trainer")).unwrap();
    let says = |text: &[u8]| text == own.as_bytes();
    let places: Vec<_> = (0..trainer.len() - own.len()).filter(|at| says(&trainer[*at..at + own.len()])).collect();
    assert!(!places.is_empty(), "the trainer does not say {own}");
    places.iter().for_each(|at| trainer[*at..at + own.len()].copy_from_slice(other.as_bytes()));
    fs::write(folder.path().join("trainer"), trainer).unwrap();
    kit["programs"]["trainer"]["path"] = "trainer".into();
    fs::write(folder.path().join("kit.json"), kit.to_string()).unwrap();
    let certified = maxclip(folder.path(), &CERTIFY);
    assert_eq!(certified.code, Some(3), "{}{}", certified.out, certified.err);
    for part in ["`trainer`", own.as_str(), other.as_str(), "cargo xtask kit"] {
        assert!(certified.err.contains(part), "{part}: {}", certified.err);
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "runs"), "{left:?}");
}

#[test]
fn a_write_that_the_system_refuses_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    kit(folder.path());
    // 2 blocks of 1024 bytes: the ZIP does not fit. SIGXFSZ is ignored so that the write itself fails.
    let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" pack entry -o entry.zip";
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).arg(programs().join("maxclip")).current_dir(folder.path());
    let packed = ended(shell.output().unwrap());
    assert_eq!(packed.code, Some(70), "{}{}", packed.out, packed.err);
    assert!(packed.err.contains("entry.zip"), "{}", packed.err);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["entry"], "something was left behind");
}

#[test]
fn an_unknown_protocol_is_answered_with_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let entry = root().join("editable");
    let tried = maxclip(folder.path(), &["try", &entry.to_string_lossy(), "--protocol", "mono"]);
    assert_eq!(tried.code, Some(2), "{}{}", tried.out, tried.err);
    assert!(tried.err.contains("mini") && tried.err.contains("emoji"), "{}", tried.err);
}

#[test]
fn an_evaluator_asked_to_judge_by_another_frozen_tree_refuses_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (kit, other) = (kit_from_elsewhere(), format!("frozen:{}", "09".repeat(32)));
    let task = format!("shapes=data:{}", "00".repeat(32));
    let mut evaluator = Command::new(programs().join("evaluator"));
    evaluator.env_clear().env("LD_LIBRARY_PATH", kit["libtorch"].as_str().unwrap()).current_dir(folder.path());
    evaluator.args(["published", "--frozen", &other, "--model", "model.json", "--tasks", ".", "--task", &task]);
    let evaluated = ended(evaluator.args(["--out", "results"]).output().unwrap());
    assert_eq!(evaluated.code, Some(3), "{}{}", evaluated.out, evaluated.err);
    // Its end is a file, and nothing else was written.
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, [folder.path().join("eval_outcome.json")]);
    let outcome = fs::read_to_string(&files[0]).unwrap();
    assert!(outcome.contains("\"outcome\":\"inconclusive\""), "{outcome}");
    for part in ["this evaluator", kit["frozen"].as_str().unwrap(), &other] {
        assert!(evaluated.err.contains(part) && outcome.contains(part), "{part}: {}{outcome}", evaluated.err);
    }
}
