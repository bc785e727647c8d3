//! The structure of an archive: end record, central directory, local headers, and that they tile the file.

use records::{Finding, Rule, verdict::escape};

use super::ENTRIES_MAX;

const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const CENTRAL_SIGNATURE: [u8; 4] = *b"PK\x01\x02";
const CENTRAL_BYTES: usize = 46;
const LOCAL_SIGNATURE: [u8; 4] = *b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
/// Comments that git archive writes: an object name in SHA-1 or SHA-256.
const COMMENT_BYTES: [usize; 3] = [0, 40, 64];
/// The end record and the locator of zip64.
const ZIP64_SIGNATURES: [[u8; 4]; 2] = [*b"PK\x06\x06", *b"PK\x06\x07"];
/// Extra fields that cannot change how an entry is read: two of times, one of owners.
const EXTRA_ALLOWED: [u16; 3] = [EXTRA_TIMES, 0x7875, 0x000a];
const EXTRA_TIMES: u16 = 0x5455;
/// Which of its times an [`EXTRA_TIMES`] holds: of change, of access, of creation.
const TIMES: u8 = 0b111;

/// One entry whose two headers agree.
#[derive(Debug)]
pub(super) struct ZipEntry<'a> {
    /// The name's bytes.
    pub name: &'a [u8],
    /// The system that wrote the entry, as the upper byte of "version made by".
    pub system: u8,
    /// General purpose flags.
    pub flags: u16,
    /// 0 stored, 8 deflated.
    pub method: u16,
    /// CRC-32 of the inflated data.
    pub crc: u32,
    /// Bytes in the archive.
    pub packed: u32,
    /// Bytes inflated.
    pub size: u32,
    /// External attributes: Unix mode above, DOS attributes below.
    pub attributes: u32,
    /// The headers differ in these words, if any.
    pub disagreements: Vec<&'static str>,
    /// Where the data start.
    pub data: usize,
}

impl ZipEntry<'_> {
    /// The name as a finding shows it.
    pub fn place(&self) -> String {
        show(self.name)
    }

    /// Whether the name says it is a folder.
    pub fn is_folder(&self) -> bool {
        self.name.ends_with(b"/")
    }
}

/// A name for people: escaped and cut.
pub(super) fn show(name: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(name).chars().take(120).collect();
    escape(&text)
}

type Broken = Box<Finding>;

/// Reads all entries, or the first thing that leaves the archive without one reading.
pub(super) fn read(zip: &[u8]) -> Result<Vec<ZipEntry<'_>>, Broken> {
    let end = find_end(zip)?;
    let record = &zip[end..];
    let (disk, start_disk) = (u16_at(record, 4), u16_at(record, 6));
    let (here, total) = (u16_at(record, 8), u16_at(record, 10));
    let (length, start) = (u32_at(record, 12), u32_at(record, 16));
    if [disk, start_disk, here, total].contains(&u16::MAX) || [length, start].contains(&u32::MAX) {
        return Err(broken("the end record", "no zip64", "a field that refers to zip64"));
    }
    if disk != 0 || start_disk != 0 || here != total {
        return Err(broken("the end record", "one disk that holds every entry", "several disks"));
    }
    if usize::from(total) > ENTRIES_MAX {
        return Err(Box::new(super::too_large("the ZIP", total.into(), ENTRIES_MAX, "entries")));
    }
    let directory_end = (start as usize).checked_add(length as usize);
    if directory_end != Some(end) {
        let expected = format!("a directory that ends at byte {end}, where the end record starts");
        return Err(broken("the end record", &expected, &format!("{length} bytes from byte {start}")));
    }
    let directory = &zip[start as usize..end];
    let entries = read_entries(zip, directory, start as usize, total.into())?;
    Ok(entries)
}

