//! A participant's folder, and the ZIP of it: the same folder gives the same bytes.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, ErrorKind, Read as _, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result};
use records::{
    file::{self, FileError, Links},
    v1::{language::Language, track::Track},
};
use verifier::intake;
use zip::{DateTime, ZipWriter, write::SimpleFileOptions};

use crate::problem::Problem;

/// What stands before every path of a submission.
pub const EDITABLE: &str = "editable/";

/// The content of a participant's folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// What belongs in a ZIP, by its path there: `editable/src/lib.rs`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What does not, by its path below the folder; folders end with `/`.
    pub left_out: Vec<String>,
    /// Bytes of the files so far.
    bytes: usize,
}

impl Folder {
    /// Refuses a folder whose ZIP no gate would read, before all of it is in memory.
    fn check_size(&self, root: &Path) -> Result<()> {
        let counts = [(self.files.len(), intake::ENTRIES_MAX, "files"), (self.bytes, intake::TOTAL_BYTES_MAX, "bytes")];
        let over = counts.into_iter().find(|(found, limit, _)| found > limit);
        let refuse = |(_, limit, unit)| {
            Problem::usage(format!("{} holds more than {limit} {unit} that belong in a ZIP", root.display()))
        };
        over.map_or(Ok(()), |over| Err(refuse(over).hint("`maxclip rules` prints the limits").into()))
    }
}

/// Reads a folder of the layout that `maxclip new` writes. Links are refused: a ZIP holds none.
pub fn read_folder(root: &Path) -> Result<Folder> {
    let mut folder = Folder::default();
    if !root.is_dir() {
        let problem = if root.exists() {
            let why = format!("{} is no folder", root.display());
            Problem::usage(why).hint("name the folder that a ZIP is packed from; `maxclip check` takes the ZIP")
        } else {
            let why = format!("there is no folder {}", root.display());
            Problem::usage(why).hint("name the entry's folder; `maxclip new DIR` writes one to start from")
        };
        return Err(problem.into());
    }
    read_below(root, "", &mut folder)?;
    if !Language::ALL.iter().any(|language| folder.files.contains_key(language.root())) {
        let roots = Language::ALL.map(Language::root);
        let named = roots.map(|path| path.trim_start_matches(EDITABLE)).join(" and no ");
        let problem = Problem::usage(format!("{} holds no {named}", root.display()));
        let hint = if roots.iter().any(|path| root.join(path).is_file()) {
            format!("the entry is the folder in it: {}", root.join("editable").display())
        } else {
            "`maxclip new DIR` writes a complete kit".to_owned()
        };
        return Err(problem.hint(hint).into());
    }
    Ok(folder)
}

fn read_below(root: &Path, below: &str, folder: &mut Folder) -> Result<()> {
    let here = root.join(below);
    let mut entries = fs::read_dir(&here)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(FileError::at("read", &here))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_str().with_context(|| Problem::usage(format!("{name:?} is not UTF-8")).hint("rename it"))?;
        let path = format!("{below}{name}");
        let kind = entry.file_type().map_err(FileError::at("read", entry.path()))?;
        if kind.is_dir() && (path == "src" || path.starts_with("src/")) {
            read_below(root, &format!("{path}/"), folder)?;
        } else if kind.is_dir() {
            folder.left_out.push(format!("{path}/"));
        } else if !Track::Algorithm.is_editable(&format!("{EDITABLE}{path}")) {
            folder.left_out.push(path);
        } else if kind.is_file() {
            let bytes = file::read_bounded(&entry.path(), intake::ENTRY_BYTES_MAX as u64)?;
            folder.bytes += bytes.len();
            folder.files.insert(format!("{EDITABLE}{path}"), bytes);
            folder.check_size(root)?;
        } else {
            let problem = Problem::usage(format!("{} is not a plain file", entry.path().display()));
            return Err(problem.hint("a ZIP holds no links: put the file itself there").into());
        }
    }
    Ok(())
}

/// What a `submission.toml` says, where it says anything: for people, and never for a verdict.
#[must_use]
pub fn about(path: &Path) -> Option<toml::Table> {
    let bytes = file::read_bounded(path, intake::ENTRY_BYTES_MAX as u64).ok()?;
    str::from_utf8(&bytes).ok()?.parse().ok()
}

/// Writes a ZIP: sorted, deflated, at the first time that the format knows, mode 644.
pub fn zip(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (path, bytes) in files {
        writer.start_file(path, options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Reads a ZIP, of one that is too large its first byte too many: intake says that it is, not we.
pub fn read_zip(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        let (file, size) = file::open_plain(path, Links::Follow)?;
        let read = size.min(intake::ARCHIVE_BYTES_MAX as u64 + 1);
        file::read_opened(file.take(read), read, read).map_err(FileError::at("read", path))
    };
    read().map_err(|error| {
        let problem = match error.source.kind() {
            ErrorKind::IsADirectory => {
                Problem::usage(format!("{} is a folder", path.display())).hint("`maxclip pack` makes a ZIP of it")
            }
            _ => Problem::usage("no ZIP to check"),
        };
        anyhow::Error::new(error).context(problem)
    })
}

#[cfg(test)]
mod tests {
    use records::Verdict;

    use super::*;

    #[test]
    fn a_zip_depends_on_its_files_alone_and_is_admitted() {
        let files = crate::frozen::kit().files;
        let bytes = zip(&files).unwrap();
        assert_eq!(bytes, zip(&files).unwrap());
        let Verdict::Pass(read) = intake::admit(&bytes) else { panic!("refused") };
        assert_eq!(read.files, files);
    }

    /// One thousand changed archives of the baseline: none passes with other content.
    #[test]
    fn a_changed_archive_never_passes_with_other_content() {
        let files = crate::frozen::kit().files;
        let good = zip(&files).unwrap();
        let mut passed = 0;
        for round in 0..1000usize {
            let mut bytes = good.clone();
            // Places spread over the archive, and its last 400 bytes (directory and end record) more often.
            let at = if round % 2 == 0 { round * good.len() / 1000 } else { good.len() - 1 - round * 400 / 1000 };
            bytes[at] ^= 1 << (round % 8);
            if let Verdict::Pass(read) = intake::admit(&bytes) {
                assert_eq!(read.files, files, "byte {at}");
                passed += 1;
            }
        }
        // What may change: "version made by", internal attributes, permissions.
        assert!(passed < 200, "{passed}");
    }
}
