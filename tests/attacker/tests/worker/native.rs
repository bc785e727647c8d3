//! Arbitrary machine code as an entry: objects that a C compiler makes, with every courtesy off.
//!
//! No policy, no compiler's word and no look at the object stands before them: they are handed to the worker as they
//! are, and the lock alone contains them. Each says what it saw.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use host::{Launch, Worker};
use records::{Finding, Rule, Verdict};
use tempfile::TempDir;

use crate::common::*;

/// What must become of an object.
#[derive(Debug, Clone, Copy)]
enum Becomes {
    /// The cell is ended at this call.
    Call(&'static str),
    /// The cell is ended at the clock.
    Clock,
    /// The loader refuses it, with this in its text.
    Refused(&'static str),
    /// It runs, contained, and says exactly this.
    Saw(&'static str),
    /// It ends itself so.
    Ends(Rule, &'static str),
    /// It runs, and answers like an honest one.
    Answers,
}
use Becomes::{Answers, Call, Clock, Ends, Refused, Saw};

struct Attack {
    name: &'static str,
    /// C, after `ask.h`.
    code: &'static str,
    /// For the compiler's driver.
    flags: &'static [&'static str],
    becomes: Becomes,
}

const ANSWER: &str = "int maxclip_answer(const struct ask *ask) { return honest(ask); }\n";

/// An object that does something when it is loaded, and is honest otherwise.
const fn load(name: &'static str, code: &'static str, becomes: Becomes) -> Attack {
    Attack { name, code, flags: &["-DHONEST"], becomes }
}

/// An object that does something when it is asked.
const fn ask(name: &'static str, code: &'static str, becomes: Becomes) -> Attack {
    Attack { name, code, flags: &[], becomes }
}

const ATTACKS: &[Attack] = &[
    // Before anybody asks: constructors run inside the load, behind the lock.
    load(
        "a naked function in .init_array that opens a file, as in the first break",
        r#"__asm__(".pushsection .init_array,\"aw\"\n.quad early\n.popsection\n.text\nearly:\nmov $257,%eax\nmov $-100,%rdi\n\
           lea path(%rip),%rsi\nxor %edx,%edx\nsyscall\nret\npath: .asciz \"/etc/passwd\"");"#,
        Call("openat"),
    ),
    load(
        "the first break in its other form: a constructor with its own prctl takes the lock down",
        "int prctl(int a, ...) { return 0; }\nlong syscall(long n, ...) { return 0; }\n\
         __attribute__((constructor)) static void early(void) { raw(SYS_prctl, 26, 1, 0, 0); }",
        Call("prctl"),
    ),
    load(
        "a constructor that reads the clock",
        "__attribute__((constructor)) static void early(void) { __builtin_ia32_rdtsc(); }",
        Clock,
    ),
    load(
        "a constructor that starts a thread",
        "__attribute__((constructor)) static void early(void) { raw(SYS_clone, 0x10f00, 0, 0, 0); }",
        Call("clone"),
    ),
    load(
        "a constructor that maps the results of another question",
        "__attribute__((constructor)) static void early(void) { raw(SYS_mmap, 0, 4096, 3, MAP_SHARED); }",
        Call("mmap"),
    ),
    load(
        "a function that is resolved by running code",
        "static int one(void) { return 1; }\nstatic void *resolve(void) { raw(SYS_socket, 2, 2, 0, 0); return one; }\n\
         int chosen(void) __attribute__((ifunc(\"resolve\")));\nint (*use)(void) = chosen;",
        Call("socket"),
    ),
    load(
        "a finalizer that would speak after the answer",
        "static const struct ask *last;\nstatic void late(void) { raw(SYS_socket, 2, 2, 0, 0); }\n\
         __attribute__((constructor)) static void early(void) { atexit(late); }\n\
         __attribute__((destructor)) static void end(void) { late(); }",
        Answers,
    ),
    load(
        "an exception thrown through the loader",
        "__attribute__((constructor)) static void early(void) { abort(); }",
        Ends(Rule::Signalled, "SIGABRT"),
    ),
    // Symbols that stand before their own: the server and libtorch are bound already, and the scope is local.
    ask(
        "interposed functions of the C library",
        "static int calls;\nvoid *malloc(size_t n) { calls++; return 0; }\nlong write(int f, const void *b, size_t n) { calls++; return n; }\n\
         void _exit(int c) { calls++; for (;;); }\nint prctl(int a, ...) { calls++; return 0; }\n\
         extern __typeof(malloc) mine __attribute__((alias(\"malloc\"), visibility(\"hidden\")));\n\
         int maxclip_answer(const struct ask *ask) {\n\
           char *text = strdup(\"the C library's own\");\n\
           int ours = dlsym(RTLD_DEFAULT, \"malloc\") == (void *)mine;\n\
           return saw(ask, \"interposed %d times, ours in the global scope: %d, %s\", calls, ours, text); }",
        Saw("interposed 0 times, ours in the global scope: 0, the C library's own"),
    ),
    ask(
        "interposed functions of libtorch",
        "int calls;\nvoid *_ZN2at13globalContextEv(void) { calls++; return 0; }\n\
         extern __typeof(_ZN2at13globalContextEv) mine __attribute__((alias(\"_ZN2at13globalContextEv\"), visibility(\"hidden\")));\n\
         int maxclip_answer(const struct ask *ask) {\n\
           void *theirs = dlsym(RTLD_DEFAULT, \"_ZN2at13globalContextEv\");\n\
           if (theirs) ((void *(*)(void))theirs)();\n\
           return saw(ask, \"libtorch's own: %d, interposed %d times\", theirs && theirs != (void *)mine, calls); }",
        Saw("libtorch's own: 1, interposed 0 times"),
    ),
    // What the loader can be asked for.
    Attack {
        name: "an executable stack",
        code: "",
        flags: &["-DHONEST", "-Wl,-z,execstack"],
        becomes: Call("mprotect"),
    },
    Attack {
        name: "code that is changed by relocations",
        code: "extern int maxclip_answer(const struct ask *);\nint (*self(void))(const struct ask *) { return maxclip_answer; }",
        flags: &["-DHONEST", "-fno-pic", "-mcmodel=large", "-Wl,-z,notext"],
        becomes: Call("mprotect"),
    },
    Attack {
        name: "8 GB of zeroes",
        code: "char much[8l << 30];",
        flags: &["-DHONEST", "-mcmodel=large"],
        becomes: Refused("failed to map"),
    },
    Attack {
        name: "8 GB of thread-local memory",
        code: "__thread char much[4l << 30];\n__attribute__((constructor)) static void early(void) { much[1] = 1; }",
        flags: &["-DHONEST"],
        becomes: Ends(Rule::ForbiddenCall, "any"),
    },
    Attack {
        name: "read-only after relocation",
        code: "int (*const use)(const char *, ...) = printf;",
        flags: &["-DHONEST", "-Wl,-z,relro,-z,now"],
        becomes: Call("mprotect"),
    },
    Attack { name: "another library", code: "", flags: &["-DHONEST", "STUB"], becomes: Call("openat") },
    Attack {
        name: "another library in a folder of its own",
        code: "",
        flags: &["-DHONEST", "STUB", "-Wl,-rpath,/tmp:$ORIGIN"],
        becomes: Call("openat"),
    },
    Attack { name: "itself as its own library", code: "", flags: &["-DHONEST", "SELF"], becomes: Answers },
    ask(
        "rewriting the loader's list of objects",
        "int maxclip_answer(const struct ask *ask) {\n\
           struct link_map *map = _r_debug.r_map; int before = 0, now = 0;\n\
           for (; map; map = map->l_next) { before += map->l_addr == 42; map->l_addr = 42; map->l_name = \"/entry\"; now++; }\n\
           return ask->question[2] == DECLARE ? honest(ask) : saw(ask, \"marked before: %d, more than three now: %d\", before, now > 3); }",
        Saw("marked before: 0, more than three now: 1"),
    ),
    // Where the lock came from.
    ask(
        "jumping back into the loader",
        "static jmp_buf back; static volatile int again;\n\
         __attribute__((constructor)) static void early(void) { if (setjmp(back)) raw(SYS_openat, -100, (long)\"/etc/passwd\", 0, 0); }\n\
         int maxclip_answer(const struct ask *ask) { longjmp(back, 1); }",
        Call("openat"),
    ),
    ask(
        "calling the server's handler as a function",
        "int maxclip_answer(const struct ask *ask) { struct { long a, b, c, d; } action[8] = {0};\n\
           raw(SYS_rt_sigaction, 31, 0, (long)action, 8); return saw(ask, \"%ld\", action[0].a); }",
        Call("rt_sigaction"),
    ),
    ask(
        "taking the handler's stack away, and then a forbidden call",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_munmap, 4096, 0x7ffff7000000 - 4096, 0, 0); raw(SYS_socket, 2, 2, 0, 0); return honest(ask); }",
        Ends(Rule::Signalled, "SIGSEGV"),
    ),
    ask(
        "a lock on top of the lock",
        "int maxclip_answer(const struct ask *ask) { return saw(ask, \"%ld\", raw(SYS_seccomp, 1, 0, 0, 0)); }",
        Call("seccomp"),
    ),
    // Memory of others.
    ask(
        "counting in the server's own memory",
        "int maxclip_answer(const struct ask *ask) { long *count = (long *)((char *)stderr + 200); long was = *count; *count += 1;\n\
           return ask->question[2] == DECLARE ? honest(ask) : saw(ask, \"counted %ld before\", was); }",
        Saw("counted 0 before"),
    ),
    ask(
        "reading the server by a call",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_process_vm_readv, 1, 0, 0, 0); return honest(ask); }",
        Call("process_vm_readv"),
    ),
    ask(
        "a signal to the server",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_kill, 1, 9, 0, 0); return honest(ask); }",
        Call("kill"),
    ),
    ask(
        "a signal to everybody",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_kill, -1, 9, 0, 0); return honest(ask); }",
        Call("kill"),
    ),
    ask(
        "sharing the entry's memory",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_mmap, 0, 4096, 3, MAP_SHARED); return honest(ask); }",
        Call("mmap"),
    ),
    ask(
        "an input made writable",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_mprotect, (long)ask->session & -4096, 4096, 3, 0); return honest(ask); }",
        Call("mprotect"),
    ),
    // Counting questions, telling the time, throwing dice.
    ask(
        "growing the results over what is not zeroed",
        "int maxclip_answer(const struct ask *ask) { void *at = ask->results ? ask->results : (void *)ask->words;\n\
           return saw(ask, \"%ld\", raw(SYS_mremap, (long)at, 4096, 16384, 1)); }",
        Saw("-12"),
    ),
    ask(
        "what the server knew of the cell before, on its stack",
        "int maxclip_answer(const struct ask *ask) { long left = 0; for (unsigned long at = 0x7ffffffdf000; at < 0x7ffffffff000; at += 8) left += *(long *)at != 0;\n\
           return ask->question[2] == DECLARE ? honest(ask) : saw(ask, \"%ld words\", left); }",
        Saw("0 words"),
    ),
    ask(
        "how many questions there were",
        "int maxclip_answer(const struct ask *ask) { return ask->question[2] == DECLARE ? honest(ask) : saw(ask, \"%u\", ask->question[3]); }",
        Saw("0"),
    ),
    ask(
        "moving an offset that forks share",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_lseek, 0, 1, 1, 0); return honest(ask); }",
        Call("lseek"),
    ),
    ask(
        "reading the entry again",
        "int maxclip_answer(const struct ask *ask) { char a[8], b[8]; long fd = open(\"/entry\", O_RDONLY);\n\
           long x = read(fd, a, 8), y = read(fd, b, 8);\n\
           return saw(ask, \"%ld: %ld, %ld\", fd, x, y); }",
        Saw("0: -1, -1"),
    ),
    ask(
        "process and thread ids",
        "int maxclip_answer(const struct ask *ask) { int kept; __asm__(\"mov %%fs:0x2d0, %0\" : \"=r\"(kept));\n\
           return saw(ask, \"%d %d %ld %ld %d\", getpid(), gettid(), raw(SYS_getpid, 0, 0, 0, 0), raw(SYS_gettid, 0, 0, 0, 0), kept); }",
        Saw("1 1 1 1 1"),
    ),
    ask(
        "a lock that the kernel would write an id into",
        "int maxclip_answer(const struct ask *ask) { int word = 0; raw(SYS_futex, (long)&word, 6, 0, 0); return saw(ask, \"%d\", word); }",
        Call("futex"),
    ),
    ask(
        "the wall clock without a call",
        "int maxclip_answer(const struct ask *ask) { return saw(ask, \"%ld\", (long)time(0)); }",
        Clock,
    ),
    ask(
        "the coarse clock",
        "int maxclip_answer(const struct ask *ask) { struct timespec t; clock_gettime(CLOCK_REALTIME_COARSE, &t); return saw(ask, \"%ld\", t.tv_sec); }",
        Clock,
    ),
    ask(
        "the clock's old page, by its address",
        "int maxclip_answer(const struct ask *ask) { long (*old)(long *) = (void *)0xffffffffff600400; return saw(ask, \"%ld\", old(0)); }",
        Ends(Rule::ForbiddenCall, "any"),
    ),
    ask(
        "the counter of instructions",
        "int maxclip_answer(const struct ask *ask) { unsigned a, d; __asm__ volatile(\"rdpmc\" : \"=a\"(a), \"=d\"(d) : \"c\"(0)); return saw(ask, \"%u\", a); }",
        Ends(Rule::Signalled, "memory that is not its own (SIGSEGV)"),
    ),
    ask(
        "random bytes of the kernel",
        "int maxclip_answer(const struct ask *ask) { const unsigned char *r = (void *)getauxval(AT_RANDOM); int sum = 0; for (int i = 0; r && i < 16; i++) sum += r[i];\n\
           long canary, guard; __asm__(\"mov %%fs:0x28, %0\\nmov %%fs:0x30, %1\" : \"=r\"(canary), \"=r\"(guard));\n\
           return saw(ask, \"%d, fixed: %d\", sum, canary == guard && canary == 0x6d6178636c697000); }",
        Saw("0, fixed: 1"),
    ),
    ask(
        "restartable sequences",
        "int maxclip_answer(const struct ask *ask) { static char area[64] __attribute__((aligned(32))); return saw(ask, \"%ld\", raw(SYS_rseq, (long)area, 32, 0, 1)); }",
        Call("rseq"),
    ),
    // Doors that need no name.
    ask(
        "another architecture",
        "int maxclip_answer(const struct ask *ask) { long r = 20; __asm__ volatile(\"int $0x80\" : \"+a\"(r)); return saw(ask, \"%ld\", r); }",
        Ends(Rule::ForbiddenCall, "a system call (SIGSYS)"),
    ),
    ask(
        "the x32 table",
        "int maxclip_answer(const struct ask *ask) { return saw(ask, \"%ld\", raw(0x40000000 | SYS_getppid, 0, 0, 0, 0)); }",
        Ends(Rule::ForbiddenCall, "`unknown` (1073741934)"),
    ),
    ask(
        "asynchronous calls",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_io_uring_setup, 8, 0, 0, 0); return honest(ask); }",
        Call("io_uring_setup"),
    ),
    ask(
        "page faults in user space",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_userfaultfd, 0, 0, 0, 0); return honest(ask); }",
        Call("userfaultfd"),
    ),
    ask(
        "a local descriptor table",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_modify_ldt, 1, 0, 0, 0); return honest(ask); }",
        Call("modify_ldt"),
    ),
    ask(
        "another thread's registers",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_arch_prctl, 0x1002, 0, 0, 0); return honest(ask); }",
        Call("arch_prctl"),
    ),
    ask(
        "a kernel's keyring",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_add_key, 0, 0, 0, 0); return honest(ask); }",
        Call("add_key"),
    ),
    ask(
        "a program for the kernel",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_bpf, 0, 0, 0, 0); return honest(ask); }",
        Call("bpf"),
    ),
    ask(
        "another namespace",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_unshare, 0x10000000, 0, 0, 0); return honest(ask); }",
        Call("unshare"),
    ),
    ask(
        "whether a file is there",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_faccessat, -100, (long)\"/etc/passwd\", 0, 0); return honest(ask); }",
        Call("faccessat"),
    ),
    ask(
        "a file by a path of which the entry's is the start",
        "int maxclip_answer(const struct ask *ask) { return saw(ask, \"%ld\", raw(SYS_openat, -100, (long)\"/entry/../etc/passwd\", 0, 0)); }",
        Call("openat"),
    ),
    ask(
        "reading another descriptor",
        "int maxclip_answer(const struct ask *ask) { char c; raw(SYS_read, 3, (long)&c, 1, 0); return honest(ask); }",
        Call("read"),
    ),
    ask(
        "writing to another descriptor",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_write, 3, (long)ask, 1, 0); return honest(ask); }",
        Call("write"),
    ),
    ask(
        "advice that takes pages of a file away",
        "int maxclip_answer(const struct ask *ask) { raw(SYS_madvise, (long)ask->session & -4096, 4096, 9, 0); return honest(ask); }",
        Call("madvise"),
    ),
    // Ways to end.
    ask(
        "an exit code that once posed as a limit",
        "int maxclip_answer(const struct ask *ask) { return 152; }",
        Ends(Rule::Protocol, "exit code 152"),
    ),
    ask(
        "an exit code that once posed as our own failure",
        "int maxclip_answer(const struct ask *ask) { say(ask, 12, 0, \"no lock here\"); return 70; }",
        Ends(Rule::Protocol, "exit code 70"),
    ),
    ask(
        "the signal of a cell that could not be locked",
        "int maxclip_answer(const struct ask *ask) { say(ask, 12, 0, \"no lock here\"); raise(12); return 0; }",
        Ends(Rule::Signalled, "another signal"),
    ),
    ask(
        "an instruction that does not exist",
        "int maxclip_answer(const struct ask *ask) { __builtin_trap(); }",
        Ends(Rule::Signalled, "SIGILL"),
    ),
    ask(
        "an answer to another question",
        "int maxclip_answer(const struct ask *ask) { return say(ask, 2, ask->question[4] + 1, \"{}\"); }",
        Ends(Rule::Protocol, "it ended the process instead of answering"),
    ),
];

