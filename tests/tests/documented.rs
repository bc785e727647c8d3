//! The commands of the documentation, in the order in which a participant, an organizer and a reviewer
//! would give them, in an empty folder; and the tests that its claims name.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{fs, path::Path};

use flows::{maxclip, pages::Page, root};

#[test]
fn a_participant_an_organizer_and_a_reviewer_get_through_their_pages() {
    let folder = tempfile::tempdir().unwrap();
    Page::of("participants.md").follow(folder.path());
    Page::of("organizers.md").follow(folder.path());

    let runs = fs::read_dir(folder.path().join("runs/entries")).unwrap().map(|entry| entry.unwrap().path());
    let entries: Vec<_> = runs.filter(|path| path.join("statement.json").is_file()).collect();
    let [entry] = entries.as_slice() else { panic!("one entry expected, found {entries:?}") };
    let signed = maxclip(
        folder.path(),
        &["sign", &entry.to_string_lossy(), "--golden", "runs/golden", "--key", "organizer.key"],
    );
    assert_eq!(signed.code, Some(0), "{}{}", signed.out, signed.err);

    fs::copy(folder.path().join("organizer.pub"), entry.join("organizer.pub")).unwrap();
    Page::of("reviewers.md").follow(entry);
    changed_bytes_are_found(entry);
}

/// The verifier's own tests change every kind of byte; here the real files of a real run are changed once each.
fn changed_bytes_are_found(entry: &Path) {
    let verify = ["verify", "certificate.json", "--trust", "organizer.pub"];
    for name in [
        "certificate.json",
        "small/1/transcript.jsonl",
        "medium/2/fingerprints.bin",
        "large/1/published/model.safetensors",
        "large/2/eval_results.jsonl",
    ] {
        let path = entry.join(name);
        let bytes = fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        let at = bytes.len() * 2 / 3;
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        let ended = maxclip(entry, &verify);
        assert_eq!(ended.code, Some(1), "{name}: {}{}", ended.out, ended.err);
        // An envelope is opened without a path: what is found in it is under the name of what it should state.
        let place = if name == "certificate.json" { "certificate" } else { name };
        assert!(format!("{}{}", ended.out, ended.err).contains(place), "{name}: {}{}", ended.out, ended.err);
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(maxclip(entry, &verify).code, Some(0));
    let other = maxclip(entry, &["key", "new", "--name", "stranger", "--out", "stranger"]);
    assert_eq!(other.code, Some(0), "{}", other.err);
    assert_eq!(maxclip(entry, &["verify", "certificate.json", "--trust", "stranger.pub"]).code, Some(3));
}

/// Every test of the checkout as its runner names it: the modules within a program, then the function. A file of a
/// `tests` folder is a program, whose name is no part of that.
fn tests_below(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let skipped = ["target", "runs", ".git"].iter().any(|name| path == root().join(name));
        if kind.is_dir() && !skipped {
            tests_below(&path, found);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().with_extension("");
            let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
            let last = |name| parts.iter().rposition(|part| *part == name);
            let within = last("src").map(|at| at + 1).or(last("tests").map(|at| at + 2)).unwrap_or(0).min(parts.len());
            let modules: Vec<_> =
                parts[within..].iter().filter(|part| !["lib", "main", "mod"].contains(part)).collect();
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                marked |= line == "#[test]";
                if let Some((name, _)) =
                    line.strip_prefix("fn ").and_then(|rest| rest.split_once('(')).filter(|_| marked)
                {
                    let name = modules.iter().copied().chain([&name]).copied().collect::<Vec<_>>().join("::");
                    found.push(name);
                    marked = false;
                }
            }
        }
    }
}

#[test]
fn a_claim_names_tests_that_there_are() {
    let mut tests = Vec::new();
    tests_below(&root(), &mut tests);
    let read = |page: &str| fs::read_to_string(root().join(page)).unwrap();
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let readme = quoted(&read("README.md"));
    let claims =
        readme.iter().filter_map(|words| words.strip_prefix("cargo xtask test ")).flat_map(str::split_whitespace);
    let mut named: Vec<_> = claims.map(str::to_owned).collect();
    let security = read("SECURITY.md");
    let attacks = security.split("\n## ").find(|section| section.starts_with("Attacks")).unwrap();
    let rows = attacks.lines().filter(|line| line.starts_with("| "));
    named.extend(rows.flat_map(|row| quoted(row.rsplit('|').nth(1).unwrap())));
    assert!(named.len() > 40 && tests.len() > 500, "{} names, {} tests", named.len(), tests.len());
    let missing: Vec<_> = named.iter().filter(|name| !tests.iter().any(|test| test.contains(*name))).collect();
    assert!(missing.is_empty(), "no test has these in its name: {missing:?}");
}
