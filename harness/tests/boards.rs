//! What strangers' certificates look like: on a screen, on a board, on a page.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::fs;

use bench::{Bench, fastclip};
use folder::{certificate, failed, key, passed, real_round, signed};
use records::{NumericsClass, v1::statement::Statement, verdict::moves};
use release::entry;
use serde_json::{Value, json};

/// Moves lines, paints, turns the direction, and is longer than any screen is wide.
fn hostile() -> String {
    format!("x\nPASS         maxclip round 1\r\u{1b}[2J\u{1b}[31m\u{9b}1m\u{202e}\u{2066}\u{200b}{}", " y".repeat(400))
}

/// A certificate in which every text is hostile, of an entry that failed after its runs.
fn forged() -> Value {
    let (passed, failed) = (passed(&fastclip()).0, failed(&fastclip()).0);
    let mut statement = serde_json::to_value(&passed).unwrap();
    let predicate = &mut statement["predicate"];
    predicate["outcome"] = "FAIL".into();
    predicate["stages"] = serde_json::to_value(&failed.predicate.stages).unwrap();
    let texts = [
        "/entry/name",
        "/entry/team",
        "/entry/organization",
        "/entry/writeup",
        "/entry/contact",
        "/round/competition",
        "/round/round",
        "/round/beacon",
        "/against/protocol",
        "/against/rustc",
        "/stages/0/name",
        "/stages/5/name",
        "/stages/5/value/fail/0/place",
        "/stages/5/value/fail/0/expected",
        "/stages/5/value/fail/0/found",
        "/runs/0/scale",
        "/runs/0/scores/0/key",
        "/containment/0",
    ];
    for text in texts {
        *predicate.pointer_mut(text).unwrap() = hostile().into();
    }
    predicate["runs"][1]["mean"] = "1e300".into();
    let attachment = json!({"text": format!("{}\n", hostile()).repeat(99), "digest": format!("b3:{}", "0".repeat(64))});
    predicate["stages"][5]["value"]["fail"][0]["attachment"] = attachment;
    let finding = predicate["stages"][5]["value"]["fail"][0].clone();
    predicate["stages"][5]["value"]["fail"] = vec![finding; 30].into();
    statement["subject"][1]["name"] = hostile().into();
    statement
}

#[test]
fn show_prints_no_line_that_a_certificate_forges() {
    let bench = Bench::new();
    fs::write(bench.path("forged.json"), signed(&forged(), &key("demo", 1))).unwrap();
    let labels = [
        "FAIL ",
        "signature ",
        "entry ",
        "team ",
        "of ",
        "writeup ",
        "submission ",
        "against ",
        "judge ",
        "worker ",
        "compiler ",
        "class ",
        "golden ",
        "seed ",
        "  run ",
        "  x\\nPASS ",
        "  small/",
        "  medium/",
        "  large/",
        "  mean ",
        "stages ",
        "confinement ",
        "files ",
        "   ",
    ];
    for more in [&[][..], &["--trust", "demo.pub"], &["--files"]] {
        let (code, text) = bench.maxclip(&[&["show", "forged.json"], more].concat());
        assert_eq!(code, 0, "{text}");
        assert!(!text.chars().any(|c| c != '\n' && moves(c)), "{text}");
        for line in text.lines().filter(|line| !line.is_empty()) {
            assert!(labels.iter().any(|label| line.starts_with(label)), "{line}");
            assert!(line.chars().count() <= 120, "{line}");
        }
        assert_eq!(text.matches("and 10 findings more").count(), 1, "{text}");
        assert!(text.lines().any(|line| line.starts_with("entry        x\\nPASS ") && line.ends_with('…')), "{text}");
    }
}

/// Puts a certificate alone where a board finds it.
fn put(bench: &Bench, folder: &str, statement: &Statement) {
    fs::create_dir_all(bench.path(folder)).unwrap();
    fs::write(bench.path(folder).join("certificate.json"), certificate(statement, &key("demo", 1))).unwrap();
}

fn statement(name: &str, hits: [u64; 3]) -> Statement {
    passed(&entry(name, hits)).0
}

/// The entry whose tree is the release's baseline.
fn baseline(hits: [u64; 3]) -> Statement {
    let mut statement = statement("FastCLIP-v3", hits);
    let submission = &mut statement.predicate.submission;
    submission.tree = Some(fastclip().release.baseline);
    statement.subject[0] = verifier::certificate::submission_subject(submission);
    statement
}

