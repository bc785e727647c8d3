//! Compiles the frozen tree and the starter kit into `maxclip`: an installed binary has no checkout, and
//! the very people who pre-check a ZIP have nothing else.

use std::{env, fs, io, path::PathBuf};

use manifest::{FROZEN, Files};

/// What of `editable/` is the starter kit; the rest of it is frozen, or tests.
const KIT: [&str; 3] = ["editable/src", "editable/config.toml", "editable/submission.toml"];

fn main() -> io::Result<()> {
    let checkout = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let write = |name: &str, files: &Files| -> io::Result<()> {
        let (manifest, contents) = manifest::pack(files);
        fs::write(out.join(format!("{name}.manifest")), manifest)?;
        fs::write(out.join(format!("{name}.bytes")), contents)
    };
    write("frozen", &manifest::frozen(&checkout)?)?;
    write("kit", &manifest::read(&checkout, &KIT)?)?;
    for path in FROZEN.iter().chain(&KIT) {
        println!("cargo:rerun-if-changed=../{path}");
    }
    Ok(())
}
