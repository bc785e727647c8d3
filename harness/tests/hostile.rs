//! Text of strangers on the terminal: whatever stands in a ZIP, a certificate or a run folder, nothing of it
//! moves the cursor, paints, reorders, or passes for a line of ours.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::fs;

use bench::Bench;
use folder::{certificate, failed, files, key, passed};
use records::{
    Attachment, Blake3, Finding, Rule, canonical,
    v1::{
        statement::{StageValue, Statement},
        transcript::{Header, Line},
    },
    verdict::moves,
};
use release::entry;

/// What a stranger would like to see at the start of a line.
const FORGED: &str = "PASS forged";

/// Every character that moves something, the newline first: columns are cut.
fn movers() -> Vec<char> {
    let mut all: Vec<_> = (0..=0x10_ffff).filter_map(char::from_u32).filter(|&c| moves(c)).collect();
    for c in ['\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}']
    {
        assert!(all.contains(&c), "{c:?}");
    }
    all.sort_by_key(|&c| c != '\n');
    all
}

/// All of them before, between and after lines that are not ours.
fn hostile() -> String {
    // Of the unassigned tags a few will do.
    let movers = movers().into_iter().filter(|&c| c < '\u{e0003}');
    movers.map(|c| format!("{c}{FORGED}")).chain(["\u{1b}[32mPASS\u{1b}[0m\u{1b}]0;title\u{7}".to_owned()]).collect()
}

impl Bench {
    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Runs the program; fails where what it writes is not harmless lines, or holds nothing of `trace`.
    fn harmless(&self, code: i32, trace: &str, args: &[&str]) -> String {
        let (found, text) = self.maxclip(args);
        assert_eq!(found, code, "{args:?}: {text}");
        for line in text.lines() {
            assert!(!line.chars().any(moves), "{args:?}: {line:?}");
            assert!(!line.trim_start().starts_with(FORGED), "{args:?}: {line:?}");
        }
        assert!(text.contains(trace), "{args:?} shows nothing of `{trace}`: {text}");
        text
    }
}

/// A failure in whose every text a stranger wrote.
fn failure() -> Statement {
    let (mut statement, _) = failed(&entry(&hostile(), [1, 1, 1]));
    let predicate = &mut statement.predicate;
    let entry = &mut predicate.entry;
    for text in [&mut entry.team, &mut entry.organization, &mut entry.writeup, &mut entry.contact] {
        *text = hostile();
    }
    for text in [&mut predicate.round.competition, &mut predicate.round.round, &mut predicate.round.beacon] {
        *text = hostile();
    }
    predicate.against.protocol = hostile();
    predicate.against.rustc = Some(hostile());
    predicate.containment = vec![hostile(), hostile()];
    let last = predicate.stages.last_mut().unwrap();
    last.note = hostile();
    // As a certificate holds it: nothing was escaped on the way.
    last.value = StageValue::Fail(vec![Finding {
        rule: Rule::Diverged,
        place: format!("small/x {}", hostile()),
        expected: hostile(),
        found: hostile(),
        attachment: Some(Attachment { text: hostile(), digest: Blake3([0; 32]) }),
    }]);
    statement
}

#[test]
fn a_certificate_is_shown_without_what_it_would_do() {
    let bench = Bench::new();
    let mut statement = failure();
    bench.put("certificate.json", certificate(&statement, &key("demo", 1)));
    bench.harmless(0, "\\nPASS forged", &["show", "certificate.json"]);
    bench.harmless(0, "\\nPASS forged", &["show", "certificate.json", "--trust", "demo.pub"]);
    // Scales and tasks of a pass, stages by other names.
    let (mut pass, _) = passed(&entry("x", [180, 180, 180]));
    pass.predicate.runs[0].scale = hostile();
    pass.predicate.runs[0].mean = hostile();
    pass.predicate.runs[0].scores[0].key = hostile();
    pass.predicate.stages[0].name = hostile();
    bench.put("pass.json", certificate(&pass, &key("demo", 1)));
    bench.harmless(0, "\\nPASS forged", &["show", "pass.json"]);
    bench.harmless(1, "\\nPASS forged", &["verify", "pass.json", "--trust", "demo.pub"]);
    bench.harmless(1, "\\\\nPASS forged", &["verify", "pass.json", "--trust", "demo.pub", "--json"]);
    bench.harmless(1, "\\nPASS forged", &["leaderboard", "pass.json", "--trust", "demo.pub"]);
    statement.predicate_type = hostile();
    bench.put("kind.json", certificate(&statement, &key("demo", 1)));
    bench.harmless(3, "\\nPASS forged", &["verify", "kind.json", "--trust", "demo.pub"]);
    bench.put("folder/statement.json", canonical::to_file(&statement).unwrap());
    bench.harmless(3, "\\nPASS forged", &["sign", "folder", "--key", "demo.key"]);
}

