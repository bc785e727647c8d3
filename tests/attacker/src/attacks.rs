//! What a hostile entry would try; each is described where it is expected to fail, in the tests.

use std::{arch::asm, io::Write as _, ptr, sync::atomic::Ordering, thread};

use contract::{Batch, Kind, Parameters, Progress, Result, Tensor, bail};
use wire::words;

/// The process that an attack would like to reach: the first of its namespace, or of the machine.
const PARENT: i32 = 1;

pub fn in_declare(attack: &str) {
    match attack {
        "declare-open" => drop(std::fs::read("/etc/passwd")),
        "declare-panic" => panic!("nothing to declare"),
        _ => {}
    }
}

/// Attacks that end the process, and those that give an answer of their own.
pub fn in_loss(attack: &str, batch: &Batch, progress: &Progress) -> Result<Option<Tensor>> {
    calls(attack, batch);
    ends(attack);
    let rows = batch.rows().len() as i64;
    let constant =
        |value: f64| Ok(Some((batch.own(batch.image())? * 0.0).sum_dim_intlist(1, false, None::<Kind>) + value));
    match attack {
        "write-input" => drop(batch.text().detach().fill_(0.5)),
        "error" => bail!("an error of its own"),
        "nan" => return constant(f64::NAN),
        "shape" => return Ok(Some(batch.image().sum(Kind::Float).expand([rows + 1], false))),
        "padding" => return constant(count_in_padding(batch)),
        "randn" => {
            let noise = Tensor::randn([rows], (Kind::Float, tch::Device::Cpu));
            return Ok(constant(0.0)?.map(|zero| zero + noise));
        }
        "random" => {
            let noise = progress.random().normal(&[rows as usize])?;
            return Ok(constant(0.0)?.map(|zero| zero + noise));
        }
        "static" => {
            use std::sync::atomic::{AtomicU32, Ordering};
            static CALLS: AtomicU32 = AtomicU32::new(0);
            return constant(f64::from(CALLS.fetch_add(1, Ordering::Relaxed)));
        }
        _ => {}
    }
    Ok(None)
}

pub fn in_update(attack: &str, parameters: &Parameters) -> Result<()> {
    match attack {
        "write-parameter" => {
            if let Some(parameter) = parameters.iter().next() {
                let _ = parameter.value()?.fill_(0.5);
            }
        }
        "update-nan" => bail!("unused"),
        _ => {}
    }
    Ok(())
}

/// System calls that a worker has no right to.
fn calls(attack: &str, batch: &Batch) {
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let input = batch.image().data_ptr();
    unsafe {
        match attack {
            "late-write" => {
                let address = input.addr();
                thread::spawn(move || {
                    loop {
                        ptr::without_provenance_mut::<f32>(address).write_volatile(1.0);
                    }
                });
            }
            "thread" => drop(thread::spawn(|| ())),
            "raw-thread" => {
                let flags =
                    libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
                libc::syscall(libc::SYS_clone, libc::c_long::from(flags), 0, 0, 0, 0);
            }
            "fork" => _ = libc::fork(),
            "execve" => drop(std::process::Command::new("/bin/true").status()),
            "open" => drop(std::fs::read("/etc/passwd")),
            "reopen-input" => drop(std::fs::OpenOptions::new().write(true).open("/proc/self/fd/5")),
            "resize" => _ = libc::ftruncate(6, 0),
            "map-input" => {
                let access = libc::PROT_READ | libc::PROT_WRITE;
                libc::mmap(ptr::null_mut(), 4096, access, libc::MAP_SHARED, 5, 0);
            }
            "unprotect-input" => _ = libc::mprotect(input, 4096, libc::PROT_READ | libc::PROT_WRITE),
            "execute" => {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                libc::mmap(ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_EXEC, flags, -1, 0);
            }
            "udp" => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
            "prlimit" => _ = libc::syscall(libc::SYS_prlimit64, PARENT, libc::RLIMIT_CPU, &raw const limit, 0),
            "affinity" => {
                libc::CPU_SET(0, &mut set);
                libc::sched_setaffinity(PARENT, size_of_val(&set), &raw const set);
            }
            "process-vm-writev" => {
                let there = libc::iovec { iov_base: input, iov_len: 4 };
                libc::process_vm_writev(PARENT, &raw const there, 1, &raw const there, 1, 0);
            }
            "ptrace" => _ = libc::ptrace(libc::PTRACE_ATTACH, PARENT, 0, 0),
            "kill-parent" => _ = libc::kill(PARENT, libc::SIGKILL),
            "tgkill-parent" => _ = libc::syscall(libc::SYS_tgkill, PARENT, PARENT, libc::SIGKILL),
            "memfd" => _ = libc::memfd_create(c"x".as_ptr(), 0),
            "read-socket" => _ = libc::read(3, input, 1),
            "write-socket" => _ = libc::write(3, input, 64),
            "io-uring" => _ = libc::syscall(libc::SYS_io_uring_setup, 1, 0),
            "handler" => _ = libc::signal(libc::SIGSYS, libc::SIG_IGN),
            "blocked" => {
                libc::sigfillset((&raw mut set).cast());
                libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const set, 0, 8);
                libc::getppid();
            }
            "other-architecture" => asm!("int 0x80", inout("eax") 20 => _),
            _ => {}
        }
    }
}

