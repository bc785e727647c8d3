//! A competition over an organizer's own 2,000 pictures: docs/own-protocol.md from top to bottom, and then somebody who
//! wants the same protocol to mean other data.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use flows::{Ended, flags, maxclip, pages::Page};
use serde_json::Value;

const PAGE: &str = "own-protocol.md";

/// Everything that a command says.
fn said(ended: &Ended) -> String {
    format!("{}{}", ended.out, ended.err)
}

fn ends(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let ended = maxclip(folder, arguments);
    assert_eq!(ended.code, Some(code), "maxclip {}\n{}", arguments.join(" "), said(&ended));
    said(&ended)
}

/// What an organizer has before the first command: pictures, the two files of the page, and what was handed in.
fn begin(folder: &Path) {
    flags::write(folder);
    let page = Page::of(PAGE);
    for (language, name) in [("toml", "flags.toml"), ("json", "flags.json")] {
        let [block] = page.blocks(language).collect::<Vec<_>>()[..] else { panic!("one block of {language}") };
        fs::write(folder.join(name), format!("{block}\n")).unwrap();
    }
}

/// What somebody hands in: the starter kit as it is.
fn hand_in(folder: &Path) {
    ends(folder, 0, &["new", "entry"]);
    ends(folder, 0, &["pack", "entry", "-o", "entry.zip"]);
    // The organizer's own names a table that only the organizer's file knows.
    let refused = ends(folder, 1, &["check", "baseline.zip"]);
    assert!(refused.contains("[flags]"), "{refused}");
}

/// The entries' folders that hold a statement, signed or not.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("runs/entries")).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries.filter(|entry| entry.join("statement.json").is_file()).collect();
    entries.sort();
    entries
}

/// Class names, each moved on to the next class: every picture is right about another one.
fn rotate(task: &Path) {
    let path = task.join("classnames.txt");
    let text = fs::read_to_string(&path).unwrap();
    let mut names: Vec<_> = text.lines().collect();
    names.rotate_left(1);
    fs::write(path, names.join("\n") + "\n").unwrap();
}

#[test]
fn an_organizer_gets_from_pictures_to_a_board_and_nobody_makes_it_mean_other_data() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    begin(folder);
    let page = Page::of(PAGE);
    for step in page.steps() {
        if step.command.contains("entry.zip") && !folder.join("entry.zip").exists() {
            hand_in(folder);
        }
        page.take(&step, folder);
    }

    let entries = entries(folder);
    assert_eq!(entries.len(), 2);
    let board = folder.join("board.html");
    let page = fs::read_to_string(&board).unwrap();
    assert!(page.contains("Warm start") && page.contains("FastCLIP-v3"));
    assert_eq!(fs::read_dir(folder.join("certificates")).unwrap().count(), 1);
    other_data_are_refused_before_anything_is_trained(folder);
    a_foreign_protocol_is_judged_by_itself_alone(folder);
}

/// The organizer's file over a task whose class names were rotated: both roots are named, and nothing is trained.
fn other_data_are_refused_before_anything_is_trained(folder: &Path) {
    let [task, kept] = ["flags-colours", "flags-colours.kept"].map(|name| folder.join("runs/data").join(name));
    copy(&task, &kept);
    rotate(&task);
    let root = |task: &Path| {
        let line = ends(folder, 0, &["data", "verify", task.to_str().unwrap()]);
        line.split_whitespace().last().unwrap().to_owned()
    };
    let [named, found] = [root(&kept), root(&task)];
    assert_ne!(named, found);
    ends(folder, 0, &["new", "third"]);
    let config = folder.join("third/config.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + "# another tree\n").unwrap();
    ends(folder, 0, &["pack", "third", "-o", "third.zip"]);
    let before = trainings(&folder.join("runs"));
    for command in [
        &["golden", "record", "--protocol", "flags.toml", "--reason", "again"][..],
        &["golden", "replay", "--protocol", "flags.toml"],
        &["certify", "third.zip", "--protocol", "flags.toml", "--round", "round.toml"],
        &["try", "third", "--protocol", "flags.toml", "--steps", "8"],
        &["protocol", "spread", "flags.toml", "--seeds", "2"],
    ] {
        let said = ends(folder, 3, command);
        let both = format!("flags-colours: the task is {named}, found {found}");
        assert!(said.contains(&both), "{command:?}\n{said}");
    }
    assert_eq!(trainings(&folder.join("runs")), before, "something was trained");
    fs::remove_dir_all(&task).unwrap();
    fs::rename(&kept, &task).unwrap();
}

/// The transcripts below a folder: what is trained leaves one.
fn trainings(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let count = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => trainings(&entry.path()),
        false => usize::from(entry.file_name() == "transcript.jsonl"),
    };
    entries.map(count).sum()
}

/// Somebody rotates the class names, writes that task's root into a copy of the file that keeps the name, and certifies
/// under it in the same round: that certificate is good by his file, and by no other is it judged or ranked.
fn a_foreign_protocol_is_judged_by_itself_alone(folder: &Path) {
    let foreign = folder.join("foreign");
    copy(&folder.join("runs/data"), &foreign.join("runs/data"));
    for name in ["flags.toml", "flags.json", "round.toml", "entry.zip", "organizer.key", "organizer.pub"] {
        fs::copy(folder.join(name), foreign.join(name)).unwrap();
    }
    rotate(&foreign.join("runs/data/flags-colours"));
    ends(&foreign, 0, &["protocol", "fill", "flags.toml"]);
    ends(&foreign, 0, &["golden", "record", "--protocol", "flags.toml", "--reason", "other labels"]);
    ends(&foreign, 0, &["certify", "entry.zip", "--protocol", "flags.toml", "--round", "round.toml"]);
    let [entry] = &entries(&foreign)[..] else { panic!("one entry") };
    let entry = entry.to_str().unwrap();
    let sign = |file| {
        [
            "sign",
            entry,
            "--protocol",
            file,
            "--round",
            "round.toml",
            "--golden",
            "runs/golden",
            "--key",
            "organizer.key",
        ]
    };
    assert!(ends(&foreign, 3, &sign("../flags.toml")).contains("does not carry: `flags`, protocol:"));
    ends(&foreign, 0, &sign("flags.toml"));

    let certificate = format!("{entry}/certificate.json");
    let verify = |file| ["verify", certificate.as_str(), "--trust", "organizer.pub", "--protocol", file];
    ends(&foreign, 0, &verify("flags.toml"));
    let refused = ends(&foreign, 3, &verify("../flags.toml"));
    assert!(refused.contains("does not carry: `flags`, protocol:") && refused.contains("hint: "), "{refused}");

    // One folder of certificates, one key, one name of a protocol: the digests differ, and the board is of one.
    let shelf = folder.join("shelf");
    for (number, path) in entries(folder).iter().map(|entry| entry.join("certificate.json")).enumerate() {
        shelve(&path, &shelf.join(format!("real-{number}")));
    }
    shelve(&foreign.join(&certificate), &shelf.join("foreign"));
    let ranked = |file: &str| {
        let ended =
            maxclip(folder, &["leaderboard", "shelf", "--trust", "organizer.pub", "--protocol", file, "--json"]);
        let board: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", said(&ended)));
        board["rows"].as_array().unwrap().len()
    };
    assert_eq!([ranked("flags.toml"), ranked("foreign/flags.toml")], [2, 1]);
    // Without a file none of them can be judged here, and there is no board at all.
    ends(folder, 3, &["leaderboard", "shelf", "--trust", "organizer.pub"]);
}

fn shelve(certificate: &Path, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::copy(certificate, folder.join("certificate.json")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