/// The place of the one end record.
fn find_end(zip: &[u8]) -> Result<usize, Broken> {
    let at_end = COMMENT_BYTES.iter().find_map(|&comment| {
        let start = zip.len().checked_sub(END_BYTES + comment)?;
        let record = &zip[start..];
        let hex = record[END_BYTES..].iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (record.starts_with(&END_SIGNATURE) && usize::from(u16_at(record, 20)) == comment && hex).then_some(start)
    });
    let seen = positions(zip, END_SIGNATURE);
    let Some(end) = at_end else {
        return Err(match seen.last() {
            Some(at) => broken(
                "the end record",
                "at the very end, with no comment or with git's",
                &format!("an end record at byte {at} of {}", zip.len()),
            ),
            None => Box::new(
                Finding::new(Rule::Unreadable, "the ZIP")
                    .expected("an end record in the last 22 bytes")
                    .found(format_args!("none in {} bytes", zip.len())),
            ),
        });
    };
    if seen.len() > 1 {
        return Err(broken("the end record", "one", &format!("another at byte {}", seen[0])));
    }
    if let Some(at) = ZIP64_SIGNATURES.iter().find_map(|&signature| positions(zip, signature).first().copied()) {
        return Err(broken("the ZIP", "no zip64", &format!("a zip64 record at byte {at}")));
    }
    Ok(end)
}

fn read_entries<'a>(
    zip: &'a [u8],
    directory: &'a [u8],
    directory_start: usize,
    total: usize,
) -> Result<Vec<ZipEntry<'a>>, Broken> {
    let mut entries = Vec::with_capacity(total);
    let (mut at, mut data_end) = (0, 0);
    for index in 0..total {
        let place = format!("entry {} of {total}", index + 1);
        let central = directory.get(at..).unwrap_or_default();
        let header = Header::central(central).ok_or_else(|| {
            broken(&place, "a header of the directory", &format!("none at byte {}", directory_start + at))
        })?;
        at += header.bytes;
        let (entry, end) = read_local(zip, directory_start, &header, data_end, &place)?;
        data_end = end;
        entries.push(entry);
    }
    if at != directory.len() {
        let found = format!("{} bytes after the last of {total} entries", directory.len() - at);
        return Err(broken("the directory", "nothing between its last entry and the end record", &found));
    }
    if data_end != directory_start {
        let expected = format!("at byte {data_end}, where the last entry's data end");
        return Err(broken("the directory", &expected, &format!("at byte {directory_start}")));
    }
    Ok(entries)
}

/// Reads the local header that must stand at `expected_at`; gives the entry and where its data end.
fn read_local<'a>(
    zip: &'a [u8],
    limit: usize,
    central: &Header<'a>,
    expected_at: usize,
    place: &str,
) -> Result<(ZipEntry<'a>, usize), Broken> {
    if central.offset as usize != expected_at {
        let expected = format!("its local header at byte {expected_at}: no prefix, gap or overlap");
        return Err(broken(
            &format!("{place}, `{}`", show(central.name)),
            &expected,
            &format!("at byte {}", central.offset),
        ));
    }
    let named = format!("{place}, `{}`", show(central.name));
    let local = Header::local(zip.get(expected_at..limit).unwrap_or_default())
        .ok_or_else(|| broken(&named, "a local header", &format!("none at byte {expected_at}")))?;
    for header in [central, &local] {
        if let Some(id) = header.odd_extra() {
            return Err(broken(&named, "no extra fields but times and owners", &format!("extra field {id}")));
        }
        if header.version & 0xff > 20 {
            let found = format!("version {} needed", header.version & 0xff);
            return Err(broken(&named, "version 2.0 or below", &found));
        }
    }
    if central.comment || central.disk != 0 {
        return Err(broken(&named, "no comment and no other disk", "one of them"));
    }
    let data = expected_at + local.bytes;
    let end = data + central.packed as usize;
    if end > limit {
        return Err(broken(&named, &format!("data that end by byte {limit}"), &format!("byte {end}")));
    }
    let disagreements = local.disagreements(central);
    let entry = ZipEntry {
        name: central.name,
        system: central.system,
        flags: central.flags | local.flags,
        method: central.method,
        crc: central.crc,
        packed: central.packed,
        size: central.size,
        attributes: central.attributes,
        disagreements,
        data,
    };
    Ok((entry, end))
}

/// What a central and a local header share, and the rest of the central one.
struct Header<'a> {
    system: u8,
    version: u16,
    flags: u16,
    method: u16,
    time: u32,
    crc: u32,
    packed: u32,
    size: u32,
    name: &'a [u8],
    extra: &'a [u8],
    comment: bool,
    disk: u16,
    attributes: u32,
    offset: u32,
    bytes: usize,
}