/// Ends the cell with a code of its own choice.
fn exit(code: i32) -> ! {
    unsafe { libc::_exit(code) }
}

/// Writes words as the frozen half would.
fn say(kind: words::SaidKind, text: &[u8]) {
    unsafe {
        let ask = &*crate::ASK.load(Ordering::Relaxed);
        words::write(std::slice::from_raw_parts_mut(ask.words, ask.words_bytes), kind, 0, text);
    }
}

/// Ways to end, or not to.
fn ends(attack: &str) {
    match attack {
        "clock" => drop(std::time::Instant::now()),
        "hash-map" => {
            #[expect(clippy::disallowed_types, reason = "what is tried")]
            let map = std::collections::HashMap::<u32, u32>::new();
            std::hint::black_box(&map);
        }
        "panic" => panic!("no \u{1b}[31mway\u{1b}[0m \u{202e}back"),
        "abort" => std::process::abort(),
        "exit" => exit(0),
        "exit-70" => exit(70),
        "exit-137" => exit(137),
        "exit-152" => exit(152),
        "exit-159" => exit(159),
        "claim-unlocked" => {
            say(words::SaidKind::Lock, b"this machine cannot lock a cell");
            exit(1);
        }
        "claim" => {
            say(words::SaidKind::Lock, b"this machine is at fault");
            exit(70);
        }
        "kill" => unsafe {
            let own = libc::getpid();
            let _ = libc::syscall(libc::SYS_tgkill, own, own, libc::SIGKILL);
        },
        "hang" => loop {
            std::hint::spin_loop();
        },
        "stall" => thread::park(),
        "recursion" => drop(std::hint::black_box(recurse(1 << 40))),
        "stray" => unsafe { ptr::without_provenance_mut::<u8>(0x1000_0000).write_volatile(1) },
        "memory" => drop(std::hint::black_box(vec![1u8; 4 << 30])),
        "tensor-memory" => drop(Tensor::ones([1 << 31], (Kind::Float, tch::Device::Cpu))),
        "flood" => (0..200_000).for_each(|_| drop(std::io::stderr().write_all(b"a line of last words\n"))),
        _ => {}
    }
}

#[expect(unconditional_recursion, reason = "what is tried")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 100]);
    recurse(frame[7] - 1) + frame[3]
}

/// Counts calls in a word between two results, which no tensor covers.
///
/// The results are mapped right after the inputs, so they lie right below them.
fn count_in_padding(batch: &Batch) -> f64 {
    let inputs = batch.image().data_ptr().cast::<u8>();
    let word = inputs.wrapping_sub(RESULTS_BYTES).wrapping_add(PADDING).cast::<u32>();
    unsafe {
        let count = word.read_volatile();
        word.write_volatile(count + 1);
        f64::from(count)
    }
}

/// Size of the results of `loss` in the tests' set-up.
pub const RESULTS_BYTES: usize = 4096;
/// A byte between the first two results.
pub const PADDING: usize = 256;
