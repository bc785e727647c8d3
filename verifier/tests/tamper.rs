//! Whatever byte of a certificate or its files is changed, the certificate no longer verifies, and the
//! finding says where the change is.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod folder;

use draw::Draw;
use folder::{Folder, Wish, certificate, key, passed, trust, verified, verified_part};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use records::{
    Finding, Rule, Verdict,
    v1::{
        evaluation::{Real, Score},
        statement::Statement,
    },
};
use verifier::{
    evidence::{Files, OpenedFile, ReadError, part::Part},
    keys::Trust,
};

/// Numbers for choosing positions: proptest's own generator with a fixed seed.
mod draw {
    use proptest::strategy::{Strategy, ValueTree as _};

    use super::*;

    pub struct Draw(TestRunner);

    impl Draw {
        pub fn new() -> Self {
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
            Self(TestRunner::new_with_rng(Config::default(), rng))
        }

        pub fn below(&mut self, bound: usize) -> usize {
            (0..bound).new_tree(&mut self.0).unwrap().current()
        }
    }
}

const CERTIFICATE: &str = "certificate.json";

struct Scene {
    statement: Statement,
    /// The files, and the certificate among them.
    folder: Folder,
    trust: Trust,
    release: folder::OwnRelease,
}

impl Scene {
    fn new() -> Self {
        let wish = Wish::new("sharp-clip", &[("small", 180)]);
        let (statement, mut folder) = passed(&wish);
        let demo = key("demo", 1);
        folder.0.insert(CERTIFICATE.to_owned(), certificate(&statement, &demo));
        Self { statement, folder, trust: trust(&[&demo]), release: wish.release }
    }

    /// Names the files that are there, with their lengths and digests, and signs that.
    fn sign_what_is_there(&mut self) {
        self.folder.0.remove(CERTIFICATE);
        self.statement.subject.truncate(1);
        self.statement.subject.extend(folder::files(&self.folder));
        self.folder.0.insert(CERTIFICATE.to_owned(), certificate(&self.statement, &key("demo", 1)));
    }

    fn verdict(&self) -> Verdict<verifier::certificate::Verified> {
        verified(&self.folder.0[CERTIFICATE], &self.trust, &self.folder, &self.release)
    }

    fn findings(&self) -> Vec<Finding> {
        match self.verdict() {
            Verdict::Fail(findings) => findings,
            other => panic!("{other:?}"),
        }
    }

    /// Changes one byte, looks, and puts it back.
    fn with_byte(&mut self, name: &str, at: usize, value: u8) -> Verdict<verifier::certificate::Verified> {
        let byte = &mut self.folder.0.get_mut(name).unwrap()[at];
        let before = std::mem::replace(byte, value);
        let verdict = self.verdict();
        self.folder.0.get_mut(name).unwrap()[at] = before;
        verdict
    }
}

/// Where a finding about a file's bytes points: an envelope is opened without a path and says what it should state.
fn place(name: &str) -> &str {
    if name == CERTIFICATE { "certificate" } else { name }
}

fn assert_found(verdict: &Verdict<verifier::certificate::Verified>, name: &str, at: usize, value: u8) {
    let Verdict::Fail(findings) = verdict else { panic!("byte {at} of {name} to {value}: {verdict:?}") };
    assert!(findings.iter().all(|finding| finding.place.starts_with(place(name))), "byte {at} of {name}: {findings:?}");
    assert!(!findings.is_empty());
}

#[test]
fn the_untouched_folder_verifies() {
    let scene = Scene::new();
    let Verdict::Pass(verified) = scene.verdict() else { panic!("{:?}", scene.verdict()) };
    assert_eq!(verified.counts.files, scene.folder.0.len() as u64 - 1);
    assert_eq!((verified.counts.checkpoints, verified.counts.steps), (2, folder::STEPS));
    assert_eq!(verified.statement, scene.statement);
}

