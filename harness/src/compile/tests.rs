//! The compiler as a hostile program's victim, with the gate before it left out.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use super::*;

/// A crate that is an entry, and hostile besides.
const ENTRY: &str = "pub struct Entry;\nimpl contract::Algorithm for Entry {\n type Config = Nothing;\n\
    fn new(_: Nothing, _: &contract::Setup) -> contract::Result<Self> { Ok(Self) }\n\
    fn declare(&self) -> contract::State { contract::State::new() }\n\
    fn loss(&self, b: &contract::Batch, _: &mut contract::SampleRows, _: &contract::Progress) -> contract::Result<contract::Tensor> { Ok(b.image().shallow_clone()) }\n\
    fn update(&self, _: &mut contract::Parameters, _: &contract::Batch, _: &contract::Progress) -> contract::Result<()> { used(); Ok(()) }\n}\n\
    #[derive(serde::Deserialize)]\npub struct Nothing {}\n";

/// Seconds and KiB that a ZIP may cost before it is refused.
const SECONDS_MAX: u64 = 180;
const MEMORY_MAX_KIB: i64 = 1 << 20;

/// Twenty ways to make a compiler work, grow, talk, wait or read without end.
const BOMBS: [(&str, &str); 20] = [
    (
        "a constant that counts",
        "const X: u64 = { let mut i = 0u64; while i < u64::MAX { i += 1; } i }; fn used() { std::hint::black_box(X); }",
    ),
    (
        "a constant as large as memory",
        "static X: [u64; 1 << 29] = [1; 1 << 29]; fn used() { std::hint::black_box(&X); }",
    ),
    ("many constants of 64 MiB", "BIG!{const A}"),
    (
        "a thousand messages of a mebibyte",
        "const T: &str = { const M: [u8; 1 << 20] = [b'x'; 1 << 20]; match std::str::from_utf8(&M) { Ok(t) => t, Err(_) => \"\" } }; PANICS! fn used() {}",
    ),
    ("a macro that doubles its tokens", "macro_rules! m { ($($t:tt)*) => { m!{ $($t)* $($t)* } } } m!{a} fn used() {}"),
    (
        "a macro that doubles a text",
        "macro_rules! d { ($a:expr) => { concat!($a, $a) } } fn used() { std::hint::black_box(D!); }",
    ),
    ("types that double", "fn f<T>(n: u32) { if n > 0 { f::<(T, T)>(n - 1) } } fn used() { f::<u8>(200) }"),
    (
        "a tree of instances",
        "struct A<T>(T); struct B<T>(T); struct C<T>(T); struct D<T>(T); fn f<T: 'static>(n: u32) { if n > 0 { f::<A<T>>(n - 1); f::<B<T>>(n - 1); f::<C<T>>(n - 1); f::<D<T>>(n - 1) } } fn used() { f::<u8>(9) }",
    ),
    (
        "traits that call for each other",
        "trait T {} struct W<X>(X); impl<X> T for X where W<X>: T {} fn g<X: T>() {} fn used() { g::<u8>() }",
    ),
    ("brackets inside brackets", "NEST! fn used() {}"),
    ("patterns by the thousand", "MATCH! fn used() { f([0; 24]) }"),
    ("closures around closures", "CLOSURE!"),
    ("a file without end", "static X: &[u8] = include_bytes!(\"/dev/zero\"); fn used() { std::hint::black_box(X); }"),
    (
        "a terminal that never speaks",
        "static X: &[u8] = include_bytes!(\"/dev/ptmx\"); fn used() { std::hint::black_box(X); }",
    ),
    (
        "this machine's users",
        "static X: &[u8] = include_bytes!(\"/etc/passwd\"); fn used() { std::hint::black_box(X); }",
    ),
    (
        "another process",
        "static X: &[u8] = include_bytes!(\"/proc/self/environ\"); fn used() { std::hint::black_box(X); }",
    ),
    (
        "a file that assembly reads",
        "#[unsafe(naked)] extern \"C\" fn early() { std::arch::naked_asm!(\".incbin \\\"/etc/passwd\\\"\") } fn used() { early() }",
    ),
    (
        "a library that assembly names",
        "#[unsafe(naked)] extern \"C\" fn early() { std::arch::naked_asm!(\".pushsection .deplibs,\\\"MS\\\",@llvm_dependent_libraries,1\", \".asciz \\\"/etc/passwd\\\"\", \".popsection\", \"ret\") } fn used() { early() }",
    ),
    (
        "a symbol that is there already",
        "#[unsafe(naked)] extern \"C\" fn early() { std::arch::naked_asm!(\".globl maxclip_answer\", \"maxclip_answer: ret\") } fn used() { early() }",
    ),
    (
        "a constructor in assembly, for every type",
        "#[unsafe(naked)] extern \"C\" fn early<T>() { std::arch::naked_asm!(\".pushsection .init_array,\\\"aw\\\"\", \".quad 0\", \".popsection\", \"ret\") } fn used() { early::<u8>() }",
    ),
];

