//! Handlers of a cell: they answer what the loader asks of files, and say what ended a cell.
//!
//! Installed by the server before its first fork, and unchangeable in a cell (`rt_sigaction` is not on the kernel's
//! list). A handler runs in the cell with the cell's rights and no other: whatever code does with it, it could do
//! itself. It allocates nothing, makes its calls without the C library, so that `errno` stays, and ends the cell with
//! [`wire::exit::SAID`].

use std::{
    arch::asm,
    io, ptr, slice,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use libc::c_long;
use wire::{
    exit::SAID,
    words::{self, SaidKind},
};

use crate::{fork::exit_now, lock::VVAR, object};

static WORDS: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static INPUTS_START: AtomicUsize = AtomicUsize::new(0);
static INPUTS_BYTES: AtomicUsize = AtomicUsize::new(0);

/// What a process is told of itself, whatever it is.
const ONE: i64 = 1;

/// Installs the handlers for SIGSYS, SIGSEGV and SIGBUS in this process and those that it forks.
pub fn install() -> io::Result<()> {
    for (signal, handler) in [
        (libc::SIGSYS, trapped as *const () as usize),
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

/// Where this cell's words go from now on; they must stay mapped.
///
/// # Panics
///
/// Where there are fewer than [`words::BYTES`] bytes.
pub fn words(memory: &'static mut [u8]) {
    assert!(memory.len() >= words::BYTES, "too little memory for words");
    WORDS.store(memory.as_mut_ptr(), Ordering::Relaxed);
}

/// What this cell may read and not write.
pub fn inputs(memory: &'static [u8]) {
    INPUTS_START.store(memory.as_ptr().addr(), Ordering::Relaxed);
    INPUTS_BYTES.store(memory.len(), Ordering::Relaxed);
}

/// Says something about the answer; nothing in a process that has no words.
pub fn say(kind: SaidKind, number: u64, text: &[u8]) {
    let memory = WORDS.load(Ordering::Relaxed);
    if !memory.is_null() {
        // SAFETY: `words` was given a mapping of this size for good; this process has one thread, and a handler
        // that interrupts this ends the process.
        words::write(unsafe { slice::from_raw_parts_mut(memory, words::BYTES) }, kind, number, text);
    }
}

fn end(kind: SaidKind, number: u64) -> ! {
    say(kind, number, b"");
    exit_now(SAID)
}

/// SIGSYS: the kernel's list does not hold a call. Its number stands in RAX, as at the entry, and so does its answer
/// where there is one.
extern "C" fn trapped(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let number = register(context, libc::REG_RAX);
    let arguments = [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX].map(|r| register(context, r));
    match answer(number, arguments) {
        Some(result) => set_register(context, libc::REG_RAX, result),
        None => end(SaidKind::Call, number.cast_unsigned()),
    }
}

/// The answer to a call, as [`crate::profile::RUST`] lists them; none ends the cell.
fn answer(number: c_long, [a, b, c]: [i64; 3]) -> Option<i64> {
    let entry = a == 0;
    match number {
        libc::SYS_openat if is_entry(b) => Some(0),
        libc::SYS_read if entry => Some(raw_pread(b, c)),
        libc::SYS_newfstatat if entry => Some(describe(c)),
        libc::SYS_fstat if entry => Some(describe(b)),
        libc::SYS_getpid | libc::SYS_gettid => Some(ONE),
        libc::SYS_sigaltstack => Some(0),
        libc::SYS_rt_sigprocmask => {
            let old = c as usize as *mut u64;
            // SAFETY: where a cell asks for the old mask it gives eight bytes for it; if not, this faults in the cell.
            (!old.is_null()).then(|| unsafe { old.write_unaligned(0) });
            Some(0)
        }
        libc::SYS_mremap => Some(i64::from(-libc::ENOMEM)),
        libc::SYS_futex => Some(futex(a, b, c)),
        libc::SYS_tgkill => end(SaidKind::Raised, c.cast_unsigned()),
        _ => None,
    }
}

/// Whether a path is the entry's.
fn is_entry(path: i64) -> bool {
    let path = path as usize as *const u8;
    // SAFETY: compares up to the first difference, like the kernel would read it; a stray pointer faults in the cell.
    object::PATH.to_bytes_with_nul().iter().enumerate().all(|(at, byte)| unsafe { *path.add(at) } == *byte)
}

/// Reads the entry from its start: the loader does so once, before it has moved.
fn raw_pread(buffer: i64, length: i64) -> i64 {
    // SAFETY: the call that the cell may make itself, on what it asked for.
    unsafe { raw(libc::SYS_pread64, [0, buffer, length, 0]) }
}

/// Describes the entry: a plain file that is no library that is loaded already.
fn describe(to: i64) -> i64 {
    let to = to as usize as *mut libc::stat;
    // SAFETY: all-zero is a value of that type.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    stat.st_mode = libc::S_IFREG | 0o444;
    (stat.st_dev, stat.st_ino, stat.st_nlink) = (u64::MAX, 1, 1);
    stat.st_size = i64::MAX;
    // SAFETY: the cell asked for it there; if nothing is there, this faults in the cell.
    unsafe { to.write_unaligned(stat) };
    0
}

/// One thread has nobody to wake, and nobody would wake it.
fn futex(word: i64, operation: i64, expected: i64) -> i64 {
    let operation = operation as i32 & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    match operation {
        libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET => 0,
        libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => {
            // SAFETY: the word that the cell would wait on; if it is not there, this faults in the cell.
            if unsafe { (word as usize as *const i32).read_volatile() } == expected as i32 {
                end(SaidKind::Waits, libc::SYS_futex.cast_unsigned())
            }
            i64::from(-libc::EAGAIN)
        }
        _ => end(SaidKind::Call, libc::SYS_futex.cast_unsigned()),
    }
}

/// A call without the C library, whose `errno` belongs to what was interrupted.
///
/// # Safety
///
/// As for the call itself.
unsafe fn raw(number: c_long, [a, b, c, d]: [i64; 4]) -> i64 {
    let result;
    // SAFETY: the kernel's convention of x86-64: number in RAX, arguments in order, RCX and R11 are lost.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// SIGSEGV or SIGBUS: an input was written to, the clock was read, the stack ran out, or a stray address.
extern "C" fn fault(_: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    /// The trap of an instruction that is not allowed.
    const GENERAL_PROTECTION: i64 = 13;
    /// The bit of a page fault's code that says: a write.
    const WRITE: i64 = 2;
    // SAFETY: the kernel gives a handler of SA_SIGINFO a valid siginfo, with an address for these signals.
    let address = unsafe { (*info).si_addr() }.addr();
    let stack = register(context, libc::REG_RSP).cast_unsigned() as usize;
    let input = address.wrapping_sub(INPUTS_START.load(Ordering::Relaxed));
    let in_inputs = input < INPUTS_BYTES.load(Ordering::Relaxed);
    if WORDS.load(Ordering::Relaxed).is_null() {
        // The server's own: nobody's code runs there.
        exit_now(wire::exit::FAULT);
    }
    if VVAR.iter().any(|range| range.holds(address)) {
        end(SaidKind::Clock, 0);
    }
    if register(context, libc::REG_TRAPNO) == GENERAL_PROTECTION && reads_clock(context) {
        end(SaidKind::Clock, 0);
    }
    if in_inputs && register(context, libc::REG_ERR) & WRITE != 0 {
        end(SaidKind::WroteInput, input as u64);
    }
    if address.abs_diff(stack) < 1 << 16 {
        end(SaidKind::Stack, 0);
    }
    end(SaidKind::Fault, address as u64)
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

fn set_register(context: *mut libc::c_void, register: i32, value: i64) {
    // SAFETY: as in `register`.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[register as usize] = value }
}
