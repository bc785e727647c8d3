//! The probe: loaded into a cell exactly as an entry is, it tries one forbidden thing ([`wire::probe`]).
//!
//! It answers where the thing worked, and says so in its words. Where the wall holds there is mostly nobody left to
//! answer: the cell has ended, as the list expects.
#![expect(unsafe_code, reason = "tries what safe code cannot")]

use std::{arch::asm, ptr, slice};

use libc::c_long;
// Holds the digest of the frozen tree; nothing of it runs.
use stamp as _;
use wire::{
    abi::Ask,
    exit,
    message::{self, Question, QuestionKind},
    probe::{self, BEHIND, FILTERED, ProbeAttempt},
    words,
};

/// Tries what the question's `probe` names.
///
/// # Safety
///
/// `ask` is what [`Ask`] describes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn maxclip_answer(ask: *const Ask) -> i32 {
    // SAFETY: the caller's promise.
    let (question, words) = unsafe {
        let ask = &*ask;
        let bytes = slice::from_raw_parts(ask.question, message::BYTES);
        (bytes.try_into().map(Question::decode), slice::from_raw_parts_mut(ask.words, ask.words_bytes))
    };
    let Ok(Ok(question)) = question else { return exit::SAID };
    let list = if question.kind == QuestionKind::ProbeBehind { BEHIND } else { FILTERED };
    let Some(ProbeAttempt { name, .. }) = list.get(question.probe as usize) else { return exit::SAID };
    let stands = if question.kind == QuestionKind::ProbeBehind { stands(name) } else { attempt(name) };
    if stands {
        words::write(words, words::SaidKind::Done, question.step, b"");
        return exit::ANSWERED;
    }
    words::write(words, words::SaidKind::Refused, 0, name.as_bytes());
    exit::SAID
}

/// A call by its number, whatever the C library would do instead. Gives what the kernel gives.
fn call(number: c_long, arguments: [i64; 5]) -> i64 {
    let [a, b, c, d, e] = arguments;
    let result;
    // SAFETY: the kernel's convention of x86-64. What the calls do to this process is what is tried.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, in("r9") 0, lateout("rcx") _, lateout("r11") _);
    }
    result
}

fn text(text: &std::ffi::CStr) -> i64 {
    text.as_ptr().expose_provenance() as i64
}

/// Tries something; true where an answer is what should come of it.
fn attempt(name: &str) -> bool {
    const SERVER: i64 = 1;
    const PAGE: i64 = 4096;
    let anonymous = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let (read, execute) = (i64::from(libc::PROT_READ), i64::from(libc::PROT_READ | libc::PROT_EXEC));
    let here = i64::from(libc::AT_FDCWD);
    let thread = i64::from(libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD);
    match name {
        "load" => return true,
        "ids" => return call(libc::SYS_getpid, [0; 5]) == 1 && call(libc::SYS_gettid, [0; 5]) == 1,
        "open a file" => call(libc::SYS_openat, [here, text(c"/etc/passwd"), 0, 0, 0]),
        "open the memory of an input again" => call(libc::SYS_openat, [here, text(c"/proc/self/fd/0"), 2, 0, 0]),
        "make a file in memory" => call(libc::SYS_memfd_create, [text(c"x"), 0, 0, 0, 0]),
        "move the offset of the entry" => call(libc::SYS_lseek, [0, 1, 1, 0, 0]),
        "map the entry to share it" => call(libc::SYS_mmap, [0, PAGE, read, i64::from(libc::MAP_SHARED), 0]),
        "map memory to execute" => call(libc::SYS_mmap, [0, PAGE, execute, anonymous, -1]),
        "change the protection of memory" => {
            let memory = call(libc::SYS_mmap, [0, PAGE, read, anonymous, -1]);
            call(libc::SYS_mprotect, [memory, PAGE, execute, 0, 0])
        }
        "open a socket" => call(libc::SYS_socket, [i64::from(libc::AF_INET), i64::from(libc::SOCK_DGRAM), 0, 0, 0]),
        "start a process" => call(libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0]),
        "start a thread" => call(libc::SYS_clone, [thread, 0, 0, 0, 0]),
        "start a program" => call(libc::SYS_execve, [text(c"/bin/true"), 0, 0, 0, 0]),
        "signal the server" => call(libc::SYS_kill, [SERVER, 0, 0, 0, 0]),
        "read the server's memory" => call(libc::SYS_process_vm_readv, [SERVER, 0, 0, 0, 0]),
        "trace the server" => call(libc::SYS_ptrace, [i64::from(libc::PTRACE_ATTACH), SERVER, 0, 0, 0]),
        "limit the server" => call(libc::SYS_prlimit64, [SERVER, 0, 0, 0, 0]),
        "ask the time" => call(libc::SYS_clock_gettime, [0, 0, 0, 0, 0]),
        "draw random bytes" => call(libc::SYS_getrandom, [0, 0, 0, 0, 0]),
        "change a handler" => call(libc::SYS_rt_sigaction, [i64::from(libc::SIGSYS), 0, 0, 8, 0]),
        "change the filter" => call(libc::SYS_seccomp, [0; 5]),
        "turn the clock on" => call(libc::SYS_prctl, [i64::from(libc::PR_SET_TSC), 1, 0, 0, 0]),
        "use io_uring" => call(libc::SYS_io_uring_setup, [1, 0, 0, 0, 0]),
        "handle page faults" => call(libc::SYS_userfaultfd, [0; 5]),
        // SAFETY: reads a counter, where that is allowed.
        "read the counter of the processor" => unsafe { core::arch::x86_64::_rdtsc() as i64 },
        // SAFETY: the C library's function, without an argument to write to.
        "read the clock without a call" => unsafe { libc::time(ptr::null_mut()) },
        "call as a 32-bit program" => {
            let mut result = 20;
            // SAFETY: `getpid` of the other table.
            unsafe { asm!("int 0x80", inout("eax") result) };
            result
        }
        _ => 0,
    };
    false
}