/// The parts that are too long to write down.
fn expanded(code: &str) -> String {
    let arrays: String = (0..64).map(|n| format!("static A{n}: [u64; 1 << 23] = [{n}; 1 << 23];")).collect();
    let uses: String = (0..64).map(|n| format!("std::hint::black_box(&A{n});")).collect();
    let doubled = (0..30).fold("\"0123456789abcdef\"".to_owned(), |text, _| format!("d!({text})"));
    let closures: String = (0..40)
        .map(|n| format!("let f{} = {{ let (a, b) = (f{n}, f{n}); move |x: u64| a(x) + b(x + 1) }};", n + 1))
        .collect();
    let arms: String = (0..24)
        .map(|n| {
            let cells = (0..24).map(|cell| {
                if cell == n {
                    "1"
                } else if cell % 3 == n % 3 {
                    "_"
                } else {
                    "0 | 2 | 4 | 6"
                }
            });
            format!("[{}] => {{}}", cells.collect::<Vec<_>>().join(","))
        })
        .collect::<Vec<_>>()
        .join(",");
    code.replace("BIG!{const A}", &format!("{arrays} fn used() {{ {uses} }}"))
        .replace("PANICS!", &"const _: () = panic!(\"{}\", T);".repeat(1000))
        .replace("D!", &doubled)
        .replace("NEST!", &format!("const N: u8 = {}0{};", "(".repeat(20_000), ")".repeat(20_000)))
        .replace("MATCH!", &format!("fn f(x: [u8; 24]) {{ match x {{ {arms} }} }}"))
        .replace("CLOSURE!", &format!("fn used() {{ let f0 = |x: u64| x; {closures} std::hint::black_box(f40(1)); }}"))
}

fn kit() -> Kit {
    let own = std::env::current_exe().unwrap();
    let path: PathBuf = own.ancestors().map(|folder| folder.join(names::KIT)).find(|path| path.is_file()).unwrap();
    Kit::find(Some(&path)).unwrap()
}

fn built(code: &str) -> Result<Built, Stop> {
    let out = tempfile::tempdir().unwrap();
    let files = BTreeMap::from([("src/lib.rs".to_owned(), format!("{ENTRY}{}", expanded(code)).into_bytes())]);
    build(&kit(), &files, None, &out.path().join("build"))
}

#[expect(unsafe_code, reason = "the standard library does not tell")]
fn memory_kib(who: i32) -> i64 {
    // SAFETY: all-zero is a value of that type, and the call writes one.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &raw mut usage);
        usage.ru_maxrss
    }
}

#[test]
fn an_honest_crate_becomes_an_object() {
    let built = built("fn used() {}").unwrap();
    assert!(built.form.exports.contains("maxclip_answer") && built.form.faults.is_empty(), "{:?}", built.form);
}

#[test]
fn errors_of_the_compiler_are_counted_as_people_count() {
    for (code, count) in
        [("fn used() -> u8 { \"\" }", "1 error"), ("fn used() -> u8 { \"\" } fn b() -> u8 { \"\" }", "2 errors")]
    {
        let Err(Stop::Fail(findings)) = built(code) else { panic!("{code}: built") };
        assert_eq!(findings[0].found, count);
    }
}

#[test]
fn no_source_costs_more_than_minutes_and_a_gibibyte_or_reads_what_is_not_its_own() {
    for (name, code) in BOMBS {
        let start = Instant::now();
        let Err(Stop::Fail(findings)) = built(code) else { panic!("{name}: built") };
        let seconds = start.elapsed().as_secs();
        println!("{name}: {seconds} s, {} {}", findings[0].rule, findings[0].found);
        assert!(seconds < SECONDS_MAX, "{name}: {seconds} s");
        let allowed = [Rule::BuildLimit, Rule::DoesNotCompile, Rule::Assembly];
        assert!(allowed.contains(&findings[0].rule), "{name}: {findings:#?}");
        let said = format!("{findings:?}");
        assert!(!said.contains("root:x:") && !said.contains("PATH="), "{name} read it: {said}");
    }
    let (children, own) = (memory_kib(libc::RUSAGE_CHILDREN), memory_kib(libc::RUSAGE_SELF));
    println!("largest compiler {children} KiB, this program {own} KiB");
    assert!(children + own < MEMORY_MAX_KIB, "{children} KiB in a compiler, {own} KiB here");
}