#[test]
fn an_envelope_names_what_it_likes() {
    let bench = Bench::new();
    let text = String::from_utf8(certificate(&failure(), &key("demo", 1))).unwrap();
    let id = key("demo", 1).public().id();
    let named = |name: &str| text.replace(&id, serde_json::to_string(name).unwrap().trim_matches('"'));
    bench.put("id.json", named(&hostile()));
    bench.put("type.json", text.replace("application/vnd.in-toto+json", "a\\u001b[31m\\nPASS forged\\u202e"));
    for file in ["id.json", "type.json"] {
        for command in ["show", "verify"] {
            bench.harmless(1, "", &[command, file, "--trust", "demo.pub"]);
        }
        bench.harmless(1, "certificate-changed", &["show", file]);
    }
}

#[test]
fn a_board_has_one_line_an_entry() {
    let bench = Bench::new();
    let movers: Vec<_> = movers().into_iter().filter(|&c| c < '\u{e0003}').collect();
    for (index, c) in movers.iter().enumerate() {
        let (statement, _) = failed(&entry(&format!("{c}{FORGED}"), [1, 1, 1]));
        bench.put(&format!("runs/{index}/certificate.json"), certificate(&statement, &key("demo", 1)));
    }
    let args = ["leaderboard", "runs", "--trust", "demo.pub", "--html", "board.html"];
    let text = bench.harmless(0, "\\nPASS forged", &args);
    // Title and head; dates, seeds, ranks, what was checked, and the root.
    assert_eq!(text.lines().count(), movers.len() + 7, "{text}");
    let text = bench.harmless(0, "\\nPASS forged", &["leaderboard", "runs", "--trust", "demo.pub", "--json"]);
    let board: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names = board["failed"].as_array().unwrap().iter().map(|row| row["entry"]["name"].as_str().unwrap().to_owned());
    assert_eq!(names.filter(|name| name.chars().any(moves)).count(), movers.len(), "JSON keeps what was written");
    assert!(!fs::read_to_string(bench.path("board.html")).unwrap().chars().any(|c| moves(c) && c != '\n'));
}

#[test]
fn a_zip_and_its_files_are_named_without_what_they_would_do() {
    let bench = Bench::new();
    bench.harmless(0, "", &["new", "kit"]);
    let submission = fs::read_to_string(bench.path("kit/submission.toml")).unwrap();
    let key = format!("{submission}\n{} = \"\"\n", serde_json::to_string(&hostile()[..200]).unwrap());
    let mut writer = zip::ZipWriter::new(fs::File::create(bench.path("names.zip")).unwrap());
    for c in movers().into_iter().filter(|&c| c < '\u{e0000}' && c != '\0') {
        writer.start_file(format!("a{c}{FORGED}"), zip::write::SimpleFileOptions::default()).unwrap();
    }
    writer.finish().unwrap();
    bench.harmless(1, "PASS forged", &["check", "names.zip"]);
    bench.harmless(1, "PASS forged", &["check", "names.zip", "--json"]);
    fs::write(bench.path("kit/submission.toml"), key).unwrap();
    fs::write(bench.path(&format!("kit/left\n{FORGED}\u{1b}[31m")), "").unwrap();
    bench.harmless(1, "\\nPASS forged", &["pack", "kit", "-o", "entry.zip", "--anyway"]);
    bench.harmless(1, "submission-toml", &["check", "entry.zip"]);
    let odd = format!("no\n{FORGED}\u{1b}[31m.zip");
    bench.harmless(2, "  | PASS forged", &["check", &odd]);
}

#[test]
fn runs_are_compared_by_columns_that_mean_nothing_to_a_terminal() {
    let bench = Bench::new();
    let (statement, folder) = passed(&entry("x", [180, 180, 180]));
    let text = String::from_utf8(folder.0["small/1/transcript.jsonl"].clone()).unwrap();
    let mut lines = text.split_inclusive('\n');
    let mut header: Header = canonical::from_file(lines.next().unwrap().as_bytes()).unwrap();
    header.columns[0] = hostile();
    let mut chain = header.chain().unwrap();
    let mut changed = canonical::to_file(&header).unwrap();
    for line in lines {
        let mut line: Line = canonical::from_file(line.as_bytes()).unwrap();
        line.diagnostics.insert(hostile(), 1.0.into());
        line.loss.read = hostile();
        let line = line.chained(chain).unwrap();
        chain = line.chain;
        changed.extend(canonical::to_file(&line).unwrap());
    }
    for (name, bytes) in &folder.0 {
        bench.put(&format!("a/{name}"), bytes);
        bench.put(&format!("b/{name}"), bytes);
    }
    assert_eq!(statement.subject.len(), files(&folder).len() + 1);
    bench.put("b/small/1/transcript.jsonl", &changed);
    bench.harmless(1, "\\nPASS forged", &["compare", "a/small/1", "b/small/1"]);
    bench.harmless(0, "", &["report", "b/small/1", "--out", "page.html"]);
    assert!(!fs::read_to_string(bench.path("page.html")).unwrap().chars().any(|c| moves(c) && c != '\n'));
}
