//! The table: what an object tries, in C, and what must become of it.

use records::Rule;

/// What must become of an object.
#[derive(Debug, Clone, Copy)]
pub enum Becomes {
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
pub use Becomes::{Answers, Call, Clock, Ends, Refused, Saw};

pub struct Attack {
    pub name: &'static str,
    /// C, after `ask.h`.
    pub code: &'static str,
    /// For the compiler's driver.
    pub flags: &'static [&'static str],
    pub becomes: Becomes,
}

pub const ANSWER: &str = "int maxclip_answer(const struct ask *ask) { return honest(ask); }\n";

/// An object that does something when it is loaded, and is honest otherwise.
pub const fn load(name: &'static str, code: &'static str, becomes: Becomes) -> Attack {
    Attack { name, code, flags: &["-DHONEST"], becomes }
}

/// An object that does something when it is asked.
pub const fn ask(name: &'static str, code: &'static str, becomes: Becomes) -> Attack {
    Attack { name, code, flags: &[], becomes }
}

pub const ATTACKS: &[Attack] = &[
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
