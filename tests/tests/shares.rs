//! One entry on three machines, a scale each, joined on one of them: the statement is that of one machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use flows::{Ended, maxclip};
use records::{
    LibtorchDigest, canonical,
    v1::{identity::Identity, statement::Statement},
};

/// A folder with a home a machine, and folders on their way between them.
struct Bench(tempfile::TempDir);

impl Bench {
    /// The baseline as `entry.zip`, with more in its configuration for `large`, and homes that hold one golden.
    fn new(more: &str, homes: &[&str]) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        bench.passes(&["new", "entry"]);
        let config = bench.path("entry/config.toml");
        let text = fs::read_to_string(&config).unwrap();
        let large = "[mini.large]\n";
        assert_eq!(text.matches(large).count(), 1);
        fs::write(config, text.replace(large, &format!("{large}{more}"))).unwrap();
        bench.passes(&["pack", "entry", "-o", "entry.zip"]);
        bench.passes(&["golden", "record", "--reason", "test", "--home", homes[0]]);
        for home in &homes[1..] {
            copy(&bench.path(homes[0]).join("golden"), &bench.path(home).join("golden"));
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn passes(&self, arguments: &[&str]) -> Ended {
        self.ends(arguments, 0)
    }

    fn ends(&self, arguments: &[&str], code: i32) -> Ended {
        let ended = maxclip(self.0.path(), arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}\n{}{}", ended.out, ended.err);
        ended
    }

    fn certify(&self, home: &str, more: &[&str], code: i32) -> Ended {
        let arguments = ["certify", "entry.zip", "--protocol", "mini", "--home", home];
        self.ends(&[&arguments[..], more].concat(), code)
    }

    /// The one entry of a home.
    fn entry(&self, home: &str) -> PathBuf {
        let entries = fs::read_dir(self.path(home).join("entries")).unwrap();
        let entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        let [folder] = &entries[..] else { panic!("one entry is due, found {entries:?}") };
        folder.clone()
    }

    /// A home's entry, as it arrives elsewhere, with something changed on the way.
    fn sent(&self, home: &str, name: &str, change: impl FnOnce(&Path)) -> String {
        let folder = self.path(name);
        copy(&self.entry(home), &folder);
        change(&folder);
        name.to_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Every file below a folder by its path there.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(below, bytes)| (name.join(below), bytes)));
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

/// Changes what a share says.
fn edit(path: PathBuf, change: impl FnOnce(&mut Statement)) {
    let mut share: Statement = canonical::from_file(&fs::read(&path).unwrap()).unwrap();
    change(&mut share);
    fs::write(path, canonical::to_file(&share).unwrap()).unwrap();
}

#[test]
fn three_machines_and_a_join_give_the_statement_of_one() {
    let bench = Bench::new("", &["alone", "a", "b", "c"]);
    bench.certify("alone", &[], 0);
    let expected = fs::read(bench.entry("alone").join("statement.json")).unwrap();
    for (home, scale) in [("a", "small"), ("b", "medium"), ("c", "large")] {
        let ended = bench.certify(home, &["--scale", scale], 0);
        assert!(ended.out.contains("stands") && ended.err.contains("--join"), "{}{}", ended.out, ended.err);
        assert!(!bench.entry(home).join("statement.json").exists(), "no verdict");
        let status = bench.passes(&["status", home]).out;
        assert!(status.contains(&format!("stands, scale {scale}; no verdict")), "{status}");
    }
    let again = bench.certify("a", &["--scale", "small"], 0);
    assert!(again.err.contains("nothing is done again"), "{}", again.err);

    let refusals = refusals(&bench);
    for (folder, code, expected) in &refusals {
        let before = evidence(&bench.entry("a"));
        let ended = bench.certify("a", &["--join", folder], *code);
        assert!(expected.iter().all(|text| ended.err.contains(text)), "{folder}: {}", ended.err);
        assert!(evidence(&bench.entry("a")) == before, "{folder}: something was taken over");
    }

    let [b, c] = [("b", "from-b"), ("c", "from-c")].map(|(home, name)| bench.sent(home, name, |_| ()));
    bench.certify("a", &["--join", &b, "--join", &c], 0);
    let joined = bench.entry("a");
    assert!(fs::read(joined.join("statement.json")).unwrap() == expected, "another statement than one machine's");
    bench.passes(&["key", "new", "--name", "test", "--out", "test"]);
    bench.passes(&["sign", &joined.to_string_lossy(), "--golden", "a/golden", "--key", "test.key"]);
}

/// What is evidence in an entry's folder, or says that some stands.
fn evidence(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files(folder);
    let beside = |path: &Path| ["stages/now.json", "golden.json"].iter().any(|name| path == Path::new(name));
    files.retain(|path, _| !beside(path) && !path.starts_with("worker"));
    files
}

/// Folders that cannot be joined, with the exit code and what must be said.
fn refusals(bench: &Bench) -> Vec<(String, i32, Vec<&'static str>)> {
    let share = "stages/share-medium.json";
    let weights = "medium/1/checkpoints/48/model.safetensors";
    let flip = |folder: &Path| {
        let mut bytes = fs::read(folder.join(weights)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(folder.join(weights), bytes).unwrap();
    };
    let partial = |folder: &Path| fs::remove_file(folder.join(share)).unwrap();
    let foreign = |folder: &Path| {
        let path = folder.join("identity.json");
        let mut identity: Identity = canonical::from_file(&fs::read(&path).unwrap()).unwrap();
        identity.round.round.push('2');
        fs::write(path, canonical::to_file(&identity).unwrap()).unwrap();
    };
    let libtorch = |folder: &Path| {
        edit(folder.join(share), |share| share.predicate.against.libtorch = Some(LibtorchDigest([7; 32])));
    };
    let walls = |folder: &Path| {
        edit(folder.join(share), |share| share.predicate.containment.push("landlock:99".to_owned()));
    };
    vec![
        (bench.sent("b", "damaged", flip), 2, vec!["damaged cannot be joined", "checkpoint-changed", weights]),
        (bench.sent("b", "partial", partial), 2, vec!["partial cannot be joined: no scale stands there"]),
        (bench.sent("b", "foreign", foreign), 2, vec!["foreign cannot be joined", "identity.json", "the round"]),
        (
            bench.sent("b", "libtorch", libtorch),
            3,
            vec!["libtorch: scale `medium` cannot be joined", "of libtorch it says"],
        ),
        (bench.sent("b", "walls", walls), 3, vec!["of the walls it says", "landlock:99"]),
        ("a".to_owned(), 2, vec!["a cannot be joined", "below `entries/` of the other home"]),
    ]
}

#[test]
fn a_rule_that_one_scale_breaks_is_a_fail_that_can_be_signed_and_not_joined() {
    let bench = Bench::new("lr_peak = 1e38\n", &["a", "b"]);
    let ended = bench.certify("b", &["--scale", "large"], 1);
    assert!(ended.out.contains("FAIL") && ended.out.contains("large/1"), "{}", ended.out);
    let failed = bench.entry("b");
    bench.passes(&["key", "new", "--name", "test", "--out", "test"]);
    bench.passes(&["sign", &failed.to_string_lossy(), "--golden", "b/golden", "--key", "test.key"]);
    let refused = bench.certify("a", &["--join", &failed.to_string_lossy()], 2);
    assert!(refused.err.contains("cannot be joined: a FAIL is stated there"), "{}", refused.err);
    let unknown = bench.certify("a", &["--scale", "huge"], 2);
    assert!(unknown.err.contains("no scale `huge`") && unknown.err.contains("small, medium, large"), "{}", unknown.err);
}
