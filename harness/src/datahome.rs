//! Data sets and evaluation tasks by name, below `data/` of the home folder.
//!
//! A protocol says what every one of them is, to the byte. Nothing is trained on other data, and nothing is scored on
//! them: a task whose class names somebody rotated is another task under the same name.
//!
//! The `shapes` data of protocol `mini` are generated where they are missing; real data are the user's.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use data::{
    dataset::Dataset,
    shapes::{self, Spec},
};
use records::{
    DataRoot, Reason,
    file::FileError,
    v1::protocol::{Protocol, Scale, Task},
};

use crate::{folders::Home, locks::Locked, problem::Problem, scratch::Scratch};

/// Makes sure that everything a protocol names is there and is what it names: every sample of every task is read, of
/// training sets the index, whose samples are checked as they are read.
///
/// Errors: every set that is another one, at once.
pub fn provide(home: &Home, protocol: &Protocol) -> Result<()> {
    let folder = &home.data();
    if !complete(folder, protocol) && is_shapes(protocol) {
        generate(home).with_context(|| format!("cannot generate the shapes data in {}", folder.display()))?;
    }
    if let Some(name) = names(protocol).find(|name| !folder.join(name).is_dir()) {
        return Err(missing(&folder.join(name), protocol).into());
    }
    let mut others = Vec::new();
    for scale in &protocol.scales {
        let (root, samples) = training(folder, scale)?;
        if root != scale.root {
            let of = format!("scale `{}`", scale.name);
            others.push(format!("{}: {of} is {}, found {root} of {samples} samples", scale.data, scale.root));
        }
    }
    for task in &protocol.evaluation.tasks {
        let root = identity(folder, task)?;
        if root != task.root {
            others.push(format!("{}: the task is {}, found {root}", task.name, task.root));
        }
    }
    if others.is_empty() { Ok(()) } else { Err(other(folder, protocol, &others).into()) }
}

/// Generates what is missing beside its place, and puts each data set there whole.
fn generate(home: &Home) -> Result<()> {
    let scratch = Scratch::new(home)?;
    let (made, folder) = (scratch.at("data"), home.data());
    shapes::generate(&made, &Spec::mini())?;
    // Who else generates the same waits here, and then finds it.
    let _alone = home.lock(Locked::Home)?;
    fs::create_dir_all(&folder).map_err(FileError::at("create", &folder))?;
    for entry in fs::read_dir(&made).map_err(FileError::at("read", &made))? {
        let entry = entry.map_err(FileError::at("read", &made))?;
        let target = folder.join(entry.file_name());
        if !target.exists() {
            fs::rename(entry.path(), &target).map_err(FileError::at("rename", &target))?;
        }
    }
    Ok(())
}

/// Whether a protocol asks for nothing but what is generated.
fn is_shapes(protocol: &Protocol) -> bool {
    let spec = Spec::mini();
    let tasks = [&spec.classification.0, &spec.retrieval.0];
    protocol
        .scales
        .iter()
        .all(|scale| spec.sets.iter().any(|(name, samples)| *name == scale.data && *samples == scale.samples))
        && protocol.evaluation.tasks.iter().all(|task| tasks.contains(&&task.name))
}

fn complete(folder: &Path, protocol: &Protocol) -> bool {
    names(protocol).all(|name| folder.join(name).is_dir())
}

fn names(protocol: &Protocol) -> impl Iterator<Item = &String> {
    let tasks = protocol.evaluation.tasks.iter().map(|task| &task.name);
    protocol.scales.iter().map(|scale| &scale.data).chain(tasks)
}

fn training(folder: &Path, scale: &Scale) -> Result<(DataRoot, u64)> {
    let set = Dataset::open(&folder.join(&scale.data))?;
    Ok((set.root(), set.len()))
}

/// The identity of a task's data, every sample read.
fn identity(folder: &Path, task: &Task) -> Result<DataRoot> {
    Ok(tasks::TaskData::open(folder, &task.name)?.root()?)
}

fn other(folder: &Path, protocol: &Protocol, others: &[String]) -> Problem {
    let why =
        format!("{} holds other data than protocol `{}` names: {}", folder.display(), protocol.name, others.join("; "));
    let hint = match protocol.name.as_str() {
        _ if is_shapes(protocol) => "remove those folders: they are generated again",
        "emoji" => "write them again with: cargo xtask emoji",
        _ => {
            "fetch what the protocol names, or, where these data are what you mean, write their roots into a protocol of \
             your own and give it with --protocol FILE"
        }
    };
    Problem::from(Reason { why, hint: hint.to_owned() })
}

fn missing(path: &Path, protocol: &Protocol) -> Problem {
    let hint = match protocol.name.as_str() {
        "emoji" => "cargo xtask emoji fetches and writes it".to_owned(),
        _ => "docs/own-protocol.md: `maxclip data pack`, `data index` and `data task` write what goes there".to_owned(),
    };
    Problem::usage(format!("{} is not there; protocol `{}` needs it", path.display(), protocol.name)).hint(hint)
}

#[cfg(test)]
mod tests {
    use records::Exit;

    use super::*;
    use crate::protocols;

    fn refused(home: &Home, protocol: &Protocol) -> String {
        let error = provide(home, protocol).unwrap_err();
        let problem = error.downcast_ref::<Problem>().unwrap();
        assert_eq!(problem.exit, Exit::Inconclusive);
        problem.to_string()
    }

    #[test]
    fn the_data_of_mini_are_what_it_names_and_every_other_set_is_named_with_both_roots() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().to_owned());
        let data = home.data();
        let pinned = protocols::carried("mini").unwrap();
        provide(&home, &pinned.protocol).unwrap();
        // Class names rotated by one: every image of the task is right about another class.
        let path = data.join("shapes-classification/classnames.txt");
        let text = fs::read_to_string(&path).unwrap();
        let mut names: Vec<_> = text.lines().collect();
        names.rotate_left(1);
        fs::write(&path, names.join("\n") + "\n").unwrap();
        let said = refused(&home, &pinned.protocol);
        assert!(said.contains("shapes-classification: the task is data:") && said.contains(", found data:"), "{said}");
        assert!(!said.contains("shapes-retrieval"), "{said}");
        fs::remove_dir_all(data.join("shapes-small")).unwrap();
        let medium = data.join("shapes-medium");
        fs::rename(&medium, data.join("shapes-small")).unwrap();
        shapes::generate(&data.join("again"), &Spec::mini()).unwrap();
        fs::rename(data.join("again/shapes-medium"), &medium).unwrap();
        let said = refused(&home, &pinned.protocol);
        assert!(said.contains("shapes-small: scale `small` is data:") && said.contains("512 samples"), "{said}");
        assert!(said.contains("shapes-classification"), "{said}");
    }
}
