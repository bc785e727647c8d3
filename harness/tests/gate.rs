//! The commands around the gate as scenes: a snapshot is the whole terminal and the exit code.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use snapbox::{assert_data_eq, file};

/// A folder of its own and an empty environment.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a user sees and what a script gets.
    fn maxclip(&self, args: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_maxclip"))
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .output()
            .unwrap();
        let mut scene = format!("$ maxclip {}\n", args.join(" "));
        scene.push_str(str::from_utf8(&output.stdout).unwrap());
        for line in str::from_utf8(&output.stderr).unwrap().lines() {
            scene.push_str(&format!("2> {line}\n"));
        }
        scene.push_str(&format!("exit {}\n", output.status.code().unwrap()));
        scene
    }

    /// A new kit in `kit`, without its scene.
    fn kit(&self) {
        assert!(self.maxclip(&["new", "kit"]).ends_with("exit 0\n"));
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} holds no {from}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    /// The kit as a ZIP with more files.
    fn zip(&self, more: &[(&str, &[u8])]) {
        let mut files = BTreeMap::new();
        collect(&self.path("kit"), "editable", &mut files);
        files.extend(more.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
        let mut writer = zip::ZipWriter::new(fs::File::create(self.path("entry.zip")).unwrap());
        for (path, bytes) in files {
            writer.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, &bytes).unwrap();
        }
        writer.finish().unwrap();
    }
}

fn collect(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{below}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            collect(&entry.path(), &path, files);
        } else {
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}

fn frozen_file() -> Vec<u8> {
    // Tests run in their package's folder.
    fs::read("../frozen/protocols/models/mini.json").unwrap()
}

#[test]
fn new_writes_a_kit_that_packs_and_passes() {
    let bench = Bench::new();
    let scene = [
        bench.maxclip(&["new", "kit"]),
        bench.maxclip(&["pack", "kit", "-o", "entry.zip"]),
        bench.maxclip(&["check", "entry.zip"]),
        bench.maxclip(&["check", "entry.zip", "--json"]),
        bench.maxclip(&["new", "kit"]),
    ];
    assert_data_eq!(scene.concat(), file!["scenes/new_pack_check.txt"]);
}

#[test]
fn check_refuses_a_frozen_file_with_one_changed_byte() {
    let bench = Bench::new();
    bench.kit();
    let mut bytes = frozen_file();
    let at = bytes.iter().position(u8::is_ascii_digit).unwrap();
    bytes[at] ^= 1;
    bench.zip(&[("frozen/protocols/models/mini.json", &bytes)]);
    assert_data_eq!(bench.maxclip(&["check", "entry.zip"]), file!["scenes/check_frozen_edit.txt"]);
}

#[test]
fn check_tells_line_endings_from_edits() {
    let bench = Bench::new();
    bench.kit();
    let text = String::from_utf8(frozen_file()).unwrap().replace('\n', "\r\n");
    bench.zip(&[
        ("frozen/protocols/models/mini.json", text.as_bytes()),
        ("src/lib.rs", b""),
        ("editable/build.rs", b""),
    ]);
    assert_data_eq!(bench.maxclip(&["check", "entry.zip"]), file!["scenes/check_line_endings.txt"]);
}

#[test]
fn check_marks_the_word_and_the_key() {
    let bench = Bench::new();
    bench.kit();
    fs::write(bench.path("kit/src/extra.rs"), "use std::{cmp, fs};\n\npub fn a() {\n    unsafe { b() }\n}\n").unwrap();
    fs::write(bench.path("kit/config.toml"), "rho = nan\n\n[huge]\nrho = 1\n").unwrap();
    bench.edit("kit/submission.toml", "team = \"", "team = \"\\u001b[31m");
    bench.maxclip(&["pack", "kit", "-o", "entry.zip", "--anyway"]);
    assert_data_eq!(bench.maxclip(&["check", "entry.zip"]), file!["scenes/check_policy.txt"]);
}

#[test]
fn the_entries_in_python_pass() {
    let bench = Bench::new();
    for entry in ["algorithms/openclip-python", "contract-python/tests/fastclip"] {
        let folder = Path::new("../frozen").join(entry).canonicalize().unwrap();
        let packed = bench.maxclip(&["pack", folder.to_str().unwrap(), "-o", "entry.zip"]);
        assert!(packed.ends_with("exit 0\n"), "{entry}: {packed}");
        let passed = bench.maxclip(&["check", "entry.zip"]);
        assert!(passed.contains("policy   pass ") && passed.ends_with("exit 0\n"), "{entry}: {passed}");
        fs::remove_file(bench.path("entry.zip")).unwrap();
    }
}

