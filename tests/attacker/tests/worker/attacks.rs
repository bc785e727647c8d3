//! Every attack is stopped, and its finding says what was tried.

use std::{fs, os::unix::fs::FileExt as _};

use records::{Rule, Stop};

use crate::common::*;

macro_rules! refused {
    ($($test:ident: $attack:literal => $call:literal;)+) => {
        $(#[test] fn $test() { refused($attack, $call) })+
    };
}

// A call beyond the list ends the process, and the finding has its name.
refused! {
    // The C library installs a handler before it makes the first thread.
    writing_after_the_answer_needs_a_thread: "late-write" => "rt_sigaction";
    a_thread: "thread" => "rt_sigaction";
    a_thread_without_the_library: "raw-thread" => "clone";
    a_child_process: "fork" => "clone";
    a_file: "open" => "openat";
    an_input_opened_again: "reopen-input" => "openat";
    results_resized: "resize" => "ftruncate";
    an_input_mapped_for_writing: "map-input" => "mmap";
    an_input_made_writable: "unprotect-input" => "mprotect";
    memory_to_execute: "execute" => "mmap";
    a_datagram: "udp" => "socket";
    limits_of_the_parent: "prlimit" => "prlimit64";
    processors_of_the_parent: "affinity" => "sched_setaffinity";
    memory_of_the_parent: "process-vm-writev" => "process_vm_writev";
    tracing_the_parent: "ptrace" => "ptrace";
    killing_the_parent: "kill-parent" => "kill";
    new_shared_memory: "memfd" => "memfd_create";
    reading_the_next_question: "read-socket" => "read";
    forging_a_report: "write-socket" => "write";
    asynchronous_calls: "io-uring" => "io_uring_setup";
    another_handler: "handler" => "rt_sigaction";
    a_hash_map: "hash-map" => "getrandom";
}

#[test]
fn a_blocked_handler_is_no_way_around() {
    let finding = attacked("blocked");
    assert_eq!((finding.rule, &*finding.found), (Rule::ForbiddenCall, "`getppid` (110)"));
}

/// The kernel never sees it: the cell's own handler takes it for `abort`, and ends the cell.
#[test]
fn a_signal_to_the_server_ends_the_cell_that_sends_it() {
    let mut worker = start("tgkill-parent");
    let server = worker.server();
    let finding = finding(worker.ask_loss(3, 0, 1..2));
    assert_eq!((finding.rule, &*finding.found), (Rule::Signalled, "SIGKILL"));
    assert_eq!(worker.server(), server, "the same server goes on");
    assert!(rustix::process::test_kill_process(server).is_ok());
}

#[test]
fn calls_of_another_architecture_end_the_process() {
    let finding = attacked("other-architecture");
    assert_eq!((finding.rule, &*finding.found), (Rule::ForbiddenCall, "a system call (SIGSYS)"));
}

#[test]
fn a_program_cannot_be_started() {
    assert_eq!(attacked("execve").rule, Rule::ForbiddenCall);
}

#[test]
fn the_clock_cannot_be_read() {
    let finding = attacked("clock");
    assert_eq!(finding.rule, Rule::ForbiddenCall);
    assert!(finding.found.contains("clock"), "{finding:#?}");
}

#[test]
fn writing_to_an_input_names_it() {
    let finding = attacked("write-input");
    assert_eq!(finding.rule, Rule::Signalled);
    assert_eq!(finding.found, "a write to the input `text`, which is read-only (SIGSEGV)");
    let finding = finding_of_update("write-parameter");
    assert_eq!(finding.found, "a write to the input `value/a.bias`, which is read-only (SIGSEGV)");
    assert_eq!(finding.place, "step 0, update");
}

fn finding_of_update(attack: &str) -> records::Finding {
    finding(start(attack).ask_update(0, 0))
}

#[test]
fn a_counter_in_padding_does_not_survive() {
    let mut worker = start("padding");
    for _ in 0..3 {
        let mut loss = [9.0; ROWS];
        let answer = lane(&mut worker, 3, 1);
        assert!(answer.copy("loss", &mut loss).finite);
        // The attack found the memory and wrote there, but what it had read was zero again.
        assert_eq!(word_of_results(256), 1);
        assert_eq!(loss, [0.0; ROWS]);
    }
}

/// A word of the results of `loss`, read through the server's descriptor.
fn word_of_results(offset: u64) -> u32 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let children = tasks.flat_map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let text: String = children.collect();
    let servers: Vec<_> = text.split_ascii_whitespace().collect();
    let owned = |pid: &&&str| {
        fs::read_link(format!("/proc/{pid}/fd/6")).is_ok_and(|link| link.to_string_lossy().contains("loss-results"))
    };
    let server = servers.iter().find(owned).expect("the server");
    let file = fs::File::open(format!("/proc/{server}/fd/6")).unwrap();
    let mut word = [0; 4];
    file.read_exact_at(&mut word, offset).unwrap();
    u32::from_le_bytes(word)
}

#[test]
fn a_static_counter_does_not_survive() {
    let mut worker = start("static");
    let first = copies(&lane(&mut worker, 3, 1));
    assert_eq!(copies(&lane(&mut worker, 3, 1)), first);
}

