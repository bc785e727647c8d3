//! `maxclip data index` and `data verify` on real folders, killed on the way.

#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set should stop there")]

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use data::{
    Dataset, Uid,
    index::FILE,
    shapes::{self, Spec},
    writer::{Naming, ShardLimits, ShardWriter},
};
use numerics::Seed;

const SHARDS: usize = 4;
const SAMPLES: u64 = 4_000;

/// A picture that decodes.
fn picture(home: &Path) -> Vec<u8> {
    let task = |name: &str| (name.to_owned(), 1);
    let seed = Seed(*b"one picture of a figure, any one");
    let spec = Spec { seed, sets: vec![task("one")], classification: task("c"), retrieval: task("r") };
    shapes::generate(home, &spec).unwrap();
    Dataset::open(&home.join("one")).unwrap().sample(0).unwrap().image
}

fn write(dir: &Path, image: &[u8]) {
    let limits = ShardLimits { samples: SAMPLES as u32, bytes: u64::MAX };
    let mut writer = ShardWriter::new(dir, Naming::Padded, limits);
    for number in 0..SAMPLES * SHARDS as u64 {
        let uid = Uid(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
        writer.pair(&format!("{number:06}"), uid, "png", image, &format!("picture {number}")).unwrap();
    }
    writer.finish().unwrap();
}

fn maxclip(arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maxclip"));
    command.args(arguments).arg(dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn records(dir: &Path) -> usize {
    let Ok(items) = fs::read_dir(dir.join("index.scans")) else { return 0 };
    items.filter(|item| item.as_ref().unwrap().file_name().to_string_lossy().ends_with(".scan")).count()
}

#[test]
fn an_indexing_that_was_killed_within_a_shard_goes_on_to_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let image = picture(home.path());
    let [killed, whole] = ["killed", "whole"].map(|name| home.path().join(name));
    for dir in [&killed, &whole] {
        write(dir, &image);
    }
    let mut child = maxclip(&["data", "index"], &killed).spawn().unwrap();
    let start = Instant::now();
    while records(&killed) < 2 {
        assert!(
            child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(100),
            "it ended by itself"
        );
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(Duration::from_millis(10));
    assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let known = records(&killed);
    assert!((2..SHARDS).contains(&known) && !killed.join(FILE).exists(), "{known} records");

    for dir in [&killed, &whole] {
        let output = maxclip(&["data", "index"], dir).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(records(dir), 0);
    }
    assert_eq!(fs::read(killed.join(FILE)).unwrap(), fs::read(whole.join(FILE)).unwrap());
    let output = maxclip(&["data", "verify"], &killed).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && line.starts_with("16000 samples   data:"), "{line}");
}

#[test]
fn a_text_that_calls_itself_a_picture_is_named_and_the_command_fails() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("set");
    let mut writer = ShardWriter::new(&dir, Naming::Padded, ShardLimits { samples: 1, ..ShardLimits::USUAL });
    for (number, image) in [&b"a text"[..], b""].into_iter().enumerate() {
        writer.pair(&format!("{number}"), Uid([number as u8; 16]), "jpg", image, "caption").unwrap();
    }
    writer.finish().unwrap();
    let output = maxclip(&["data", "index"], &dir).output().unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{talk}");
    for shard in 0..2 {
        let place = format!("sample `{shard}` of shard `{}/0000000{shard}.tar`", dir.display());
        assert!(talk.contains(&format!("{place}: its image: not a JPEG, PNG or WebP file")), "{talk}");
    }
}
