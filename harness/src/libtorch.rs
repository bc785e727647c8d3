//! Which libtorch trained: an identity over the shared libraries that the programs load.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use records::{
    Blake3, LibtorchDigest,
    file::{self, FileError, Links},
    framed::Framed,
};

/// One library, as it lies there.
struct Library {
    name: String,
    length: u64,
    content: Blake3,
}

/// The identity of the shared libraries in a folder; see [`LibtorchDigest`] for its bytes.
///
/// A gigabyte is hashed once a certification (3.4 s on one busy core), which is little beside its trainings: nothing is
/// remembered that could be out of date.
pub fn digest(folder: &Path) -> Result<LibtorchDigest> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(FileError::at("read", folder))? {
        let name = entry.map_err(FileError::at("read", folder))?.file_name();
        let name =
            name.into_string().ok().with_context(|| format!("{} holds a name that is no text", folder.display()))?;
        if name.ends_with(".so") || name.contains(".so.") {
            names.push(name);
        }
    }
    names.sort();
    let libraries = names.into_iter().map(|name| library(folder, name)).collect::<Result<Vec<_>>>()?;
    let framed = Framed::new("maxclip libtorch v1").list("files", libraries.iter(), |framed, library| {
        let Library { name, length, content } = library;
        framed.text("name", name).u64("length", *length).digest("content", &content.0)
    });
    Ok(LibtorchDigest(framed.finish().0))
}

fn library(folder: &Path, name: String) -> Result<Library> {
    let path = folder.join(&name);
    // Installed trees have links among their libraries; what is loaded is what they lead to.
    let (opened, length) = file::open_plain(&path, Links::Follow)?;
    let content = Blake3::of_stream(opened).map_err(FileError::at("read", &path))?;
    Ok(Library { name, length, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_names_lengths_and_contents_of_shared_libraries_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("libc10.so", b"abc");
        write("libgomp.so.1", b"");
        // Computed with BLAKE3's own Python binding from the layout.
        let known = digest(folder.path()).unwrap();
        assert_eq!(known.to_string(), "libtorch:e164056035c63ddb708efb6d0d2bdca5f9cb88df58956dc061d66fd1d8870226");
        write("libtorch.a", b"static");
        fs::create_dir(folder.path().join("include")).unwrap();
        assert_eq!(digest(folder.path()).unwrap(), known);
        write("libc10.so", b"abd");
        assert_ne!(digest(folder.path()).unwrap(), known);
    }
}
