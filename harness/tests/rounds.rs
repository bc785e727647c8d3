//! A round through the program: drawn, committed to, started, certified under, revealed, checked.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::{fs, os::unix::fs::PermissionsExt as _};

use bench::Bench;
use folder::{Wish, certificate, key, passed, signed};
use release::entry;
use snapbox::assert_data_eq;
use verifier::{predicate, round::Round};

const BEACON: &str = "2e1c5bb8f04a4ad39d2c70e9a4b4a1b0";

impl Bench {
    /// Runs the program on words; gives its exit code and stdout, then stderr.
    fn told(&self, words: &str) -> (i32, String) {
        self.maxclip(&words.split(' ').collect::<Vec<_>>())
    }

    fn passes(&self, words: &str) -> String {
        let (code, text) = self.told(words);
        assert_eq!(code, 0, "{words}: {text}");
        text
    }

    /// A round that has started, and its file.
    fn started(&self) -> Round {
        self.passes("round new --competition lakes --round 1 --out round.toml");
        self.passes("round commit round.toml --protocol mini --key demo.key --out round-1.json");
        self.passes(&format!("round beacon round.toml {BEACON}"));
        Round::parse(&fs::read_to_string(self.path("round.toml")).unwrap()).unwrap()
    }

    fn certificate(&self, name: &str, wish: &Wish) {
        fs::write(self.path(name), certificate(&passed(wish).0, &key("demo", 1))).unwrap();
    }
}

fn wish(round: &Round, seeds: &Round) -> Wish {
    Wish { round: round.clone(), seeds: seeds.clone(), ..entry("FastCLIP-v3", [185, 210, 222]) }
}

