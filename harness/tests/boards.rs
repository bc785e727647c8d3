//! What strangers' certificates look like: on a screen, on a board, on a page.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::fs;

use bench::{Bench, fastclip};
use folder::{failed, key, passed, signed};
use records::verdict::moves;
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
