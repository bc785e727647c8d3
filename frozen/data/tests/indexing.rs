//! Indexing: what it refuses, how it goes on, and that nothing but the shards decides its bytes.

#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set should stop there")]

use std::{
    fs::{self, File},
    path::Path,
};

use data::{
    DataError, Dataset,
    index::{self, FILE, Scanned},
};

mod pictures;

use pictures::{build, jpeg, png, write};

/// Indexes, and gives how far it had come each time somebody was told.
fn watched(dir: &Path) -> Vec<Scanned> {
    let mut seen = Vec::new();
    index::build(dir, &mut |scanned| seen.push(scanned)).unwrap();
    seen
}

#[test]
fn every_image_that_cannot_be_decoded_is_named_before_a_training() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    write(dir, 0..8, 3, |number| match number {
        1 => b"this is a text".to_vec(),
        4 => jpeg(4)[..jpeg(4).len() / 2].to_vec(),
        5 => Vec::new(),
        7 => png(7)[..60].to_vec(),
        number if number % 2 == 0 => jpeg(number),
        number => png(number),
    });
    let error = build(dir).unwrap_err();
    let text = error.to_string();
    assert!(matches!(&error, DataError::Many { errors, .. } if errors.len() == 4), "{text}");
    let cases = [
        ("00001", "00000000.tar", "not a JPEG, PNG or WebP file"),
        ("00004", "00000001.tar", "JPEG: "),
        ("00005", "00000001.tar", "not a JPEG, PNG or WebP file"),
        ("00007", "00000002.tar", "PNG: "),
    ];
    let lines: Vec<_> = text.lines().collect();
    for ((key, shard, why), line) in cases.into_iter().zip(&lines[1..]) {
        assert!(line.contains(&format!("`{key}`")) && line.contains(shard) && line.contains(why), "{line}");
    }
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(error.hint().unwrap(), "repair or remove the sample and write the shard again");
    assert!(!dir.join(FILE).exists());
}

#[test]
fn an_image_that_verifies_is_decoded_again() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), 0..4, 2, png);
    build(home.path()).unwrap();
    let set = Dataset::open(home.path()).unwrap();
    let mut told = Vec::new();
    set.verify(&mut |done| told.push(done)).unwrap();
    assert_eq!(told, [4]);
    let path = home.path().join("00000001.tar");
    let mut bytes = fs::read(&path).unwrap();
    // The first byte of each of its two images.
    let starts: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"\x89PNG")).collect();
    assert_eq!(starts.len(), 2);
    starts.into_iter().for_each(|at| bytes[at] = 0);
    fs::write(&path, bytes).unwrap();
    let error = set.verify(&mut |_| ()).unwrap_err();
    assert!(matches!(&error, DataError::Many { errors, .. } if errors.len() == 2), "{error}");
}

#[test]
fn threads_do_not_change_a_byte() {
    let home = tempfile::tempdir().unwrap();
    let bytes = [1, 4].map(|threads| {
        let dir = home.path().join(threads.to_string());
        write(&dir, 0..700, 300, png);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| build(&dir)).unwrap();
        fs::read(dir.join(FILE)).unwrap()
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn more_shards_than_are_merged_at_once_give_the_same_samples() {
    let home = tempfile::tempdir().unwrap();
    let [many, one] = [1, 1000].map(|per_shard| {
        let dir = home.path().join(per_shard.to_string());
        write(&dir, 0..600, per_shard, png);
        build(&dir).unwrap();
        assert!(!dir.join("index.scans").exists());
        Dataset::open(&dir).unwrap()
    });
    assert_eq!((many.shards(), many.root()), (600, one.root()));
    for rank in 0..600 {
        assert_eq!(many.sample(rank).unwrap(), one.sample(rank).unwrap());
    }
}

#[test]
fn shards_that_were_read_are_not_read_again_unless_they_changed() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let bad = |number| if number == 5 { Vec::new() } else { png(number) };
    write(dir, 0..6, 2, bad);
    assert!(matches!(build(dir), Err(DataError::BadSample { key, .. }) if key == "00005"));
    // Half-written files of a process that was killed go; records of whole shards stay.
    fs::write(dir.join("index.scans/.00000002.tar.scan.x7Qp2k.part"), b"half").unwrap();
    fs::write(dir.join(".index.bin.x7Qp2k.part"), b"half").unwrap();
    write(dir, 0..6, 2, png);
    let told = watched(dir);
    // Twice for a shard that is read, once for one that is known.
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.is_sorted_by_key(|scanned| scanned.done) && told.last().unwrap().done == told[0].total, "{told:?}");
    let root = Dataset::open(dir).unwrap().root();
    assert!(!dir.join(".index.bin.x7Qp2k.part").exists());

    // The same length, another caption: only its digest tells.
    write(dir, 0..6, 2, bad);
    build(dir).unwrap_err();
    let path = dir.join("00000000.tar");
    let text = fs::read(&path).unwrap();
    let at = text.windows(9).position(|part| part == b"picture 1").unwrap();
    write(dir, 0..6, 2, png);
    let mut changed = text;
    changed[at] = b'P';
    fs::write(&path, changed).unwrap();
    assert_eq!(watched(dir).len(), 5);
    assert_ne!(Dataset::open(dir).unwrap().root(), root);
}

#[test]
fn a_damaged_record_is_not_believed() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    write(dir, 0..4, 2, png);
    build(dir).unwrap();
    let root = Dataset::open(dir).unwrap().root();
    write(dir, 0..4, 2, |number| if number == 3 { Vec::new() } else { png(number) });
    build(dir).unwrap_err();
    let record = dir.join("index.scans/00000000.tar.scan");
    let bytes = fs::read(&record).unwrap();
    write(dir, 0..4, 2, png);
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::create_dir_all(dir.join("index.scans")).unwrap();
        fs::write(&record, changed).unwrap();
        assert_eq!(watched(dir).len(), 4, "byte {at}");
        assert_eq!(Dataset::open(dir).unwrap().root(), root);
    }
}

#[test]
fn two_at_once_do_not_share_a_folder() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    write(dir, 0..2, 2, png);
    fs::create_dir(dir.join("index.scans")).unwrap();
    let other = File::create(dir.join("index.scans/lock")).unwrap();
    other.lock().unwrap();
    assert!(matches!(build(dir), Err(DataError::Busy { .. })));
    drop(other);
    build(dir).unwrap();
}

#[test]
fn every_uid_that_stands_twice_is_named() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    write(dir, 0..3, 1, png);
    for number in [0, 1] {
        fs::copy(dir.join(format!("{number:08}.tar")), dir.join(format!("more-{number}.tar"))).unwrap();
    }
    let error = build(dir).unwrap_err();
    let double = |error: &DataError| matches!(error, DataError::DuplicateUid { .. });
    assert!(
        matches!(&error, DataError::Many { errors, .. } if errors.len() == 2 && errors.iter().all(double)),
        "{error}"
    );
    assert!(!dir.join(FILE).exists());
}
