//! What a cell of this worker does: the frozen half in Python is asked, with the memory of one question.

use std::{ffi::c_char, ptr, slice, sync::OnceLock};

use cell::{handlers, object};
use pyo3::{exceptions::PyValueError, ffi, prelude::*, types::PyBytes};
use wire::{
    Session,
    abi::Ask,
    exit,
    limits::ENTRY_BYTES_MAX,
    message::{self, Question, QuestionKind},
    words::SaidKind,
};

/// The function in Python that answers questions.
static ANSWER: OnceLock<Py<PyAny>> = OnceLock::new();

/// Descriptor of the entry in a cell.
const ENTRY: i32 = 0;

/// Keeps the function that answers; it is set once.
pub fn set(answer: Py<PyAny>) -> Result<(), &'static str> {
    ANSWER.set(answer).map_err(|_| "`serve` was called twice")
}

/// Answers in a cell; gives its exit code. The probe is a shared object in every kind of worker.
pub fn answer(ask: &Ask) -> i32 {
    // SAFETY: the cell's own copy of the question, alive until the process ends.
    let question = unsafe { slice::from_raw_parts(ask.question, message::BYTES) };
    let question = question.try_into().ok().and_then(|bytes| Question::decode(bytes).ok());
    match question {
        Some(Question { kind: QuestionKind::Probe | QuestionKind::ProbeBehind, .. }) => object::answer(ask),
        Some(question) => Python::attach(|py| {
            ask_python(py, ask, &question).unwrap_or_else(|error| {
                handlers::say(SaidKind::Load, 0, error.to_string().as_bytes());
                exit::SAID
            })
        }),
        None => exit::SAID,
    }
}

fn ask_python(py: Python<'_>, ask: &Ask, question: &Question) -> PyResult<i32> {
    let answer = ANSWER.get().ok_or_else(|| PyValueError::new_err("nobody answers"))?;
    let numbers = (question.kind as u32, question.step, question.epoch, question.lane, question.lanes, question.rows);
    // SAFETY: mappings of these sizes, alive until the process ends; inputs and session are only read.
    let (session, inputs, results) = unsafe {
        (
            slice::from_raw_parts(ask.session, ask.session_bytes),
            memory(py, ask.inputs.cast_mut(), ask.inputs_bytes, ffi::PyBUF_READ)?,
            memory(py, ask.results, ask.results_bytes, ffi::PyBUF_WRITE)?,
        )
    };
    let session = Session::decode(session).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let session = serde_json::to_vec(&session).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let (session, entry) = (PyBytes::new(py, &session), PyBytes::new(py, &entry()?));
    answer.call1(py, (numbers, session, inputs, results, entry))?.extract(py)
}

/// A memoryview of memory that lives as long as the process; an empty one where there is none.
///
/// # Safety
///
/// Null, or a mapping of so many bytes that stays, writable where `access` says so.
unsafe fn memory(py: Python<'_>, start: *mut u8, bytes: usize, access: i32) -> PyResult<Py<PyAny>> {
    let start = if start.is_null() { ptr::NonNull::dangling().as_ptr() } else { start };
    let bytes = isize::try_from(bytes)?;
    // SAFETY: the caller's promise; the object is new, and owned here, or null with Python's error set.
    unsafe {
        let view = ffi::PyMemoryView_FromMemory(start.cast::<c_char>(), bytes, access);
        Ok(Bound::from_owned_ptr_or_err(py, view)?.unbind())
    }
}

/// The entry's bytes: descriptor 0, read at offsets, which forks do not share.
fn entry() -> PyResult<Vec<u8>> {
    let (mut found, mut part) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let offset = found.len() as libc::off_t;
        // SAFETY: reads into memory of this function.
        match unsafe { libc::pread(ENTRY, part.as_mut_ptr().cast(), part.len(), offset) } {
            0 => return Ok(found),
            count if count > 0 => found.extend_from_slice(&part[..count.unsigned_abs()]),
            _ => return Err(std::io::Error::last_os_error().into()),
        }
        if found.len() > ENTRY_BYTES_MAX {
            return Err(PyValueError::new_err("an entry that is too long"));
        }
    }
}

/// Says something about the answer: a kind and a number of [`wire::words`], and a text.
#[pyfunction]
pub fn say(kind: u32, number: u64, text: &[u8]) -> PyResult<()> {
    let kind = SaidKind::ALL.into_iter().find(|known| *known as u32 == kind);
    handlers::say(kind.ok_or_else(|| PyValueError::new_err("no such kind of words"))?, number, text);
    Ok(())
}
