//! A task's data on disk, in the layout that DataComp's evaluation reads.
//!
//! ```text
//! TASK/classnames.txt                          a class a line; the line's number is the label
//! TASK/zeroshot_classification_templates.txt   a template a line, `{c}` stands for the class
//! TASK/dataset_type.txt                        `retrieval`; absent for classification
//! TASK/test/nshards.txt                        the number of shards
//! TASK/test/0.tar ..                           s0000000.png and s0000000.cls, or .txt with a caption a line
//! ```
//!
//! Blank lines of the text files are dropped, as CLIP_benchmark 1.4.0 does: DataComp's published figures
//! rest on it. Members of a tar belong to one sample where their names agree up to the first dot.
//!
//! The identity of a task's data is a Merkle root over its text and its samples in the order of their
//! keys: free of the cut into shards, but not of any byte that can change a score.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use records::{
    Blake3, DataRoot, Reason,
    file::{FileError, Links, open_plain, read_bounded},
    merkle,
};

use crate::list::{Routine, by_folder};

/// The largest text file, shard list or member of a shard, in bytes.
const MEMBER_MAX: u64 = 256 << 20;

const IMAGE_SUFFIXES: [&str; 4] = ["webp", "png", "jpg", "jpeg"];

/// Data that are not a task.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A form of task that is not evaluated here yet.
    #[error("{}: a task of the form `{form}` cannot be evaluated yet", folder.display())]
    Unsupported {
        /// The task's folder.
        folder: PathBuf,
        /// What its `dataset_type.txt`, or its key, says.
        form: String,
    },
    /// A text file whose content is not what it should be.
    #[error("{}: {why}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A shard whose content is not what it should be.
    #[error("{}: {place}: {why}", shard.display())]
    Shard {
        /// The tar.
        shard: PathBuf,
        /// The sample's key, or `end`.
        place: String,
        /// What is wrong.
        why: String,
    },
}

/// What to do about data that are not what they should be.
pub const FETCH_AGAIN: &str = "fetch the task's data again";

impl LayoutError {
    /// Data that are missing or damaged: nothing can be said about a checkpoint until they are repaired.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason { why: self.to_string(), hint: FETCH_AGAIN.to_owned() }
    }
}

/// How a task is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// One of its classes for each image.
    Classification,
    /// Images by captions and captions by images.
    Retrieval,
}

impl TaskKind {
    /// The word for it in the identity of a task's data: another word is another task.
    const fn stated(self) -> &'static str {
        match self {
            Self::Classification => "Classification",
            Self::Retrieval => "Retrieval",
        }
    }
}

/// A task's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// DataComp's key; the folder's name for a task of our own.
    pub key: String,
    /// The name for people.
    pub name: String,
    /// How it is evaluated.
    pub kind: TaskKind,
    /// The metric that counts.
    pub main_metric: String,
}

impl About {
    /// The names of a task of our own: key and name are the folder's.
    #[must_use]
    pub fn own(folder: &str, kind: TaskKind) -> Self {
        let main_metric = match kind {
            TaskKind::Classification => "acc1",
            TaskKind::Retrieval => "mean_recall@1",
        };
        Self { key: folder.to_owned(), name: folder.to_owned(), kind, main_metric: main_metric.to_owned() }
    }
}

/// A task whose text has been read; its samples are visited one by one.
#[derive(Debug, Clone)]
pub struct TaskData {
    folder: PathBuf,
    /// Its names.
    pub about: About,
    /// The classes' names; empty for retrieval.
    pub classes: Vec<String>,
    /// Templates with `{c}`; empty for retrieval.
    pub templates: Vec<String>,
    shards: u32,
}

/// What is true of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Its class.
    Class(u32),
    /// Its captions, at least one.
    Captions(Vec<String>),
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSample {
    /// Its key: the members' name up to the first dot.
    pub key: String,
    /// The image's file.
    pub image: Vec<u8>,
    /// What is true of it.
    pub target: Target,
}

