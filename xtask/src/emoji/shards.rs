//! The three folders below a data home: training shards, and two evaluation tasks in DataComp's layout.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use records::{Blake3, file};
use tar::{Builder, Header};

use super::{
    catalogue::{self, Emoji},
    packages::Packages,
    picture::Sheet,
};

/// Training vendors and the pixels of a cell of their sheets.
const VENDORS: [&str; 2] = ["google", "twitter"];
const CELL: u32 = 64;

/// The templates of the zero-shot classifier: names as they stand, which is how training sees them.
const TEMPLATES: &str = "{c}\n";

/// How much there is.
#[derive(Debug, PartialEq, Eq)]
pub struct SetCounts {
    /// Names: the classes of zero-shot classification.
    pub names: usize,
    /// Training samples.
    pub samples: usize,
    /// Images of the unseen vendor.
    pub unseen: usize,
}

/// Writes `emoji-train`, `emoji-classification` and `emoji-retrieval` below `home`.
pub fn write(packages: &Packages, home: &Path) -> Result<SetCounts> {
    let emoji = catalogue::read(&packages.catalogue()?)?;
    let samples = train(packages, &emoji, &home.join("emoji-train"))?;
    let files = packages.unseen()?;
    let unseen = catalogue::unseen(&emoji, files.iter().map(String::as_str));
    tasks(packages, &emoji, &unseen, home)?;
    Ok(SetCounts { names: emoji.len(), samples, unseen: unseen.len() })
}

fn train(packages: &Packages, emoji: &[Emoji], folder: &Path) -> Result<usize> {
    let mut samples = 0;
    for (number, vendor) in VENDORS.into_iter().enumerate() {
        let sheet = Sheet::png(&packages.sheet(vendor)?).with_context(|| format!("the sheet of {vendor}"))?;
        let mut shard = Shard::new();
        for one in emoji {
            let image = sheet.cell(one.cell, CELL).with_context(|| one.name.clone())?.to_png()?;
            let key = format!("{vendor}_{}", one.code);
            let json = format!("{{\"uid\":\"{}\"}}", uid(&key));
            shard.add(&key, &[("png", &image), ("txt", one.name.as_bytes()), ("json", json.as_bytes())])?;
            samples += 1;
        }
        shard.write(folder.join(format!("{number:08}.tar")))?;
    }
    Ok(samples)
}

/// A sample's uid: the first 128 bits of its key's hash, 32 digits.
fn uid(key: &str) -> String {
    Blake3::of(format!("emoji\0{key}").as_bytes()).0[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tasks(packages: &Packages, emoji: &[Emoji], unseen: &BTreeMap<usize, String>, home: &Path) -> Result<()> {
    let (mut classes, mut captions) = (Shard::new(), Shard::new());
    for (row, (&label, name)) in unseen.iter().enumerate() {
        let picture = Sheet::webp(&packages.unseen_file(name)?).and_then(|picture| picture.whole());
        let image = picture.with_context(|| format!("{name}.webp"))?.to_png()?;
        let key = format!("s{row:07}");
        classes.add(&key, &[("png", &image), ("cls", label.to_string().as_bytes())])?;
        captions.add(&key, &[("png", &image), ("txt", emoji[label].name.as_bytes())])?;
    }
    let put = |path: PathBuf, text: &str| file::write(&path, text.as_bytes()).context("writing a task");
    let names: String = emoji.iter().map(|emoji| format!("{}\n", emoji.name)).collect();
    let classification = home.join("emoji-classification");
    put(classification.join("classnames.txt"), &names)?;
    put(classification.join("zeroshot_classification_templates.txt"), TEMPLATES)?;
    let retrieval = home.join("emoji-retrieval");
    put(retrieval.join("dataset_type.txt"), "retrieval\n")?;
    for (folder, shard) in [(classification, classes), (retrieval, captions)] {
        put(folder.join("test/nshards.txt"), "1\n")?;
        shard.write(folder.join("test/0.tar"))?;
    }
    Ok(())
}

/// A tar whose bytes are a function of its samples.
struct Shard(Builder<Vec<u8>>);

impl Shard {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn add(&mut self, key: &str, members: &[(&str, &[u8])]) -> Result<()> {
        for (suffix, bytes) in members {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            self.0.append_data(&mut header, format!("{key}.{suffix}"), *bytes).with_context(|| key.to_owned())?;
        }
        Ok(())
    }

    fn write(self, path: PathBuf) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(file::write(&path, &self.0.into_inner().context("closing a tar")?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_function_of_its_samples() {
        let bytes = || {
            let mut shard = Shard::new();
            shard.add("a", &[("png", b"image"), ("txt", b"caption")]).unwrap();
            shard.0.into_inner().unwrap()
        };
        assert_eq!(bytes(), bytes());
        let bytes = bytes();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names: Vec<_> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, [Path::new("a.png"), Path::new("a.txt")]);
    }

    #[test]
    fn uids_have_32_digits_and_differ() {
        assert_eq!(uid("a").len(), 32);
        assert_ne!(uid("a"), uid("b"));
    }
}
