//! Takes the digest of the frozen tree that this is compiled from.

use std::{env, io, path::PathBuf};

fn main() -> io::Result<()> {
    let checkout = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let (manifest, _) = manifest::pack(&manifest::frozen(&checkout)?);
    println!("cargo::rustc-env=MAXCLIP_FROZEN={}", manifest::digest(&manifest));
    for path in manifest::FROZEN {
        println!("cargo::rerun-if-changed=../../{path}");
    }
    Ok(())
}
