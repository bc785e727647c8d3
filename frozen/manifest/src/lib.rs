//! Which files of a checkout are frozen, and the manifest that lists them.
//!
//! For build scripts: what `maxclip` carries and what a program says of itself are made here and nowhere else. It links
//! next to nothing, since a build script's libraries are compiled beside the programs'.
//!
//! The manifest's text is the specification of the frozen digest: a line a file, `sha256 hex, two spaces, length, two
//! spaces, path, newline`, sorted by path bytes. It leaves out permissions and empty folders; git keeps none that this
//! tree has. The digest is `frozen:` and the SHA-256 of that text in hexadecimal digits.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// Contents by path from the root of the checkout.
pub type CheckoutFiles = BTreeMap<String, Vec<u8>>;

/// What is frozen: the folder, its lock file included, and the starter kit's manifest, so that an entry cannot ask for
/// other crates. Nothing outside of them decides a version or how something is compiled.
pub const FROZEN: [&str; 2] = ["frozen", "editable/Cargo.toml"];

/// What is no part of the tree wherever it stands.
const LEFT_OUT: [&str; 2] = ["target", "__pycache__"];

/// Reads the frozen files of a checkout.
///
/// - Errors: also where something is neither a file nor a folder, or has a name that is not UTF-8.
pub fn frozen(checkout: &Path) -> io::Result<CheckoutFiles> {
    read(checkout, &FROZEN)
}

/// Reads files, and folders with everything in them.
pub fn read(checkout: &Path, paths: &[&str]) -> io::Result<CheckoutFiles> {
    let mut files = CheckoutFiles::new();
    for path in paths {
        collect(checkout, Path::new(path), &mut files)?;
    }
    Ok(files)
}

fn collect(checkout: &Path, path: &Path, files: &mut CheckoutFiles) -> io::Result<()> {
    let place = checkout.join(path);
    let at = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", place.display()));
    let refuse = |why: &str| Err(at(io::Error::other(why)));
    let Some(name) = path.to_str() else { return refuse("its name is not UTF-8") };
    let kind = fs::symlink_metadata(&place).map_err(at)?.file_type();
    if kind.is_file() {
        files.insert(name.to_owned(), fs::read(&place).map_err(at)?);
        return Ok(());
    }
    if !kind.is_dir() {
        return refuse("neither a file nor a folder");
    }
    for entry in fs::read_dir(&place).map_err(at)? {
        let name = PathBuf::from(entry.map_err(at)?.file_name());
        if !name.as_os_str().as_encoded_bytes().starts_with(b".")
            && LEFT_OUT.iter().all(|left_out| name != Path::new(left_out))
        {
            collect(checkout, &path.join(name), files)?;
        }
    }
    Ok(())
}

/// The manifest of files, and their contents one after the other in its order.
#[must_use]
pub fn pack(files: &CheckoutFiles) -> (String, Vec<u8>) {
    files.iter().fold((String::new(), Vec::new()), |(mut manifest, mut contents), (path, bytes)| {
        manifest.push_str(&format!("{}  {}  {path}\n", hex(bytes), bytes.len()));
        contents.extend_from_slice(bytes);
        (manifest, contents)
    })
}

/// The digest of a manifest.
#[must_use]
pub fn digest(manifest: &str) -> String {
    format!("frozen:{}", hex(manifest.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with these files, each of which holds its own path.
    fn checkout(paths: &[&str]) -> tempfile::TempDir {
        let checkout = tempfile::tempdir().unwrap();
        for path in paths {
            let file = checkout.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, path).unwrap();
        }
        checkout
    }

    const FROZEN_FILES: [&str; 4] =
        ["editable/Cargo.toml", "frozen/Cargo.lock", "frozen/Cargo.toml", "frozen/trainer/src/main.rs"];

    #[test]
    fn nothing_outside_of_the_frozen_folder_moves_the_digest() {
        let frozen_files = frozen(checkout(&FROZEN_FILES).path()).unwrap();
        assert_eq!(frozen_files.keys().map(String::as_str).collect::<Vec<_>>(), FROZEN_FILES);
        let others = ["Cargo.toml", "Cargo.lock", "harness/Cargo.toml", "editable/src/lib.rs", "frozen/target/x"];
        let more = checkout(&[&FROZEN_FILES[..], &others].concat());
        assert_eq!(frozen(more.path()).unwrap(), frozen_files);
        fs::write(more.path().join("frozen/Cargo.lock"), "another version").unwrap();
        assert_ne!(pack(&frozen(more.path()).unwrap()).0, pack(&frozen_files).0);
    }

    #[test]
    fn a_link_is_refused_by_name() {
        let checkout = checkout(&FROZEN_FILES);
        std::os::unix::fs::symlink("/etc/passwd", checkout.path().join("frozen/trainer/link")).unwrap();
        let error = frozen(checkout.path()).unwrap_err().to_string();
        assert!(error.contains("frozen/trainer/link") && error.contains("neither a file nor a folder"), "{error}");
    }

    /// The digits are those of `sha256sum`.
    #[test]
    fn the_manifest_of_two_files_is_known() {
        let files = CheckoutFiles::from([("b".to_owned(), b"two".to_vec()), ("a/c".to_owned(), Vec::new())]);
        let (manifest, contents) = pack(&files);
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  0  a/c\n\
            3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3  3  b\n";
        assert_eq!((manifest.as_str(), contents.as_slice()), (expected, &b"two"[..]));
        assert_eq!(digest(&manifest), "frozen:645d3aaf50ccf21a80e9e302bbfbb98b87567c956797b7ad1b9dbaef3dc5397c");
    }
}
