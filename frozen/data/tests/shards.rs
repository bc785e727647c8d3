//! Shards, index and identity together, on real folders.

#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set should stop there")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use data::{
    DataError, Dataset,
    index::{FILE, Index},
    shard::Shard,
    writer::{Naming, ShardLimits, ShardWriter},
};
use proptest::prelude::*;
use tempfile::TempDir;

mod pictures;

use pictures::{build, png as image, uid, write};

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn set(&self, name: &str, numbers: impl IntoIterator<Item = u64>, per_shard: u32) -> PathBuf {
        let dir = self.0.path().join(name);
        write(&dir, numbers, per_shard, image);
        dir
    }

    fn indexed(&self, name: &str, numbers: impl IntoIterator<Item = u64>, per_shard: u32) -> Dataset {
        let dir = self.set(name, numbers, per_shard);
        build(&dir).unwrap();
        Dataset::open(&dir).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn identity_is_free_of_the_layout(count in 1u64..40, one in 1u32..9, other in 1u32..50, turn in 0u64..40) {
        let bench = Bench::new();
        let first = bench.indexed("first", 0..count, one);
        let second = bench.indexed("second", (0..count).map(|at| (at + turn) % count), other);
        prop_assert_eq!(first.root(), second.root());
        for rank in 0..count {
            prop_assert_eq!(first.sample(rank).unwrap(), second.sample(rank).unwrap());
        }
    }
}

#[test]
fn a_sample_is_found_by_its_rank_among_the_uids() {
    let dataset = Bench::new().0.keep();
    write(&dataset, 0..25, 7, image);
    build(&dataset).unwrap();
    let dataset = Dataset::open(&dataset).unwrap();
    let mut numbers: Vec<u64> = (0..25).collect();
    numbers.sort_by_key(|number| uid(*number));
    for (rank, number) in numbers.into_iter().enumerate() {
        let sample = dataset.sample(rank as u64).unwrap();
        assert_eq!(
            (sample.uid, sample.image, sample.caption),
            (uid(number), image(number), format!("picture {number}"))
        );
    }
    assert!(matches!(dataset.sample(25), Err(DataError::Rank { rank: 25, len: 25 })));
    dataset.verify(&mut |_| ()).unwrap();
    fs::remove_dir_all(dataset.dir()).unwrap();
}

#[test]
fn any_changed_caption_image_or_uid_changes_the_root() {
    let bench = Bench::new();
    let root = bench.indexed("base", 0..5, 5).root();
    for (name, uid_of, caption, bytes) in
        [("caption", 3, "another", image(3)), ("image", 3, "picture 3", image(4)), ("uid", 77, "picture 3", image(3))]
    {
        let dir = bench.set(name, [0, 1, 2, 4], 5);
        let mut writer = ShardWriter::new(&dir.join("more"), Naming::Padded, ShardLimits::USUAL);
        writer.pair("x", uid(uid_of), "jpg", &bytes, caption).unwrap();
        writer.finish().unwrap();
        fs::rename(dir.join("more/00000000.tar"), dir.join("00000001.tar")).unwrap();
        assert_ne!(build(&dir).unwrap(), root, "{name}");
    }
}

#[test]
fn a_uid_that_stands_twice_is_refused_with_both_places() {
    let bench = Bench::new();
    let dir = bench.set("twice", [1, 2, 3, 2], 2);
    let error = build(&dir).unwrap_err();
    assert!(matches!(&error, DataError::DuplicateUid { uid: found, .. } if *found == uid(2)), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("`00002` of shard") && text.contains("00000000.tar") && text.contains("00000001.tar"),
        "{text}"
    );
    assert!(!dir.join(FILE).exists());
}

