//! The same algorithm in Python: the files of a run are those of the entry in Rust, byte for byte.
//!
//! Needs a CPython with torch 2.11.0, which the build of the checkout does not: `cargo xtask peers` runs it, and gives
//! the interpreter's path as `MAXCLIP_PYTHON`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::bench::{Bench, TRAINER, talk};

/// The entry in the form that a cell reads, as `frozen/contract-python/contract/entries.py` describes it.
fn packed(sources: &Path) -> Vec<u8> {
    let mut files: Vec<_> = fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "py"));
    files.sort();
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut bytes = [b"mxcp", &number(1)[..], &number(files.len())].concat();
    for path in files {
        for part in [path.file_name().unwrap().as_encoded_bytes().to_vec(), fs::read(&path).unwrap()] {
            bytes.extend(number(part.len()));
            bytes.extend(part);
        }
    }
    bytes
}

/// What an interpreter says of itself: its own folder, and those with torch and what it imports.
fn folders(python: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let script = "import sys, os, torch\n\
                  packages = os.path.dirname(os.path.dirname(torch.__file__))\n\
                  print(os.path.realpath(sys.executable), sys.base_prefix, packages, sep='\\n')";
    let output = Command::new(python).args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(PathBuf::from);
    (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap())
}

/// The run's command, with CPython as the server and the baseline in Python as the entry.
fn in_python(bench: &Bench, entry: &Path, arguments: &[&str]) -> Command {
    let python = std::env::var_os("MAXCLIP_PYTHON").unwrap();
    let (program, own, packages) = folders(Path::new(&python));
    let beside = |name: &str| Path::new(TRAINER).with_file_name(name);
    let contract = Path::new("../contract-python").canonicalize().unwrap();
    let mut command = bench.without_server(Path::new(TRAINER), &bench.data());
    command.arg("--python").arg(program).arg("--python-library").arg(beside("libworker_python.so"));
    command.arg("--contract").arg(contract).arg("--package").arg(&packages).arg("--standard-library").arg(own);
    command.arg("--entry").arg(entry).arg("--libraries").arg(packages.join("torch/lib")).args(arguments);
    command
}

#[test]
#[ignore = "needs torch for Python: `cargo xtask peers` runs it"]
fn an_entry_in_python_leaves_the_files_of_the_one_in_rust() {
    let folder = tempfile::tempdir().unwrap();
    let entry = folder.path().join("entry");
    fs::write(&entry, packed(Path::new("../contract-python/tests/fastclip/src"))).unwrap();
    for arguments in [&[][..], &["--restart-worker-every", "3", "--threads", "2", "--graphs", "recompute"]] {
        let bench = Bench::new();
        let output = in_python(&bench, &entry, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        bench.expect_reference();
    }
}

#[test]
#[ignore = "needs torch for Python: `cargo xtask peers` runs it"]
fn a_mistake_in_python_is_told_with_the_file_the_line_and_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("sources");
    fs::create_dir(&sources).unwrap();
    for from in fs::read_dir("../contract-python/tests/fastclip/src").unwrap().map(|entry| entry.unwrap().path()) {
        if from.is_file() {
            fs::copy(&from, sources.join(from.file_name().unwrap())).unwrap();
        }
    }
    let text = fs::read_to_string(sources.join("lib.py")).unwrap();
    let at = text.lines().position(|line| line.trim_start().starts_with("def loss(")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let broken =
        [&lines[..=at], &["        return batch.image @ batch.image[:3]"], &lines[at + 1..]].concat().join("\n");
    fs::write(sources.join("lib.py"), broken).unwrap();
    let entry = folder.path().join("entry");
    fs::write(&entry, packed(&sources)).unwrap();

    let bench = Bench::new();
    let output = in_python(&bench, &entry, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    let outcome = fs::read_to_string(bench.path().join("outcome.json")).unwrap();
    for expected in ["step 0, loss", "lib.py", "return batch.image @ batch.image[:3]"] {
        assert!(outcome.contains(expected) || talk(&output).contains(expected), "no `{expected}`: {outcome}");
    }
}
