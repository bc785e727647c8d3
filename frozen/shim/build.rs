//! Compiles the C++ that tch lacks, against the libtorch that `torch-sys` found.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=src/shim.cpp");
    println!("cargo::rerun-if-env-changed=LIBTORCH_INCLUDE");
    let Some(library) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        println!("cargo::error=torch-sys did not say where libtorch is");
        return;
    };
    // Beside the libraries, unless the user keeps the headers elsewhere; the same rule as torch-sys has.
    let root = env::var_os("LIBTORCH_INCLUDE").map_or_else(|| PathBuf::from(library).join(".."), PathBuf::from);
    cc::Build::new()
        .cpp(true)
        .pic(true)
        .std("c++17")
        .warnings(false)
        .flag("-D_GLIBCXX_USE_CXX11_ABI=1")
        .include(root.join("include"))
        .include(root.join("include/torch/csrc/api/include"))
        .file("src/shim.cpp")
        .compile("maxclip_shim");
}
