//! Evidence of whatever length is read in the same memory: files here are made while they are read and exist nowhere.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom},
};

use evidence::{
    RowState, Steps,
    checkpoint::{locate, read_file},
};
use numerics::fingerprint::RunningFingerprint;
use records::{
    Blake3, RunDigest, Sha256, canonical,
    v1::{
        checkpoint::{Leaf, TensorFile, TensorLeaf, WEIGHTS},
        transcript::{Header, Line, TRANSCRIPT_FORMAT},
    },
};

/// More than this is never held above what a small file takes: buffers, and what the allocator keeps.
const SLACK_KIB: u64 = 4 << 10;

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A safetensors file of one tensor whose bytes follow from their place, with one bit flipped.
struct Tensors {
    head: Vec<u8>,
    body: u64,
    flip: Option<u64>,
    at: u64,
}

impl Tensors {
    fn new(elements: u64, flip: Option<u64>) -> Self {
        let body = elements * 4;
        let header = format!(r#"{{"w":{{"dtype":"F32","shape":[{elements}],"data_offsets":[0,{body}]}}}}"#);
        let head = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        Self { head, body, flip, at: 0 }
    }

    fn size(&self) -> u64 {
        self.head.len() as u64 + self.body
    }

    fn byte(&self, at: u64) -> u8 {
        let head = self.head.len() as u64;
        match at.checked_sub(head) {
            None => self.head[at as usize],
            Some(at) => (at % 251) as u8 ^ if self.flip == Some(at) { 4 } else { 0 },
        }
    }
}

impl Read for Tensors {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min((self.size() - self.at) as usize);
        for (offset, byte) in into[..count].iter_mut().enumerate() {
            *byte = self.byte(self.at + offset as u64);
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Tensors {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.at = at.min(self.size());
        Ok(self.at)
    }
}

/// Reads a checkpoint of so many elements with a flipped bit, and finds it.
fn read_checkpoint(elements: u64) {
    let flip = elements * 4 - 6;
    let mut whole = Tensors::new(elements, None);
    let mut leaf = Leaf::new("w", "F32", &[elements], elements * 4);
    let mut print = RunningFingerprint::default();
    let mut piece = vec![0; 64 << 10];
    whole.at = whole.head.len() as u64;
    loop {
        let count = whole.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        leaf.piece(&piece[..count]);
        print.add_bytes(&piece[..count]);
    }
    let tensor =
        TensorLeaf { name: "w".into(), dtype: "F32".into(), shape: vec![elements], leaf: leaf.finish().unwrap() };
    let file = TensorFile {
        name: WEIGHTS.into(),
        length: whole.size(),
        sha256: Sha256([0; 32]),
        tensors: vec![tensor.clone()],
    };
    let mut found = Tensors::new(elements, Some(flip));
    let looked = read_file(&mut found, &file, |_, _| ()).unwrap();
    assert!(looked.header.is_none() && looked.changed.len() == 1, "{looked:?}");
    let place = locate(&mut found, &tensor, &looked.changed[0], Some(print.value())).unwrap();
    assert_eq!(place, Some((flip / 4, (flip % 4 * 8) as u32 + 2)));
}

/// A transcript that is written while it is read.
struct Lines {
    chain: Blake3,
    row: Blake3,
    next: u64,
    steps: u64,
    text: Vec<u8>,
    taken: usize,
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.text.len() {
            if self.next == self.steps {
                return Ok(0);
            }
            let line = Line {
                step: self.next,
                epoch: 0,
                ids: self.row,
                loss: 1.5.into(),
                diagnostics: BTreeMap::new(),
                fingerprints: self.row,
                chain: self.chain,
            };
            let line = line.chained(self.chain).unwrap();
            (self.chain, self.next) = (line.chain, self.next + 1);
            (self.text, self.taken) = (canonical::to_file(&line).unwrap(), 0);
        }
        let count = into.len().min(self.text.len() - self.taken);
        into[..count].copy_from_slice(&self.text[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

/// Reads a run of so many steps of 500 columns.
fn read_run(steps: u64) {
    let columns: Vec<String> = (0..500).map(|column| format!("parameters/{column}")).collect();
    let header = Header { format: TRANSCRIPT_FORMAT.into(), run: RunDigest([1; 32]), columns };
    let row = Blake3::of(&[7; 8 * 500]);
    let text = canonical::to_file(&header).unwrap();
    let lines = Lines { chain: header.chain().unwrap(), row, next: 0, steps, text, taken: 0 };
    let mut run = Steps::open(lines, io::repeat(7)).unwrap();
    while let Some((_, state)) = run.step().unwrap() {
        assert_eq!(state, RowState::Named);
    }
    assert_eq!(run.transcript().steps(), steps);
}

#[test]
fn memory_is_that_of_a_window_and_not_of_a_file() {
    read_checkpoint(1 << 10);
    read_run(10);
    let small = peak_kib();
    // 256 MiB of tensors; 80 MB of rows under 9 MB of lines.
    read_checkpoint(64 << 20);
    read_run(20_000);
    let large = peak_kib();
    println!("peak {small} KiB for small files, {large} KiB for large ones");
    assert!(large <= small + SLACK_KIB, "{small} KiB, then {large} KiB");
}
