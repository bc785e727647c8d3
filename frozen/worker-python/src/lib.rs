//! The worker of Python entries: the same server as that of Rust entries, in a process that is CPython.
//!
//! `python3` starts with this library preloaded and runs `python/main.py`, which imports torch and the contract, warms
//! them up, and calls [`serve`]. From there on the process is a [`cell::server`]: no byte of a participant is in it,
//! and each question is answered in a fork that has locked itself. What the fork does is [`entry::answer`].
//!
//! Preloaded, because a cell has no clock and CPython reads one whenever it takes a lock ([`clock`]).
#![expect(unsafe_code, reason = "a cell's memory is lent to Python, and a function of the C library is replaced")]

mod clock;
mod entry;
mod numbers;

use cell::{profile, server};
use pyo3::{exceptions::PyRuntimeError, prelude::*};
// Holds the digest of the frozen tree; nothing of it runs.
use stamp as _;

/// Serves until the host closes the socket; `answer` is called in cells alone, once in each.
#[pyfunction]
fn serve(answer: Py<PyAny>) -> PyResult<()> {
    entry::set(answer).map_err(PyRuntimeError::new_err)?;
    server::serve(&profile::PYTHON, entry::answer).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Ends the process at once: what libraries left for the exit would ask for the clock that the server gave up.
#[pyfunction]
fn exit_now(code: i32) {
    cell::fork::exit_now(code)
}

/// The module `worker_python`: what the contract in Python takes from Rust, so that it is computed in one place.
#[pymodule]
fn worker_python(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(serve, module)?)?;
    module.add_function(wrap_pyfunction!(exit_now, module)?)?;
    module.add_function(wrap_pyfunction!(entry::say, module)?)?;
    numbers::register(module)
}
