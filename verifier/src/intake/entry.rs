//! One entry: what kind of thing it is, and its data.

use std::collections::BTreeMap;

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
};
use records::{Finding, Rule};

use super::{ENTRY_BYTES_MAX, directory::ZipEntry};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// How hard deflate tried (two bits) and "the name is UTF-8": nothing that an ASCII name depends on.
const FLAGS_ALLOWED: u16 = 0x0002 | 0x0004 | 0x0800;
const FLAG_ENCRYPTED: u16 = 0x0001 | 0x0040;
const FLAG_DESCRIPTOR: u16 = 0x0008;
/// FAT, Unix, NTFS, macOS: those whose attributes are read here.
const SYSTEMS: [u8; 4] = [0, 3, 10, 19];
const MODE_TYPE: u32 = 0o170_000;
const MODE_FOLDER: u32 = 0o040_000;
const MODE_FILE: u32 = 0o100_000;
/// setuid, setgid, sticky.
const MODE_SPECIAL: u32 = 0o007_000;
const DOS_VOLUME: u32 = 0x08;
const DOS_FOLDER: u32 = 0x10;

/// What an entry is that it may not be.
pub(super) fn kind_findings(entry: &ZipEntry<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut kind = |expected: &str, found: String| {
        findings.push(Finding::new(Rule::EntryKind, entry.place()).expected(expected).found(found));
    };
    if entry.flags & FLAG_ENCRYPTED != 0 {
        kind("no encryption", format!("flags {:#06x}", entry.flags));
    } else if entry.flags & FLAG_DESCRIPTOR != 0 {
        kind("sizes in the headers", "sizes after the data: written to a pipe, or by macOS's Finder".to_owned());
    } else if entry.flags & !FLAGS_ALLOWED != 0 {
        kind("no flags but 0x0002, 0x0004 and 0x0800", format!("flags {:#06x}", entry.flags));
    }
    if !matches!(entry.method, STORED | DEFLATED) {
        kind("stored (0) or deflated (8)", format!("method {}", entry.method));
    }
    if !SYSTEMS.contains(&entry.system) {
        kind("written by FAT, Unix, NTFS or macOS", format!("system {}", entry.system));
    }
    let mode = entry.attributes >> 16;
    let wanted = if entry.is_folder() { MODE_FOLDER } else { MODE_FILE };
    if mode & MODE_TYPE != 0 && mode & MODE_TYPE != wanted {
        kind("a plain file, or a folder whose name ends with `/`", format!("{} (mode {mode:o})", type_name(mode)));
    }
    if mode & MODE_SPECIAL != 0 {
        kind("no setuid, setgid or sticky bit", format!("mode {mode:o}"));
    }
    let dos_folder = entry.attributes & DOS_FOLDER != 0;
    if entry.attributes & DOS_VOLUME != 0 || (dos_folder && !entry.is_folder()) {
        kind(
            "a plain file, or a folder whose name ends with `/`",
            format!("attributes {:#04x}", entry.attributes & 0xff),
        );
    }
    if entry.is_folder() && (entry.size, entry.packed, entry.crc) != (0, 0, 0) {
        kind("a folder without data", format!("{} bytes", entry.packed.max(entry.size)));
    }
    findings
}

fn type_name(mode: u32) -> &'static str {
    match mode & MODE_TYPE {
        0o120_000 => "a symbolic link",
        0o010_000 => "a FIFO",
        0o140_000 => "a socket",
        0o020_000 | 0o060_000 => "a device",
        MODE_FOLDER => "a folder whose name does not end with `/`",
        _ => "another type",
    }
}

/// The data of every file, and what is wrong with headers and data.
///
/// Data are looked at only where `sound` says that names, kinds and sizes hold.
pub(super) fn read_all(zip: &[u8], entries: &[ZipEntry<'_>], sound: bool) -> (BTreeMap<String, Vec<u8>>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut files = BTreeMap::new();
    for entry in entries {
        if !entry.disagreements.is_empty() {
            findings.push(
                Finding::new(Rule::HeadersDisagree, entry.place())
                    .expected("the same in the local header and in the directory")
                    .found(format_args!("other {}", entry.disagreements.join(", "))),
            );
        } else if sound && !entry.is_folder() {
            match read(zip, entry) {
                Ok(bytes) => {
                    // A sound name is ASCII.
                    files.insert(String::from_utf8_lossy(entry.name).into_owned(), bytes);
                }
                Err((expected, found)) => {
                    let finding = Finding::new(Rule::HeadersDisagree, entry.place());
                    findings.push(finding.expected(expected).found(found));
                }
            }
        }
    }
    (files, findings)
}

/// The data of an entry whose declared size is within the limits.
fn read(zip: &[u8], entry: &ZipEntry<'_>) -> Result<Vec<u8>, (String, String)> {
    // The directory was read with `data + packed` inside the archive.
    let packed = &zip[entry.data..entry.data + entry.packed as usize];
    let size = (entry.size as usize).min(ENTRY_BYTES_MAX);
    let bytes = if entry.method == STORED {
        if packed.len() != size {
            return Err((format!("{size} bytes"), format!("{} stored bytes", packed.len())));
        }
        packed.to_vec()
    } else {
        inflate(packed, size)?
    };
    let crc = crc32fast::hash(&bytes);
    if crc == entry.crc { Ok(bytes) } else { Err((format!("CRC {:08x}", entry.crc), format!("CRC {crc:08x}"))) }
}

/// Inflates a raw deflate stream that must end with `packed` and give exactly `size` bytes.
fn inflate(packed: &[u8], size: usize) -> Result<Vec<u8>, (String, String)> {
    let mut bytes = vec![0; size];
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, read, written) = decompress(&mut DecompressorOxide::new(), packed, &mut bytes, 0, flags);
    let found = match status {
        TINFLStatus::Done if read == packed.len() && written == size => return Ok(bytes),
        TINFLStatus::Done => format!("{written} bytes, from the first {read}"),
        TINFLStatus::HasMoreOutput => "more bytes".to_owned(),
        TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => "a stream that is cut".to_owned(),
        _ => "data that are no deflate stream".to_owned(),
    };
    Err((format!("{size} bytes, from all {} in the ZIP", packed.len()), found))
}
