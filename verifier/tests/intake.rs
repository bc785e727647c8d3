//! What intake refuses and why, what ordinary producers write, and that no bytes make it panic.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod craft;

use std::{fs, io::Write as _, path::Path, process::Command};

use craft::{Entry, FILE, Zip, admitted, archive, good, intake_rules, zip};
use proptest::prelude::*;
use records::Rule;
use verifier::intake::{ENTRIES_MAX, ENTRY_BYTES_MAX, RATIO_FREE_BYTES};

#[test]
fn a_crafted_archive_is_read_as_it_was_written() {
    let entries = vec![Entry::folder("a/"), Entry::stored("a/b", b"one"), Entry::deflated("a/c.rs", &[b'x'; 999])];
    let read = admitted(&zip(entries).bytes());
    assert_eq!(read.entries, 3);
    assert_eq!(read.files["a/b"], b"one");
    assert_eq!(read.files["a/c.rs"], [b'x'; 999]);
    assert_eq!(read.files.len(), 2);
}

#[test]
fn an_archive_has_one_reading() {
    let a = || Entry::stored("a", b"one");
    let two = || vec![a(), Entry::stored("b", b"two")];
    let one = |entry| zip(vec![entry]);
    let cases: Vec<(&str, Zip)> = vec![
        ("a byte after", Zip { after: vec![0], ..zip(vec![a()]) }),
        ("a prefix", one(Entry { gap: b"#!".to_vec(), ..a() })),
        ("a gap", zip(vec![a(), Entry { gap: vec![0], ..Entry::stored("b", b"") }])),
        ("a gap before the directory", Zip { before_directory: vec![0], ..zip(vec![a()]) }),
        ("a gap before the end record", Zip { before_end: vec![0], ..zip(vec![a()]) }),
        ("a comment", Zip { comment: b"hello".to_vec(), ..zip(vec![a()]) }),
        ("a comment of 40 that is not hexadecimal", Zip { comment: vec![b'g'; 40], ..zip(vec![a()]) }),
        ("a second disk", Zip { disk: 1, ..zip(vec![a()]) }),
        ("an entry that is not counted", Zip { count_by: -1, ..zip(two()) }),
        ("an entry that is not there", Zip { count_by: 1, ..zip(two()) }),
        ("a directory elsewhere", Zip { offset_by: -1, ..zip(two()) }),
        ("a local header elsewhere", one(Entry { offset_by: 1, ..a() })),
        ("entries that overlap", zip(vec![a(), Entry { offset_by: -34, ..Entry::stored("b", b"two") }])),
        (
            "another order",
            zip(vec![Entry { offset_by: 34, ..a() }, Entry { offset_by: -34, ..Entry::stored("b", b"two") }]),
        ),
        ("zip64", one(Entry { size: u32::MAX, ..a() })),
        ("a zip64 extra field", one(Entry { extra: vec![1, 0, 0, 0], ..a() })),
        ("a name override", one(Entry { local_extra: vec![0x75, 0x70, 1, 0, 1], ..a() })),
        ("an extra field that is cut", one(Entry { extra: vec![0x55, 0x54, 9, 0, 1], ..a() })),
        ("times without flags", one(Entry { extra: vec![0x55, 0x54, 0, 0], ..a() })),
        ("times without flags in the local header", one(Entry { local_extra: vec![0x55, 0x54, 0, 0], ..a() })),
        ("times that no flag names", one(Entry { extra: vec![0x55, 0x54, 5, 0, 0, 1, 2, 3, 4], ..a() })),
        ("flags of no time", one(Entry { extra: vec![0x55, 0x54, 1, 0, 8], ..a() })),
        ("half a time", one(Entry { extra: vec![0x55, 0x54, 3, 0, 1, 2, 3], ..a() })),
        ("three bytes of extra field", one(Entry { extra: vec![0x55, 0x54, 0], ..a() })),
        ("an entry's comment", one(Entry { comment: b"x".to_vec(), ..a() })),
        ("an entry on another disk", one(Entry { disk: 1, ..a() })),
        ("a later version", one(Entry { version: 45, ..a() })),
        ("data past the directory", one(Entry { packed_size: 99, local_packed_size: 99, ..a() })),
        ("an archive within", one(Entry::stored("a", &zip(vec![]).bytes()))),
    ];
    for (what, zip) in cases {
        let rules = intake_rules(&zip.bytes());
        let expected = if what == "zip64" { Rule::HeadersDisagree } else { Rule::NotOneArchive };
        assert!(rules.contains(&expected), "{what}: {rules:?}");
    }
}

#[test]
fn two_end_records_are_not_one() {
    let inner = zip(vec![Entry::stored("a", b"one")]).bytes();
    let mut outer = zip(vec![]).bytes();
    outer.splice(0..0, inner);
    assert_eq!(intake_rules(&outer), [Rule::NotOneArchive]);
}

