//! `maxclip prune`: what goes, what stays, and what a certificate cannot make it do.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::{fs, os::unix::fs::symlink};

use bench::{Bench, fastclip};
use folder::{certificate, key, passed};
use records::{
    Sha256, canonical,
    v1::{
        checkpoint::Manifest,
        statement::{Statement, Subject},
        transcript::{Header, Line},
    },
};

#[test]
fn checkpoints_are_pruned_by_rule_and_by_nothing_else() {
    let bench = Bench::new();
    let (mut statement, mut files) = passed(&fastclip());
    // The same weights at five places of the 96 steps.
    let last = "small/1/checkpoints/96";
    let manifest: Manifest = canonical::from_file(&files.0[&format!("{last}/manifest.json")]).unwrap();
    let weights = files.0[&format!("{last}/model.safetensors")].clone();
    let transcript = files.0["small/1/transcript.jsonl"].clone();
    let lines: Vec<_> = transcript.split_inclusive(|byte| *byte == b'\n').collect();
    for step in [0, 24, 48, 72] {
        let chain = match step {
            0 => canonical::from_file::<Header>(lines[0]).unwrap().chain().unwrap(),
            _ => canonical::from_file::<Line>(lines[step]).unwrap().chain,
        };
        let manifest = Manifest { step: step as u64, chain, ..manifest.clone() };
        files.0.insert(format!("small/1/checkpoints/{step}/manifest.json"), canonical::to_file(&manifest).unwrap());
        files.0.insert(format!("small/1/checkpoints/{step}/model.safetensors"), weights.clone());
    }
    statement.subject.truncate(1);
    statement.subject.extend(folder::files(&files));
    bench.write("entry", &statement, &files);
    fs::write(bench.path("entry/certificate.json"), certificate(&statement, &key("demo", 1))).unwrap();
    let verify = || bench.maxclip(&["verify", "entry/certificate.json", "--trust", "demo.pub"]);
    assert_eq!(verify().0, 0);
    assert_eq!(bench.maxclip(&["prune", "entry", "--dry-run"]).0, 0);
    assert!(bench.path("entry/small/1/checkpoints/24").exists());
    let (code, text) = bench.maxclip(&["prune", "entry"]);
    assert!(code == 0 && text.contains("pruned   3 checkpoints"), "{text}");
    let (code, text) = verify();
    assert!(code == 0 && text.contains("3 checkpoints pruned by rule"), "{text}");
    // What is signed is whole, and what may not go may not go, not even in part.
    fs::remove_file(bench.path("entry/certificate.json")).unwrap();
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key"]);
    assert!(code == 1 && text.contains("file-missing"), "{text}");
    fs::write(bench.path("entry/certificate.json"), certificate(&statement, &key("demo", 1))).unwrap();
    fs::remove_dir_all(bench.path("entry/small/1/checkpoints/96")).unwrap();
    let (code, text) = verify();
    assert!(code == 1 && text.contains("small/1/checkpoints/96/manifest.json"), "{text}");
}

#[test]
fn nothing_outside_the_entry_is_pruned_whoever_signed() {
    let bench = Bench::new();
    let (mut statement, mut files) = passed(&fastclip());
    let below = |run: &str| [0, 1, 2].map(|step| format!("{run}/checkpoints/{step}/manifest.json"));
    files.0.extend(below("small/1").map(|name| (name, b"{}".to_vec())));
    statement.subject.truncate(1);
    statement.subject.extend(folder::files(&files));
    bench.write("entry", &statement, &files);
    for name in below("other/1") {
        fs::create_dir_all(bench.path(&name).parent().unwrap()).unwrap();
    }
    let prune = |statement: &Statement| {
        fs::write(bench.path("entry/certificate.json"), certificate(statement, &key("demo", 1))).unwrap();
        bench.maxclip(&["prune", "entry"])
    };
    for run in ["../other/1", "small/../../other/1", &bench.path("other/1").to_string_lossy()] {
        let mut hostile = statement.clone();
        hostile.subject.extend(below(run).map(|name| Subject::file(name, Sha256::of(b""), 0)));
        let (code, text) = prune(&hostile);
        assert!(code == 1 && text.contains("is not a path below the folder"), "{text}");
        assert!(bench.path("other/1/checkpoints/1").exists() && bench.path("entry/small/1/checkpoints/1").exists());
    }
    // Nor is what a link on the way leads to.
    fs::rename(bench.path("entry/small"), bench.path("aside")).unwrap();
    symlink("../aside", bench.path("entry/small")).unwrap();
    let (code, text) = prune(&statement);
    assert!(code == 0 && text.contains("pruned   0 checkpoints"), "{text}");
    assert!(bench.path("aside/1/checkpoints/1").exists());
}