/// A folder for objects, and a library that is nowhere else.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn object(&self, attack: &Attack) -> PathBuf {
        let source = self.0.path().join("attack.c");
        let answer = if attack.flags.contains(&"-DHONEST") { ANSWER } else { "" };
        fs::write(&source, format!("#include \"ask.h\"\n#include <signal.h>\n{}\n{answer}", attack.code)).unwrap();
        let object = self.0.path().join("attack.so");
        let mut compiler = self.compiler(&object);
        compiler.arg(&source).args(["-ldl", "-Wl,-z,norelro"]);
        for flag in attack.flags {
            match *flag {
                "STUB" => compiler.arg("-Wl,--no-as-needed").arg(self.library("libnowhere.so")),
                "SELF" => compiler.arg("-Wl,--no-as-needed").arg(self.library("/entry")),
                flag => compiler.arg(flag),
            };
        }
        run(&mut compiler);
        object
    }

    /// A library with this name inside.
    fn library(&self, name: &str) -> PathBuf {
        let (source, library) = (self.0.path().join("library.c"), self.0.path().join("library.so"));
        fs::write(&source, "int nothing;").unwrap();
        run(self.compiler(&library).arg(&source).arg(format!("-Wl,-soname,{name}")));
        library
    }

    fn compiler(&self, object: &Path) -> Command {
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-w", "-fno-stack-protector", "-o"]).arg(object);
        compiler.arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/native"));
        compiler
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn launch_of(object: &Path) -> Launch {
    Launch { entry: object.to_owned(), ..launch() }
}

/// What becomes of an object: the finding of its declaration, or of the first question after it.
fn judge(object: &Path) -> Result<(Worker, Option<Finding>), Finding> {
    match start_with(&launch_of(object), "{}").unwrap() {
        Verdict::Fail(mut findings) => Err(findings.remove(0)),
        Verdict::Inconclusive(reason) => panic!("{reason:?}"),
        Verdict::Pass(mut worker) => {
            let found = match worker.ask_loss(0, 0, 0..1).unwrap() {
                Verdict::Fail(mut findings) => Some(findings.remove(0)),
                Verdict::Inconclusive(reason) => panic!("{reason:?}"),
                Verdict::Pass(_) => None,
            };
            Ok((worker, found))
        }
    }
}

fn holds(attack: &Attack, finding: Option<&Finding>) -> bool {
    let is = |rule, found: &str| finding.is_some_and(|f| f.rule == rule && (found == "any" || f.found == found));
    let said = finding.and_then(|finding| finding.attachment.as_ref()).map_or("", |text| &*text.text);
    match attack.becomes {
        Call(name) => {
            finding.is_some_and(|f| f.rule == Rule::ForbiddenCall && f.found.starts_with(&format!("`{name}` (")))
        }
        Clock => is(Rule::ForbiddenCall, "reading the clock"),
        Refused(text) => is(Rule::Loads, "any") && said.contains(text),
        Saw(text) => is(Rule::Refused, "any") && said == text,
        Ends(rule, found) => is(rule, found),
        Answers => finding.is_none(),
    }
}

#[test]
fn native_code_is_contained_by_the_lock_alone() {
    let workshop = Workshop::new();
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let object = workshop.object(attack);
        let finding = judge(&object).map_or_else(Some, |(_, finding)| finding);
        if !holds(attack, finding.as_ref()) {
            wrong.push(format!("{}: {:?}, found {finding:#?}", attack.name, attack.becomes));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ATTACKS.len(), wrong.join("\n"));
}

/// A thousand things can be wrong with an object; each is the object's fault, and the server outlives it.
#[test]
fn a_damaged_object_is_never_our_own_failure() {
    const MUTANTS: u64 = 40;
    let workshop = Workshop::new();
    let object = workshop.object(&load("honest", "static int zero; int *where = &zero;", Answers));
    let whole = fs::read(&object).unwrap();
    let mut stream = numerics::Seed([7; 32]).stream("mutants", &[]);
    let (mut refused, mut answered) = (0, 0);
    for mutant in 0..MUTANTS {
        let mut bytes = whole.clone();
        match mutant % 4 {
            // Headers, tables, anything; and a file that ends early.
            0 => bytes.truncate(stream.word() as usize % whole.len()),
            1 => (0..4).for_each(|_| bytes[stream.word() as usize % 64] ^= 1 << (stream.word() % 8)),
            2 => (0..8).for_each(|_| bytes[64 + stream.word() as usize % 600] = stream.word() as u8),
            _ => (0..40).for_each(|_| bytes[stream.word() as usize % whole.len()] = stream.word() as u8),
        }
        fs::write(&object, &bytes).unwrap();
        match judge(&object) {
            Ok((_, None)) => answered += 1,
            Ok((_, Some(_))) | Err(_) => refused += 1,
        }
    }
    assert!(refused > MUTANTS / 3 && refused + answered == MUTANTS, "{refused} refused, {answered} answered");
}

#[test]
fn an_empty_and_an_endless_object_are_told_apart_from_entries() {
    let workshop = Workshop::new();
    let object = workshop.0.path().join("object.so");
    fs::write(&object, b"").unwrap();
    assert_eq!(judge(&object).err().map(|finding| finding.rule), Some(Rule::Loads));
    fs::File::create(&object).unwrap().set_len(wire::limits::ENTRY_BYTES_MAX as u64 + 1).unwrap();
    let error = start_with(&launch_of(&object), "{}").map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("more than 67108864 bytes"), "{error}");
}

