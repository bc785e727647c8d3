//! Goldens that this machine may rest on: those that this program carries, and files that the caller names.
//!
//! A carried golden is one of `golden/` in the checkout, recorded with this very frozen tree; of another tree or
//! class it helps nobody and is passed over. A named one is a statement. Signed, it takes a key with the role `golden`
//! that the caller trusts; unsigned, it is whoever's who names it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use anyhow::Result;
use records::{
    Verdict, canonical,
    file::{self, FileError, read_bounded},
    v1::{
        golden::{Golden, Recording},
        statement::Statement,
    },
};
use verifier::{
    envelope::{self, CERTIFICATE_MAX},
    frozen::FrozenTree,
    golden::FILES,
    keys::Trust,
};

use crate::{frozen, plain::PlainFolder, problem::Problem};

pub use records::v1::names::{SIGNED_GOLDEN, STATEMENT};
/// How far below a folder goldens are looked for: a golden's own, and one of several of them.
const DEPTH: usize = 1;

static CARRIED: LazyLock<FrozenTree<'static>> = LazyLock::new(|| {
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/golden.manifest"));
    frozen::open(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/golden.bytes")))
});

/// A golden that this program carries, with its files.
#[derive(Debug, Clone)]
pub struct Carried {
    /// What was recorded.
    pub golden: Golden,
    /// The folder in the checkout.
    folder: String,
}

impl Carried {
    /// Writes its files into a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for name in FILES {
            let bytes = CARRIED.get(&format!("{}/{name}", self.folder)).map(|file| file.bytes).unwrap_or_default();
            file::write(&folder.join(name), bytes)?;
        }
        Ok(())
    }
}

/// The goldens that this program carries and that are of its own frozen tree.
///
/// One that does not parse was recorded by another release, whose tree is another one too.
pub fn carried() -> Vec<Carried> {
    let read = |(path, file): (&'static str, verifier::frozen::FrozenFile<'static>)| {
        let folder = path.strip_suffix(STATEMENT)?.trim_end_matches('/').to_owned();
        let statement: Statement<Recording> = canonical::from_file(file.bytes).ok()?;
        let golden = statement.predicate.golden;
        (golden.frozen == frozen::digest()).then_some(Carried { golden, folder })
    };
    CARRIED.iter().filter_map(read).collect()
}

/// What those record.
pub fn own() -> Vec<Golden> {
    carried().into_iter().map(|carried| carried.golden).collect()
}

/// Every golden that may be rested on: the carried ones, and those in files and folders that the caller named.
pub fn known(named: &[PathBuf], trust: Option<&Trust>) -> Result<Verdict<Vec<Golden>>> {
    let mut goldens = own();
    for path in named {
        let found = files(path, DEPTH)?;
        if found.is_empty() {
            let problem = Problem::usage(format!("{} holds no golden", path.display()));
            return Err(problem.hint("`maxclip golden record` writes one below `golden/` of its home").into());
        }
        for file in found {
            match open(&file, trust)? {
                Verdict::Pass(golden) => goldens.push(golden),
                Verdict::Fail(findings) => return Ok(Verdict::Fail(findings)),
                Verdict::Inconclusive(reason) => return Ok(Verdict::Inconclusive(reason)),
            }
        }
    }
    Ok(Verdict::Pass(goldens))
}

/// A golden's own statements at or below a path, the signed one where there is one.
fn files(path: &Path, depth: usize) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    if let Some(own) = [SIGNED_GOLDEN, STATEMENT].map(|name| path.join(name)).into_iter().find(|own| own.is_file()) {
        return Ok(vec![own]);
    }
    let mut found = Vec::new();
    if depth > 0 {
        for entry in fs::read_dir(path).map_err(FileError::at("read", path))? {
            let entry = entry.map_err(FileError::at("read", path))?.path();
            if entry.is_dir() {
                found.extend(files(&entry, depth - 1)?);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a golden and everything that it says of its files.
pub fn open(path: &Path, trust: Option<&Trust>) -> Result<Verdict<Golden>> {
    let bytes = read_bounded(path, CERTIFICATE_MAX)?;
    let statement = if envelope::is_unsigned(&bytes) {
        envelope::read(bytes.strip_suffix(b"\n").unwrap_or(&bytes))
    } else {
        match trust {
            Some(trust) => envelope::open(&bytes, trust).map(|opened| opened.statement),
            None => {
                let problem = Problem::usage(format!("{} is signed, and no key to trust is named", path.display()));
                return Err(problem
                    .hint("name the list of keys with --trust; a golden takes one of role golden")
                    .into());
            }
        }
    };
    Ok(match statement {
        Verdict::Pass(statement) => verifier::golden::judge(&statement, &PlainFolder::of(path))?,
        Verdict::Fail(findings) => Verdict::Fail(findings),
        Verdict::Inconclusive(reason) => Verdict::Inconclusive(reason),
    })
}
