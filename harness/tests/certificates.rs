//! Keys, signing, verifying, showing and the board, through the program, over a small evidence folder.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use folder::{Wish, certificate, failed, key, passed};
use records::{
    canonical,
    statement::{Envelope, Signature, Statement},
};
use snapbox::{assert_data_eq, cmd::Command};

/// A folder of its own, an empty environment, and the program.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        fs::write(bench.path("demo.pub"), format!("{}\n", key("demo", 1).public())).unwrap();
        fs::write(bench.path("demo.key"), key("demo", 1).pem().unwrap()).unwrap();
        fs::write(bench.path("other.pub"), format!("{}\n", key("demo", 2).public())).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program; gives its exit code and stdout, then stderr.
    fn maxclip(&self, args: &[&str]) -> (i32, String) {
        let program = env!("CARGO_BIN_EXE_maxclip");
        let output = Command::new(program).env_clear().current_dir(self.0.path()).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    fn write(&self, folder: &str, statement: &Statement, files: &folder::Folder) {
        for (name, bytes) in &files.0 {
            let path = self.path(folder).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(self.path(folder).join("statement.json"), canonical::to_file(statement).unwrap()).unwrap();
    }

    fn signed(&self, folder: &str, wish: &Wish) {
        let (statement, files) = passed(wish);
        self.write(folder, &statement, &files);
        fs::write(self.path(folder).join("certificate.json"), certificate(&statement, &key("demo", 1))).unwrap();
    }
}

fn fastclip() -> Wish {
    Wish::new("FastCLIP-v3", &[("small", 185), ("medium", 210), ("large", 222)])
}

fn flip(path: &Path, at: usize, bit: u32) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_new_key_is_its_owners_alone_and_is_never_overwritten() {
    let bench = Bench::new();
    let (code, text) = bench.maxclip(&["key", "new", "--name", "mine", "--out", "mine"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(fs::metadata(bench.path("mine.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let public = fs::read_to_string(bench.path("mine.pub")).unwrap();
    assert!(public.starts_with("ed25519 mine certify ") && public.lines().count() == 1, "{public}");
    let before = fs::read(bench.path("mine.key")).unwrap();
    let (code, text) = bench.maxclip(&["key", "new", "--name", "mine", "--out", "mine"]);
    assert_eq!(code, 2);
    assert_eq!(text, "error: mine.pub is there already: a key is never overwritten\n");
    assert_eq!(fs::read(bench.path("mine.key")).unwrap(), before);
    assert_eq!(bench.maxclip(&["key", "new", "--name", "mi ne", "--out", "other-key"]).0, 2);
    assert_eq!(bench.maxclip(&["key", "new", "--name", "x", "--role", "king", "--out", "y"]).0, 2);
}

#[test]
fn an_entry_is_signed_verified_changed_refused_and_put_right() {
    let bench = Bench::new();
    let (statement, files) = passed(&fastclip());
    bench.write("entry", &statement, &files);
    let (code, text) = bench.maxclip(&["sign", "entry", "--key", "demo.key"]);
    assert_eq!(code, 0, "{text}");
    let verify = ["verify", "entry/certificate.json", "--trust", "demo.pub"];
    let (code, text) = bench.maxclip(&verify);
    assert_eq!(code, 0, "{text}");
    assert_data_eq!(text, snapbox::file!["verify_pass.txt": Text]);
    let model = bench.path("entry/medium/published/model.safetensors");
    let at = fs::metadata(&model).unwrap().len() as usize - 4 * 3;
    flip(&model, at, 3);
    let (code, text) = bench.maxclip(&verify);
    assert_eq!(code, 1);
    assert_data_eq!(text, snapbox::file!["verify_flipped_bit.txt": Text]);
    flip(&model, at, 3);
    assert_eq!(bench.maxclip(&verify).0, 0);
    let (code, text) = bench.maxclip(&["verify", "entry/certificate.json", "--trust", "other.pub"]);
    assert_eq!(code, 3);
    assert_data_eq!(text, snapbox::file!["verify_unknown_key.txt": Text]);
}

#[test]
fn sign_refuses_evidence_that_is_not_what_the_statement_says() {
    let bench = Bench::new();
    let (statement, files) = passed(&fastclip());
    bench.write("entry", &statement, &files);
    flip(&bench.path("entry/small/transcript.jsonl"), 900, 0);
    let (code, text) = bench.maxclip(&["sign", "entry", "--key", "demo.key"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("transcript-changed") && text.contains("not signed"), "{text}");
    assert!(!bench.path("entry/certificate.json").exists());
}

#[test]
fn a_second_key_signs_beside_the_first() {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    fs::write(bench.path("auditor.key"), key("auditor", 5).pem().unwrap()).unwrap();
    let sign = ["sign", "entry", "--key", "auditor.key", "--name", "auditor"];
    assert_eq!(bench.maxclip(&sign).0, 0);
    assert_eq!(bench.maxclip(&sign).0, 2, "twice");
    let (code, text) = bench.maxclip(&["verify", "entry/certificate.json", "--trust", "demo.pub"]);
    assert_eq!(code, 0);
    assert!(text.contains("not in your list"), "{text}");
}

#[test]
fn links_and_pipes_are_not_followed() {
    for kind in ["link", "folder", "fifo"] {
        let bench = Bench::new();
        bench.signed("entry", &fastclip());
        let path = bench.path("entry/small/eval_results.jsonl");
        match kind {
            "link" => {
                fs::rename(&path, bench.path("aside")).unwrap();
                symlink(bench.path("aside"), &path).unwrap();
            }
            "folder" => {
                fs::rename(bench.path("entry/small"), bench.path("small")).unwrap();
                symlink(bench.path("small"), bench.path("entry/small")).unwrap();
            }
            _ => {
                fs::remove_file(&path).unwrap();
                rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
            }
        }
        let (code, text) = bench.maxclip(&["verify", "entry/certificate.json", "--trust", "demo.pub"]);
        assert_eq!(code, 1, "{kind}: {text}");
        assert!(text.contains("file-changed") && text.contains("not a plain file"), "{kind}: {text}");
    }
}

#[test]
fn json_carries_the_exit_and_the_findings() {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    let verify = ["verify", "entry/certificate.json", "--trust", "demo.pub", "--json"];
    let (code, text) = bench.maxclip(&verify);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["exit"], &value["outcome"]), (0, &"pass".into(), &"PASS".into()));
    flip(&bench.path("entry/small/run.json"), 40, 0);
    let (code, text) = bench.maxclip(&verify);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["exit"], &value["findings"][0]["rule"]), (1, &"fail".into(), &"file-changed".into()));
}

#[test]
fn show_puts_a_certificate_on_one_screen() {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    let (code, text) = bench.maxclip(&["show", "entry/certificate.json", "--trust", "demo.pub"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.lines().count() <= 32, "{text}");
    assert_data_eq!(text, snapbox::file!["show_pass.txt": Text]);
    fs::write(bench.path("failed.json"), certificate(&failed(&fastclip()), &key("demo", 1))).unwrap();
    let (code, text) = bench.maxclip(&["show", "failed.json"]);
    assert_eq!(code, 0, "{text}");
    assert_data_eq!(text, snapbox::file!["show_fail.txt": Text]);
}

#[test]
fn the_board_is_a_function_of_its_certificates() {
    let bench = Bench::new();
    bench.signed("runs/a", &fastclip());
    bench.signed("runs/b", &Wish::new("OpenCLIP", &[("small", 176), ("medium", 205), ("large", 216)]));
    fs::create_dir_all(bench.path("runs/c")).unwrap();
    let lost = failed(&Wish::new("\u{1b}[31m<b>=1+1\u{202e}", &fastclip().hits));
    fs::write(bench.path("runs/c/certificate.json"), certificate(&lost, &key("demo", 1))).unwrap();
    let (code, text) = bench.maxclip(&["leaderboard", "runs", "--trust", "demo.pub", "--html", "board.html"]);
    assert_eq!(code, 0, "{text}");
    assert_data_eq!(text, snapbox::file!["board.txt": Text]);
    let page = fs::read(bench.path("board.html")).unwrap();
    let again =
        ["leaderboard", "runs/c", "runs/b/certificate.json", "runs/a", "--trust", "demo.pub", "--html", "again.html"];
    assert_eq!(bench.maxclip(&again).0, 0);
    assert_eq!(fs::read(bench.path("again.html")).unwrap(), page);
    let page = String::from_utf8(page).unwrap();
    for bad in ["<b>", "\u{1b}", "\u{202e}", "<script"] {
        assert!(!page.contains(bad), "{bad:?}");
    }
    assert_eq!(bench.maxclip(&["leaderboard", "runs", "--trust", "other.pub"]).0, 3);
}

#[test]
fn a_list_of_keys_is_one_argument_wherever_it_stands() {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    for command in ["verify", "show", "leaderboard"] {
        for args in [
            [command, "--trust", "demo.pub", "entry/certificate.json"],
            [command, "--trust=demo.pub", "--", "entry/certificate.json"],
        ] {
            let (code, text) = bench.maxclip(&args);
            assert_eq!(code, 0, "{args:?}: {text}");
        }
        fs::write(bench.path("auditor.pub"), format!("{}\n", key("auditor", 5).public())).unwrap();
        let twice = [command, "--trust", "auditor.pub", "--trust", "demo.pub", "entry/certificate.json"];
        let (code, text) = bench.maxclip(&twice);
        assert_eq!(code, 0, "{twice:?}: {text}");
    }
}

#[test]
fn a_signature_of_nobody_moves_no_board() {
    let bench = Bench::new();
    bench.signed("runs/a", &fastclip());
    let board = ["leaderboard", "runs/a", "--trust", "demo.pub"];
    let (code, before) = bench.maxclip(&board);
    assert_eq!(code, 0, "{before}");
    let path = bench.path("runs/a/certificate.json");
    let mut envelope: Envelope = canonical::from_file(&fs::read(&path).unwrap()).unwrap();
    let sig = format!("{}==", "A".repeat(86));
    envelope.signatures.push(Signature { keyid: "nobody:0123456789abcdef".into(), sig });
    fs::write(&path, canonical::to_file(&envelope).unwrap()).unwrap();
    assert_eq!(bench.maxclip(&board), (0, before.clone()));
    // A second key that the reader trusts says more, and the root with it.
    envelope.signatures.pop();
    fs::write(&path, canonical::to_file(&envelope).unwrap()).unwrap();
    fs::write(bench.path("auditor.key"), key("auditor", 5).pem().unwrap()).unwrap();
    fs::write(bench.path("auditor.pub"), format!("{}\n", key("auditor", 5).public())).unwrap();
    assert_eq!(bench.maxclip(&["sign", "runs/a", "--key", "auditor.key"]).0, 0);
    assert_eq!(bench.maxclip(&board), (0, before.clone()));
    let (code, after) = bench.maxclip(&["leaderboard", "runs/a", "--trust", "demo.pub", "--trust", "auditor.pub"]);
    assert_eq!(code, 0, "{after}");
    assert_ne!(after, before);
}

#[test]
fn a_report_and_a_comparison_read_run_folders() {
    let bench = Bench::new();
    bench.signed("a", &fastclip());
    bench.signed("b", &Wish::new("OpenCLIP!", &fastclip().hits));
    let (code, text) = bench.maxclip(&["report", "a", "b/small", "--out", "report.html"]);
    assert_eq!(code, 0, "{text}");
    let page = fs::read_to_string(bench.path("report.html")).unwrap();
    assert!(page.matches("<svg").count() == 2 && !page.contains("<script"));
    assert_eq!(bench.maxclip(&["compare", "a/small", "a/small"]).0, 0);
    let (code, text) = bench.maxclip(&["compare", "a/small", "b/small"]);
    assert_eq!(code, 1);
    assert!(text.contains("step 0: loss"), "{text}");
    assert_eq!(bench.maxclip(&["report", "nowhere"]).0, 2);
}
