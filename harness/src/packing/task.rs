//! An evaluation task: pictures in a folder for each class, or pictures with captions, as `tasks` reads them.
//!
//! ```text
//! FOLDER/classnames.txt                          a class a line: zero-shot classification; without it, retrieval
//! FOLDER/zeroshot_classification_templates.txt   a template a line, `{c}` stands for the class
//! FOLDER/NAME OF A CLASS/..                      its pictures
//!
//! FOLDER/a.jpg, FOLDER/a.txt                     retrieval: a picture, and its captions, one a line
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::Result;
use data::{
    pixels,
    writer::{Naming, ShardLimits, ShardWriter},
};
use records::{
    Blake3, DataRoot,
    file::{self, FileError, read_named},
};
use tasks::{Target, TaskData};

use super::{
    all_right, begin,
    pictures::{FoundPictures, PictureFile, stray},
    settle,
};
use crate::problem::Problem;

const CLASSES: &str = "classnames.txt";
const TEMPLATES: &str = "zeroshot_classification_templates.txt";

/// The longest list, in bytes.
const LIST_MAX: u64 = 1 << 20;

/// What a task's folder holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Summary {
    /// Pictures.
    pub samples: u64,
    /// Classes; 0 for retrieval.
    pub classes: usize,
    /// Captions; 0 for classification.
    pub captions: usize,
    /// Its identity.
    pub root: DataRoot,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { samples, classes, captions, root } = self;
        match classes {
            0 => write!(f, "{samples} samples with {captions} captions   {root}"),
            _ => write!(f, "{samples} samples of {classes} classes   {root}"),
        }
    }
}

/// Whether a folder is a packed task and no training set.
pub fn is_task(folder: &Path) -> bool {
    folder.join("test/nshards.txt").is_file()
}

/// Reads a packed task whole and decodes every picture.
pub fn summary(folder: &Path) -> Result<Summary> {
    let whole = std::path::absolute(folder).map_err(FileError::at("read", folder))?;
    let (Some(home), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(Problem::usage(format!("{} is no task's folder", folder.display())).into());
    };
    let task = TaskData::open(home, &name.to_string_lossy())?;
    let (mut samples, mut captions) = (0, 0);
    let root = task.visit(|sample| {
        samples += 1;
        let wrong = |why: String| Problem::usage(format!("{}: sample `{}`: {why}", folder.display(), sample.key));
        pixels::decode(&sample.image).map_err(|error| wrong(error.to_string()))?;
        match &sample.target {
            Target::Captions(all) => captions += all.len(),
            Target::Class(class) if (*class as usize) < task.classes.len() => {}
            Target::Class(class) => return Err(wrong(format!("there is no class {class}")).into()),
        }
        anyhow::Ok(())
    })?;
    Ok(Summary { samples, classes: task.classes.len(), captions, root })
}

/// A task's samples before they are packed: each picture with its label's suffix and text.
struct Samples<'a> {
    labelled: Vec<(&'a PictureFile, &'static str, String)>,
    /// The task's own text files, by name.
    texts: Vec<(&'static str, Vec<String>)>,
}

/// Packs a folder; gives what came of it, read again, and the files that were left out.
pub fn pack(folder: &Path, out: &Path) -> Result<(Summary, Vec<PathBuf>)> {
    let part = begin(out)?;
    let files = FoundPictures::of(folder)?;
    let mut wrong = Vec::new();
    let samples = if files.texts.contains(&folder.join(CLASSES)) {
        classification(folder, &files, &mut wrong)?
    } else {
        retrieval(&files, &mut wrong)
    };
    if files.pictures.is_empty() {
        wrong.push(format!("{} holds no picture (jpg, jpeg, png or webp)", folder.display()));
    }
    // A picture that stands twice asks one question twice, or contradicts itself.
    let mut seen = BTreeMap::<Blake3, &Path>::new();
    let mut writer = ShardWriter::new(&part.path().join("test"), Naming::Plain, ShardLimits::USUAL);
    for (number, (picture, suffix, label)) in samples.labelled.iter().enumerate() {
        match picture.read() {
            Err(why) => wrong.push(why),
            Ok(image) => {
                if let Some(other) = seen.insert(Blake3::of(&image), &picture.path) {
                    let (one, other) = (other.display(), picture.path.display());
                    wrong.push(format!("{one} and {other} are one picture: remove one of them"));
                }
                writer.sample(&format!("s{number:07}"), &[(&picture.kind, &image), (suffix, label.as_bytes())])?;
            }
        }
    }
    all_right(folder, &wrong)?;
    let shards = writer.finish()?;
    let count = ("test/nshards.txt", vec![shards.to_string()]);
    for (name, lines) in samples.texts.iter().chain([&count]) {
        file::write(&part.path().join(name), (lines.join("\n") + "\n").as_bytes())?;
    }
    settle(part, out)?;
    Ok((summary(out)?, files.others))
}

fn classification<'a>(folder: &Path, files: &'a FoundPictures, wrong: &mut Vec<String>) -> Result<Samples<'a>> {
    let [classes, templates] = [CLASSES, TEMPLATES].map(|name| list(&folder.join(name)));
    let (classes, templates) = (classes?, templates?);
    let at = |name: &str| folder.join(name).display().to_string();
    for template in templates.iter().filter(|template| !template.contains("{c}")) {
        wrong.push(format!("{}: `{template}` has no {{c}}, which stands for the class", at(TEMPLATES)));
    }
    let mut labels = BTreeMap::new();
    for (number, class) in classes.iter().enumerate() {
        if labels.insert(class.as_str(), number).is_some() {
            wrong.push(format!("{}: `{class}` stands twice", at(CLASSES)));
        }
    }
    let mut filled = BTreeSet::new();
    let mut labelled = Vec::new();
    for picture in &files.pictures {
        let below = picture.path.strip_prefix(folder).unwrap_or(&picture.path);
        let class = below.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
        match labels.get(class) {
            Some(number) => {
                filled.insert(class);
                labelled.push((picture, "cls", number.to_string()));
            }
            None => {
                let known = at(CLASSES);
                wrong.push(format!("{}: it is in no folder that {known} names", picture.path.display()));
            }
        }
    }
    for class in classes.iter().filter(|class| !filled.contains(class.as_str())) {
        wrong.push(format!("{}: no picture of this class of {CLASSES} is there", at(class)));
    }
    Ok(Samples { labelled, texts: vec![(CLASSES, classes), (TEMPLATES, templates)] })
}

fn retrieval<'a>(files: &'a FoundPictures, wrong: &mut Vec<String>) -> Samples<'a> {
    wrong.extend(stray(files));
    let mut labelled = Vec::new();
    for picture in &files.pictures {
        match picture.caption() {
            Ok(text) => {
                let captions: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                labelled.push((picture, "txt", captions.join("\n")));
            }
            Err(why) => wrong.push(why),
        }
    }
    Samples { labelled, texts: vec![("dataset_type.txt", vec!["retrieval".to_owned()])] }
}

/// The lines of a list, blank ones left out.
fn list(path: &Path) -> Result<Vec<String>> {
    let text = String::from_utf8(read_named(path, LIST_MAX)?)
        .map_err(|_| Problem::usage(format!("{} is not UTF-8", path.display())))?;
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if lines.is_empty() { Err(Problem::usage(format!("{} has no line", path.display())).into()) } else { Ok(lines) }
}