impl TaskData {
    /// Reads the text files of `HOME/NAME`.
    ///
    /// - Errors: [`LayoutError`]; [`LayoutError::Unsupported`] for a listed task whose routine is not here.
    pub fn open(home: &Path, name: &str) -> Result<Self, LayoutError> {
        let folder = home.join(name);
        let kind = kind(&folder)?;
        let about = match by_folder(name) {
            None => About::own(name, kind),
            Some(listed) => {
                let main_metric = match (listed.routine, kind, listed.main_metric) {
                    (Routine::Classification, TaskKind::Classification, Some(main_metric))
                    | (Routine::Retrieval, TaskKind::Retrieval, Some(main_metric)) => main_metric.to_owned(),
                    (routine, ..) => return Err(LayoutError::Unsupported { folder, form: format!("{routine:?}") }),
                };
                About { key: listed.key.to_owned(), name: listed.name.to_owned(), kind, main_metric }
            }
        };
        let (classes, templates) = match kind {
            TaskKind::Retrieval => (Vec::new(), Vec::new()),
            TaskKind::Classification => (
                filled_lines(&folder.join("classnames.txt"))?,
                filled_lines(&folder.join("zeroshot_classification_templates.txt"))?,
            ),
        };
        let path = folder.join("test/nshards.txt");
        let shards = read_text(&path)?;
        let shards = shards
            .trim()
            .parse()
            .map_err(|_| LayoutError::Text { path, why: format!("`{}` is not a number of shards", shards.trim()) })?;
        Ok(Self { folder, about, classes, templates, shards })
    }

    /// The texts of the classifier: for each class all templates, one after the other.
    pub fn prompts(&self) -> impl Iterator<Item = String> {
        self.classes.iter().flat_map(|class| self.templates.iter().map(move |template| template.replace("{c}", class)))
    }

    /// Reads every sample once, in the order of the shards, and gives the identity of what was read.
    ///
    /// - Errors: [`LayoutError`] as `E`, and whatever `each` answers; damage is named by shard and key.
    pub fn visit<E: From<LayoutError>>(
        &self,
        mut each: impl FnMut(TaskSample) -> Result<(), E>,
    ) -> Result<DataRoot, E> {
        let mut leaves = BTreeMap::new();
        for shard in 0..self.shards {
            let path = self.folder.join(format!("test/{shard}.tar"));
            read_shard(&path, |key, members| {
                let leaf = sample_leaf(&key, &members);
                if leaves.insert(key.clone(), leaf).is_some() {
                    return Err(LayoutError::Shard {
                        shard: path.clone(),
                        place: key,
                        why: "a second sample of this key".to_owned(),
                    }
                    .into());
                }
                each(sample(&path, key, members, self.about.kind)?)
            })?;
        }
        let mut all = vec![self.text_leaf()];
        all.extend(leaves.into_values());
        Ok(DataRoot(merkle::root(&all).0))
    }

    /// Counts the samples by their labels, without reading them.
    pub fn count(&self) -> Result<u64, LayoutError> {
        let label = match self.about.kind {
            TaskKind::Classification => "cls",
            TaskKind::Retrieval => "txt",
        };
        let mut count = 0;
        for shard in 0..self.shards {
            let path = self.folder.join(format!("test/{shard}.tar"));
            let mut archive = tar::Archive::new(whole_tar(&path)?);
            for entry in archive.entries_with_seek().map_err(FileError::at("read", &path))? {
                let entry = entry.map_err(FileError::at("read", &path))?;
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                count += u64::from(split(&name).is_some_and(|(_, suffix)| suffix == label));
            }
        }
        Ok(count)
    }

    /// As [`Self::visit`], for the identity alone.
    pub fn root(&self) -> Result<DataRoot, LayoutError> {
        self.visit(|_| Ok(()))
    }

    /// `kind \0 classes \0 templates`: [`TaskKind::stated`], and each list as its number of lines and the lines with their line breaks.
    fn text_leaf(&self) -> Blake3 {
        let list = |lines: &[String]| format!("{}\n{}\n", lines.len(), lines.join("\n"));
        let kind = self.about.kind.stated();
        merkle::leaf(format!("{kind}\0{}\0{}", list(&self.classes), list(&self.templates)).as_bytes())
    }
}

type MemberBytes = BTreeMap<String, Vec<u8>>;

/// `key \0` and for each member that counts, by suffix, `suffix \0 length \0 blake3 \n`.
fn sample_leaf(key: &str, members: &MemberBytes) -> Blake3 {
    let mut text = format!("{key}\0");
    for (suffix, bytes) in members {
        text.push_str(&format!("{suffix}\0{}\0{}\n", bytes.len(), Blake3::of(bytes)));
    }
    merkle::leaf(text.as_bytes())
}

