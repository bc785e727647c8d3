//! The numerics pin: the environment that every program of ours which computes is started with.
//!
//! These variables change bits. They are set by whoever starts trainer, evaluator and worker, as the whole
//! environment and not as an addition to one; what they lead to is measured as the numerics class.
//! Source: `ATEN_CPU_CAPABILITY`, `MKL_CBWR` and `ONEDNN_MAX_CPU_ISA` of libtorch, MKL and oneDNN.

/// Names and values.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("ATEN_CPU_CAPABILITY", "avx2"),
    ("MKL_CBWR", "AVX2"),
    ("ONEDNN_MAX_CPU_ISA", "AVX2"),
    ("OMP_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("LC_ALL", "C"),
];
