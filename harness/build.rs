//! Compiles the frozen tree and the starter kit into `maxclip`: an installed binary has no checkout, and
//! the very people who pre-check a ZIP have nothing else.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// What is not part of the tree wherever it stands.
const LEFT_OUT: &[&str] = &["target", "Cargo.lock"];
/// Frozen besides the folder: the starter kit's manifest, so that a submission cannot ask for other crates, and
/// what chooses the versions and the compilation of everything.
const ALSO_FROZEN: &[&str] = &["editable/Cargo.toml", "Cargo.toml", "Cargo.lock"];

/// What of `editable/` is the starter kit; the rest of it is frozen, or tests.
const KIT: &[&str] = &["editable/src/", "editable/config.toml", "editable/submission.toml"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());

    let mut frozen = BTreeMap::new();
    collect(&root, Path::new("frozen"), &mut frozen)?;
    for path in ALSO_FROZEN {
        frozen.insert((*path).to_owned(), fs::read(root.join(path))?);
    }
    write(&out, "frozen", &frozen)?;

    let mut editable = BTreeMap::new();
    collect(&root, Path::new("editable"), &mut editable)?;
    editable.retain(|path, _| KIT.iter().any(|part| path.starts_with(part)));
    write(&out, "kit", &editable)?;

    for path in ["frozen", "editable", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed=../{path}");
    }
    Ok(())
}

/// In the form that `verifier::frozen::FrozenTree` reads. Written here again, in three lines, because linking the
/// verifier into a build script would compile it and all that it needs twice.
fn write(out: &Path, name: &str, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let (mut manifest, mut contents) = (String::new(), Vec::new());
    for (path, bytes) in files {
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        manifest.push_str(&format!("{digest}  {}  {path}\n", bytes.len()));
        contents.extend_from_slice(bytes);
    }
    fs::write(out.join(format!("{name}.manifest")), manifest)?;
    fs::write(out.join(format!("{name}.bytes")), contents)
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let path = folder.join(&name);
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.insert(path.to_string_lossy().into_owned(), fs::read(entry.path())?);
        }
    }
    Ok(())
}
