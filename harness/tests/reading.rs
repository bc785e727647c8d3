//! Files that strangers name, through the program: what is no plain file is refused at once, and what is too
//! long is refused before it is read.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use folder::{certificate, key, passed};
use records::canonical;
use release::entry;
use rustix::fs::{CWD, Mode, mkfifoat};

/// What a program may map, in KiB: a sixth of the sparse files here.
const ADDRESSES_KIB: u64 = 512 << 10;
/// Longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// A signed entry in a folder of its own.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let demo = key("demo", 1);
        release::record(&bench.path("golden"));
        fs::write(bench.path("demo.pub"), format!("{}\n", demo.public())).unwrap();
        fs::write(bench.path("demo.key"), demo.pem().unwrap()).unwrap();
        let (statement, files) = passed(&entry("FastCLIP-v3", [185, 210, 222]));
        for (name, bytes) in &files.0 {
            let path = bench.path("entry").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(bench.path("entry/statement.json"), canonical::to_file(&statement).unwrap()).unwrap();
        fs::write(bench.path("entry/certificate.json"), certificate(&statement, &demo)).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program with little memory; gives its exit code and what it wrote. A hang fails the test.
    fn maxclip(&self, args: &[&str]) -> (i32, String) {
        let limited = format!("ulimit -v {ADDRESSES_KIB} && exec \"$0\" \"$@\"");
        let mut child = Command::new("/bin/sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_maxclip")])
            .args(args)
            .env_clear()
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("{args:?} hangs: {:?}", child.wait_with_output().unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap_or_else(|| panic!("{args:?}: {}", output.status)), text)
    }
}

/// What may stand behind a name that should be a file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    Fifo,
    Device,
    Socket,
    Folder,
    Dangling,
    Sparse,
}

const ODD: [Odd; 6] = [Odd::Fifo, Odd::Device, Odd::Socket, Odd::Folder, Odd::Dangling, Odd::Sparse];

impl Odd {
    /// Puts it there, in place of what is there.
    fn put(self, path: &Path) {
        fs::remove_file(path).ok();
        match self {
            Self::Fifo => mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap(),
            Self::Device => symlink("/dev/zero", path).unwrap(),
            Self::Socket => drop(UnixListener::bind(path).unwrap()),
            Self::Folder => fs::create_dir(path).unwrap(),
            Self::Dangling => symlink("nowhere", path).unwrap(),
            Self::Sparse => fs::File::create(path).unwrap().set_len(3 << 30).unwrap(),
        }
    }
}

#[test]
fn what_the_caller_names_is_a_plain_file_of_bounded_length_or_his_error() {
    for odd in ODD {
        let bench = Bench::new();
        odd.put(&bench.path("odd"));
        fs::write(bench.path("entry.zip"), "no ZIP").unwrap();
        let commands: [&[&str]; 9] = [
            &["check", "odd"],
            &["certify", "odd", "--protocol", "mini"],
            &["certify", "entry.zip", "--protocol", "mini", "--round", "odd"],
            &["verify", "odd", "--trust", "demo.pub"],
            &["verify", "entry/certificate.json", "--trust", "odd"],
            &["show", "odd"],
            &["show", "entry/certificate.json", "--trust", "odd"],
            &["leaderboard", "odd", "--trust", "demo.pub"],
            &["sign", "entry", "--key", "odd"],
        ];
        for command in commands {
            let (code, text) = bench.maxclip(command);
            // That a ZIP is too long is a rule of the gate, and so a verdict.
            let is_zip = odd == Odd::Sparse && command[1] == "odd" && matches!(command[0], "check" | "certify");
            assert_eq!(code, if is_zip { 1 } else { 2 }, "{odd:?} {command:?}: {text}");
            let why = match odd {
                Odd::Fifo => "a FIFO, not a plain file",
                Odd::Device => "a device, not a plain file",
                Odd::Socket => "a socket or a device, not a plain file",
                // A folder of certificates is a thing that a board is made of.
                Odd::Folder if command[0] == "leaderboard" => "no certificate.json there",
                Odd::Folder => "a folder, not a plain file",
                Odd::Dangling => "No such file",
                Odd::Sparse if is_zip => "expected  at most 8388608 bytes",
                Odd::Sparse => "3221225472 bytes, limit ",
            };
            assert!(text.contains(why), "{odd:?} {command:?}: {text}");
        }
    }
}

