//! Loading an entry that is a shared object, inside the lock, and calling it.
//!
//! The object is descriptor 0. The loader asks for [`PATH`], and the cell's handler says that this is it. Everything
//! that an object can do while it is loaded (constructors, resolvers, relocations, a second library that it asks
//! for) it does in here, and a library other than those that the server has loaded is a call that ends the cell.

use std::ffi::{CStr, CString};

use wire::{
    abi::{AnswerFunction, Ask, SYMBOL},
    exit::SAID,
    words::SaidKind,
};

use crate::handlers::say;

/// The path by which the loader asks for an entry. There is no such file.
pub const PATH: &CStr = c"/entry";

/// Loads the entry, asks it, and gives the cell's exit code.
pub fn answer(ask: &Ask) -> i32 {
    let Ok(symbol) = CString::new(SYMBOL) else { return SAID };
    // SAFETY: runs whatever the object brings along, which is what this locked process is for.
    let object = unsafe { libc::dlopen(PATH.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if object.is_null() {
        return refused();
    }
    // SAFETY: a handle that the loader just gave.
    let function = unsafe { libc::dlsym(object, symbol.as_ptr()) };
    if function.is_null() {
        return refused();
    }
    // SAFETY: the interface of an entry; a function of another type can harm nobody but this process.
    unsafe {
        let function: AnswerFunction = std::mem::transmute::<*mut libc::c_void, AnswerFunction>(function);
        function(ask)
    }
}

/// Tells what the loader says.
fn refused() -> i32 {
    // SAFETY: the loader's own text, or null; nobody else is here who could change it.
    let text = unsafe {
        let text = libc::dlerror();
        if text.is_null() { c"the loader gives no reason" } else { CStr::from_ptr(text) }
    };
    say(SaidKind::Load, 0, text.to_bytes());
    SAID
}