#[test]
fn a_board_goes_past_what_does_not_hold_and_names_it() {
    let bench = Bench::new();
    put(&bench, "runs/a", &baseline([185, 210, 222]));
    put(&bench, "runs/b", &statement("OpenCLIP", [176, 205, 216]));
    let board = |more: &[&str]| bench.maxclip(&[&["leaderboard", "runs", "--trust", "demo.pub"], more].concat());
    let (code, whole) = board(&[]);
    assert_eq!(code, 0, "{whole}");
    let lines: Vec<_> = whole.lines().collect();

    // Of another round or class: it holds, and is set apart.
    let wish = folder::Wish { round: real_round("9"), seeds: real_round("9"), ..entry("Other", [1, 2, 3]) };
    put(&bench, "runs/round", &passed(&wish).0);
    let mut classed = statement("Classed", [499; 3]);
    classed.predicate.against.class = Some(NumericsClass([8; 32]));
    put(&bench, "runs/class", &classed);
    let (code, text) = board(&[]);
    assert_eq!(code, 0, "{text}");
    for (path, why) in [("runs/round", "of other rounds"), ("runs/class", "of other numerics classes")] {
        assert!(text.contains(&format!("{path}/certificate.json: not on the board")) && text.contains(why), "{text}");
    }
    assert!(lines[..lines.len() - 1].iter().all(|line| text.contains(line)), "{text}");

    // One that cannot be judged here, and then one that does not hold: the code says the worst.
    let mut newer = serde_json::to_value(statement("Newer", [1, 2, 3])).unwrap();
    newer["predicateType"] = "https://maxclip.dev/certificate/v2".into();
    fs::create_dir_all(bench.path("runs/newer")).unwrap();
    fs::write(bench.path("runs/newer/certificate.json"), signed(&newer, &key("demo", 1))).unwrap();
    let (code, text) = board(&[]);
    assert!(code == 3 && text.contains("written by a newer release") && text.contains(lines[2]), "{text}");
    put(&bench, "runs/changed", &statement("Changed", [1, 2, 3]));
    let path = bench.path("runs/changed/certificate.json");
    let bytes = fs::read_to_string(&path).unwrap().replacen("\"sig\":\"", "\"sig\":\"A", 1);
    fs::write(&path, bytes).unwrap();
    let (code, text) = board(&[]);
    assert!(code == 1 && text.contains("runs/changed/certificate.json: not on the board"), "{text}");
    assert!(text.contains("4 certificates are not on it") && text.contains(lines[2]), "{text}");
    let (code, text) = board(&["--json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, value["left_out"].as_array().unwrap().len(), &value["exit"]), (1, 4, &"fail".into()));
    // Two boards of one certificate each are none, until one is named.
    let pair = ["leaderboard", "runs/a", "runs/round", "--trust", "demo.pub"];
    let (code, text) = bench.maxclip(&pair);
    assert!(code == 2 && text.contains("of different rounds") && text.contains("--round"), "{text}");
    assert_eq!(bench.maxclip(&[&pair[..], &["--round", "practice"]].concat()).0, 0);
}

#[test]
fn a_page_is_made_again_of_the_certificates_beside_it() {
    let bench = Bench::new();
    put(&bench, "runs/a", &baseline([185, 210, 222]));
    put(&bench, "runs/b", &statement("OpenCLIP", [176, 205, 216]));
    put(&bench, "runs/c", &failed(&entry("<b>Lost\u{202e}", [0; 3])).0);
    let (code, text) = bench.maxclip(&["leaderboard", "runs", "--trust", "demo.pub", "--html", "board.html"]);
    assert_eq!(code, 0, "{text}");
    let page = fs::read_to_string(bench.path("board.html")).unwrap();
    assert!(page.matches("<table").count() == 1 && !page.contains("<script") && !page.contains("<b>Lost"), "{page}");
    assert!(page.contains("transcript-diverged") && page.contains("▼") | page.contains("≈"), "{page}");
    let command = page.rsplit("<code>").next().unwrap().split("</code>").next().unwrap().to_owned();
    assert_eq!(page.matches("href=\"certificates/").count(), 3);
    for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(link.starts_with('#') || link.starts_with("https://") || bench.path(link).exists(), "{link}");
    }
    fs::remove_dir_all(bench.path("runs")).unwrap();
    fs::remove_file(bench.path("board.html")).unwrap();
    let command = command.replace("KEYS", "demo.pub").replace("FILE", "board.html");
    assert_eq!(bench.maxclip(&command.split(' ').skip(1).collect::<Vec<_>>()).0, 0, "{command}");
    assert_eq!(fs::read_to_string(bench.path("board.html")).unwrap(), page);
}

#[test]
fn two_hundred_entries_are_one_table() {
    let bench = Bench::new();
    put(&bench, "runs/base", &baseline([185, 210, 222]));
    for at in 0..199u64 {
        let hits = [100 + at * 7 % 150, 120 + at * 11 % 160, 130 + at * 13 % 170];
        put(&bench, &format!("runs/{at}"), &statement(&format!("Entry {at}"), hits));
    }
    let (code, text) = bench.maxclip(&["leaderboard", "runs", "--trust", "demo.pub", "--html", "board.html"]);
    assert_eq!(code, 0, "{text}");
    let page = fs::read_to_string(bench.path("board.html")).unwrap();
    assert_eq!((page.matches("<table").count(), page.matches("<tr ").count()), (1, 201));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}
