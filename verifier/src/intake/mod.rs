//! Reads a hostile ZIP under a strict profile: an archive has one reading or none.
//!
//! ZIP lets the same bytes mean different things to different readers: two directories, names given
//! twice, gaps, prefixes, sizes that disagree. The profile refuses every freedom instead of choosing:
//!
//! - one end record, at the very end, with no comment (or git archive's: 40 or 64 hexadecimal digits);
//!   no zip64, no second disk; the central directory ends where the end record starts;
//! - the local header of an entry starts where the data before it end, the first at byte 0, in the
//!   directory's order, and both headers say the same;
//! - stored or deflated; of the flags only those that change nothing for plain names; extra fields only
//!   times and owners; the data end exactly where they say, with the size and the CRC that they say;
//! - plain files and folders, with names that mean the same on every file system;
//! - caps on everything.
//!
//! What ordinary producers write (`maxclip pack`, Python's zipfile and shutil, Info-ZIP, the `zip` crate,
//! git archive) is within it. Nothing is extracted: entries become a map from names to bytes.
//! Source of the layout: PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5.

mod directory;
mod entry;
mod name;

use std::collections::BTreeMap;

use records::{Finding, Rule, Verdict};

/// Bytes of a ZIP.
pub const ARCHIVE_BYTES_MAX: usize = 8 << 20;
/// Entries of a ZIP, folders included.
pub const ENTRIES_MAX: usize = 1000;
/// Bytes of one inflated entry.
pub const ENTRY_BYTES_MAX: usize = 4 << 20;
/// Bytes of all inflated entries.
pub const TOTAL_BYTES_MAX: usize = 16 << 20;
/// Bytes of a name.
pub const NAME_BYTES_MAX: usize = 200;
/// Parts of a name.
pub const NAME_PARTS_MAX: usize = 12;
/// An entry of more than [`RATIO_FREE_BYTES`] inflates to at most this many times its size in the ZIP.
pub const RATIO_MAX: usize = 200;
/// Smaller entries may be as regular as they like.
pub const RATIO_FREE_BYTES: usize = 64 << 10;

/// The content of a ZIP with one reading: plain files by name; folders are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Names, with `/` between their parts, and contents.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Entries of the archive, folders included.
    pub entries: usize,
}

/// Reads an archive, or says everything that keeps it from having one reading.
///
/// Where the structure itself is broken no entry can be trusted, and the first break is the finding;
/// else every entry is looked at and all findings come at once. Panics on nothing.
#[must_use]
pub fn admit(zip: &[u8]) -> Verdict<Admitted> {
    if zip.len() > ARCHIVE_BYTES_MAX {
        // Whoever read it stopped at the first byte too many: how long it is, nobody knows here.
        let finding =
            Finding::new(Rule::TooLarge, "the ZIP").expected(format_args!("at most {ARCHIVE_BYTES_MAX} bytes"));
        return Verdict::Fail(vec![finding.found("more")]);
    }
    let entries = match directory::read(zip) {
        Ok(entries) => entries,
        Err(finding) => return Verdict::Fail(vec![*finding]),
    };
    let mut findings = name::findings(entries.iter().map(|entry| entry.name));
    findings.extend(entries.iter().flat_map(entry::kind_findings));
    findings.extend(size_findings(&entries));
    let (files, data_findings) = entry::read_all(zip, &entries, findings.is_empty());
    findings.extend(data_findings);
    Verdict::from_findings(Admitted { files, entries: entries.len() }, findings)
}

/// What is too large, by what the directory declares: nothing is inflated before this holds.
fn size_findings(entries: &[directory::ZipEntry<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut total = 0usize;
    for entry in entries {
        let (packed, size) = (entry.packed as usize, entry.size as usize);
        total = total.saturating_add(size);
        if size > ENTRY_BYTES_MAX {
            findings.push(too_large(&entry.place(), size, ENTRY_BYTES_MAX, "bytes inflated"));
        } else if size > RATIO_FREE_BYTES && size / RATIO_MAX > packed {
            findings.push(
                Finding::new(Rule::TooLarge, entry.place())
                    .expected(format_args!("at most {RATIO_MAX} times its {packed} bytes in the ZIP"))
                    .found(format_args!("{size} bytes inflated")),
            );
        }
    }
    if total > TOTAL_BYTES_MAX {
        findings.push(too_large("all entries", total, TOTAL_BYTES_MAX, "bytes inflated"));
    }
    findings
}

fn too_large(place: &str, found: usize, limit: usize, unit: &str) -> Finding {
    Finding::new(Rule::TooLarge, place)
        .expected(format_args!("at most {limit} {unit}"))
        .found(format_args!("{found} {unit}"))
}
