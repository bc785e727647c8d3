//! Crafts ZIPs byte by byte, so that each field can be wrong on its own.

#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;

use records::{Rule, Verdict, v1::language::Language};
use verifier::{
    config::TableNames,
    frozen::FrozenTree,
    intake::{self, Admitted},
    policy,
    tree::{CONFIG, SUBMISSION, Tree},
};

pub const FILE: u32 = 0o100_644 << 16;

/// One entry; what its two headers say can differ.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub local_name: Vec<u8>,
    pub system: u8,
    pub version: u16,
    pub flags: u16,
    pub local_flags: u16,
    pub method: u16,
    pub time: u32,
    pub local_time: u32,
    pub crc: u32,
    pub local_crc: u32,
    pub packed_size: u32,
    pub local_packed_size: u32,
    pub size: u32,
    pub local_size: u32,
    pub extra: Vec<u8>,
    pub local_extra: Vec<u8>,
    pub comment: Vec<u8>,
    pub disk: u16,
    pub attributes: u32,
    pub data: Vec<u8>,
    /// Bytes before the local header that belong to nothing.
    pub gap: Vec<u8>,
    /// Added to the offset that the directory gives.
    pub offset_by: i64,
}

impl Entry {
    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, 0, content.to_vec())
    }

    pub fn deflated(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, 8, miniz_oxide::deflate::compress_to_vec(content, 6))
    }

    pub fn folder(name: &str) -> Self {
        Self { attributes: (0o040_755 << 16) | 0x10, ..Self::stored(name, b"") }
    }

    fn new(name: &str, content: &[u8], method: u16, data: Vec<u8>) -> Self {
        let (crc, size, packed) = (crc32fast::hash(content), content.len() as u32, data.len() as u32);
        Self {
            name: name.into(),
            local_name: name.into(),
            system: 3,
            version: 20,
            flags: 0,
            local_flags: 0,
            method,
            time: 0x0021_0000,
            local_time: 0x0021_0000,
            crc,
            local_crc: crc,
            packed_size: packed,
            local_packed_size: packed,
            size,
            local_size: size,
            extra: vec![],
            local_extra: vec![],
            comment: vec![],
            disk: 0,
            attributes: FILE,
            data,
            gap: vec![],
            offset_by: 0,
        }
    }
}

/// A whole archive.
#[derive(Debug, Clone, Default)]
pub struct Zip {
    pub entries: Vec<Entry>,
    pub comment: Vec<u8>,
    pub before_directory: Vec<u8>,
    pub before_end: Vec<u8>,
    pub after: Vec<u8>,
    pub disk: u16,
    pub count_by: i32,
    pub offset_by: i64,
}

pub fn zip(entries: Vec<Entry>) -> Zip {
    Zip { entries, ..Zip::default() }
}

impl Zip {
    pub fn bytes(&self) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for entry in &self.entries {
            out.extend(&entry.gap);
            let offset = (out.len() as i64 + entry.offset_by) as u32;
            local(entry, &mut out);
            central(entry, offset, &mut directory);
        }
        out.extend(&self.before_directory);
        let start = (out.len() as i64 + self.offset_by) as u32;
        out.extend(&directory);
        out.extend(&self.before_end);
        let count = (self.entries.len() as i32 + self.count_by) as u16;
        out.extend(b"PK\x05\x06");
        for value in [self.disk, self.disk, count, count] {
            out.extend(value.to_le_bytes());
        }
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(start.to_le_bytes());
        out.extend((self.comment.len() as u16).to_le_bytes());
        out.extend(&self.comment);
        out.extend(&self.after);
        out
    }
}

fn local(entry: &Entry, out: &mut Vec<u8>) {
    out.extend(b"PK\x03\x04");
    for value in [entry.version, entry.local_flags, entry.method] {
        out.extend(value.to_le_bytes());
    }
    for value in [entry.local_time, entry.local_crc, entry.local_packed_size, entry.local_size] {
        out.extend(value.to_le_bytes());
    }
    out.extend((entry.local_name.len() as u16).to_le_bytes());
    out.extend((entry.local_extra.len() as u16).to_le_bytes());
    out.extend(&entry.local_name);
    out.extend(&entry.local_extra);
    out.extend(&entry.data);
}

fn central(entry: &Entry, offset: u32, out: &mut Vec<u8>) {
    out.extend(b"PK\x01\x02");
    out.extend([20, entry.system]);
    for value in [entry.version, entry.flags, entry.method] {
        out.extend(value.to_le_bytes());
    }
    for value in [entry.time, entry.crc, entry.packed_size, entry.size] {
        out.extend(value.to_le_bytes());
    }
    for value in [entry.name.len(), entry.extra.len(), entry.comment.len()] {
        out.extend((value as u16).to_le_bytes());
    }
    out.extend(entry.disk.to_le_bytes());
    out.extend([0, 0]);
    out.extend(entry.attributes.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(&entry.name);
    out.extend(&entry.extra);
    out.extend(&entry.comment);
}

/// A submission that passes everything.
pub fn good() -> BTreeMap<String, Vec<u8>> {
    let submission = "name = \"a\"\nteam = \"b\"\norganization = \"\"\nwriteup = \"\"\ncontact = \"\"\n";
    let files = [(Language::Rust.root(), "pub fn a() {}\n"), (CONFIG, "rho = 6.5\n"), (SUBMISSION, submission)];
    files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into()
}

/// The same in Python.
pub fn good_python() -> BTreeMap<String, Vec<u8>> {
    let mut files = good();
    files.remove(Language::Rust.root());
    files.insert(Language::Python.root().to_owned(), b"import torch\n".to_vec());
    files.entry(SUBMISSION.to_owned()).or_default().extend(b"language = \"python\"\n");
    files
}

/// A ZIP of files, deflated.
pub fn archive(files: &BTreeMap<String, Vec<u8>>) -> Zip {
    zip(files.iter().map(|(path, bytes)| Entry::deflated(path, bytes)).collect())
}

/// The frozen tree that the tests compare with: one file.
pub fn frozen_files() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([("frozen/a.rs".to_owned(), b"fn frozen() {}\n".to_vec())])
}

/// The rules that a ZIP breaks in intake, diff and policy.
pub fn broken_rules(bytes: &[u8]) -> Vec<Rule> {
    let (manifest, contents) = manifest::pack(&frozen_files());
    let frozen = FrozenTree::new(&manifest, &contents).unwrap();
    let judgement = verifier::gate::judge(bytes, &frozen, None).unwrap();
    judgement.findings().map(|finding| finding.rule).collect()
}

/// The rules that a ZIP breaks in intake alone.
pub fn intake_rules(bytes: &[u8]) -> Vec<Rule> {
    match intake::admit(bytes) {
        Verdict::Pass(_) => Vec::new(),
        Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.rule).collect(),
        Verdict::Inconclusive(reason) => panic!("{reason:?}"),
    }
}

/// What intake admits, or a panic with its findings.
pub fn admitted(bytes: &[u8]) -> Admitted {
    match intake::admit(bytes) {
        Verdict::Pass(admitted) => admitted,
        other => panic!("{other:#?}"),
    }
}

/// Whether policy passes a tree.
pub fn policy_passes(files: BTreeMap<String, Vec<u8>>) -> bool {
    matches!(policy::apply(&Tree { files }, &TableNames::default()), Verdict::Pass(_))
}
