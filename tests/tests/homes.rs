//! One home for several: rounds, forged trees, and programs that run at the same time.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use flows::{Ended, ended, maxclip, programs, root};
use records::{
    TreeDigest, canonical,
    v1::{identity::Identity, statement::Statement},
};
use verifier::tree::Tree;

/// A folder with ZIPs, a key and a home in it.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        bench.passes(&["key", "new", "--name", "test", "--out", "test"]);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn maxclip(&self, arguments: &[&str]) -> Ended {
        maxclip(self.0.path(), arguments)
    }

    fn passes(&self, arguments: &[&str]) -> Ended {
        let ended = self.maxclip(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}\n{}{}", ended.out, ended.err);
        ended
    }

    /// Starts programs, all of them before the first is waited for.
    fn at_once(&self, commands: &[&[&str]]) -> Vec<Ended> {
        let start = |arguments: &&[&str]| -> Child {
            let mut command = Command::new(programs().join("maxclip"));
            command.env_clear().current_dir(self.0.path()).args(*arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = commands.iter().map(start).collect();
        children.into_iter().map(|child| ended(child.wait_with_output().unwrap())).collect()
    }

    fn zip(&self, name: &str, files: &BTreeMap<String, Vec<u8>>) {
        for (path, bytes) in files {
            let path = self.path(name).join(path.strip_prefix("editable/").unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        self.passes(&["pack", name, "-o", &format!("{name}.zip")]);
    }

    fn round(&self, number: &str) -> String {
        let name = format!("round-{number}.toml");
        let secret = "8f3b0c6d92e14a75b8c0d1f2e3a49576";
        let beacon = format!("c1f7a3905de84b260d9e6a17b3f5482{number}");
        let text =
            format!("competition = \"lakes\"\nround = \"{number}\"\nsecret = \"{secret}\"\nbeacon = \"{beacon}\"\n");
        fs::write(self.path(&name), text).unwrap();
        name
    }

    /// Certifies and signs; gives the entry's folder.
    fn signed(&self, zip: &str, round: &str) -> PathBuf {
        let before = self.entries();
        self.passes(&["certify", zip, "--protocol", "mini", "--round", round, "--home", "home"]);
        let new: Vec<_> = self.entries().into_iter().filter(|folder| !before.contains(folder)).collect();
        let [folder] = &new[..] else { panic!("one new folder is due, found {new:?}") };
        self.passes(&[
            "sign",
            &folder.to_string_lossy(),
            "--round",
            round,
            "--golden",
            "home/golden",
            "--key",
            "test.key",
        ]);
        folder.clone()
    }

    /// Certifies two entries at the same time in a home that holds nothing but the golden: each must come to what it came
    /// to alone.
    fn certifies_at_once(&self, zips: [&str; 2], round: &str, alone: [&PathBuf; 2]) {
        for (path, bytes) in files(&self.path("home/golden")) {
            let path = self.path("both").join(path.strip_prefix(self.path("home")).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let certify = |zip| ["certify", zip, "--protocol", "mini", "--round", round, "--home", "both"];
        let [one, two] = zips.map(certify);
        for ended in self.at_once(&[&one, &two]) {
            assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
        }
        for folder in alone {
            let both = self.path("both/entries").join(folder.file_name().unwrap()).join("statement.json");
            assert_eq!(fs::read(both).unwrap(), fs::read(folder.join("statement.json")).unwrap(), "{folder:?}");
        }
    }

    fn entries(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("home/entries")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The files of the baseline, with a number in a comment.
fn baseline(number: u64) -> Tree {
    let read = |name: &str| (format!("editable/{name}"), fs::read(root().join("editable").join(name)).unwrap());
    let names = ["src/lib.rs", "src/loss.rs", "src/update.rs", "config.toml", "submission.toml"];
    let mut files: BTreeMap<_, _> = names.map(read).into();
    files.get_mut("editable/config.toml").unwrap().extend(format!("# {number}\n").into_bytes());
    Tree { files }
}

/// Two trees whose digests begin with the same eight digits: a fraction of a second for whoever wants to.
fn alike() -> [Tree; 2] {
    let mut seen: BTreeMap<[u8; 4], u64> = BTreeMap::new();
    for number in 0.. {
        let TreeDigest([a, b, c, d, ..]) = baseline(number).digest();
        if let Some(other) = seen.insert([a, b, c, d], number) {
            return [baseline(other), baseline(number)];
        }
    }
    unreachable!("numbers do not end")
}

/// Every file below a folder, with what stands in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn rounds_and_a_forged_tree_share_a_home_or_run_at_once_and_every_certificate_verifies() {
    let bench = Bench::new();
    let [first, forged] = alike();
    assert_eq!(first.digest().short(), forged.digest().short());
    assert_ne!(first.digest(), forged.digest());
    bench.zip("first", &first.files);
    bench.zip("forged", &forged.files);
    bench.passes(&["golden", "record", "--reason", "test", "--home", "home"]);
    let (one, two) = (bench.round("1"), bench.round("2"));

    let folders = [bench.signed("first.zip", &one), bench.signed("first.zip", &two), bench.signed("forged.zip", &two)];
    let before: Vec<_> = folders.iter().map(|folder| files(folder)).collect();
    for folder in &folders {
        let certificate = folder.join("certificate.json");
        bench.passes(&["verify", &certificate.to_string_lossy(), "--trust", "test.pub"]);
        let identity = fs::read(folder.join("identity.json")).unwrap();
        let identity: Identity = canonical::from_file(&identity).unwrap();
        assert!(folder.ends_with(identity.digest().digits()));
    }

    // The same again, by another team: what is signed stays as it is, and the certificate is the answer.
    let mut other = first.files.clone();
    let text = String::from_utf8(other["editable/submission.toml"].clone()).unwrap();
    other.insert("editable/submission.toml".to_owned(), text.replace("team = \"", "team = \"not ").into_bytes());
    bench.zip("other", &other);
    let again = bench.passes(&["certify", "other.zip", "--protocol", "mini", "--round", &one, "--home", "home"]);
    assert!(again.err.contains("signed before") && again.err.contains("the same tree in another ZIP"), "{}", again.err);
    assert!(again.out.contains("certificate.json"), "{}", again.out);
    assert_eq!(folders.iter().map(|folder| files(folder)).collect::<Vec<_>>(), before);

    let status = bench.passes(&["status", "home"]);
    assert_eq!(status.out.matches("PASS, signed").count(), 3, "{}", status.out);
    assert!(!status.out.contains("at work"), "{}", status.out);
    bench.certifies_at_once(["first.zip", "forged.zip"], &two, [&folders[1], &folders[2]]);
}

/// Sends a signal to a program that we started.
fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_signal_ends_what_runs_says_how_to_go_on_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let record: &[&str] = &["golden", "record", "--reason", "a test", "--home", "home"];
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut command = Command::new(programs().join("maxclip"));
        command.env_clear().current_dir(bench.0.path()).args(record).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The hit must land on a trainer at work: one that has written steps and is not done.
        let training = || {
            let Ok(scratch) = fs::read_dir(bench.path("home/scratch")) else { return None };
            let mut works = scratch.map(|entry| entry.unwrap().path().join("work/golden"));
            works.find(|work| fs::read(work.join("transcript.jsonl")).is_ok_and(|bytes| bytes.len() > 100))
        };
        while training().is_none() {
            assert!(child.try_wait().unwrap().is_none(), "ended before it trained");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        signal(&child, name);
        let ended = ended(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
        let again = "to begin anew: maxclip golden record --reason 'a test' --home home";
        assert!(ended.err.contains(again), "{}", ended.err);
        assert!(!bench.path("home/golden").exists());
        assert_eq!(fs::read_dir(bench.path("home/scratch")).unwrap().count(), 0);
    }
    assert!(bench.passes(record).out.contains(" steps recorded "));
    // Nothing is written over, and that is said.
    let again = bench.passes(&["golden", "record", "--reason", "another", "--home", "home"]);
    assert!(again.out.contains(" steps as recorded before: that golden stays"), "{}", again.out);
}

#[test]
fn goldens_and_certifications_of_one_entry_run_at_once_in_a_fresh_home() {
    let bench = Bench::new();
    bench.zip("entry", &baseline(0).files);
    let golden: &[&str] = &["golden", "record", "--reason", "test", "--home", "home"];
    for ended in bench.at_once(&[golden, golden]) {
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    }
    let certify: &[&str] = &["certify", "entry.zip", "--protocol", "mini", "--home", "home", "--json"];
    let both = bench.at_once(&[certify, certify]);
    for ended in &both {
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    }
    assert_eq!(both[0].out, both[1].out);
    let waited = both.iter().filter(|ended| ended.err.contains("waiting for process")).count();
    let found = both.iter().filter(|ended| ended.err.contains("nothing is done again")).count();
    assert_eq!((waited, found), (1, 1), "{}{}", both[0].err, both[1].err);
    let [folder] = &bench.entries()[..] else { panic!("one entry is due") };
    let statement: Statement = canonical::from_file(&fs::read(folder.join("statement.json")).unwrap()).unwrap();
    assert_eq!(canonical::to_bytes(&statement).unwrap(), both[0].out.trim_end().as_bytes());
    // Nobody left anything half-written behind.
    let left = files(&bench.path("home")).into_keys().filter(|path| path.to_string_lossy().contains(".part"));
    let left: Vec<_> = left.collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(fs::read_dir(bench.path("home/scratch")).unwrap().count(), 0);
}