impl<'a> Header<'a> {
    fn central(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < CENTRAL_BYTES || !bytes.starts_with(&CENTRAL_SIGNATURE) {
            return None;
        }
        let (name, extra) = (usize::from(u16_at(bytes, 28)), usize::from(u16_at(bytes, 30)));
        let comment = usize::from(u16_at(bytes, 32));
        let end = CENTRAL_BYTES + name + extra + comment;
        bytes.get(..end)?;
        Some(Self {
            system: bytes[5],
            comment: comment > 0,
            disk: u16_at(bytes, 34),
            attributes: u32_at(bytes, 38),
            offset: u32_at(bytes, 42),
            ..Self::shared(bytes, 6, CENTRAL_BYTES, (name, extra), end)
        })
    }

    fn local(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < LOCAL_BYTES || !bytes.starts_with(&LOCAL_SIGNATURE) {
            return None;
        }
        let (name, extra) = (usize::from(u16_at(bytes, 26)), usize::from(u16_at(bytes, 28)));
        let end = LOCAL_BYTES + name + extra;
        bytes.get(..end)?;
        Some(Self::shared(bytes, 4, LOCAL_BYTES, (name, extra), end))
    }

    /// The fields from "version needed" to the sizes stand in the same order in both headers.
    fn shared(bytes: &'a [u8], from: usize, fixed: usize, (name, extra): (usize, usize), end: usize) -> Self {
        Self {
            system: 0,
            version: u16_at(bytes, from),
            flags: u16_at(bytes, from + 2),
            method: u16_at(bytes, from + 4),
            time: u32_at(bytes, from + 6),
            crc: u32_at(bytes, from + 10),
            packed: u32_at(bytes, from + 14),
            size: u32_at(bytes, from + 18),
            name: &bytes[fixed..fixed + name],
            extra: &bytes[fixed + name..fixed + name + extra],
            comment: false,
            disk: 0,
            attributes: 0,
            offset: 0,
            bytes: end,
        }
    }

    /// The first extra field that is not allowed, or that does not end within its bytes.
    fn odd_extra(&self) -> Option<String> {
        let mut rest = self.extra;
        while !rest.is_empty() {
            if rest.len() < 4 {
                return Some("that is cut".to_owned());
            }
            let (id, length) = (u16_at(rest, 0), usize::from(u16_at(rest, 2)));
            if !EXTRA_ALLOWED.contains(&id) {
                return Some(format!("{id:#06x}"));
            }
            let Some(tail) = rest.get(4 + length..) else { return Some(format!("{id:#06x} that is cut")) };
            if id == EXTRA_TIMES && !is_times(&rest[4..4 + length]) {
                return Some(format!("{id:#06x} of another form than flags and their times"));
            }
            rest = tail;
        }
        None
    }

    fn disagreements(&self, central: &Self) -> Vec<&'static str> {
        [
            ("flags", self.flags == central.flags),
            ("method", self.method == central.method),
            ("time", self.time == central.time),
            ("CRC", self.crc == central.crc),
            ("packed size", self.packed == central.packed),
            ("size", self.size == central.size),
            ("name", self.name == central.name),
        ]
        .into_iter()
        .filter_map(|(word, agrees)| (!agrees).then_some(word))
        .collect()
    }
}

/// Flags, and four bytes for each time that they name; the directory may hold fewer times than the flags name.
///
/// Readers differ on what has no flags: libarchive refuses the whole entry.
fn is_times(field: &[u8]) -> bool {
    let Some((flags, times)) = field.split_first() else { return false };
    flags & !TIMES == 0 && times.len() % 4 == 0 && times.len() / 4 <= flags.count_ones() as usize
}

fn broken(place: &str, expected: &str, found: &str) -> Broken {
    Box::new(Finding::new(Rule::NotOneArchive, place).expected(expected).found(found))
}

fn positions(bytes: &[u8], signature: [u8; 4]) -> Vec<usize> {
    bytes.windows(4).enumerate().filter_map(|(at, window)| (window == signature).then_some(at)).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
