//! Numbers that Python must not compute by itself: streams of a seed, and functions that give equal bits everywhere.

use numerics::Seed;
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};

/// Puts the functions of this file into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(child, module)?)?;
    module.add_function(wrap_pyfunction!(word, module)?)?;
    for function in [
        wrap_pyfunction!(cos, module)?,
        wrap_pyfunction!(exp, module)?,
        wrap_pyfunction!(expm1, module)?,
        wrap_pyfunction!(ln, module)?,
        wrap_pyfunction!(ln_1p, module)?,
        wrap_pyfunction!(log2, module)?,
        wrap_pyfunction!(log10, module)?,
        wrap_pyfunction!(pow, module)?,
        wrap_pyfunction!(sin, module)?,
        wrap_pyfunction!(sqrt, module)?,
        wrap_pyfunction!(tanh, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

fn seed(bytes: &[u8]) -> PyResult<Seed> {
    let bytes = bytes.try_into().map_err(|_| PyValueError::new_err(format!("a seed of {} bytes: 32", bytes.len())))?;
    Ok(Seed(bytes))
}

/// The 32 bytes of a seed's child ([`Seed::child`]).
#[pyfunction]
#[pyo3(name = "child")]
fn child<'py>(py: Python<'py>, of: &[u8], purpose: &str, numbers: Vec<u64>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &seed(of)?.child(purpose, &numbers).0))
}

/// The first word of a seed's stream ([`Seed::stream`]).
#[pyfunction]
fn word(of: &[u8], purpose: &str, numbers: Vec<u64>) -> PyResult<u64> {
    Ok(seed(of)?.stream(purpose, &numbers).word())
}

/// Defines functions of one number.
macro_rules! functions {
    ($($name:ident = $function:path;)+) => { $(
        #[pyfunction]
        fn $name(x: f64) -> f64 {
            $function(x)
        }
    )+ };
}

functions! {
    cos = libm::cos;
    exp = libm::exp;
    expm1 = libm::expm1;
    ln = libm::log;
    ln_1p = libm::log1p;
    log2 = libm::log2;
    log10 = libm::log10;
    sin = libm::sin;
    sqrt = libm::sqrt;
    tanh = libm::tanh;
}

#[pyfunction]
fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}
