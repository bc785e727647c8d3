//! Keys, signing, verifying, showing and the board, through the program, over a small evidence folder.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use bench::{Bench, fastclip};
use folder::{Wish, certificate, failed, key, passed, real_round, signed};
use records::{
    ReleaseDigest, canonical,
    v1::statement::{Envelope, Signature, Statement},
};
use release::entry;
use snapbox::assert_data_eq;

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
    assert_eq!(text, "error: mine.pub is there already: it is never overwritten\n");
    assert_eq!(fs::read(bench.path("mine.key")).unwrap(), before);
    assert_eq!(bench.maxclip(&["key", "new", "--name", "mi ne", "--out", "other-key"]).0, 2);
    assert_eq!(bench.maxclip(&["key", "new", "--name", "x", "--role", "king", "--out", "y"]).0, 2);
}

#[test]
fn an_entry_is_signed_verified_changed_refused_and_put_right() {
    let bench = Bench::new();
    let (statement, files) = passed(&fastclip());
    bench.write("entry", &statement, &files);
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key"]);
    assert_eq!(code, 0, "{text}");
    let verify = ["verify", "entry/certificate.json", "--trust", "demo.pub"];
    let (code, text) = bench.maxclip(&verify);
    assert_eq!(code, 0, "{text}");
    assert_data_eq!(text, snapbox::file!["verify_pass.txt": Text]);
    let model = bench.path("entry/medium/1/published/model.safetensors");
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
    flip(&bench.path("entry/small/1/transcript.jsonl"), 900, 0);
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("transcript-changed") && text.contains("not signed"), "{text}");
    assert!(!bench.path("entry/certificate.json").exists());
}

#[test]
fn what_a_newer_release_signed_is_called_that_and_never_a_forgery() {
    let bench = Bench::new();
    let (statement, files) = passed(&fastclip());
    let known = serde_json::to_value(&statement).unwrap();
    let with = |pointer: &str, key: &str, value: &str| {
        let mut payload = known.clone();
        payload.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value.into());
        payload
    };
    for (payload, says) in [
        (with("", "predicateType", "https://maxclip.dev/certificate/v2"), "a certificate of version 2"),
        (with("", "predicateType", "https://maxclip.dev/waiver/v1"), "nothing of the kind `waiver`"),
        (with("/predicate/against", "weather", "rain"), "unknown field `weather`"),
    ] {
        bench.write("entry", &statement, &files);
        fs::write(bench.path("entry/certificate.json"), signed(&payload, &key("demo", 1))).unwrap();
        fs::write(bench.path("entry/statement.json"), canonical::to_file(&payload).unwrap()).unwrap();
        for command in [
            &["verify", "entry/certificate.json", "--trust", "demo.pub"][..],
            &["show", "entry/certificate.json", "--trust", "demo.pub"],
            &["show", "entry/certificate.json"],
            &["show", "entry/statement.json"],
            &["leaderboard", "entry", "--trust", "demo.pub"],
            &["sign", "entry", "--golden", "golden", "--key", "demo.key"],
        ] {
            let (code, text) = bench.maxclip(command);
            assert_eq!(code, 3, "{command:?}: {text}");
            assert!(text.contains("written by a newer release") && text.contains(says), "{command:?}: {text}");
            assert!(text.contains("hint: get the newest release"), "{command:?}: {text}");
        }
        // Nor is one signed over: what stands there may be right.
        bench.write("entry", &statement, &files);
        assert_eq!(bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key"]).0, 3);
    }
}

