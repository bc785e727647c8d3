//! Everything in libtorch's global state that can change a bit: set, then read back.
//!
//! A program that links libtorch calls [`one_thread`] and [`pin`] first and stops where they err: there is
//! no mode in which a switch is only asked for.

use std::ffi::{CStr, c_char, c_int};

use crate::{ShimError, error::check};

unsafe extern "C" {
    fn shim_set_switches(fill_uninitialised: u8) -> c_int;
    fn shim_read_switches(reading: *mut Switches) -> c_int;
    fn shim_one_thread() -> c_int;
    fn shim_capability(text: *mut c_char, capacity: usize) -> c_int;
}

/// Whether libtorch fills memory that an operator leaves uninitialised (with NaN).
///
/// In a worker it must: memory of an earlier allocation would otherwise be an input that nobody declared.
/// Frozen code writes all that it reads and saves the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Fill: in the worker.
    Nan,
    /// Leave as it is: in frozen programs.
    Nothing,
}

/// libtorch's switches as they stand: 0 or 1, except for the two counts of threads.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is libtorch's switch of nearly that name")]
pub struct Switches {
    pub deterministic: u8,
    pub warn_only: u8,
    pub fill_uninitialised: u8,
    pub cudnn_benchmark: u8,
    pub cudnn_deterministic: u8,
    pub mkldnn_deterministic: u8,
    pub tf32_matmul: u8,
    pub tf32_convolution: u8,
    pub tf32_onednn: u8,
    pub reduced_fp16: u8,
    pub reduced_bf16: u8,
    pub accumulate_fp16: u8,
    pub reduced_fp16_cpu: u8,
    pub reduced_attention: u8,
    pub matmul_highest: u8,
    pub whole_floats: u8,
    pub threads: i64,
    pub interop_threads: i64,
}

impl Switches {
    /// Each switch by name, in libtorch's order of appearance.
    #[must_use]
    pub fn entries(&self) -> [(&'static str, i64); 18] {
        [
            ("deterministic", self.deterministic.into()),
            ("warn_only", self.warn_only.into()),
            ("fill_uninitialised", self.fill_uninitialised.into()),
            ("cudnn_benchmark", self.cudnn_benchmark.into()),
            ("cudnn_deterministic", self.cudnn_deterministic.into()),
            ("mkldnn_deterministic", self.mkldnn_deterministic.into()),
            ("tf32_matmul", self.tf32_matmul.into()),
            ("tf32_convolution", self.tf32_convolution.into()),
            ("tf32_onednn", self.tf32_onednn.into()),
            ("reduced_fp16", self.reduced_fp16.into()),
            ("reduced_bf16", self.reduced_bf16.into()),
            ("accumulate_fp16", self.accumulate_fp16.into()),
            ("reduced_fp16_cpu", self.reduced_fp16_cpu.into()),
            ("reduced_attention", self.reduced_attention.into()),
            ("matmul_highest", self.matmul_highest.into()),
            ("whole_floats", self.whole_floats.into()),
            ("threads", self.threads),
            ("interop_threads", self.interop_threads),
        ]
    }

    /// What must stand in a program of ours.
    #[must_use]
    pub fn pinned(fill: Fill) -> Self {
        Self {
            deterministic: 1,
            fill_uninitialised: (fill == Fill::Nan).into(),
            cudnn_deterministic: 1,
            mkldnn_deterministic: 1,
            matmul_highest: 1,
            whole_floats: 1,
            threads: 1,
            interop_threads: 1,
            ..Self::default()
        }
    }
}

/// Sets every switch, reads all of them back, and errs at the first that reads otherwise.
///
/// Deterministic algorithms (an operator without one raises an error), no TF32 and no reduced-precision
/// sums, cuDNN without its benchmark, matrix products in full precision. One thread must hold already:
/// see [`one_thread`].
pub fn pin(fill: Fill) -> Result<Switches, ShimError> {
    // SAFETY: a plain value; the C++ side catches every exception.
    check(unsafe { shim_set_switches((fill == Fill::Nan).into()) })?;
    let found = read()?;
    let expected = Switches::pinned(fill);
    for ((name, expected), (_, found)) in expected.entries().into_iter().zip(found.entries()) {
        if expected != found {
            return Err(ShimError::Switch { name, expected, found });
        }
    }
    Ok(found)
}

/// The switches as they stand.
pub fn read() -> Result<Switches, ShimError> {
    let mut reading = Switches::default();
    // SAFETY: the struct has the layout of its C++ twin and outlives the call.
    check(unsafe { shim_read_switches(&raw mut reading) })?;
    Ok(reading)
}

/// One thread within an operator and one between operators: their number decides the order of sums.
///
/// - Errors: libtorch has started its pool between operators before.
pub fn one_thread() -> Result<(), ShimError> {
    // SAFETY: no arguments; the C++ side catches every exception.
    check(unsafe { shim_one_thread() })
}

/// libtorch's name for the instructions it chose, such as `AVX2`: follows `ATEN_CPU_CAPABILITY`.
pub fn cpu_capability() -> Result<String, ShimError> {
    let mut text = [0; 64];
    // SAFETY: the buffer is as long as said, and ends in a zero on success.
    check(unsafe { shim_capability(text.as_mut_ptr(), text.len()) })?;
    // SAFETY: written just above, with its final zero.
    Ok(unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test: the switches belong to the process, and libtest runs tests in threads.
    #[test]
    fn switches_take_and_are_read_back() {
        one_thread().unwrap();
        one_thread().unwrap();
        for fill in [Fill::Nan, Fill::Nothing] {
            assert_eq!(pin(fill).unwrap(), Switches::pinned(fill));
            assert_eq!(read().unwrap(), Switches::pinned(fill));
        }
        assert_ne!(Switches::pinned(Fill::Nan), Switches::pinned(Fill::Nothing));
        // An operator without a deterministic form errs instead of warning.
        let x = tch::Tensor::zeros([4], (tch::Kind::Float, tch::Device::Cpu));
        let index = tch::Tensor::from_slice(&[0i64, 0]);
        let ones = tch::Tensor::ones([2], (tch::Kind::Float, tch::Device::Cpu));
        let error = x.f_put(&index, &ones, false).unwrap_err().to_string();
        assert!(error.contains("deterministic"), "{error}");
        assert!(!cpu_capability().unwrap().is_empty());
    }
}
