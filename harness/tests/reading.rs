//! Files that strangers name, through the program: what is no plain file is refused at once, and what is too
//! long is refused before it is read.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bench::{Bench, fastclip};
use rustix::fs::{CWD, Mode, mkfifoat};

/// What a program may map, in KiB: a sixth of the sparse files here.
const ADDRESSES_KIB: u64 = 512 << 10;
/// Longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// A signed entry in a folder of its own.
fn signed() -> Bench {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    bench
}

impl Bench {
    /// Runs the program with little memory; gives its exit code and what it wrote. A hang fails the test.
    fn held(&self, args: &[&str]) -> (i32, String) {
        let limited = format!("ulimit -v {ADDRESSES_KIB} && exec \"$0\" \"$@\"");
        let mut child = Command::new("/bin/sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_maxclip")])
            .args(args)
            .env_clear()
            .current_dir(self.path(""))
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
        let bench = signed();
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
            let (code, text) = bench.held(command);
            // That a ZIP is too long is a rule of the gate, and so a verdict.
            let is_zip = odd == Odd::Sparse && command[1] == "odd" && matches!(command[0], "check" | "certify");
            assert_eq!(code, if is_zip { 1 } else { 2 }, "{odd:?} {command:?}: {text}");
            let why = match odd {
                Odd::Fifo => "a FIFO, not a plain file",
                Odd::Device => "a device, not a plain file",
                Odd::Socket => "a socket or a device, not a plain file",
                // A folder of certificates is a thing that a board is made of.
                Odd::Folder if command[0] == "leaderboard" => "no certificate.json there",
                // Somebody who names an entry's folder means the certificate in it.
                Odd::Folder if command[1] == "odd" && matches!(command[0], "verify" | "show") => {
                    "hint: name the certificate: odd/certificate.json"
                }
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
            let bench = signed();
            odd.put(&bench.path("entry").join(name));
            for command in [
                &["verify", "entry/certificate.json", "--trust", "demo.pub"][..],
                &["sign", "entry", "--golden", "golden", "--key", "demo.key"],
            ] {
                let (code, text) = bench.held(command);
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
        let bench = signed();
        odd.put(&bench.path("entry/statement.json"));
        let (code, text) = bench.held(&["sign", "entry", "--key", "demo.key"]);
        assert_eq!(code, 2, "{odd:?}: {text}");
        for name in ["transcript.jsonl", "fingerprints.bin"] {
            let bench = signed();
            odd.put(&bench.path("entry/small/1").join(name));
            let (code, text) = bench.held(&["compare", "entry/small/1", "entry/small/1"]);
            assert_eq!(code, 2, "{odd:?}: {text}");
        }
        let bench = signed();
        odd.put(&bench.path("entry/small/1/transcript.jsonl"));
        assert_eq!(bench.held(&["report", "entry/small/1"]).0, 2, "{odd:?}");
        let bench = signed();
        assert_eq!(bench.held(&["new", "kit"]).0, 0);
        odd.put(&bench.path("kit/src/odd.rs"));
        let (code, text) = bench.held(&["pack", "kit", "-o", "entry.zip"]);
        // A folder among the sources is one of theirs, and empty.
        assert_eq!(code, if odd == Odd::Folder { 0 } else { 2 }, "{odd:?}: {text}");
    }
}

#[test]
fn a_report_takes_the_last_row_of_fingerprints_of_any_length() {
    let bench = signed();
    Odd::Sparse.put(&bench.path("entry/small/1/fingerprints.bin"));
    let (code, text) = bench.held(&["report", "entry/small/1"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_link_that_the_caller_names_is_followed_and_one_in_a_folder_is_not() {
    let bench = signed();
    symlink("entry/certificate.json", bench.path("link.json")).unwrap();
    assert_eq!(bench.held(&["show", "link.json"]).0, 0);
    assert_eq!(bench.held(&["leaderboard", "link.json", "--trust", "demo.pub"]).0, 0);
    fs::create_dir(bench.path("found")).unwrap();
    symlink("../entry/certificate.json", bench.path("found/certificate.json")).unwrap();
    let (code, text) = bench.held(&["leaderboard", "found", "--trust", "demo.pub"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("a link, not a plain file"), "{text}");
}

#[test]
fn what_is_called_like_a_certificate_is_never_left_out_of_a_board_without_a_word() {
    for odd in ODD.into_iter().filter(|odd| *odd != Odd::Sparse) {
        let bench = signed();
        fs::create_dir_all(bench.path("runs/odd")).unwrap();
        fs::rename(bench.path("entry"), bench.path("runs/entry")).unwrap();
        odd.put(&bench.path("runs/odd/certificate.json"));
        let (code, text) = bench.held(&["leaderboard", "runs", "--trust", "demo.pub"]);
        assert!(code == 2 && text.contains("runs/odd/certificate.json"), "{odd:?}: {text}");
    }
}

#[test]
fn a_folder_that_no_gate_would_read_is_refused_before_all_of_it_is_in_memory() {
    let bench = signed();
    assert_eq!(bench.held(&["new", "kit"]).0, 0);
    for at in 0..6 {
        fs::File::create(bench.path(&format!("kit/src/large{at}.rs"))).unwrap().set_len(4 << 20).unwrap();
    }
    let (code, text) = bench.held(&["pack", "kit", "-o", "entry.zip"]);
    assert_eq!(code, 2);
    assert!(text.contains("kit holds more than 16777216 bytes that belong in a ZIP"), "{text}");
    assert!(!bench.path("entry.zip").exists());
}