/// Everything that could tell one asking from another, as an entry sees it.
const FINGERPRINT: Attack = ask(
    "what differs between two cells",
    "static int data; extern char **environ;\n\
     static unsigned long sum(const char *text) { unsigned long s = 5381; while (*text) s = s * 33 + (unsigned char)*text++; return s; }\n\
     int maxclip_answer(const struct ask *ask) {\n\
       if (ask->question[2] == DECLARE) return honest(ask);\n\
       char local, *heap = malloc(100); void *pages = mmap(0, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n\
       unsigned long environment = 0, vectors = 0, registers[3]; for (char **e = environ; *e; e++) environment += sum(*e);\n\
       for (unsigned long kind = 3; kind < 52; kind++) vectors = vectors * 31 + getauxval(kind);\n\
       __asm__(\"mov %%fs:0x28, %0\\nmov %%fs:0x30, %1\\nmov %%fs:0, %2\" : \"=r\"(registers[0]), \"=r\"(registers[1]), \"=r\"(registers[2]));\n\
       return saw(ask, \"question %u %u %u %u, stack %lu heap %lu pages %lu data %lu code %lu libc %lu break %lu inputs %lu results %lu environment %lu vectors %lu thread %lu %lu %lu ids %d %d\",\n\
         ask->question[2], ask->question[3], ask->question[4], ask->question[8], (unsigned long)&local, (unsigned long)heap, (unsigned long)pages, (unsigned long)&data, (unsigned long)maxclip_answer, (unsigned long)dlsym(RTLD_DEFAULT, \"printf\"),\n\
         (unsigned long)sbrk(0), (unsigned long)ask->inputs, (unsigned long)ask->results, environment, vectors, registers[0], registers[1], registers[2], getpid(), gettid()); }",
    Answers,
);

#[test]
fn nothing_tells_one_cell_from_another() {
    let object = Workshop::new();
    let path = object.object(&FINGERPRINT);
    let seen = |worker: &mut Worker| -> String {
        let Verdict::Fail(findings) = worker.ask_loss(5, 0, 2..3).unwrap() else { panic!("it says what it saw") };
        findings[0].attachment.clone().unwrap().text
    };
    let mut worker = pass(start_with(&launch_of(&path), "{}"));
    let first = seen(&mut worker);
    assert!(first.starts_with("question 2 0 5 2, stack 10555") && first.ends_with("ids 1 1"), "{first}");
    for _ in 0..5 {
        assert_eq!(seen(&mut worker), first);
    }
    pass(worker.restart());
    assert_eq!(seen(&mut worker), first, "after a restart");
    assert_eq!(seen(&mut pass(start_with(&launch_of(&path), "{}"))), first, "another server");
}
