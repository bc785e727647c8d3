//! A fresh stack for what a cell runs, and nothing left on the old one.
//!
//! A cell begins as a copy of its server, and with it come the server's stack and registers. What the server knew of
//! the last cell (its memory, its CPU time, its id) lay there: a message from one question to the next. So a cell
//! leaves for a stack of its own, at the same address everywhere, takes the whole old one away (the program's
//! arguments, environment and vectors are on it, too), clears the registers, and only then does what it is for. The
//! C library gets an environment of the variables that decide bits, and of no other.

use std::{
    arch::asm,
    fs, io,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use wire::{
    abi::Ask,
    message::{BYTES, Question},
};

use crate::fork::exit_now;

/// Where it lies: far from everything that kernel and loader place by themselves.
const BASE: usize = 0x6000_0000_0000;
const STACK_BYTES: usize = 8 << 20;
const GUARD_BYTES: usize = 1 << 20;
/// Room above the stack for what a cell takes with it.
const TOP_BYTES: usize = 1 << 16;
/// Bytes of address space that it takes.
pub const BYTES_ALL: usize = GUARD_BYTES + STACK_BYTES + TOP_BYTES;
/// Room for the environment.
const TEXT_BYTES: usize = 1 << 12;
const VARIABLES_MAX: usize = 32;

static WIDE: AtomicBool = AtomicBool::new(false);
static WIDEST: AtomicBool = AtomicBool::new(false);

/// What a server keeps for its cells.
#[derive(Debug)]
pub struct Stack {
    old: Range<usize>,
    environment: Vec<u8>,
}

/// What a cell takes with it; lies above its stack.
#[repr(C)]
struct Life {
    ask: Ask,
    question: [u8; BYTES],
    answer: fn(&Ask) -> i32,
    old: Range<usize>,
    variables: [*mut libc::c_char; VARIABLES_MAX + 1],
    text: [u8; TEXT_BYTES],
}

unsafe extern "C" {
    static mut environ: *mut *mut libc::c_char;
}

impl Stack {
    /// Looks where the server's stack is, and what of its environment the cells keep.
    ///
    /// Errors: no stack, or an environment that is longer than a cell has room for.
    pub fn prepare(keep: impl Fn(&str) -> bool) -> io::Result<Self> {
        let maps = fs::read_to_string("/proc/self/maps")?;
        let old = maps.lines().find_map(|line| addresses(line, "[stack]"));
        let old = old.ok_or_else(|| io::Error::other("no stack in /proc/self/maps"))?;
        let variables = fs::read("/proc/self/environ")?;
        let kept = variables.split(|byte| *byte == 0).filter(|variable| {
            let name = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
            str::from_utf8(name).is_ok_and(&keep)
        });
        let kept: Vec<_> = kept.map(|variable| [variable, b"\0"].concat()).collect();
        let environment = kept.concat();
        if kept.len() > VARIABLES_MAX || environment.len() > TEXT_BYTES {
            return Err(io::Error::other("an environment that is longer than a cell's"));
        }
        WIDE.store(is_x86_feature_detected!("avx"), Ordering::Relaxed);
        WIDEST.store(is_x86_feature_detected!("avx512f"), Ordering::Relaxed);
        Ok(Self { old, environment })
    }

    /// Maps a cell's own stack.
    pub fn map(&self) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new mappings where nothing is; the flag refuses to replace anything.
        let mapped = unsafe {
            libc::mmap(std::ptr::without_provenance_mut(BASE), GUARD_BYTES, libc::PROT_NONE, flags, -1, 0)
                != libc::MAP_FAILED
                && libc::mmap(
                    std::ptr::without_provenance_mut(BASE + GUARD_BYTES),
                    STACK_BYTES + TOP_BYTES,
                    access,
                    flags,
                    -1,
                    0,
                ) != libc::MAP_FAILED
        };
        if mapped { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Leaves for the stack that was mapped, forgets the old one, and ends the process with what `answer` gives.
    pub fn leave(&self, ask: Ask, question: &Question, answer: fn(&Ask) -> i32) -> ! {
        let life = std::ptr::with_exposed_provenance_mut::<Life>(BASE + GUARD_BYTES + STACK_BYTES);
        // SAFETY: `map` made this memory, zero and writable, and nothing else is in it; the address is a multiple of a
        // page. The old stack is left for good: `start` never returns.
        unsafe {
            life.write(Life {
                ask,
                question: question.encode(),
                answer,
                old: self.old.clone(),
                variables: [std::ptr::null_mut(); VARIABLES_MAX + 1],
                text: [0; TEXT_BYTES],
            });
            let life = &mut *life;
            life.ask.question = life.question.as_ptr();
            life.text[..self.environment.len()].copy_from_slice(&self.environment);
            let mut at = 0;
            for (index, variable) in self.environment.split_inclusive(|byte| *byte == 0).enumerate() {
                life.variables[index] = life.text[at..].as_mut_ptr().cast();
                at += variable.len();
            }
            environ = life.variables.as_mut_ptr();
            asm!(
                "mov rsp, {top}",
                "xor ebp, ebp",
                "call {start}",
                "ud2",
                top = in(reg) std::ptr::from_mut(life).addr(),
                start = sym start,
                in("rdi") std::ptr::from_mut(life),
                options(noreturn)
            )
        }
    }
}

/// The first function on the new stack.
unsafe extern "C" fn start(life: *const Life) -> ! {
    // SAFETY: `leave` wrote it, and this process has one thread. Nothing on the old stack is used any more: its pages
    // become zero, and the C library's pointers into them (arguments, vectors) lead to zeroes.
    unsafe {
        let life = &*life;
        let old = std::ptr::with_exposed_provenance_mut(life.old.start);
        if libc::madvise(old, life.old.end - life.old.start, libc::MADV_DONTNEED) != 0 {
            exit_now(wire::exit::FAULT);
        }
        *libc::__errno_location() = 0;
        clear_registers();
        exit_now((life.answer)(&life.ask))
    }
}

/// Clears what the server's last copies left in vector registers.
#[inline(always)]
unsafe fn clear_registers() {
    // SAFETY: writes registers that are given as lost, with instructions that this processor was seen to have.
    unsafe {
        if WIDEST.load(Ordering::Relaxed) {
            asm!(
                "vpxord zmm16, zmm16, zmm16",
                "vpxord zmm17, zmm17, zmm17",
                "vpxord zmm18, zmm18, zmm18",
                "vpxord zmm19, zmm19, zmm19",
                "vpxord zmm20, zmm20, zmm20",
                "vpxord zmm21, zmm21, zmm21",
                "vpxord zmm22, zmm22, zmm22",
                "vpxord zmm23, zmm23, zmm23",
                "vpxord zmm24, zmm24, zmm24",
                "vpxord zmm25, zmm25, zmm25",
                "vpxord zmm26, zmm26, zmm26",
                "vpxord zmm27, zmm27, zmm27",
                "vpxord zmm28, zmm28, zmm28",
                "vpxord zmm29, zmm29, zmm29",
                "vpxord zmm30, zmm30, zmm30",
                "vpxord zmm31, zmm31, zmm31",
                "kxorw k1, k1, k1",
                "kxorw k2, k2, k2",
                "kxorw k3, k3, k3",
                "kxorw k4, k4, k4",
                "kxorw k5, k5, k5",
                "kxorw k6, k6, k6",
                "kxorw k7, k7, k7",
                options(nostack)
            );
        }
        if WIDE.load(Ordering::Relaxed) {
            asm!("vzeroall", out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _, options(nostack));
        }
        // As after a start: no flag of an earlier computation.
        asm!("ldmxcsr [{}]", in(reg) &0x1f80u32, options(nostack, readonly));
        asm!("fninit", "xor r12d, r12d", "xor r13d, r13d", "xor r14d, r14d", "xor r15d, r15d",
            out("r12") _, out("r13") _, out("r14") _, out("r15") _, options(nostack));
    }
}

/// The addresses in a line of `/proc/self/maps` of a mapping whose name starts so.
pub(crate) fn addresses(line: &str, name: &str) -> Option<Range<usize>> {
    let (addresses, rest) = line.split_once(' ')?;
    rest.rsplit_once(' ').filter(|(_, found)| found.starts_with(name))?;
    range(addresses)
}

/// The addresses that a line of `/proc/self/maps` begins with.
pub(crate) fn range(addresses: &str) -> Option<Range<usize>> {
    let (start, end) = addresses.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}
