//! The files of a certificate: what they are called, how long they may be, and how they are opened.

use std::io;

use ::evidence::Source;
pub use records::v1::names::{ARCHIVE, CONTAINMENT, GOLDEN};
use records::{
    Finding, Rule, Sha256,
    v1::{
        checkpoint::MANIFEST_BYTES_MAX,
        names::{FINGERPRINTS, MANIFEST, MODEL, RESULTS, RUN, TRANSCRIPT},
        statement::Subject,
        track::Track,
    },
};

use crate::intake::ARCHIVE_BYTES_MAX;

/// The longest file of a name, in bytes: a certificate that names a longer one does not hold.
#[must_use]
pub fn bytes_max(name: &str) -> u64 {
    match name.rsplit('/').next().unwrap_or_default() {
        GOLDEN | CONTAINMENT => 64 << 10,
        RUN | MODEL => 4 << 20,
        MANIFEST => MANIFEST_BYTES_MAX,
        RESULTS => 16 << 20,
        // What intake refuses unread is kept as far as it was read: one byte more.
        _ if name == ARCHIVE => ARCHIVE_BYTES_MAX as u64 + 1,
        // What a compiler may write at once.
        _ if name == OBJECT => 256 << 20,
        // A million steps of 500 bytes; a hundred thousand rows of 5,000 fingerprints.
        TRANSCRIPT => 512 << 20,
        FINGERPRINTS => 4 << 30,
        // A checkpoint of a billion parameters with its state.
        _ => 16 << 30,
    }
}

/// The object of the participant's crate.
pub const OBJECT: &str = Track::Algorithm.built();

/// Why a file was not read.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    /// There is none.
    #[error("missing")]
    Missing,
    /// It is not a plain file below the folder: the evidence's fault.
    #[error("{0}")]
    Refused(String),
    /// The machine could not read it: nobody's fault.
    #[error("{0}")]
    Failed(String),
}

/// A run folder, as far as the verifier may see it.
pub trait Files {
    /// Opens a plain file at a relative path with `/` between its parts.
    fn open(&self, path: &str) -> Result<OpenedFile<'_>, ReadError>;
}

/// A plain file of which nothing has been read yet.
pub struct OpenedFile<'a> {
    /// Its length in bytes.
    pub size: u64,
    /// Its bytes.
    pub content: Box<dyn Source + 'a>,
}

/// What was signed of a file.
#[derive(Clone, Copy)]
pub(crate) struct SignedFile<'a> {
    sha256: &'a str,
    /// Its length.
    pub bytes: u64,
}

/// A file of the signed length of which nothing has been read yet.
pub(crate) struct OpenFile<'a> {
    /// Its bytes.
    pub content: Box<dyn Source + 'a>,
    /// What was signed of it.
    pub signed: SignedFile<'a>,
}

/// A file that was read to its end.
pub(super) struct HashedFile {
    /// Empty where only the digest was asked for.
    pub bytes: Vec<u8>,
    /// Of all of it.
    pub digest: Sha256,
    /// Whether it is the one that was signed.
    pub intact: bool,
}

impl<'a> SignedFile<'a> {
    /// What a subject says of it, and no longer than a file of its name may be.
    pub fn of(subject: &'a Subject) -> Self {
        // `certificate::check` refuses a file without a length, and one that is too long.
        let bytes = subject.annotations.map_or(0, |annotations| annotations.bytes);
        Self { sha256: &subject.digest.sha256, bytes: bytes.min(bytes_max(&subject.name)) }
    }

    /// Opens it; a finding where it is not there, not a plain file, or of another length.
    pub fn open(self, name: &str, files: &'a dyn Files) -> Result<Result<OpenFile<'a>, Finding>, ReadError> {
        let changed =
            |expected: String, found: String| Finding::new(Rule::FileChanged, name).expected(expected).found(found);
        match files.open(name) {
            Ok(OpenedFile { size, content }) if size == self.bytes => Ok(Ok(OpenFile { content, signed: self })),
            Ok(OpenedFile { size, .. }) => Ok(Err(changed(format!("{} bytes", self.bytes), format!("{size} bytes")))),
            Err(ReadError::Missing) => Ok(Err(Finding::new(Rule::FileMissing, name))),
            Err(ReadError::Refused(why)) => Ok(Err(changed("a plain file".to_owned(), why))),
            Err(error) => Err(error),
        }
    }

    /// What it is, now that it has been read.
    pub(super) fn hashed(&self, digest: Sha256, bytes: Vec<u8>) -> HashedFile {
        HashedFile { bytes, intact: digest.bare() == self.sha256, digest }
    }
}

/// An error that nobody is to blame for.
pub(crate) fn failed(name: &str, error: &io::Error) -> ReadError {
    ReadError::Failed(format!("cannot read {name}: {error}"))
}