#[test]
fn headers_and_data_say_the_same() {
    let a = || Entry::stored("a", b"one");
    let long = Entry::deflated("a", &[b'x'; 100]);
    let more = [long.data.clone(), vec![0]].concat();
    for (what, entry) in [
        ("name", Entry { local_name: b"b".to_vec(), ..a() }),
        ("flags", Entry { local_flags: 2, ..a() }),
        ("time", Entry { local_time: 1, ..a() }),
        ("CRC", Entry { local_crc: 1, ..a() }),
        ("packed size", Entry { local_packed_size: 1, ..a() }),
        ("size", Entry { local_size: 1, ..a() }),
        ("the data's CRC", Entry { crc: 1, local_crc: 1, ..a() }),
        ("the data's size, stored", Entry { size: 2, local_size: 2, ..a() }),
        ("the data's size, less", Entry { size: 99, local_size: 99, ..long.clone() }),
        ("the data's size, more", Entry { size: 101, local_size: 101, ..long.clone() }),
        (
            "bytes after the stream",
            Entry { packed_size: more.len() as u32, local_packed_size: more.len() as u32, data: more, ..long.clone() },
        ),
        ("no stream", Entry { data: vec![0xff; 5], packed_size: 5, local_packed_size: 5, ..long.clone() }),
        ("a stream that is cut", Entry { data: long.data[..3].to_vec(), packed_size: 3, local_packed_size: 3, ..long }),
    ] {
        assert_eq!(intake_rules(&zip(vec![entry]).bytes()), [Rule::HeadersDisagree], "{what}");
    }
}

#[test]
fn an_entry_is_a_plain_file_or_folder() {
    let a = || Entry::stored("a", b"");
    for (what, entry) in [
        ("encrypted", Entry { flags: 1, local_flags: 1, ..a() }),
        ("a descriptor", Entry { flags: 8, local_flags: 8, ..a() }),
        ("a patch", Entry { flags: 0x20, local_flags: 0x20, ..a() }),
        ("bzip2", Entry { method: 12, ..a() }),
        ("another system", Entry { system: 7, ..a() }),
        ("a symbolic link", Entry { attributes: 0o120_777 << 16, ..a() }),
        ("a FIFO", Entry { attributes: 0o010_644 << 16, ..a() }),
        ("a device", Entry { attributes: 0o020_644 << 16, ..a() }),
        ("setuid", Entry { attributes: 0o104_755 << 16, ..a() }),
        ("a folder without a slash", Entry { attributes: 0o040_755 << 16, ..a() }),
        ("a DOS folder without a slash", Entry { attributes: FILE | 0x10, ..a() }),
        ("a volume", Entry { attributes: FILE | 0x08, ..a() }),
        ("a file with a slash", Entry { name: b"a/".to_vec(), local_name: b"a/".to_vec(), ..a() }),
        ("a folder with data", Entry { attributes: 0o040_755 << 16, ..Entry::stored("a/", b"x") }),
    ] {
        assert_eq!(intake_rules(&zip(vec![entry]).bytes()), [Rule::EntryKind], "{what}");
    }
}

#[test]
fn a_name_means_one_file_everywhere() {
    let long = format!("{}a", "a/".repeat(12));
    for name in [
        "",
        "/",
        "/a",
        "a//b",
        "../a",
        "a/../b",
        "./a",
        ".git",
        "a/.b",
        "a.",
        "a b",
        "a\\b",
        "C:a",
        "a:b",
        "a\0",
        "a\n",
        "\u{e9}",
        "e\u{301}",
        "con",
        "a/NUL.rs",
        "com1.txt",
        "aux",
        "a*",
        "\u{202e}a",
        &long,
    ] {
        assert_eq!(
            intake_rules(&zip(vec![Entry::stored(name, b"")]).bytes()).first(),
            Some(&Rule::EntryName),
            "{name:?}"
        );
    }
    for name in ["a", "a-b_c.D9", "common.rs", "a/b/c", "com10", "a..b", "_"] {
        assert_eq!(intake_rules(&zip(vec![Entry::stored(name, b"")]).bytes()), [], "{name:?}");
    }
}

#[test]
fn names_are_unique_together() {
    for names in [["a", "a"], ["a", "A"], ["a/b", "a"], ["a", "A/b"], ["a/", "a"]] {
        let entry = |name: &str| if name.ends_with('/') { Entry::folder(name) } else { Entry::stored(name, b"") };
        let rules = intake_rules(&zip(names.map(entry).to_vec()).bytes());
        assert!(!rules.is_empty() && rules.iter().all(|rule| *rule == Rule::EntryName), "{names:?} {rules:?}");
    }
}

