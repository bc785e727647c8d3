//! From admitted files to an entry's object, with rustc and not cargo.
//!
//! Two steps, both in the compiler's jail ([`compiler`]). The participant's crate is compiled alone; rustc's own list of
//! what it read must be the admitted files. Then it is compiled into a shared object with the frozen half of an answer.
//! The recipe is fixed: the same tree gives the same object in any folder.
//!
//! What the compiler wrote is looked at before anything loads it ([`verifier::object`]): a courtesy with good messages.
//! The wall is the cell that loads the object after its lock.

mod compiler;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use records::{
    Blake3, Finding, Rule, Sha256, Stop, Verdict, WorkerDigest,
    file::{self, FileError},
    v1::{
        build::{Built, ObjectForm},
        names,
    },
};
use verifier::object;
use wire::limits::ENTRY_BYTES_MAX;

use self::compiler::{CompileStep, Compiler};
use crate::{
    entry::Entry,
    folders::Home,
    kit::Kit,
    locks::Locked,
    problem::Problem,
    stop::{of_the_baseline, stop},
};

/// The baseline's object, whose form every entry's is held against.
///
/// Built before any entry: a machine on which it does not build cannot judge.
pub fn baseline(kit: &Kit, home: &Home) -> Result<(Built, PathBuf), Stop> {
    let hint = "see `maxclip doctor`; what was said lies in the build's folder below `build/` of the home";
    shared(kit, home, &Entry::baseline()?.sources()?).map_err(|stop| of_the_baseline(stop, hint))
}

/// Builds `files` where everybody does who builds the same with the same kit, one after the other; gives the folder.
///
/// Its name is the digest of everything that goes in, so nobody builds into a folder that another one uses.
pub fn shared(kit: &Kit, home: &Home, files: &BTreeMap<String, Vec<u8>>) -> Result<(Built, PathBuf), Stop> {
    let inputs = inputs(kit, files);
    let _alone = home.lock(Locked::Build(inputs)).map_err(stop)?;
    let out = home.build(&inputs);
    Ok((build(kit, files, None, &out)?, out))
}

/// Builds `files` (`src/lib.rs` and its modules) into `out`, or finds it there; its form must be the reference's.
pub fn build(
    kit: &Kit,
    files: &BTreeMap<String, Vec<u8>>,
    reference: Option<&ObjectForm>,
    out: &Path,
) -> Result<Built, Stop> {
    let gone = |error| Problem::fault(format!("the current folder is gone: {error}"));
    let out = &std::path::absolute(out).map_err(gone)?;
    let inputs = inputs(kit, files);
    let record = out.join(names::BUILD);
    let built = match still_holds(&record, &shared_object(out), inputs) {
        Some(built) => built,
        None => {
            if out.exists() {
                fs::remove_dir_all(out).map_err(FileError::at("remove", out))?;
            }
            let built = make(kit, files, out, inputs)?;
            file::write(&record, &records::canonical::to_file(&built)?)?;
            built
        }
    };
    let findings = reference.map(|reference| object::beyond(&built.form, reference)).unwrap_or_default();
    Verdict::from_findings(built, findings).into_result()
}

fn make(kit: &Kit, files: &BTreeMap<String, Vec<u8>>, out: &Path, inputs: Blake3) -> Result<Built, Stop> {
    let sources = out.join("sources");
    for (name, bytes) in files {
        file::write(&sources.join(name), bytes)?;
    }
    let compiler = Compiler::new(kit, &sources, out).map_err(stop)?;
    for step in [CompileStep::Library, CompileStep::Object] {
        compiler.run(step, files).map_err(stop)?.into_result()?;
    }
    let path = shared_object(out);
    let size = fs::metadata(&path).map_err(FileError::at("read", &path))?.len();
    if size > ENTRY_BYTES_MAX as u64 {
        let finding = Finding::new(Rule::ObjectForm, "the object").found(format!("{size} bytes"));
        return Err(finding.expected(format!("at most {ENTRY_BYTES_MAX} bytes")).into());
    }
    let bytes = file::read(&path)?;
    let form = object::read(&bytes).map_err(|why| Finding::new(Rule::ObjectForm, "the object").found(why))?;
    let findings = object::faults(&form);
    if !findings.is_empty() {
        return Err(Stop::Fail(findings));
    }
    Ok(Built {
        object: WorkerDigest(Sha256::of(&file::read(&out.join("submission.o"))?).0),
        entry: Sha256::of(&bytes),
        form,
        rustc: compiler::release(kit).map_err(stop)?,
        inputs,
    })
}

fn inputs(kit: &Kit, files: &BTreeMap<String, Vec<u8>>) -> Blake3 {
    let mut text = kit.identity.clone();
    for (name, bytes) in files {
        text.push_str(&format!("\n{name} {}", Blake3::of(bytes)));
    }
    Blake3::of(text.as_bytes())
}

fn still_holds(record: &Path, entry: &Path, inputs: Blake3) -> Option<Built> {
    let built: Built = records::canonical::from_file(&file::read(record).ok()?).ok()?;
    let same = built.inputs == inputs && Sha256::of(&file::read(entry).ok()?) == built.entry;
    same.then_some(built)
}

/// The shared object of a build folder.
#[must_use]
pub fn shared_object(out: &Path) -> PathBuf {
    out.join("libentry.so")
}