#[test]
fn what_lies_in_a_strangers_folder_is_a_plain_file_of_its_signed_length_or_a_finding() {
    for odd in ODD {
        for name in ["small/1/transcript.jsonl", "small/1/published/model.safetensors"] {
            let bench = Bench::new();
            odd.put(&bench.path("entry").join(name));
            for command in [
                &["verify", "entry/certificate.json", "--trust", "demo.pub"][..],
                &["sign", "entry", "--golden", "golden", "--key", "demo.key"],
            ] {
                let (code, text) = bench.maxclip(command);
                assert_eq!(code, 1, "{odd:?} {command:?}: {text}");
                let why = if odd == Odd::Sparse { "found     3221225472 bytes" } else { "not a plain file" };
                assert!(text.contains("file-changed") && text.contains(why), "{odd:?} {command:?}: {text}");
            }
        }
    }
}

#[test]
fn a_folder_to_sign_compare_report_or_pack_is_not_trusted_either() {
    for odd in ODD {
        let bench = Bench::new();
        odd.put(&bench.path("entry/statement.json"));
        let (code, text) = bench.maxclip(&["sign", "entry", "--key", "demo.key"]);
        assert_eq!(code, 2, "{odd:?}: {text}");
        for name in ["transcript.jsonl", "fingerprints.bin"] {
            let bench = Bench::new();
            odd.put(&bench.path("entry/small/1").join(name));
            let (code, text) = bench.maxclip(&["compare", "entry/small/1", "entry/small/1"]);
            assert_eq!(code, 2, "{odd:?}: {text}");
        }
        let bench = Bench::new();
        odd.put(&bench.path("entry/small/1/transcript.jsonl"));
        assert_eq!(bench.maxclip(&["report", "entry/small/1"]).0, 2, "{odd:?}");
        let bench = Bench::new();
        assert_eq!(bench.maxclip(&["new", "kit"]).0, 0);
        odd.put(&bench.path("kit/src/odd.rs"));
        let (code, text) = bench.maxclip(&["pack", "kit", "-o", "entry.zip"]);
        // A folder among the sources is one of theirs, and empty.
        assert_eq!(code, if odd == Odd::Folder { 0 } else { 2 }, "{odd:?}: {text}");
    }
}

#[test]
fn a_report_takes_the_last_row_of_fingerprints_of_any_length() {
    let bench = Bench::new();
    Odd::Sparse.put(&bench.path("entry/small/1/fingerprints.bin"));
    let (code, text) = bench.maxclip(&["report", "entry/small/1"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_link_that_the_caller_names_is_followed_and_one_in_a_folder_is_not() {
    let bench = Bench::new();
    symlink("entry/certificate.json", bench.path("link.json")).unwrap();
    assert_eq!(bench.maxclip(&["show", "link.json"]).0, 0);
    assert_eq!(bench.maxclip(&["leaderboard", "link.json", "--trust", "demo.pub"]).0, 0);
    fs::create_dir(bench.path("found")).unwrap();
    symlink("../entry/certificate.json", bench.path("found/certificate.json")).unwrap();
    let (code, text) = bench.maxclip(&["leaderboard", "found", "--trust", "demo.pub"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("a link, not a plain file"), "{text}");
}

#[test]
fn a_folder_that_no_gate_would_read_is_refused_before_all_of_it_is_in_memory() {
    let bench = Bench::new();
    assert_eq!(bench.maxclip(&["new", "kit"]).0, 0);
    for at in 0..6 {
        fs::File::create(bench.path(&format!("kit/src/large{at}.rs"))).unwrap().set_len(4 << 20).unwrap();
    }
    let (code, text) = bench.maxclip(&["pack", "kit", "-o", "entry.zip"]);
    assert_eq!(code, 2);
    assert!(text.contains("kit holds more than 16777216 bytes that belong in a ZIP"), "{text}");
    assert!(!bench.path("entry.zip").exists());
}
