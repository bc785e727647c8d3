//! The environment of every process that computes: a fixed list, because variables change bits.
//!
//! With an empty environment the same loss has other bits (libtorch, MKL and oneDNN choose kernels by CPU),
//! so these reach the worker too, and nothing else does.

/// Variables that decide bits: which kernels libtorch, MKL and oneDNN choose, and on how many threads.
pub const NUMERICS: &[(&str, &str)] = &[
    ("ATEN_CPU_CAPABILITY", "avx2"),
    ("LC_ALL", "C"),
    ("MKL_CBWR", "AVX2"),
    ("MKL_NUM_THREADS", "1"),
    ("OMP_NUM_THREADS", "1"),
    ("ONEDNN_MAX_CPU_ISA", "AVX2"),
];
