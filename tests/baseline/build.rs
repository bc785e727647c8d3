//! How an entry's object is linked: see `harness/src/compile`. A cell has no right to change the protection of memory.

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,norelro");
    println!("cargo::rerun-if-changed=build.rs");
}