/// Whether a wall behind the filter stands.
fn stands(name: &str) -> bool {
    match name {
        // SAFETY: asks for a flag of this process.
        probe::NO_NEW_PRIVILEGES => (unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) }) == 1,
        probe::CLOCK_OFF => {
            let mut mode = 0i32;
            // SAFETY: writes an int of this frame.
            (unsafe { libc::prctl(libc::PR_GET_TSC, &raw mut mode) }) == 0 && mode == libc::PR_TSC_SIGSEGV
        }
        probe::LIMITS => {
            let none = [libc::RLIMIT_FSIZE, libc::RLIMIT_NPROC, libc::RLIMIT_CORE, libc::RLIMIT_MEMLOCK];
            let some = [libc::RLIMIT_AS, libc::RLIMIT_CPU];
            none.into_iter().all(|limit| hard(limit) == 0)
                && some.into_iter().all(|limit| hard(limit) != libc::RLIM_INFINITY)
        }
        // SAFETY: asks whether a descriptor is open.
        probe::DESCRIPTORS => (3..1024).all(|file| unsafe { libc::fcntl(file, libc::F_GETFD) } == -1),
        probe::NAMESPACES => apart(),
        probe::LANDLOCK => [c"/", c"/etc/passwd", c"/proc/self/maps", c"/dev/null"].into_iter().all(closed),
        _ => false,
    }
}

fn hard(limit: libc::__rlimit_resource_t) -> u64 {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: writes a struct of this frame; where that fails there is no limit.
    unsafe { libc::getrlimit(limit, &raw mut limits) };
    limits.rlim_max
}

/// The user is nobody, the server the first process there is, and no packet leaves.
fn apart() -> bool {
    const NOBODY: u32 = 65534;
    // SAFETY: plain calls; the address is a value of this frame.
    unsafe {
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        address.sin_family = libc::AF_INET as u16;
        (address.sin_port, address.sin_addr.s_addr) = (9u16.to_be(), u32::from_ne_bytes([127, 0, 0, 1]));
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        let size = size_of::<libc::sockaddr_in>() as u32;
        let sent = libc::sendto(socket, ptr::null(), 0, 0, (&raw const address).cast(), size);
        libc::getuid() == NOBODY && libc::getppid() == 1 && sent == -1
    }
}

/// The loader's own way to open would be answered by the handler.
fn closed(path: &std::ffi::CStr) -> bool {
    call(libc::SYS_openat, [i64::from(libc::AT_FDCWD), text(path), 0, 0, 0]) == i64::from(-libc::EACCES)
}