#[test]
fn a_checkpoint_counts_where_its_tensors_were_judged_and_not_where_its_manifest_was() {
    let scene = Scene::new();
    let count = |part: &str| {
        let part = Part::Only(part.to_owned());
        let verdict = verified_part(&scene.folder.0[CERTIFICATE], &scene.trust, &scene.folder, &scene.release, &part);
        let Verdict::Pass(verified) = verdict else { panic!("{verdict:?}") };
        verified.counts.checkpoints
    };
    let manifest = scene.folder.0.keys().find(|name| name.ends_with("published/manifest.json")).unwrap();
    assert_eq!((count(manifest), count("checkpoints")), (0, 2));
}

#[test]
fn any_byte_changed_to_any_value_fails_at_its_place() {
    let mut scene = Scene::new();
    let names: Vec<_> = scene.folder.0.keys().cloned().collect();
    let mut draw = Draw::new();
    let mut positions = 0;
    for name in &names {
        let length = scene.folder.0[name].len();
        for round in 0..120 {
            let at = draw.below(length);
            let before = scene.folder.0[name][at];
            // In five positions of each file every other value, else a random one.
            let values: Vec<u8> =
                if round < 5 { (0..=255).collect() } else { vec![before ^ (draw.below(255) as u8 + 1)] };
            for value in values.into_iter().filter(|value| *value != before) {
                assert_found(&scene.with_byte(name, at, value), name, at, value);
            }
            positions += 1;
        }
    }
    assert!(positions >= 1000, "{positions} positions");
    assert!(names.len() * 5 >= 50, "{} files", names.len());
}

#[test]
fn a_flipped_bit_of_a_checkpoint_is_named_to_the_bit() {
    let mut scene = Scene::new();
    let name = "small/1/published/model.safetensors";
    let bytes = scene.folder.0[name].clone();
    let data = bytes.len() - (6 + 63 + 1200 + 1) * 4;
    for (offset, bit, place) in [
        (0, 0, "a.bias, element 0, bit 0"),
        (4 * (6 + 62) + 3, 7, "b.weight, element 62, bit 31"),
        (4 * (6 + 63 + 1199) + 1, 2, "c.weight, element 1199, bit 10"),
        (4 * (6 + 63 + 1200), 5, "logit_scale, element 0, bit 5"),
    ] {
        let Verdict::Fail(findings) = scene.with_byte(name, data + offset, bytes[data + offset] ^ 1 << bit) else {
            panic!()
        };
        assert_eq!(findings[0].place, format!("{name} {place}"));
        assert_eq!(findings[0].rule, Rule::CheckpointChanged);
    }
}

#[test]
fn each_kind_of_file_names_its_own_place() {
    let mut scene = Scene::new();
    let last = |scene: &Scene, name: &str| scene.folder.0[name].len() - 3;
    for (name, rule, place) in [
        ("small/1/transcript.jsonl", Rule::TranscriptChanged, "small/1/transcript.jsonl:5"),
        (
            "small/1/fingerprints.bin",
            Rule::FingerprintsChanged,
            "small/1/fingerprints.bin step 3, learnables/log_scale",
        ),
        ("small/1/eval_results.jsonl", Rule::EvaluationChanged, "small/1/eval_results.jsonl:2 shapes-retrieval"),
        ("small/1/run.json", Rule::FileChanged, "small/1/run.json"),
        ("small/1/published/manifest.json", Rule::CheckpointChanged, "small/1/published/manifest.json step"),
    ] {
        let at = last(&scene, name);
        let value = scene.folder.0[name][at] ^ 1;
        let Verdict::Fail(findings) = scene.with_byte(name, at, value) else { panic!("{name}") };
        assert_eq!((findings[0].rule, findings[0].place.as_str()), (rule, place));
    }
}

