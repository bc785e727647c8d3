//! Handlers that say what ended a child: the system call that was refused, or the input that was written to.
//!
//! They are installed in the child before its lock and cannot be changed after it (`rt_sigaction` is not among
//! the allowed calls). A handler writes a kind and a number into the words and exits with 128 + signal; it
//! allocates nothing. A program that blocks the signal is ended by the kernel instead, without the words.

use std::{
    io, ptr, slice,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
};

use crate::{
    memory::Mapping,
    words::{self, Kind},
};

static WORDS: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static INPUTS_START: AtomicUsize = AtomicUsize::new(0);
static INPUTS_BYTES: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Installs the handlers for SIGSYS, SIGSEGV and SIGBUS in a process that will end without removing them.
///
/// `words` is where they and [`say`] write from now on, `inputs` what participants may not write to.
///
/// Errors: words that are too short; a handler that the system refuses.
pub fn install(words: Mapping, inputs: &'static [u8]) -> io::Result<()> {
    if words.bytes().len() < words::BYTES {
        return Err(io::Error::other("too little memory for words"));
    }
    WORDS.store(words.leak().as_mut_ptr(), Ordering::Relaxed);
    INPUTS_START.store(inputs.as_ptr().addr(), Ordering::Relaxed);
    INPUTS_BYTES.store(inputs.len(), Ordering::Relaxed);
    for (signal, handler) in [
        (libc::SIGSYS, refused as *const () as usize),
        (libc::SIGSEGV, fault as *const () as usize),
        (libc::SIGBUS, fault as *const () as usize),
    ] {
        // SAFETY: all-zero is a value of that type: no flags, empty mask, default handler.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handlers have the signature that SA_SIGINFO asks for, and only do what a handler may.
        if unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// SIGSYS: the filter refused a call; its number stands in RAX, as at the entry.
extern "C" fn refused(signal: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let number = register(context, libc::REG_RAX);
    // A second refused call while this one is told must not overwrite it.
    if !REFUSED.swap(true, Ordering::Relaxed) {
        say(Kind::Call, number.cast_unsigned(), b"");
    }
    super::fork::exit_now(128 + signal)
}

/// SIGSEGV or SIGBUS: an input was written to, the clock was read, the stack ran out, or a stray address.
extern "C" fn fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    /// The trap of an instruction that is not allowed.
    const GENERAL_PROTECTION: i64 = 13;
    /// The bit of a page fault's code that says: a write.
    const WRITE: i64 = 2;
    // SAFETY: the kernel gives a handler of SA_SIGINFO a valid siginfo, with an address for these signals.
    let address = unsafe { (*info).si_addr() }.addr();
    let stack = register(context, libc::REG_RSP).cast_unsigned() as usize;
    let input = address.wrapping_sub(INPUTS_START.load(Ordering::Relaxed));
    let in_inputs = input < INPUTS_BYTES.load(Ordering::Relaxed);
    if register(context, libc::REG_TRAPNO) == GENERAL_PROTECTION && reads_clock(context) {
        say(Kind::Clock, 0, b"");
    } else if in_inputs && register(context, libc::REG_ERR) & WRITE != 0 {
        say(Kind::WroteInput, input as u64, b"");
    } else if address.abs_diff(stack) < 1 << 16 {
        say(Kind::Stack, 0, b"");
    } else {
        say(Kind::Fault, address as u64, b"");
    }
    super::fork::exit_now(128 + signal)
}

/// Whether the instruction that failed is `rdtsc` or `rdtscp`.
fn reads_clock(context: *mut libc::c_void) -> bool {
    let code = register(context, libc::REG_RIP).cast_unsigned() as usize as *const u8;
    // SAFETY: the processor was decoding this very instruction, so its first two bytes are readable, and a
    // third one is where the first two are those of `rdtscp`.
    unsafe { (*code == 0x0f && *code.add(1) == 0x31) || (*code == 0x0f && *code.add(1) == 1 && *code.add(2) == 0xf9) }
}

fn register(context: *mut libc::c_void, register: i32) -> i64 {
    // SAFETY: the kernel gives a handler of SA_SIGINFO a valid ucontext; the index is one of libc's constants.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[register as usize] }
}

/// Says something about the answer; nothing where [`install`] was not called.
pub fn say(kind: Kind, number: u64, text: &[u8]) {
    let words = WORDS.load(Ordering::Relaxed);
    if !words.is_null() {
        // SAFETY: `install` leaked a mapping of this size; this process has one thread, and a handler that
        // interrupts this ends the process.
        words::write(unsafe { slice::from_raw_parts_mut(words, words::BYTES) }, kind, number, text);
    }
}
