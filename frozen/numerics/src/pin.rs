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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_is_the_one_that_classes_were_measured_under() {
        // BLAKE3 of the lines `name=value`, by its own Python binding.
        let lines: String = ENVIRONMENT.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        assert_eq!(
            blake3::hash(lines.as_bytes()).to_string(),
            "fac8d1ec434141a42ac77bbb763258e11ff8302f172803ad6b266baef44dfc66"
        );
    }
}