#[test]
fn random_numbers_of_libtorch_are_the_questions_own() {
    for attack in ["randn", "random"] {
        let mut worker = start(attack);
        let first = copies(&lane(&mut worker, 3, 1));
        assert_eq!(copies(&lane(&mut worker, 3, 1)), first, "{attack}");
        assert_ne!(copies(&lane(&mut worker, 3, 2))[0], first[0], "{attack}");
        assert_ne!(copies(&lane(&mut worker, 4, 1))[0], first[0], "{attack}");
    }
}

#[test]
fn ways_to_end_have_their_rule() {
    for (attack, rule, found) in [
        ("panic", Rule::Panicked, "a panic"),
        ("error", Rule::Refused, "an error"),
        ("shape", Rule::WrongShape, "a tensor of another shape"),
        ("abort", Rule::Signalled, "SIGABRT"),
        ("kill", Rule::Signalled, "SIGKILL"),
        ("recursion", Rule::Signalled, "the stack ran out (SIGSEGV)"),
        ("stray", Rule::Signalled, "memory that is not its own (SIGSEGV)"),
        ("exit", Rule::Protocol, "it ended the process instead of answering"),
        ("exit-70", Rule::Protocol, "exit code 70"),
        // These once posed as a limit that was reached, as the machine's memory and as a refused call.
        ("exit-152", Rule::Protocol, "exit code 152"),
        ("exit-137", Rule::Protocol, "exit code 137"),
        ("exit-159", Rule::Protocol, "exit code 159"),
        ("claim", Rule::Protocol, "exit code 70"),
        ("claim-unlocked", Rule::Protocol, "it ended the process instead of answering"),
    ] {
        let finding = attacked(attack);
        assert_eq!((finding.rule, &*finding.found), (rule, found), "{attack}: {finding:#?}");
    }
}

#[test]
fn too_much_memory_is_named() {
    for attack in ["memory", "tensor-memory"] {
        let finding = attacked(attack);
        assert_eq!(finding.rule, Rule::OutOfMemory, "{attack}: {finding:#?}");
        assert_eq!(finding.expected, "at most 512 MiB beyond the idle worker's");
    }
}

#[test]
fn a_loop_without_end_is_ended_by_cpu_time() {
    let finding = attacked("hang");
    assert_eq!((finding.rule, &*finding.found), (Rule::TooSlow, "none after three times that, twice"));
}

#[test]
fn a_wait_that_would_never_end_ends_at_once() {
    let finding = attacked("stall");
    assert_eq!(finding.rule, Rule::ForbiddenCall);
    assert_eq!(finding.found, "`futex` (202): a wait for a thread that cannot be there");
}

#[test]
fn what_is_not_finite_is_found_in_the_copy() {
    let mut worker = start("nan");
    let answer = lane(&mut worker, 3, 1);
    let mut loss = [0.0; ROWS];
    assert!(!answer.copy("loss", &mut loss).finite);
    let finding = answer.not_finite("loss", &loss);
    assert_eq!((finding.rule, &*finding.place), (Rule::NotFinite, "step 3, loss, lane 1, `loss`"));
    assert_eq!(finding.found, "NaN at element 0");
}

#[test]
fn last_words_are_escaped_and_cut() {
    let finding = attacked("panic");
    let text = finding.attachment.expect("last words").text;
    assert!(text.contains("no \\u{1b}[31mway\\u{1b}[0m \\u{202e}back"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    // Megabytes on standard error neither block a worker nor fail it.
    lane(&mut start("flood"), 0, 0);
}

#[test]
fn a_worker_goes_on_after_a_failed_question() {
    let mut worker = start("write-parameter");
    assert!(matches!(worker.ask_update(0, 0), Err(Stop::Fail(_))));
    let first = copies(&lane(&mut worker, 0, 0));
    assert!(matches!(worker.ask_update(0, 0), Err(Stop::Fail(_))));
    assert_eq!(copies(&lane(&mut worker, 0, 0)), first);
}

#[test]
fn participant_code_is_locked_from_its_configuration_on() {
    let file = r#"{"attack":"none","rate":0.1,"refused_by_the_type":"/etc/passwd"}"#;
    let finding = finding(start_with(&launch(), file));
    assert_eq!((finding.rule, &*finding.place), (Rule::ForbiddenCall, "declare"));
    assert!(finding.found.starts_with("`openat` ("));
}

#[test]
fn a_declaration_is_judged_before_the_first_step() {
    for (config, rule, place) in [
        (config("declare-open"), Rule::ForbiddenCall, "declare"),
        (config("declare-panic"), Rule::Panicked, "declare"),
        (config("new-error"), Rule::Refused, "declare"),
        (config("declare-many"), Rule::Declaration, "values of a sample over all columns"),
        (config("declare-long"), Rule::Declaration, "declare"),
        (r#"{"attack":"none"}"#.into(), Rule::ConfigKey, "declare"),
        (r#"{"attack":"none","rate":"fast"}"#.into(), Rule::ConfigKey, "declare"),
        (r#"{"attack":"none","rate":1,"rat":2}"#.into(), Rule::ConfigKey, "config.toml: `rat`"),
    ] {
        let finding = finding(start_with(&launch(), &config));
        assert_eq!((finding.rule, &*finding.place), (rule, place), "{config}: {finding:#?}");
    }
}