#[test]
fn a_secret_is_its_owners_alone_is_never_printed_and_never_overwritten() {
    let bench = Bench::new();
    let said = bench.passes("round new --competition lakes --round 1 --out round.toml");
    let text = fs::read_to_string(bench.path("round.toml")).unwrap();
    let secret = text.lines().find_map(|line| line.strip_prefix("secret = ")).unwrap().trim_matches('"').to_owned();
    assert_eq!(secret.len(), 64);
    assert!(!said.contains(&secret) && said.contains("commitment:"), "{said}");
    let mode = || fs::metadata(bench.path("round.toml")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let (code, text_again) = bench.told("round new --competition lakes --round 2 --out round.toml");
    assert_eq!(code, 2, "{text_again}");
    assert_eq!(fs::read_to_string(bench.path("round.toml")).unwrap(), text);
    let (code, said) = bench.told("certify entry.zip --protocol mini --round round.toml");
    assert!(code == 2 && said.contains("`beacon` is missing") && said.contains("round beacon FILE VALUE"), "{said}");
    for beacon in ["none", "0", &secret] {
        let (code, said) = bench.told(&format!("round beacon round.toml {beacon}"));
        assert!(code == 2 && said.contains("`beacon`") && !said.contains(&secret), "{said}");
    }
    bench.passes(&format!("round beacon round.toml {BEACON}"));
    assert_eq!(mode(), 0o600);
    let (code, said) = bench.told(&format!("round beacon round.toml {BEACON}"));
    assert!(code == 2 && said.contains("is there already"), "{said}");
    bench.passes("round commit round.toml --protocol mini --key demo.key --out round-1.json");
    let committed = fs::read_to_string(bench.path("round-1.json")).unwrap();
    assert!(!committed.contains(&secret));
}

#[test]
fn a_revealed_secret_is_checked_against_every_seed_of_every_certificate() {
    let bench = Bench::new();
    let round = bench.started();
    bench.certificate("a.json", &wish(&round, &round));
    bench.certificate("shopped.json", &wish(&round, &Round::practice()));
    bench.certificate("practice.json", &wish(&Round::practice(), &Round::practice()));
    bench.passes("round reveal round.toml --key demo.key --out reveal.json");
    let said = bench.passes("round check a.json --reveal reveal.json --commitment round-1.json --trust demo.pub");
    assert!(said.contains("6 seeds of 1 certificates") && said.contains("signatures good"), "{said}");
    let (code, said) = bench.told("round check a.json shopped.json --reveal reveal.json");
    assert_eq!(code, 1, "{said}");
    assert_eq!(said.matches("shopped.json").count(), 6, "{said}");
    assert!(said.contains("small/1 seed") && said.contains("large/2 seed"), "{said}");
    let (code, said) = bench.told("round check practice.json --reveal reveal.json");
    assert!(code == 1 && said.contains("round.commitment"), "{said}");
    // Another round's reveal, and a file of another kind.
    bench.passes("round new --competition lakes --round 1 --out other.toml");
    bench.passes(&format!("round beacon other.toml {BEACON}"));
    bench.passes("round reveal other.toml --key demo.key --out other.json");
    let (code, said) = bench.told("round check a.json --reveal other.json");
    assert!(code == 1 && said.contains("round.commitment"), "{said}");
    assert_eq!(bench.told("round check a.json --reveal round-1.json").0, 3);
    fs::write(bench.path("nobody.pub"), format!("{}\n", key("demo", 2).public())).unwrap();
    assert_eq!(bench.told("round check a.json --reveal reveal.json --trust nobody.pub").0, 3);
}

#[test]
fn verify_makes_the_seeds_again_of_an_organizers_file_and_of_a_reveal() {
    let bench = Bench::new();
    let round = bench.started();
    bench.signed("entry", &wish(&round, &round));
    bench.signed("shopped", &wish(&round, &Round::practice()));
    bench.passes("round reveal round.toml --key demo.key --out reveal.json");
    let verify = "verify entry/certificate.json --trust demo.pub";
    let said = bench.passes(verify);
    assert!(said.contains("seeds not judged"), "{said}");
    for known in ["round.toml", "reveal.json", "reveal.json --commitment round-1.json"] {
        let said = bench.passes(&format!("{verify} --round {known}"));
        assert!(said.contains("6 of 6 seeds are those of the round"), "{said}");
        let (code, said) = bench.told(&format!("verify shopped/certificate.json --trust demo.pub --round {known}"));
        assert!(code == 1 && said.matches("expected  seed:").count() == 6, "{said}");
    }
    let (_, said) = bench.told(&format!("{verify} --round reveal.json --json"));
    assert!(said.contains("\"seeds\":6"), "{said}");
    // Another round's, a secret that was not committed to, a stranger's, and a file of another kind.
    bench.passes("round new --competition lakes --round 1 --out other.toml");
    bench.passes("round commit other.toml --protocol mini --key demo.key --out other-1.json");
    bench.passes(&format!("round beacon other.toml {BEACON}"));
    for other in ["--round other.toml", "--commitment other-1.json"] {
        let (code, said) = bench.told(&format!("{verify} {other}"));
        assert!(code == 1 && said.contains("round.commitment"), "{said}");
    }
    let mut lie = round.reveal();
    lie.secret = lie.secret.chars().rev().collect();
    let subject = vec![records::v1::round::subject(&lie.commitment)];
    let lie = serde_json::to_value(predicate::state(subject, lie)).unwrap();
    fs::write(bench.path("lie.json"), signed(&lie, &key("demo", 1))).unwrap();
    let (code, said) = bench.told(&format!("{verify} --round lie.json"));
    assert!(code == 1 && said.contains("lie.json secret"), "{said}");
    fs::write(bench.path("stranger.json"), signed(&lie, &key("stranger", 2))).unwrap();
    for (option, file) in [("--round", "stranger.json"), ("--round", "round-1.json"), ("--commitment", "reveal.json")] {
        let (code, said) = bench.told(&format!("{verify} {option} {file}"));
        assert_eq!(code, 3, "{option} {file}: {said}");
    }
}

#[test]
fn a_board_shows_what_was_signed_before_the_round_and_holds_certificates_to_it() {
    let bench = Bench::new();
    let dates = "--opens 2026-12-01 --closes 2026-12-31";
    let source = "drand round 4242";
    let new =
        ["round", "new", "--competition", "lakes", "--round", "1", "--beacon-source", source, "--out", "round.toml"];
    let (code, said) = bench.maxclip(&[&new[..], &["--opens", "2026-12-01"]].concat());
    assert!(code == 2 && said.contains("--closes"), "{said}");
    for (bad, says) in
        [("--opens 2026-02-30 --closes 2026-12-31", "YYYY-MM-DD"), ("--opens 2026-12-02 --closes 2026-12-01", "before")]
    {
        let (code, said) = bench.maxclip(&[&new[..], &bad.split(' ').collect::<Vec<_>>()].concat());
        assert!(code == 2 && said.contains(says), "{said}");
    }
    let (code, said) = bench.maxclip(&[&new[..], &dates.split(' ').collect::<Vec<_>>()].concat());
    assert_eq!(code, 0, "{said}");
    bench.passes("round commit round.toml --protocol mini --key demo.key --out round-1.json");
    bench.passes(&format!("round beacon round.toml {BEACON}"));
    let round = Round::parse(&fs::read_to_string(bench.path("round.toml")).unwrap()).unwrap();
    bench.signed("runs/a", &wish(&round, &round));
    let said = bench.passes("leaderboard runs --trust demo.pub");
    assert!(said.contains("  dates    not known: no commitment of the round was given"), "{said}");
    let title = "Lakes' <b>first</b> season";
    let board = ["leaderboard", "runs", "--trust", "demo.pub", "--commitment", "round-1.json", "--title", title];
    let (code, said) = bench.maxclip(&[&board[..], &["--html", "board.html"]].concat());
    assert_eq!(code, 0, "{said}");
    assert_data_eq!(said, snapbox::file!["board_dated.txt": Text]);
    // The page says the same, and what it says writes it again.
    let page = fs::read_to_string(bench.path("board.html")).unwrap();
    assert!(page.contains("2026-12-01 to 2026-12-31") && page.contains(source) && !page.contains("<b>first"), "{page}");
    for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(link.starts_with('#') || link.starts_with("https://") || bench.path(link).exists(), "{link}");
    }
    let command = page.rsplit("<code>").next().unwrap().split("</code>").next().unwrap();
    let command = ["&#38;", "&#60;", "&#62;", "&#39;", "&#34;"]
        .into_iter()
        .zip(["&", "<", ">", "'", "\""])
        .fold(command.replace("KEYS", "demo.pub").replace("FILE", "again.html"), |command, (escaped, plain)| {
            command.replace(escaped, plain)
        });
    fs::remove_dir_all(bench.path("runs")).unwrap();
    fs::remove_file(bench.path("round-1.json")).unwrap();
    assert_eq!(bench.shell(&command).0, 0, "{command}");
    assert_eq!(fs::read_to_string(bench.path("again.html")).unwrap(), page);
}