#[test]
fn check_reads_python_as_it_reads_rust() {
    let bench = Bench::new();
    bench.kit();
    bench.edit("kit/submission.toml", "team = ", "language = \"python\"\nteam = ");
    fs::remove_dir_all(bench.path("kit/src")).unwrap();
    fs::create_dir(bench.path("kit/src")).unwrap();
    fs::write(bench.path("kit/src/lib.py"), "import torch\n\n\ndef loss(image, text):\n    return image @ text.T\n")
        .unwrap();
    let packed = bench.maxclip(&["pack", "kit", "-o", "entry.zip"]);
    assert!(packed.ends_with("exit 0\n"), "{packed}");
    let passed = bench.maxclip(&["check", "entry.zip"]);
    assert!(
        passed.contains("policy   pass  1 Python source of 64 bytes\n") && passed.ends_with("exit 0\n"),
        "{passed}"
    );

    fs::write(bench.path("kit/src/lib.py"), "import numpy\n\nweights = open(\"w.bin\")\n").unwrap();
    fs::write(bench.path("kit/src/old.rs"), "").unwrap();
    bench.maxclip(&["pack", "kit", "-o", "entry.zip", "--anyway"]);
    let refused = bench.maxclip(&["check", "entry.zip"]);
    for said in [
        "FAIL: 3 findings\n",
        "one-language  editable/src/old.rs\n",
        " --> editable/src/lib.py:1:8\n",
        "1 | import numpy\n  |        ^^^^^ found `numpy`\n",
        " --> editable/src/lib.py:3:11\n",
        "3 | weights = open(\"w.bin\")\n  |           ^^^^ found `open`\n",
        "hint: python-builtin: ",
        "exit 1\n",
    ] {
        assert!(refused.contains(said), "{said:?} is not in\n{refused}");
    }
}

#[test]
fn check_names_every_name_at_once() {
    let bench = Bench::new();
    bench.kit();
    bench.zip(&[("../../etc/passwd", b"x"), (".git/config", b""), ("EDITABLE/config.toml", b""), ("a\u{202e}b", b"")]);
    assert_data_eq!(bench.maxclip(&["check", "entry.zip"]), file!["scenes/check_names.txt"]);
}

#[test]
fn a_truncated_zip_is_a_finding_and_a_missing_one_a_usage_error() {
    let bench = Bench::new();
    bench.kit();
    bench.maxclip(&["pack", "kit", "-o", "entry.zip"]);
    let bytes = fs::read(bench.path("entry.zip")).unwrap();
    fs::write(bench.path("cut.zip"), &bytes[..1000]).unwrap();
    let scene = [
        bench.maxclip(&["check", "cut.zip"]),
        bench.maxclip(&["check", "nowhere.zip"]),
        bench.maxclip(&["check", "kit"]),
        bench.maxclip(&["check"]),
    ];
    assert_data_eq!(scene.concat(), file!["scenes/check_cut_and_missing.txt"]);
}

#[test]
fn pack_leaves_out_what_does_not_belong_and_says_so() {
    let bench = Bench::new();
    bench.kit();
    fs::write(bench.path("kit/README.md"), "x").unwrap();
    fs::write(bench.path("kit/src/weights.bin"), "x").unwrap();
    fs::create_dir(bench.path("kit/notes")).unwrap();
    let mut scene = bench.maxclip(&["pack", "kit", "-o", "entry.zip"]);
    std::os::unix::fs::symlink("/etc/passwd", bench.path("kit/src/link.rs")).unwrap();
    scene.push_str(&bench.maxclip(&["pack", "kit", "-o", "other.zip"]));
    scene.push_str(&bench.maxclip(&["pack", ".", "-o", "other.zip"]));
    assert_data_eq!(scene, file!["scenes/pack_left_out.txt"]);
    assert!(!bench.path("other.zip").exists());
}

#[test]
fn rules_are_printed_by_stage_and_by_id() {
    let bench = Bench::new();
    let scene = [
        bench.maxclip(&["rules", "diff"]),
        bench.maxclip(&["rules", "forbidden-word"]),
        bench.maxclip(&["rules", "source-text", "--json"]),
        bench.maxclip(&["rules", "nothing"]),
    ];
    assert_data_eq!(scene.concat(), file!["scenes/rules.txt"]);
}

#[test]
fn the_verdict_is_the_same_bytes_in_any_folder() {
    let (one, two) = (Bench::new(), Bench::new());
    for bench in [&one, &two] {
        bench.kit();
        bench.zip(&[("frozen/protocols/models/mini.json", b"{}")]);
    }
    let scene = one.maxclip(&["check", "entry.zip", "--json"]);
    assert!(scene.contains("\"fail\"") && scene.ends_with("exit 1\n"), "{scene}");
    assert_eq!(scene, two.maxclip(&["check", "entry.zip", "--json"]));
}