#[test]
fn every_file_is_held_to_its_digest_when_it_is_looked_at_alone() {
    let mut scene = Scene::new();
    let names: Vec<_> = scene.folder.0.keys().filter(|name| *name != CERTIFICATE).cloned().collect();
    for name in names {
        let alone = |scene: &Scene| {
            let part = Part::Only(name.clone());
            verified_part(&scene.folder.0[CERTIFICATE], &scene.trust, &scene.folder, &scene.release, &part)
        };
        let Verdict::Pass(verified) = alone(&scene) else { panic!("{name}") };
        assert_eq!(verified.counts.files, 1, "{name}");
        let last = scene.folder.0[&name].len() - 1;
        scene.folder.0.get_mut(&name).unwrap()[last] ^= 1;
        assert_found(&alone(&scene), &name, last, 0);
        scene.folder.0.get_mut(&name).unwrap()[last] ^= 1;
    }
}

#[test]
fn truncated_and_missing_files_fail() {
    let scene = Scene::new();
    for name in scene.folder.0.keys() {
        let length = scene.folder.0[name].len();
        for cut in [0, 1, 7, 8, 9, length / 2, length - 1] {
            let mut cut_short = Scene::new();
            cut_short.folder.0.get_mut(name).unwrap().truncate(cut.min(length - 1));
            assert!(!cut_short.findings().is_empty(), "{name} cut to {cut}");
        }
        let mut longer = Scene::new();
        longer.folder.0.get_mut(name).unwrap().push(b'\n');
        assert!(longer.findings().iter().all(|finding| finding.place.starts_with(place(name))), "{name} longer");
        if name != CERTIFICATE {
            let mut missing = Scene::new();
            missing.folder.0.remove(name);
            assert!(missing.findings().iter().any(|f| f.rule == Rule::FileMissing && f.place == *name), "{name}");
        }
    }
}

#[test]
fn whole_lines_left_out_of_a_transcript_are_noticed() {
    let mut scene = Scene::new();
    let bytes = &scene.folder.0["small/1/transcript.jsonl"];
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let cut = lines[..4].concat();
    let rows = scene.folder.0["small/1/fingerprints.bin"][..3 * 48].to_vec();
    scene.folder.0.insert("small/1/transcript.jsonl".into(), cut);
    scene.folder.0.insert("small/1/fingerprints.bin".into(), rows);
    let places: Vec<_> = scene.findings().into_iter().map(|finding| finding.place).collect();
    assert_eq!(places[..2], ["small/1/transcript.jsonl", "small/1/fingerprints.bin"]);
    // Whoever signed the shorter files too is found out by the number of lines.
    scene.sign_what_is_there();
    assert_eq!(scene.findings()[0].place, "small/1/transcript.jsonl:5");
}

#[test]
fn a_file_of_another_length_is_named_with_both_and_not_read() {
    struct Endless;
    impl std::io::Read for Endless {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("read although its length is wrong")
        }
    }
    impl std::io::Seek for Endless {
        fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
            panic!("read although its length is wrong")
        }
    }
    /// One file as long as a sparse one can be, the others as they are.
    struct Stretched<'a>(&'a Folder, &'a str);
    impl Files for Stretched<'_> {
        fn open(&self, path: &str) -> Result<OpenedFile<'_>, ReadError> {
            let sparse = OpenedFile { size: 3 << 30, content: Box::new(Endless) };
            if path == self.1 { Ok(sparse) } else { self.0.open(path) }
        }
    }
    let scene = Scene::new();
    for (name, bytes) in scene.folder.0.iter().filter(|(name, _)| *name != CERTIFICATE) {
        let stretched = Stretched(&scene.folder, name);
        let verdict = verified(&scene.folder.0[CERTIFICATE], &scene.trust, &stretched, &scene.release);
        let Verdict::Fail(findings) = verdict else { panic!("{name}: {verdict:?}") };
        let expected =
            Finding::new(Rule::FileChanged, name).expected(format!("{} bytes", bytes.len())).found("3221225472 bytes");
        assert_eq!(findings, [expected], "{name}");
    }
}