#[test]
fn a_certificate_of_another_commitment_is_on_no_board_of_a_dated_round() {
    let bench = Bench::new();
    let round = bench.started();
    bench.signed("runs/a", &wish(&round, &round));
    bench.signed("runs/practice", &wish(&Round::practice(), &Round::practice()));
    // Of the same names, and of a secret that was drawn later.
    bench.passes("round new --competition lakes --round 1 --out later.toml");
    bench.passes(&format!("round beacon later.toml {BEACON}"));
    let later = Round::parse(&fs::read_to_string(bench.path("later.toml")).unwrap()).unwrap();
    bench.signed("runs/later", &wish(&later, &later));
    let board = "leaderboard runs --trust demo.pub --commitment round-1.json";
    let (code, said) = bench.told(board);
    assert!(code == 1 && said.contains("runs/later/certificate.json: not on the board"), "{said}");
    assert!(said.contains("round.commitment") && said.contains("of another round than the commitment"), "{said}");
    assert!(said.contains("a function of 1 certificates") && said.contains("the organizer's commitment says nothing"));
    // Nobody's commitment, and a file of another kind.
    fs::write(bench.path("nobody.pub"), format!("{}\n", key("demo", 2).public())).unwrap();
    assert_eq!(bench.told("leaderboard runs --trust nobody.pub --commitment round-1.json").0, 3);
    assert_eq!(bench.told("leaderboard runs --trust demo.pub --commitment runs/a/certificate.json").0, 3);
    assert_eq!(bench.maxclip(&["leaderboard", "runs", "--trust", "demo.pub", "--title", "a\nb"]).0, 2);
}

#[test]
fn an_organizers_own_protocol_is_shown_checked_and_needed_to_judge_by_it() {
    let bench = Bench::new();
    bench.passes("protocol list");
    let mini = include_str!("../../frozen/protocols/mini.toml").replace("name = \"mini\"", "name = \"ponds\"");
    fs::write(bench.path("ponds.toml"), &mini).unwrap();
    let (code, said) = bench.told("protocol check ponds.toml");
    assert!(code == 2 && said.contains("mini.json"), "{said}");
    fs::write(bench.path("mini.json"), include_str!("../../frozen/protocols/models/mini.json")).unwrap();
    bench.passes("protocol check ponds.toml");
    let said = bench.passes("protocol show ponds.toml");
    assert!(said.contains("track        algorithm") && said.contains("2 seeds"), "{said}");
    // Everything that is wrong, at once and with its line.
    let wrong = mini.replacen("global = 64", "global = 60", 1).replace("seeds = 2", "seeds = 0");
    fs::write(bench.path("wrong.toml"), &wrong).unwrap();
    let (code, said) = bench.told("protocol check wrong.toml");
    assert_eq!(code, 2);
    let line = wrong.lines().position(|line| line == "global = 60").unwrap() + 1;
    assert!(said.contains(&format!("wrong.toml:{line}   batch.global")), "{said}");
    assert_eq!(said.matches("seeds: 0 is not between").count(), 3, "{said}");
    // A certificate under it is judged with the file alone.
    let mut wish = entry("FastCLIP-v3", [185, 210, 222]);
    wish.release.text = mini;
    bench.certificate("certificate.json", &wish);
    let (code, said) = bench.told("leaderboard certificate.json --trust demo.pub");
    assert!(code == 3 && said.contains("--protocol FILE.toml"), "{said}");
    let (code, said) = bench.told("leaderboard certificate.json --trust demo.pub --protocol ponds.toml");
    assert!(code == 1 && said.contains("against.protocol"), "it says `mini` of itself: {said}");
}
