//! Reading a shard: a tar whose consecutive members with one key form a sample.
//!
//! The grouping rule is WebDataset's: a member's name is cut at the first dot after its last slash; what
//! stands before is the key, what stands after, in lower case, the kind. Folders and names without a key
//! or a dot are skipped. Reading is by position (`pread`) and not through a mapping: a shard that shrinks
//! while it is used is an error with a place, where a mapping would end the process.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use records::file::{FileError, Links, open_plain};
use tar::{EntryType, Header, PaxExtensions};

use crate::DataError;

const BLOCK: u64 = 512;

/// The longest member that is read, in bytes: 256 MiB. Longer ones are no image anybody trains on.
pub const MEMBER_BYTES_MAX: u64 = 256 << 20;

/// An open tar.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    file: File,
    length: u64,
}

/// A plain file within a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its whole name.
    pub name: String,
    /// Where its bytes start.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
}

/// Members with one key, in the order of the tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleMembers {
    /// What stands before the first dot of the last part of the members' names.
    pub key: String,
    /// Kind (`jpg`, `txt`, `cls`, `json`, in lower case) and member.
    pub members: Vec<(String, Member)>,
}

impl SampleMembers {
    /// The member of a kind.
    #[must_use]
    pub fn member(&self, kind: &str) -> Option<&Member> {
        self.members.iter().find(|(own, _)| own == kind).map(|(_, member)| member)
    }
}

impl Shard {
    /// Opens a tar.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let (file, length) = open_plain(path, Links::Follow)?;
        Ok(Self { path: path.to_owned(), file, length })
    }

    /// The path it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The plain files of the tar, in its order; the last item is the error that ended it, if one did.
    #[must_use]
    pub fn members(&self) -> Members<'_> {
        Members { shard: self, at: 0, ended: false }
    }

    /// The samples of the tar, in its order; the last item is the error that ended it, if one did.
    #[must_use]
    pub fn groups(&self) -> Groups<'_> {
        Groups { members: self.members(), open: None }
    }

    /// Reads a member whole.
    pub fn read(&self, member: &Member) -> Result<Vec<u8>, DataError> {
        self.bytes(member.offset, member.length, &format!("the content of `{}`", member.name))
    }

    fn bytes(&self, offset: u64, length: u64, what: &str) -> Result<Vec<u8>, DataError> {
        if length > MEMBER_BYTES_MAX {
            return Err(self.broken(offset, format!("{what} has {length} bytes, limit {MEMBER_BYTES_MAX}")));
        }
        let mut bytes = vec![0; length as usize];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self
                    .truncated(offset, format!("{what} needs {length} bytes, the file ends at byte {}", self.length)))
            }
            Err(error) => Err(FileError::at("read", &self.path)(error).into()),
        }
    }

    fn truncated(&self, offset: u64, why: String) -> DataError {
        DataError::Truncated { shard: self.path.clone(), offset, why }
    }

    fn broken(&self, offset: u64, why: String) -> DataError {
        DataError::Tar { shard: self.path.clone(), offset, why }
    }
}

/// Walks the headers of a tar.
pub struct Members<'a> {
    shard: &'a Shard,
    at: u64,
    ended: bool,
}

/// What the header of a member's extensions (PAX, GNU) replaces.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    size: Option<u64>,
}

impl Members<'_> {
    fn step(&mut self) -> Result<Option<Member>, DataError> {
        let mut extension = Extension::default();
        loop {
            let start = self.at;
            let block = self.shard.bytes(start, BLOCK, "a header or the end-of-archive block")?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            let refuse = |error: io::Error| self.shard.broken(start, error.to_string());
            let sum: u32 = block
                .iter()
                .enumerate()
                .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
                .sum();
            if header.cksum().map_err(refuse)? != sum {
                return Err(self.shard.broken(start, "the header's checksum is wrong".to_owned()));
            }
            let entry = header.entry_type();
            let own_size = header.entry_size().map_err(refuse)?;
            let size = if entry.is_file() { extension.size.unwrap_or(own_size) } else { own_size };
            let offset = start + BLOCK;
            let end = offset.checked_add(size).filter(|end| *end <= self.shard.length);
            let Some(end) = end else {
                let name = extension.name.unwrap_or_else(|| text(&header.path_bytes()));
                let why = format!("`{name}` needs {size} bytes, the file ends at byte {}", self.shard.length);
                return Err(self.shard.truncated(offset, why));
            };
            self.at = end.next_multiple_of(BLOCK);
            match entry {
                EntryType::Regular | EntryType::Continuous => {
                    let name = extension.name.unwrap_or_else(|| text(&header.path_bytes()));
                    return Ok(Some(Member { name, offset, length: size }));
                }
                EntryType::Directory | EntryType::XGlobalHeader => extension = Extension::default(),
                EntryType::GNULongName => {
                    let bytes = self.shard.bytes(offset, size, "a long name")?;
                    extension.name = Some(text(bytes.strip_suffix(&[0]).unwrap_or(&bytes)));
                }
                EntryType::XHeader => {
                    self.pax(&self.shard.bytes(offset, size, "an extended header")?, start, &mut extension)?
                }
                other => {
                    let why = format!("`{}` is of type {:?}, not a plain file", text(&header.path_bytes()), other);
                    return Err(self.shard.broken(start, why));
                }
            }
        }
    }

    fn pax(&self, bytes: &[u8], start: u64, extension: &mut Extension) -> Result<(), DataError> {
        for record in PaxExtensions::new(bytes) {
            let record = record.map_err(|error| self.shard.broken(start, error.to_string()))?;
            match record.key_bytes() {
                b"path" => extension.name = Some(text(record.value_bytes())),
                b"size" => {
                    let size = text(record.value_bytes()).parse();
                    extension.size =
                        Some(size.map_err(|_| self.shard.broken(start, "a size is not a number".to_owned()))?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Iterator for Members<'_> {
    type Item = Result<Member, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.step().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// Gathers members into samples.
pub struct Groups<'a> {
    members: Members<'a>,
    open: Option<SampleMembers>,
}

impl Iterator for Groups<'_> {
    type Item = Result<SampleMembers, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let member = match self.members.next() {
                None => return self.open.take().map(Ok),
                Some(Err(error)) => {
                    // The sample before it is whole only if its last member is followed by another header.
                    self.open = None;
                    return Some(Err(error));
                }
                Some(Ok(member)) => member,
            };
            let Some((key, kind)) = split(&member.name) else { continue };
            match &mut self.open {
                Some(group) if group.key == key => {
                    if group.member(&kind).is_some() {
                        let why = format!("two members of kind `{kind}`");
                        return Some(Err(DataError::BadSample { shard: self.members.shard.path.clone(), key, why }));
                    }
                    group.members.push((kind, member));
                }
                _ => {
                    let group = SampleMembers { key, members: vec![(kind, member)] };
                    if let Some(done) = self.open.replace(group) {
                        return Some(Ok(done));
                    }
                }
            }
        }
    }
}

/// A name as key and kind; none where there is no dot in its last part, or nothing before it.
fn split(name: &str) -> Option<(String, String)> {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = base + name[base..].find('.')?;
    (dot > base).then(|| (name[..dot].to_owned(), name[dot + 1..].to_lowercase()))
}