#[test]
fn a_file_that_nothing_explains_is_hashed_and_not_held() {
    let mut scene = Scene::new();
    scene.folder.0.insert("notes.txt".to_owned(), vec![b'x'; 1 << 20]);
    scene.sign_what_is_there();
    assert!(matches!(scene.verdict(), Verdict::Pass(_)), "{:?}", scene.verdict());
    let Verdict::Fail(findings) = scene.with_byte("notes.txt", 1 << 19, b'y') else { panic!() };
    assert_eq!((findings[0].rule, findings[0].place.as_str()), (Rule::FileChanged, "notes.txt"));
}

#[test]
fn what_is_signed_must_agree_with_itself() {
    type Lie = fn(&mut Statement);
    let lies: [(Lie, &str); 6] = [
        (|s| s.predicate.runs[0].mean = "0.361000".into(), "small/1 mean"),
        (|s| s.predicate.runs[0].steps = 5, "small/1 steps"),
        (|s| s.predicate.runs[0].lines = 6, "small/1 lines"),
        (|s| s.predicate.runs[0].chain.0[0] ^= 1, "small/1/transcript.jsonl:5"),
        (|s| s.predicate.runs[0].checkpoint.0[0] ^= 1, "small/1/published/manifest.json root"),
        (|s| s.predicate.runs[0].data.0[0] ^= 1, "small/1 data"),
    ];
    for (lie, place) in lies {
        let mut scene = Scene::new();
        lie(&mut scene.statement);
        scene.folder.0.insert(CERTIFICATE.to_owned(), certificate(&scene.statement, &key("demo", 1)));
        let places: Vec<_> = scene.findings().into_iter().map(|finding| finding.place).collect();
        assert!(places.iter().any(|found| found == place), "{place}: {places:?}");
    }
}

#[test]
fn every_part_of_a_score_is_held_to_its_line() {
    type Lie = fn(&mut Score);
    let lies: [(Lie, &str); 5] = [
        (|score| score.value = Real::new(score.value.value() + 1e-15).unwrap(), "value"),
        (|score| score.variance = Real::ZERO, "variance"),
        (|score| score.items += 1, "items"),
        (|score| score.ties -= 1, "ties"),
        (|score| score.blocks.swap(0, 15), "blocks[0]"),
    ];
    for (lie, part) in lies {
        let mut scene = Scene::new();
        let score = &mut scene.statement.predicate.runs[0].scores[1];
        assert_ne!(score.blocks[0], score.blocks[15]);
        lie(score);
        scene.folder.0.insert(CERTIFICATE.to_owned(), certificate(&scene.statement, &key("demo", 1)));
        let place = format!("small/1/eval_results.jsonl:2 shapes-retrieval {part}");
        let places: Vec<_> = scene.findings().into_iter().map(|finding| finding.place).collect();
        assert!(places.contains(&place), "{place}: {places:?}");
    }
}

#[test]
fn an_unknown_key_is_inconclusive() {
    let scene = Scene::new();
    let verdict = verified(&scene.folder.0[CERTIFICATE], &trust(&[&key("demo", 9)]), &scene.folder, &scene.release);
    assert!(matches!(verdict, Verdict::Inconclusive(_)), "{verdict:?}");
}

#[test]
fn a_failure_verifies_with_its_worker_and_its_golden_beside_it() {
    let wish = Wish::new("e", &[("small", 1)]);
    let (statement, files) = folder::failed(&wish);
    let demo = key("demo", 1);
    let verdict = |files: &Folder| verified(&certificate(&statement, &demo), &trust(&[&demo]), files, &wish.release);
    assert!(matches!(verdict(&files), Verdict::Pass(_)), "{:?}", verdict(&files));
    let Verdict::Inconclusive(reason) = verdict(&Folder::default()) else { panic!() };
    assert!(reason.why.contains("none of the 3 files"), "{}", reason.why);
    let mut one = files.clone();
    one.0.remove("golden.json");
    let Verdict::Fail(findings) = verdict(&one) else { panic!() };
    assert_eq!(findings, [Finding::new(Rule::FileMissing, "golden.json")]);
}