fn kind(folder: &Path) -> Result<TaskKind, LayoutError> {
    let path = folder.join("dataset_type.txt");
    let form = match read_text(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(LayoutError::File(error)) if error.source.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
            "classification".to_owned()
        }
        Err(error) => return Err(error),
    };
    match form.as_str() {
        "classification" => Ok(TaskKind::Classification),
        "retrieval" => Ok(TaskKind::Retrieval),
        _ => Err(LayoutError::Unsupported { folder: folder.to_owned(), form }),
    }
}

fn read_text(path: &Path) -> Result<String, LayoutError> {
    String::from_utf8(read_bounded(path, MEMBER_MAX)?)
        .map_err(|error| LayoutError::Text { path: path.to_owned(), why: error.to_string() })
}

fn filled_lines(path: &Path) -> Result<Vec<String>, LayoutError> {
    let text = read_text(path)?;
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if lines.is_empty() {
        return Err(LayoutError::Text { path: path.to_owned(), why: "no line".to_owned() });
    }
    Ok(lines)
}

/// Groups the members of a tar by key and hands each group on as soon as the next one starts.
fn read_shard<E: From<LayoutError>>(
    shard: &Path,
    mut each: impl FnMut(String, MemberBytes) -> Result<(), E>,
) -> Result<(), E> {
    let broken =
        |place: &str, why: String| LayoutError::Shard { shard: shard.to_owned(), place: place.to_owned(), why };
    let mut archive = tar::Archive::new(BufReader::new(whole_tar(shard)?));
    let mut open: Option<(String, MemberBytes)> = None;
    let entries = archive.entries().map_err(|error| broken("start", error.to_string()))?;
    for entry in entries {
        let last = open.as_ref().map_or("start", |(key, _)| key.as_str());
        let mut entry = entry.map_err(|error| broken(&format!("after `{last}`"), error.to_string()))?;
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| broken(&format!("after `{last}`"), "a name that is not text".to_owned()))?;
        if entry.header().entry_type().is_dir() {
            continue;
        }
        if !entry.header().entry_type().is_file() || entry.size() > MEMBER_MAX {
            return Err(broken(&name, format!("not a plain file of at most {MEMBER_MAX} bytes")).into());
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| broken(&name, error.to_string()))?;
        if bytes.len() as u64 != entry.size() {
            return Err(broken(&name, format!("{} of {} bytes", bytes.len(), entry.size())).into());
        }
        let Some((key, suffix)) = split(&name) else { continue };
        if open.as_ref().is_some_and(|(open, _)| *open != key)
            && let Some((key, members)) = open.take()
        {
            each(key, members)?;
        }
        let (_, members) = open.get_or_insert_with(|| (key, MemberBytes::new()));
        if counts(&suffix) && members.insert(suffix, bytes).is_some() {
            return Err(broken(&name, "a second member of this suffix".to_owned()).into());
        }
    }
    open.map_or(Ok(()), |(key, members)| each(key, members))
}

/// Opens a tar that ends as one: with two blocks of zeros. One that was cut between two members does not.
fn whole_tar(shard: &Path) -> Result<File, LayoutError> {
    let open = || -> io::Result<(File, Vec<u8>)> {
        let (mut file, length) = open_plain(shard, Links::Follow).map_err(|error| error.source)?;
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(1024)))?;
        file.by_ref().take(1024).read_to_end(&mut end)?;
        file.rewind()?;
        Ok((file, end))
    };
    let (file, end) = open().map_err(FileError::at("read", shard))?;
    if end.len() == 1024 && end.iter().all(|&byte| byte == 0) {
        return Ok(file);
    }
    let why = "the tar does not end with two blocks of zeros: it was cut".to_owned();
    Err(LayoutError::Shard { shard: shard.to_owned(), place: "end".to_owned(), why })
}

/// Key and suffix of a member: parted at the first dot after the last slash, the suffix in lower case.
fn split(name: &str) -> Option<(String, String)> {
    let folder = name.rfind('/').map_or(0, |at| at + 1);
    let dot = folder + name[folder..].find('.')?;
    (dot > folder).then(|| (name[..dot].to_owned(), name[dot + 1..].to_lowercase()))
}

fn counts(suffix: &str) -> bool {
    IMAGE_SUFFIXES.contains(&suffix) || matches!(suffix, "cls" | "txt")
}

