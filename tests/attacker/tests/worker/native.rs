//! Arbitrary machine code as an entry: objects that a C compiler makes, with every courtesy off.
//!
//! No policy, no compiler's word and no look at the object stands before them: they are handed to the worker as they
//! are, and the lock alone contains them. Each says what it saw.

mod attacks;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use host::{Launch, Worker};
use records::{Finding, Rule, Stop};
use tempfile::TempDir;

use self::attacks::*;
use crate::common::*;

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
        compiler.arg("-I").arg(flows::root().join("tests/attacker/native"));
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
    let first = |stop: Stop| match stop {
        Stop::Fail(mut findings) => findings.remove(0),
        other => panic!("{other:?}"),
    };
    let mut worker = start_with(&launch_of(object), "{}").map_err(first)?;
    let found = worker.ask_loss(0, 0, 0..1).err().map(first);
    Ok((worker, found))
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
    assert!(error.contains("67108865 bytes, limit 67108864 bytes"), "{error}");
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
        let Err(Stop::Fail(findings)) = worker.ask_loss(5, 0, 2..3) else { panic!("it says what it saw") };
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