#[test]
fn every_damaged_byte_of_a_sample_is_named_by_shard_and_key() {
    let bench = Bench::new();
    let dataset = bench.indexed("damaged", 0..6, 3);
    let path = dataset.dir().join("00000001.tar");
    let shard = Shard::open(&path).unwrap();
    let group = shard.groups().nth(1).unwrap().unwrap();
    let (offset, text) = (group.member("jpg").unwrap().offset, group.member("txt").unwrap().offset);
    let bytes = fs::read(&path).unwrap();
    for at in [offset, offset + 50, text, text + 8] {
        let mut changed = bytes.clone();
        changed[at as usize] ^= 4;
        fs::write(&path, changed).unwrap();
        let error = dataset.verify(&mut |_| ()).unwrap_err();
        assert!(matches!(error, DataError::Damaged { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("`00004`") && text.contains("00000001.tar"), "{text}");
        assert!(error.hint().unwrap().starts_with("fetch the shard again"), "{error}");
    }
    fs::write(&path, &bytes).unwrap();
    dataset.verify(&mut |_| ()).unwrap();
}

#[test]
fn a_shard_that_is_gone_or_shrinks_while_it_is_used_is_named() {
    let bench = Bench::new();
    let dataset = bench.indexed("shrinking", 0..6, 3);
    let path = dataset.dir().join("00000001.tar");
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(700).unwrap();
    let error = dataset.verify(&mut |_| ()).unwrap_err();
    let missing = |error: &DataError| matches!(error, DataError::Missing { .. });
    assert!(
        matches!(&error, DataError::Many { errors, .. } if errors.len() == 3 && errors.iter().all(missing)),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let error = dataset.verify(&mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("00000001.tar"), "{error}");
    assert_eq!(error.hint().unwrap(), "fetch the shard again");
}

#[test]
fn a_truncated_shard_is_refused_wherever_it_ends() {
    let bench = Bench::new();
    let dir = bench.set("truncated", 0..2, 5);
    let path = dir.join("00000000.tar");
    let bytes = fs::read(&path).unwrap();
    // The last block may go: one empty block ends an archive.
    for length in (0..bytes.len() - 1024).step_by(97) {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = build(&dir).unwrap_err();
        assert!(matches!(error, DataError::Truncated { .. }), "{length}: {error}");
        let text = error.to_string();
        assert!(text.contains("00000000.tar` is truncated at byte"), "{text}");
    }
    assert!(!dir.join(FILE).exists());
}

#[test]
fn a_changed_header_is_refused() {
    let bench = Bench::new();
    let dir = bench.set("header", 0..2, 5);
    let path = dir.join("00000000.tar");
    let bytes = fs::read(&path).unwrap();
    for at in 0..330 {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(build(&dir).is_err(), "byte {at}");
    }
}

#[test]
fn an_index_that_does_not_fit_its_shards_says_what_to_do() {
    let bench = Bench::new();
    let dir = bench.set("stale", 0..6, 3);
    let refused = |why: &str| {
        let error = Dataset::open(&dir).unwrap_err();
        let hint = error.hint().unwrap();
        assert!(error.to_string().contains(why), "{error}");
        assert!(hint.contains(&format!("`maxclip data index {}`", dir.display())), "{hint}");
    };
    refused("has no index");
    build(&dir).unwrap();
    Dataset::open(&dir).unwrap();
    fs::copy(dir.join("00000000.tar"), dir.join("00000007.tar")).unwrap();
    refused("was not indexed");
    fs::remove_file(dir.join("00000007.tar")).unwrap();
    fs::rename(dir.join("00000001.tar"), bench.0.path().join("away")).unwrap();
    refused("`00000001.tar`");
    fs::write(dir.join("00000001.tar"), b"short").unwrap();
    refused("has 5 bytes");
}

/// Reads all that an index says.
fn read_all(dir: &Path) -> Result<(), DataError> {
    let index = Index::open(dir)?;
    (0..index.len()).try_for_each(|rank| index.key(&index.entry(rank)?).map(drop))
}

#[test]
fn every_flipped_byte_of_the_index_is_noticed_when_it_is_read() {
    let bench = Bench::new();
    let dir = bench.set("flipped", 0..6, 3);
    build(&dir).unwrap();
    read_all(&dir).unwrap();
    let path = dir.join(FILE);
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        fs::write(&path, changed).unwrap();
        assert!(matches!(read_all(&dir), Err(DataError::BadIndex { .. })), "byte {at}");
    }
    for length in [0, 79, 80, 200, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(Dataset::open(&dir), Err(DataError::BadIndex { .. })), "length {length}");
    }
}

/// 1,500 samples: entries in more than two chunks.
#[test]
fn opening_reads_no_chunk_of_samples_and_a_damaged_one_is_named() {
    let bench = Bench::new();
    let dir = bench.set("chunks", 0..1500, 1000);
    build(&dir).unwrap();
    let path = dir.join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[48 + 65_472 + 100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let index = Index::open(&dir).unwrap();
    for rank in [0, 743, 1488, 1499] {
        index.entry(rank).unwrap();
    }
    for rank in [744, 1000, 1487] {
        let text = index.entry(rank).unwrap_err().to_string();
        assert!(text.contains("its bytes 65520 to 130992 are not those that were written"), "{text}");
    }
}

#[test]
fn scales_must_be_nested() {
    let bench = Bench::new();
    let small = bench.indexed("small", 5..15, 4);
    let large = bench.indexed("large", 0..30, 9);
    small.check_within(&large).unwrap();
    small.check_within(&small).unwrap();
    let error = large.check_within(&small).unwrap_err();
    assert!(matches!(error, DataError::NotNested { missing: 20, changed: 0, .. }), "{error}");
    let dir = bench.set("changed", 6..15, 4);
    let mut writer = ShardWriter::new(&dir.join("more"), Naming::Padded, ShardLimits::USUAL);
    writer.pair("x", uid(5), "png", &image(5), "another caption").unwrap();
    writer.finish().unwrap();
    fs::rename(dir.join("more/00000000.tar"), dir.join("x.tar")).unwrap();
    build(&dir).unwrap();
    let error = Dataset::open(&dir).unwrap().check_within(&large).unwrap_err();
    assert!(matches!(error, DataError::NotNested { missing: 0, changed: 1, first, .. } if first == uid(5)), "{error}");
}

/// Names and contents of a tar's members.
type Members<'a> = [(&'a str, &'a [u8])];

/// Writes one tar of named members and indexes its folder.
fn index_members(members: &Members) -> Result<records::DataRoot, DataError> {
    let bench = Bench::new();
    let mut tar = tar::Builder::new(fs::File::create(bench.0.path().join("0.tar")).unwrap());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap();
    build(bench.0.path())
}

const JSON: &[u8] = br#"{"uid":"00000000000000000000000000000001","url":"x","width":3}"#;

#[test]
fn members_are_grouped_as_webdataset_groups_them() {
    let plain = index_members(&[("a.jpg", &image(1)), ("a.txt", b"2"), ("a.json", JSON)]).unwrap();
    let long = format!("{}/x.y/a", "folder".repeat(40));
    let [jpg, txt, json] = ["JPG", "txt", "JSON"].map(|kind| format!("{long}.{kind}"));
    let folded =
        index_members(&[(&jpg, &image(1)), ("README", b""), (&txt, b"2"), (&json, JSON), ("a/.hidden", b"")]).unwrap();
    assert_eq!(plain, folded);
    // The first dot of the last part ends the key: `a.b.jpg` is kind `b.jpg` of `a`.
    let error = index_members(&[("a.b.jpg", b"1"), ("a.txt", b"2"), ("a.json", JSON)]).unwrap_err();
    assert!(error.to_string().contains("sample `a`"), "{error}");
}

#[test]
fn a_sample_that_is_not_whole_is_named() {
    let picture = image(1);
    let whole: [(&str, &[u8]); 3] = [("a.jpg", &picture), ("a.txt", b"2"), ("a.json", JSON)];
    let cases: [(usize, &Members, &str); 9] = [
        (0, &[], "exactly one image"),
        (0, &[("a.jpg", b"1"), ("a.png", b"1")], "exactly one image"),
        (1, &[], "no `.txt`"),
        (1, &[("a.txt", b"\xff")], "caption"),
        (1, &[("a.txt", b"2"), ("a.txt", b"3")], "two members of kind `txt`"),
        (2, &[], "no `.json`"),
        (2, &[("a.json", b"{")], "JSON"),
        (2, &[("a.json", b"{\"uid\":7}")], "no text `uid`"),
        (2, &[("a.json", b"{\"uid\":\"12\"}")], "not a uid"),
    ];
    for (at, members, why) in cases {
        let parts = [&whole[..at], members, &whole[at + 1..]].concat();
        let text = index_members(&parts).unwrap_err().to_string();
        assert!(text.contains(why) && text.contains("sample `a` of shard"), "{why}: {text}");
    }
    assert!(matches!(build(Bench::new().0.path()), Err(DataError::NoShards { .. })));
}