fn sample(shard: &Path, key: String, mut members: MemberBytes, kind: TaskKind) -> Result<TaskSample, LayoutError> {
    let broken = |why: String| LayoutError::Shard { shard: shard.to_owned(), place: key.clone(), why };
    let images: BTreeSet<_> = IMAGE_SUFFIXES.into_iter().filter(|suffix| members.contains_key(*suffix)).collect();
    let (Some(suffix), 1) = (images.first(), images.len()) else {
        return Err(broken(format!("{} images, expected one of webp, png, jpg, jpeg", images.len())));
    };
    let image = members.remove(*suffix).unwrap_or_default();
    let suffix = if kind == TaskKind::Classification { "cls" } else { "txt" };
    let label = members.remove(suffix).ok_or_else(|| broken(format!("no .{suffix}")))?;
    let label = String::from_utf8(label).map_err(|_| broken(format!(".{suffix} is not UTF-8")))?;
    let target = match kind {
        TaskKind::Classification => {
            Target::Class(label.trim().parse().map_err(|_| broken(format!("`{}` is not a label", label.trim())))?)
        }
        TaskKind::Retrieval => {
            let captions: Vec<_> = label.lines().map(|line| line.replace("\\n", "\n")).collect();
            if captions.iter().all(|caption| caption.trim().is_empty()) {
                return Err(broken("no caption".to_owned()));
            }
            Target::Captions(captions)
        }
    };
    Ok(TaskSample { key, image, target })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes a task; `shards` holds the members of each tar.
    fn write(shards: &[&[(&str, &str)]], form: Option<&str>) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("pets");
        fs::create_dir_all(folder.join("test")).unwrap();
        let put = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        put("classnames.txt", "cat\r\n\n  dog \n");
        put("zeroshot_classification_templates.txt", "a {c}.\nmany {c}s\n");
        put("test/nshards.txt", &format!("{}\n", shards.len()));
        if let Some(form) = form {
            put("dataset_type.txt", form);
        }
        for (at, members) in shards.iter().enumerate() {
            let mut tar = tar::Builder::new(Vec::new());
            for (name, content) in *members {
                let mut header = tar::Header::new_ustar();
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, name, content.as_bytes()).unwrap();
            }
            fs::write(folder.join(format!("test/{at}.tar")), tar.into_inner().unwrap()).unwrap();
        }
        home
    }

    fn visit(home: &tempfile::TempDir) -> Result<(Vec<TaskSample>, DataRoot), LayoutError> {
        let mut samples = Vec::new();
        let root = TaskData::open(home.path(), "pets")?.visit(|sample| {
            samples.push(sample);
            Ok::<_, LayoutError>(())
        })?;
        Ok((samples, root))
    }

    const TWO: [&[(&str, &str)]; 2] = [
        &[("s0000000.PNG", "image 0"), ("s0000000.cls", "1\n")],
        &[("s0000001.cls", "0"), ("s0000001.jpg", "image 1"), ("s0000001.json", "{}")],
    ];

    #[test]
    fn a_classification_task_is_read() {
        let home = write(&TWO, None);
        let task = TaskData::open(home.path(), "pets").unwrap();
        assert_eq!(task.classes, ["cat", "dog"]);
        assert_eq!(task.prompts().collect::<Vec<_>>(), ["a cat.", "many cats", "a dog.", "many dogs"]);
        assert_eq!((task.about.key.as_str(), task.about.main_metric.as_str()), ("pets", "acc1"));
        assert_eq!(task.count().unwrap(), 2);
        let (samples, _) = visit(&home).unwrap();
        let image = |text: &str| text.as_bytes().to_vec();
        assert_eq!(
            samples,
            [
                TaskSample { key: "s0000000".to_owned(), image: image("image 0"), target: Target::Class(1) },
                TaskSample { key: "s0000001".to_owned(), image: image("image 1"), target: Target::Class(0) },
            ]
        );
    }

    #[test]
    fn a_retrieval_task_is_read() {
        let home = write(&[&[("s0.webp", "i"), ("s0.txt", "one\\ntwo\nthree\n")]], Some("retrieval\n"));
        let (samples, _) = visit(&home).unwrap();
        assert_eq!(samples[0].target, Target::Captions(vec!["one\ntwo".to_owned(), "three".to_owned()]));
        assert_eq!(TaskData::open(home.path(), "pets").unwrap().about.main_metric, "mean_recall@1");
    }

    /// As Python's `blake3` gives them for the bytes that the doc comments say.
    #[test]
    fn the_leaves_of_a_root_are_those_of_another_implementation() {
        let known = |digest: Blake3| digest.to_string();
        let task = |form| TaskData::open(write(&TWO, form).path(), "pets").unwrap();
        assert_eq!(
            [None, Some("retrieval")].map(|form| known(task(form).text_leaf())),
            [
                "b3:79be14803d1c62eb819aa1b1d7becbc0c968b45142eb21a64397db3fe91bf7cc",
                "b3:baae1314c82f18a6bf4c494320818d8fb549683f80753658f4ccbba6324e3ad6",
            ]
        );
        let members = [("png", "image 0"), ("cls", "1\n")].map(|(name, text)| (name.to_owned(), text.into()));
        let leaf = "b3:9c256ca91082fbc941747aa96446c74f44984e43a5e65fdb251caa3c43fef672";
        assert_eq!(known(sample_leaf("s0000000", &members.into())), leaf);
    }

    #[test]
    fn the_root_is_free_of_the_cut_and_of_what_does_not_count() {
        let root = visit(&write(&TWO, None)).unwrap().1;
        let one: Vec<_> = TWO[1].iter().chain(TWO[0]).copied().filter(|(name, _)| !name.ends_with("json")).collect();
        assert_eq!(visit(&write(&[&one], None)).unwrap().1, root);
    }

    #[test]
    fn the_root_tells_every_byte_that_counts() {
        let root = visit(&write(&TWO, None)).unwrap().1;
        for (name, content) in [("s0000000.PNG", "image 2"), ("s0000000.cls", "0\n"), ("s0000002.PNG", "image 0")] {
            let mut first = TWO[0].to_vec();
            let at = usize::from(name.ends_with("cls"));
            first[at] = (name, content);
            if name.starts_with("s0000002") {
                first[1].0 = "s0000002.cls";
            }
            assert_ne!(visit(&write(&[&first, TWO[1]], None)).unwrap().1, root, "{name}");
        }
        let home = write(&TWO, None);
        fs::write(home.path().join("pets/classnames.txt"), "dog\ncat\n").unwrap();
        assert_ne!(visit(&home).unwrap().1, root);
    }

    #[test]
    fn damage_is_named_by_shard_and_key() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[("s0.png", "i")], "no .cls"),
            (&[("s0.cls", "1")], "0 images"),
            (&[("s0.png", "i"), ("s0.jpg", "i"), ("s0.cls", "1")], "2 images"),
            (&[("s0.png", "i"), ("s0.cls", "-1")], "`-1` is not a label"),
            (&[("s0.png", "i"), ("s0.cls", "1"), ("s0.cls", "1")], "a second member"),
            (
                &[("s0.png", "i"), ("s0.cls", "1"), ("s1.png", ""), ("s1.cls", "0"), ("s0.png", "i"), ("s0.cls", "1")],
                "a second sample",
            ),
        ];
        for (members, expected) in cases {
            let text = visit(&write(&[members], None)).unwrap_err().to_string();
            assert!(text.contains("test/0.tar") && text.contains("s0") && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_cut_shard_is_noticed_wherever_it_is_cut() {
        let home = write(&TWO, None);
        let path = home.path().join("pets/test/1.tar");
        let whole = fs::read(&path).unwrap();
        for length in [0, 100, 512, 600, 1024, 1536, whole.len() - 1024, whole.len() - 512] {
            fs::write(&path, &whole[..length]).unwrap();
            let text = visit(&home).unwrap_err().to_string();
            assert!(text.contains("1.tar"), "{length}: {text}");
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let home = write(&TWO, None);
        assert!(TaskData::open(home.path(), "dogs").unwrap_err().to_string().contains("dogs"));
        fs::remove_file(home.path().join("pets/test/1.tar")).unwrap();
        assert!(visit(&home).unwrap_err().to_string().contains("1.tar"));
        let other = write(&TWO, Some("multilabel"));
        assert!(matches!(TaskData::open(other.path(), "pets"), Err(LayoutError::Unsupported { .. })));
        fs::rename(home.path().join("pets"), home.path().join("wds_wilds-fmow_test")).unwrap();
        assert!(matches!(TaskData::open(home.path(), "wds_wilds-fmow_test"), Err(LayoutError::Unsupported { .. })));
    }
}