#[test]
fn an_unsigned_statement_is_called_that() {
    let bench = Bench::new();
    let (statement, files) = passed(&fastclip());
    bench.write("entry", &statement, &files);
    let (code, text) = bench.maxclip(&["verify", "entry/statement.json", "--trust", "demo.pub"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("an unsigned statement") && text.contains("hint: `maxclip sign`"), "{text}");
    let (code, text) = bench.maxclip(&["show", "entry/statement.json"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("unsigned: nobody answers for it before `maxclip sign`"), "{text}");
}

/// Leaves two scales out of an entry, as if they had never been asked for.
fn strip(statement: &mut Statement, files: &mut folder::Folder) {
    statement.predicate.runs.truncate(1);
    files.0.retain(|name, _| !name.starts_with("medium/") && !name.starts_with("large/"));
    statement.subject.truncate(1);
    statement.subject.extend(folder::files(files));
}

#[test]
fn sign_refuses_a_statement_of_one_scale() {
    let bench = Bench::new();
    let (mut statement, mut files) = passed(&fastclip());
    strip(&mut statement, &mut files);
    bench.write("entry", &statement, &files);
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key"]);
    assert_eq!(code, 1, "{text}");
    assert_data_eq!(text, snapbox::file!["sign_stripped.txt": Text]);
    assert!(!bench.path("entry/certificate.json").exists());
}

#[test]
fn sign_takes_the_round_from_the_organizer() {
    let bench = Bench::new();
    let round = |name: &str| {
        let [secret, beacon] = ["8f3b0c6d92e14a75b8c0d1f2e3a49576", "2e1c5bb8f04a4ad39d2c70e9a4b4a1b0"];
        let rest = format!("secret = \"{secret}\"\nbeacon = \"{beacon}\"\n");
        fs::write(bench.path(name), format!("competition = \"lakes\"\nround = \"{name}\"\n{rest}")).unwrap();
    };
    round("1");
    round("2");
    let wish = Wish { round: real_round("1"), seeds: real_round("1"), ..fastclip() };
    let (statement, files) = passed(&wish);
    bench.write("entry", &statement, &files);
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key", "--round", "2"]);
    assert_eq!(code, 1, "{text}");
    assert_data_eq!(text, snapbox::file!["sign_other_round.txt": Text]);
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key"]);
    assert_eq!(code, 1, "the practice round: {text}");
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key", "--round", "1"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(bench.maxclip(&["verify", "entry/certificate.json", "--trust", "demo.pub"]).0, 0);
}

#[test]
fn another_release_is_judged_by_nobody_here() {
    let bench = Bench::new();
    let other = Wish::new("FastCLIP-v3", &fastclip().hits);
    let (statement, files) = passed(&other);
    bench.write("entry", &statement, &files);
    let (code, text) = bench.maxclip(&["sign", "entry", "--golden", "golden", "--key", "demo.key"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("written by another release"), "{text}");
    assert!(text.contains("hint: judge it with the release that certified it"), "{text}");
    bench.signed("entry", &other);
    for command in ["verify", "leaderboard"] {
        let (code, text) = bench.maxclip(&[command, "entry/certificate.json", "--trust", "demo.pub"]);
        assert_eq!(code, 3, "{command}: {text}");
        assert!(text.contains("hint: judge it with the release that certified it"), "{command}: {text}");
    }
}

#[test]
fn another_release_of_the_frozen_tree_is_judged_ranked_and_not_signed() {
    let bench = Bench::new();
    let mut other = fastclip();
    other.release.judge = ReleaseDigest([1; 32]);
    bench.signed("runs/a", &other);
    bench.signed("runs/b", &entry("OpenCLIP", [176, 205, 216]));
    let verify = ["verify", "runs/a/certificate.json", "--trust", "demo.pub"];
    let (code, text) = bench.maxclip(&verify);
    assert_eq!(code, 0, "{text}");
    assert_data_eq!(text, snapbox::file!["verify_other_release.txt": Text]);
    let (_, json) = bench.maxclip(&[&verify[..], &["--json"]].concat());
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["stated_by"], ReleaseDigest([1; 32]).to_string());
    assert_ne!(value["judged_by"], value["stated_by"]);
    let sign = ["sign", "runs/a", "--golden", "golden", "--key", "demo.key"];
    let (code, text) = bench.maxclip(&sign);
    assert!(code == 3 && text.contains("written by another release"), "{text}");
    // The board ranks both, and names the releases.
    let board = ["leaderboard", "runs", "--trust", "demo.pub", "--html", "board.html"];
    let (code, text) = bench.maxclip(&board);
    assert_eq!(code, 0, "{text}");
    let note = "stated by 2 of one frozen tree: release:0101 0101 (1), release:";
    assert!(text.contains(&format!("  releases {note}")), "{text}");
    assert!(fs::read_to_string(bench.path("board.html")).unwrap().contains(note));
    assert_eq!(bench.maxclip(&["leaderboard", "runs/b", "--trust", "demo.pub"]).1.matches("releases").count(), 0);
    // A byte is a byte; a judgement that differs is nobody's forgery, and no board's either.
    let results = bench.path("runs/a/small/1/run.json");
    flip(&results, 40, 0);
    assert_eq!(bench.maxclip(&verify).0, 1);
    flip(&results, 40, 0);
    let (mut statement, files) = passed(&other);
    statement.predicate.runs[0].mean = "0.900000".into();
    bench.write("runs/a", &statement, &files);
    fs::write(bench.path("runs/a/certificate.json"), certificate(&statement, &key("demo", 1))).unwrap();
    let says = "stated by another release, which judged differently: small/1 mean; here: 0.370000; stated: 0.900000";
    for command in [&verify[..], &board] {
        let (code, text) = bench.maxclip(command);
        assert!(code == 3 && text.contains(says), "{command:?}: {text}");
    }
}

#[test]
fn no_board_ranks_a_certificate_of_fewer_scales() {
    let bench = Bench::new();
    bench.signed("runs/a", &fastclip());
    let (mut statement, mut files) = passed(&entry("OpenCLIP", [499, 499, 499]));
    strip(&mut statement, &mut files);
    bench.write("runs/b", &statement, &files);
    fs::write(bench.path("runs/b/certificate.json"), certificate(&statement, &key("demo", 1))).unwrap();
    let (code, text) = bench.maxclip(&["leaderboard", "runs", "--trust", "demo.pub"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("runs/b/certificate.json: not on the board"), "{text}");
    assert!(text.contains("small/1, small/2, medium/1"), "{text}");
    // The others are ranked, and the board says that it is not the whole.
    assert!(text.contains("1  FastCLIP-v3") && text.contains("left out 1 certificates are not on it"), "{text}");
}

#[test]
fn a_round_that_anyone_could_guess_is_refused_before_anything_is_judged() {
    let bench = Bench::new();
    for (secret, beacon, says) in [
        ("public", "2e1c5bb8f04a4ad39d2c70e9a4b4a1b0", "`secret` has a character that is no hexadecimal digit"),
        (
            "8f3b0c6d92e14a75",
            "2e1c5bb8f04a4ad39d2c70e9a4b4a1b0",
            "has 16 hexadecimal digits, and 32 (128 bits) are the least",
        ),
        ("8f3b0c6d92e14a75b8c0d1f2e3a49576", "none", "`beacon` has a character that is no hexadecimal digit"),
    ] {
        let text = format!("competition = \"lakes\"\nround = \"1\"\nsecret = \"{secret}\"\nbeacon = \"{beacon}\"\n");
        fs::write(bench.path("round.toml"), text).unwrap();
        let (code, text) = bench.maxclip(&["certify", "entry.zip", "--protocol", "mini", "--round", "round.toml"]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(says) && text.contains("hint: ") && !text.contains("entry.zip"), "{text}");
    }
}

#[test]
fn a_second_key_signs_beside_the_first() {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    fs::write(bench.path("auditor.key"), key("auditor", 5).pem().unwrap()).unwrap();
    let sign = ["sign", "entry", "--golden", "golden", "--key", "auditor.key", "--name", "auditor"];
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
        let path = bench.path("entry/small/1/eval_results.jsonl");
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
    flip(&bench.path("entry/small/1/run.json"), 40, 0);
    let (code, text) = bench.maxclip(&verify);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["exit"], &value["findings"][0]["rule"]), (1, &"fail".into(), &"file-changed".into()));
}

#[test]
fn show_puts_a_certificate_on_one_screen() {
    let bench = Bench::new();
    // Of another release: showing judges nothing.
    let wish = Wish::new("FastCLIP-v3", &fastclip().hits);
    bench.signed("entry", &wish);
    let (code, text) = bench.maxclip(&["show", "entry/certificate.json", "--trust", "demo.pub"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.lines().count() <= 32, "{text}");
    assert_data_eq!(text, snapbox::file!["show_pass.txt": Text]);
    fs::write(bench.path("failed.json"), certificate(&failed(&wish).0, &key("demo", 1))).unwrap();
    let (code, text) = bench.maxclip(&["show", "failed.json"]);
    assert_eq!(code, 0, "{text}");
    assert_data_eq!(text, snapbox::file!["show_fail.txt": Text]);
}

#[test]
fn the_board_is_a_function_of_its_certificates() {
    let bench = Bench::new();
    bench.signed("runs/a", &fastclip());
    bench.signed("runs/b", &entry("OpenCLIP", [176, 205, 216]));
    fs::create_dir_all(bench.path("runs/c")).unwrap();
    let lost = failed(&entry("\u{1b}[31m<b>=1+1\u{202e}", [0, 0, 0]));
    fs::write(bench.path("runs/c/certificate.json"), certificate(&lost.0, &key("demo", 1))).unwrap();
    let (code, text) = bench.maxclip(&["leaderboard", "runs", "--trust", "demo.pub", "--html", "board.html"]);
    assert_eq!(code, 0, "{text}");
    assert_data_eq!(text, snapbox::file!["board.txt": Text]);
    let page = fs::read(bench.path("board.html")).unwrap();
    let again =
        ["leaderboard", "runs/c", "runs/b/certificate.json", "runs/a", "--trust", "demo.pub", "--html", "again.html"];
    assert_eq!(bench.maxclip(&again).0, 0);
    assert!(fs::read(bench.path("again.html")).unwrap() == page, "another page");
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
    assert_eq!(bench.maxclip(&["sign", "runs/a", "--golden", "golden", "--key", "auditor.key"]).0, 0);
    assert_eq!(bench.maxclip(&board), (0, before.clone()));
    let (code, after) = bench.maxclip(&["leaderboard", "runs/a", "--trust", "demo.pub", "--trust", "auditor.pub"]);
    assert_eq!(code, 0, "{after}");
    assert_ne!(after, before);
}

#[test]
fn a_report_and_a_comparison_read_run_folders() {
    let bench = Bench::new();
    bench.signed("a", &fastclip());
    bench.signed("b", &entry("OpenCLIP!", [185, 210, 222]));
    let (code, text) = bench.maxclip(&["report", "a", "b/small/1", "--out", "report.html"]);
    assert_eq!(code, 0, "{text}");
    let page = fs::read_to_string(bench.path("report.html")).unwrap();
    // A panel for each of three scales of the first entry and one of the second, of the loss and of a diagnostic.
    assert!(page.matches("<svg").count() == 8 && !page.contains("<script"), "{}", page.matches("<svg").count());
    let of = |name: &str| page.find(&format!("{name}: loss")).unwrap();
    assert!(of("FastCLIP-v3 small") < of("FastCLIP-v3 medium") && of("FastCLIP-v3 medium") < of("FastCLIP-v3 large"));
    assert_eq!(bench.maxclip(&["compare", "a/small/1", "a/small/1"]).0, 0);
    let (code, text) = bench.maxclip(&["compare", "a/small/1", "b/small/1"]);
    assert_eq!(code, 1);
    assert!(text.contains("step 0: loss"), "{text}");
    assert_eq!(bench.maxclip(&["report", "nowhere"]).0, 2);
}

#[test]
fn sign_knows_the_golden_or_says_that_it_does_not() {
    let bench = Bench::new();
    let (statement, files) = passed(&fastclip());
    bench.write("entry", &statement, &files);
    let (code, text) = bench.maxclip(&["sign", "entry", "--key", "demo.key"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("no golden that is known here") && text.contains("--golden"), "{text}");
    // What others recorded is signed, by a key that is for that.
    assert_eq!(bench.maxclip(&["key", "new", "--name", "gold", "--role", "golden", "--out", "gold"]).0, 0);
    let (code, text) = bench.maxclip(&["golden", "sign", "golden", "--key", "demo.key"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("a golden needs one with the role golden"), "{text}");
    let (code, text) = bench.maxclip(&["golden", "sign", "golden", "--key", "gold.key"]);
    assert_eq!(code, 0, "{text}");
    let sign =
        |more: &[&str]| bench.maxclip(&[&["sign", "entry", "--key", "demo.key", "--golden", "golden"], more].concat());
    assert_eq!(sign(&[]).0, 2, "signed, and by whom?");
    let (code, text) = sign(&["--trust", "demo.pub"]);
    assert!(code == 3 && text.contains("no trusted key signed"), "{text}");
    let (code, text) = sign(&["--trust", "gold.pub"]);
    assert_eq!(code, 0, "{text}");
    flip(&bench.path("golden/transcript.jsonl"), 0, 0);
    let (code, text) = sign(&["--trust", "gold.pub"]);
    assert!(code == 1 && text.contains("file-changed") && text.contains("transcript.jsonl"), "{text}");
}

#[test]
fn a_part_is_looked_at_alone_and_a_folder_that_is_not_there_is_said_once() {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    let only = |part: &str| bench.maxclip(&["verify", "entry/certificate.json", "--trust", "demo.pub", "--only", part]);
    flip(&bench.path("entry/medium/1/published/model.safetensors"), 2000, 3);
    assert_eq!(only("checkpoints").0, 1);
    assert_eq!(only("medium").0, 1);
    for part in ["small", "transcript", "evaluation", "source", "submission.zip"] {
        let (code, text) = only(part);
        assert_eq!(code, 0, "{part}: {text}");
        assert!(text.contains("files were not asked for"), "{text}");
    }
    let (code, text) = only("tiny");
    assert!(code == 2 && text.contains("names no file that is `tiny`"), "{text}");
    fs::copy(bench.path("entry/certificate.json"), bench.path("alone.json")).unwrap();
    let (code, text) = bench.maxclip(&["verify", "alone.json", "--trust", "demo.pub"]);
    assert_eq!(code, 3, "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("the evidence is not here"), "{text}");
}
