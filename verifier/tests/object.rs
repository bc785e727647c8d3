//! The look at an object: what no object may have, and what only the reference may have.
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::{fs, process::Command};

use records::Rule;
use records::v1::build::ObjectForm;
use verifier::object;

const ANSWER: &str = "int puts(const char *);\nint maxclip_answer(const void *ask) { return puts(\"\"); }\n";

/// The form of what a C compiler makes of this.
fn form(code: &str, flags: &[&str]) -> ObjectForm {
    let folder = tempfile::tempdir().unwrap();
    let (source, object) = (folder.path().join("a.c"), folder.path().join("a.so"));
    fs::write(&source, format!("{ANSWER}{code}")).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-w", "-Wl,-z,norelro", "-o"]).arg(&object).arg(&source).args(flags);
    let output = compiler.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    object::read(&fs::read(&object).unwrap()).unwrap()
}

#[test]
fn a_plain_object_has_no_fault_and_is_within_itself() {
    let plain = form("", &[]);
    assert!(object::faults(&plain).is_empty() && object::beyond(&plain, &plain).is_empty(), "{plain:?}");
    assert_eq!(plain.exports.iter().map(String::as_str).collect::<Vec<_>>(), ["maxclip_answer"]);
    assert!(plain.needed.contains("libc.so.6"));
}

#[test]
fn what_acts_by_itself_is_beyond_the_reference() {
    let plain = form("", &[]);
    for (code, flags, expected) in [
        ("__attribute__((constructor)) static void early(void) {}", &[][..], "constructors"),
        ("int malloc(void) { return 0; }", &[], "the symbol `malloc`"),
        ("", &["-Wl,--no-as-needed", "-lm"], "the library `libm.so.6`"),
    ] {
        let found = form(code, flags);
        let findings = object::beyond(&found, &plain);
        assert!(object::faults(&found).is_empty(), "{found:?}");
        assert!(findings.iter().all(|finding| finding.rule == Rule::ObjectForm) && findings.len() == 1, "{findings:?}");
        assert!(findings[0].found.contains(expected), "{findings:?}");
        assert!(object::beyond(&plain, &found).is_empty(), "less than the reference is well");
    }
}

#[test]
fn what_no_object_may_have_is_a_fault_of_the_baseline_too() {
    for (code, flags, expected) in [
        ("", &["-Wl,-z,execstack"][..], "executable stack"),
        ("", &["-Wl,-rpath,/tmp"], "folders to look for libraries"),
        (
            "static int one(void) { return 1; }\nstatic void *pick(void) { return one; }\n\
             int chosen(void) __attribute__((ifunc(\"pick\")));",
            &[],
            "resolved by running code",
        ),
        (
            "static int one(void) { return 1; }\nstatic void *pick(void) { return one; }\n\
             static int chosen(void) __attribute__((ifunc(\"pick\")));\nint (*use)(void) = chosen;",
            &[],
            "resolved by running code",
        ),
        (
            "int (*self(void))(const void *) { return maxclip_answer; }",
            &["-fno-pic", "-mcmodel=large", "-Wl,-z,notext"],
            "changes its own code",
        ),
    ] {
        let faults = object::faults(&form(code, flags));
        assert!(faults.iter().any(|fault| fault.found.contains(expected)), "{expected}: {faults:?}");
    }
}

#[test]
fn bytes_that_are_no_object_say_why() {
    for bytes in [&b""[..], b"MZ", b"\x7fELF\x02\x01\x01", &[0; 4096]] {
        assert!(!object::read(bytes).unwrap_err().is_empty());
    }
    // A program names an interpreter; and what is read of a hostile object is bounded.
    let own = fs::read("/proc/self/exe").unwrap();
    assert!(object::read(&own).is_ok_and(|form| !object::faults(&form).is_empty() && form.exports.len() <= 256));
    let mut damaged = fs::read("/lib/x86_64-linux-gnu/libc.so.6").or_else(|_| fs::read("/lib64/libc.so.6")).unwrap();
    for at in (0..damaged.len()).step_by(97).take(2000) {
        damaged[at] ^= 0x55;
        object::read(&damaged).ok();
    }
}
