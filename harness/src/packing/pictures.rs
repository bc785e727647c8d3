//! The files of a folder of pictures.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use data::{index::IMAGE_KINDS, pixels, shard::MEMBER_BYTES_MAX};
use records::file::{self, FileError};

/// The longest text beside a picture, in bytes.
const TEXT_MAX: u64 = 1 << 20;

/// A picture's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    /// Where it lies.
    pub path: PathBuf,
    /// `jpg`, `jpeg`, `png` or `webp`.
    pub kind: String,
}

/// What a folder holds, itself and below, in the order of paths. Names that start with a dot are passed over.
#[derive(Debug, Default)]
pub struct FoundPictures {
    /// By the ends of their names.
    pub pictures: Vec<PictureFile>,
    /// `.txt`.
    pub texts: BTreeSet<PathBuf>,
    /// Everything else.
    pub others: Vec<PathBuf>,
}

impl FoundPictures {
    /// Lists a folder.
    pub fn of(folder: &Path) -> Result<Self, FileError> {
        let mut files = Self::default();
        files.walk(folder)?;
        Ok(files)
    }

    fn walk(&mut self, folder: &Path) -> Result<(), FileError> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(FileError::at("read", folder))? {
            let entry = entry.map_err(FileError::at("read", folder))?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                paths.push((entry.path(), entry.file_type().map_err(FileError::at("read", entry.path()))?));
            }
        }
        paths.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (path, kind) in paths {
            // A link to a file is a file; one to a folder may lead in circles.
            if kind.is_dir() {
                self.walk(&path)?;
            } else {
                self.add(path);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf) {
        let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase()).unwrap_or_default();
        if IMAGE_KINDS.contains(&suffix.as_str()) {
            self.pictures.push(PictureFile { path, kind: suffix });
        } else if suffix == "txt" {
            self.texts.insert(path);
        } else {
            self.others.push(path);
        }
    }
}

impl PictureFile {
    /// Its bytes, which decode.
    pub fn read(&self) -> Result<Vec<u8>, String> {
        let bytes = file::read_named(&self.path, MEMBER_BYTES_MAX).map_err(|error| error.to_string())?;
        pixels::decode(&bytes).map_err(|error| format!("{}: {error}", self.path.display()))?;
        Ok(bytes)
    }

    /// The text of the `.txt` beside it, without white space around it.
    pub fn caption(&self) -> Result<String, String> {
        let path = self.path.with_extension("txt");
        let wrong = |why: &str| format!("{}: {why}", path.display());
        let bytes = match file::read_named(&path, TEXT_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => {
                return Err(format!("{}: it has no caption beside it, {}", self.path.display(), path.display()));
            }
            Err(error) => return Err(error.to_string()),
        };
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
        let text = text.trim();
        if text.is_empty() { Err(wrong("the caption is blank")) } else { Ok(text.to_owned()) }
    }
}

/// The texts that are no picture's caption, each as what is wrong.
pub fn stray(files: &FoundPictures) -> Vec<String> {
    let captions: BTreeSet<_> = files.pictures.iter().map(|picture| picture.path.with_extension("txt")).collect();
    let stray = files.texts.difference(&captions);
    stray.map(|path| format!("{}: no picture (jpg, jpeg, png or webp) has this caption", path.display())).collect()
}