#[test]
fn everything_has_a_cap() {
    let zeros = vec![0; ENTRY_BYTES_MAX + 1];
    let declared = |size: u32| Entry { size, local_size: size, ..Entry::deflated("a", b"a") };
    let spread: Vec<_> = (0..5).map(|n| Entry::stored(&format!("{n}"), b"x")).collect();
    for (what, bytes) in [
        ("a bomb", zip(vec![Entry::deflated("a", &zeros)]).bytes()),
        ("a lying bomb", zip(vec![declared(u32::MAX - 1)]).bytes()),
        ("a ratio", zip(vec![Entry::deflated("a", &zeros[..RATIO_FREE_BYTES + 1000])]).bytes()),
        ("entries", zip((0..=ENTRIES_MAX).map(|n| Entry::stored(&n.to_string(), b"")).collect()).bytes()),
        ("the whole", vec![0; verifier::intake::ARCHIVE_BYTES_MAX + 1]),
        (
            "the sum",
            zip(spread
                .into_iter()
                .map(|e| Entry { size: 4 << 20, local_size: 4 << 20, packed_size: 1, ..e })
                .collect())
            .bytes(),
        ),
    ] {
        let rules = intake_rules(&bytes);
        assert!(rules.contains(&Rule::TooLarge), "{what}: {rules:?}");
    }
    assert_eq!(intake_rules(&zip(vec![Entry::deflated("a", &zeros[..RATIO_FREE_BYTES])]).bytes()), []);
}

#[test]
fn all_findings_come_at_once() {
    let entries =
        vec![Entry::stored("..", b""), Entry { flags: 1, ..Entry::stored("b", b"") }, Entry::stored("c d", b"")];
    let rules = intake_rules(&zip(entries).bytes());
    assert_eq!(rules, [Rule::EntryName, Rule::EntryName, Rule::EntryKind, Rule::HeadersDisagree]);
}

#[test]
fn the_zip_crates_archives_pass() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.add_directory("editable/src", options).unwrap();
    for (path, bytes) in good() {
        writer.start_file(path, options).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    assert_eq!(admitted(&writer.finish().unwrap().into_inner()).files, good());
}

/// Info-ZIP and git write times, owners and text marks beside the plain fields; a commit's name as comment.
#[test]
fn times_owners_and_a_commits_name_change_nothing() {
    let times = |bytes: &[u8]| [b"UT", &(bytes.len() as u16).to_le_bytes()[..], bytes].concat();
    let owners = [b"ux\x0b\0\x01\x04".to_vec(), vec![0; 4], vec![4], vec![0; 4]].concat();
    let mut archive = archive(&good());
    for entry in &mut archive.entries {
        entry.extra = [times(&[3, 0, 0, 0, 0]), owners.clone()].concat();
        entry.local_extra = [times(&[3, 0, 0, 0, 0, 0, 0, 0, 0]), owners.clone()].concat();
        (entry.flags, entry.local_flags) = (2, 2);
    }
    for comment in [vec![], vec![b'7'; 40], vec![b'a'; 64]] {
        assert_eq!(admitted(&Zip { comment, ..archive.clone() }.bytes()).files, good());
    }
}

/// Writes the good files below a folder.
fn lay_out(folder: &Path) {
    for (path, bytes) in good() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn run(folder: &Path, program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn pythons_archives_pass() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    let script = "import shutil, zipfile, pathlib\n\
        shutil.make_archive('shutil', 'zip', '.', 'editable')\n\
        with zipfile.ZipFile('deflated.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n\
        \x20   [z.write(p) for p in sorted(pathlib.Path('editable').rglob('*'))]\n\
        with zipfile.ZipFile('stored.zip', 'w') as z:\n\
        \x20   [z.writestr(str(p), p.read_bytes()) for p in sorted(pathlib.Path('editable').rglob('*')) if p.is_file()]\n";
    run(folder.path(), "python3", &["-c", script]);
    for name in ["shutil.zip", "deflated.zip", "stored.zip"] {
        assert_eq!(admitted(&fs::read(folder.path().join(name)).unwrap()).files, good(), "{name}");
    }
}

#[test]
fn gits_archives_pass() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path());
    run(folder.path(), "git", &["init", "-q"]);
    run(folder.path(), "git", &["add", "editable"]);
    run(folder.path(), "git", &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a"]);
    run(folder.path(), "git", &["archive", "-o", "git.zip", "HEAD"]);
    assert_eq!(admitted(&fs::read(folder.path().join("git.zip")).unwrap()).files, good());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// One thousand changed archives: none panics, and none passes with other content under another name.
    #[test]
    fn a_changed_archive_never_passes_with_other_content(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = archive(&good()).bytes();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let records::Verdict::Pass(read) = verifier::intake::admit(&bytes) {
            prop_assert_eq!(read.files, good());
        }
    }

    #[test]
    fn no_bytes_panic(head in proptest::collection::vec(any::<u8>(), 0..80), tail in proptest::collection::vec(any::<u8>(), 18)) {
        intake_rules(&[head, b"PK\x05\x06".to_vec(), tail].concat());
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = archive(&good()).bytes();
    for length in 0..bytes.len() {
        assert!(!intake_rules(&bytes[..length]).is_empty(), "{length} of {}", bytes.len());
    }
}