#[test]
fn pack_judges_what_it_packs_and_writes_nothing_that_is_refused() {
    let bench = Bench::new();
    bench.kit();
    fs::write(bench.path("kit/src/extra.rs"), "pub fn a() {\n    unsafe { b() }\n}\n").unwrap();
    let refused = bench.maxclip(&["pack", "kit", "-o", "entry.zip"]);
    assert!(!bench.path("entry.zip").exists());
    let anyway = bench.maxclip(&["pack", "kit", "-o", "entry.zip", "--anyway"]);
    assert!(bench.path("entry.zip").exists() && anyway.ends_with("exit 1\n"), "{anyway}");
    assert_data_eq!(refused, file!["scenes/pack_refused.txt"]);
}

#[test]
fn what_cannot_be_meant_is_answered_with_what_could_be() {
    let bench = Bench::new();
    bench.kit();
    fs::create_dir(bench.path("folder")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.path("folder/fifo"), rustix::fs::Mode::RUSR).unwrap();
    std::os::unix::fs::symlink("folder/fifo", bench.path("to-fifo")).unwrap();
    bench.maxclip(&["key", "new", "--name", "x", "--out", "organizer"]);
    fs::create_dir_all(bench.path("home/entries")).unwrap();
    fs::create_dir(bench.path("entry")).unwrap();
    for name in ["certificate.json", "statement.json"] {
        fs::write(bench.path("entry").join(name), "{}").unwrap();
    }
    let scene = [
        bench.maxclip(&["pack", "kit", "-o", "folder"]),
        bench.maxclip(&["pack", "kit", "-o", "to-fifo"]),
        bench.maxclip(&["pack", "nowhere", "-o", "entry.zip"]),
        bench.maxclip(&["pack", "kit/config.toml", "-o", "entry.zip"]),
        bench.maxclip(&["report", "kit", "--out", "folder"]),
        bench.maxclip(&["leaderboard", "kit", "--trust", "kit/config.toml", "--html", "to-fifo"]),
        bench.maxclip(&["new", "kit/config.toml"]),
        bench.maxclip(&["show", "folder"]),
        bench.maxclip(&["prune", "nowhere"]),
        bench.maxclip(&["prune", "entry/certificate.json"]),
        bench.maxclip(&["sign", "entry/statement.json", "--key", "x.key"]),
        bench.maxclip(&["compare", "kit", "kit"]),
        bench.maxclip(&["leaderboard", "home", "--trust", "organizer.pub"]),
        bench.maxclip(&["round", "check", "entry/certificate.json", "--reveal", "kit/config.toml"]),
        bench.maxclip(&["protocol", "check", "kit/config.toml"]),
        bench.maxclip(&["key", "new", "--name", "x", "--out", "nodir/x"]),
        bench.maxclip(&["certify", "entry.zip", "--protocol", "mini", "--jobs", "0"]),
        bench.maxclip(&["golden", "record", "--reason", " "]),
        bench.maxclip(&["try", "kit", "--steps", "0"]),
        bench.maxclip(&["status", "nowhere"]),
    ];
    assert_data_eq!(scene.concat(), file!["scenes/usage.txt"]);
    let mut left: Vec<_> = fs::read_dir(bench.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["entry", "folder", "home", "kit", "organizer.key", "organizer.pub", "to-fifo"]);
    assert!(fs::symlink_metadata(bench.path("to-fifo")).unwrap().is_symlink());
}

#[test]
fn a_verdict_that_a_full_disk_cut_off_is_none() {
    let bench = Bench::new();
    bench.kit();
    bench.maxclip(&["pack", "kit", "-o", "entry.zip"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_maxclip"));
    command.args(["check", "entry.zip", "--json"]).current_dir(bench.0.path()).env_clear();
    let output = command.stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: cannot write to stdout: No space left"), "{said}");
    assert_eq!(output.status.code(), Some(70));
    // A reader that went away asked for no more.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(command.stdout(writer).output().unwrap().status.code(), Some(0));
}

#[test]
fn what_new_tells_to_type_can_be_typed() {
    let bench = Bench::new();
    let said = bench.maxclip(&["new", "Mein Eintrag"]);
    assert!(said.contains("maxclip try 'Mein Eintrag'\n") && said.contains("pack 'Mein Eintrag' -o"), "{said}");
}

#[test]
fn status_says_nothing_of_a_team_that_no_zip_named() {
    let bench = Bench::new();
    fs::write(bench.path("cut.zip"), "PK").unwrap();
    let scene = bench.maxclip(&["certify", "cut.zip", "--protocol", "mini"]);
    assert!(scene.ends_with("exit 1\n"), "{scene}");
    let status = bench.maxclip(&["status"]);
    assert!(status.contains("entry     a ZIP without a name   FAIL, not signed\n"), "{status}");
}
