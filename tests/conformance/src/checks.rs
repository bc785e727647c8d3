//! What every worker must do, a check each.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use wire::{
    exit,
    layout::arena_bytes,
    limits::wall_seconds,
    message::{BYTES, Question, QuestionKind},
    probe::{BEHIND, Expected, FILTERED},
    words,
};

use crate::host::{Ended, Host, Launch};

type Check = fn(&Launch) -> Result<()>;

/// All of them, by what they show.
pub const ALL: &[(&str, Check)] = &[
    ("the first report comes warm, from one thread, after a cell could be locked", first_report),
    ("a declaration is said, with the question's step", declaration),
    ("a report repeats the sequence and states what the cell used", report),
    ("the same question has the same answer, another lane another one", same_answer),
    ("another server gives the same answer", another_server),
    ("two lanes in one cell are two cells with a lane each", lanes),
    ("update and publish answer over their own memory", update),
    ("between tensors the results stay zero", padding),
    ("nothing outlives an answer", nothing_stays),
    ("an input that is written to is named", written_input),
    ("a panic has its code and its words", panics),
    ("an error is said", errors),
    ("a tensor of another shape is said", shapes),
    ("a configuration that does not fit is said", configuration),
    ("an exit code is reported as it is", exit_codes),
    ("a forbidden call ends the cell with its name", forbidden_call),
    ("the clock ends the cell", clock),
    ("a cell that waits for a thread ends", waits),
    ("a cell without end is ended by the kernel's limit", endless),
    ("every probe comes to what it should", probes),
    ("bytes that are no entry are the cell's affair and not the server's", no_entry),
    ("a message of another version ends the server, without a report", other_version),
    ("a server without a host ends", no_host),
];

fn code(ended: &Ended) -> Option<i32> {
    libc::WIFEXITED(ended.report.status).then(|| libc::WEXITSTATUS(ended.report.status))
}

fn answered(ended: &Ended) -> Result<()> {
    let said = ended.kind == words::SaidKind::Done && ended.number == ended.step;
    ensure!(code(ended) == Some(exit::ANSWERED) && said, "{ended:?}");
    Ok(())
}

fn loss(host: &mut Host, step: u64, lane: u32) -> Result<Vec<u8>> {
    answered(&host.ask(QuestionKind::Loss, step, lane..lane + 1)?)?;
    let bytes = arena_bytes(&host.layout.loss_results);
    Ok(host.results(QuestionKind::Loss)[..bytes].to_vec())
}

/// Asks the specimen for something that it does not do, and holds its end against what it should be.
fn ends(launch: &Launch, attack: &str, expected: i32, kind: words::SaidKind) -> Result<Ended> {
    let ended = launch.ready(attack)?.ask(QuestionKind::Loss, 3, 1..2)?;
    ensure!(code(&ended) == Some(expected) && ended.kind == kind, "{ended:?}");
    Ok(ended)
}

fn first_report(launch: &Launch) -> Result<()> {
    let host = launch.start(&launch.entry)?;
    ensure!((host.first.sequence, host.first.threads, host.first.status) == (0, 1, 0), "{:?}", host.first);
    Ok(())
}

fn declaration(launch: &Launch) -> Result<()> {
    let mut host = launch.start(&launch.entry)?;
    let ended = host.declare("none")?;
    let said = (ended.kind, ended.number) == (words::SaidKind::Declaration, 0);
    ensure!(said && code(&ended) == Some(exit::ANSWERED), "{ended:?}");
    let declared: wire::Declaration = serde_json::from_slice(&ended.text).context("not a declaration")?;
    ensure!(declared.columns.iter().any(|column| column.name == "pair" && column.shape == [2]), "{declared:?}");
    Ok(())
}

fn report(launch: &Launch) -> Result<()> {
    let mut host = launch.ready("none")?;
    for _ in 0..3 {
        let ended = host.ask(QuestionKind::Loss, 1, 0..1)?;
        answered(&ended)?;
        ensure!(ended.report.cpu_micros > 0 && ended.report.max_rss_kib > 0 && !ended.report.stalled, "{ended:?}");
    }
    Ok(())
}

fn same_answer(launch: &Launch) -> Result<()> {
    let mut host = launch.ready("none")?;
    let first = loss(&mut host, 3, 1)?;
    ensure!(loss(&mut host, 3, 1)? == first, "another answer");
    ensure!(loss(&mut host, 3, 2)? != first && loss(&mut host, 4, 1)? != first, "the same answer");
    ensure!(loss(&mut host, 3, 1)? == first, "another answer after other questions");
    Ok(())
}

fn another_server(launch: &Launch) -> Result<()> {
    let first = loss(&mut launch.ready("none")?, 3, 1)?;
    ensure!(loss(&mut launch.ready("none")?, 3, 1)? == first, "another answer");
    Ok(())
}

fn lanes(launch: &Launch) -> Result<()> {
    let mut host = launch.ready("none")?;
    let apart = [loss(&mut host, 3, 4)?, loss(&mut host, 3, 5)?].concat();
    answered(&host.ask(QuestionKind::Loss, 3, 4..6)?)?;
    ensure!(host.results(QuestionKind::Loss) == apart, "other bytes");
    Ok(())
}

fn update(launch: &Launch) -> Result<()> {
    let mut host = launch.ready("none")?;
    let mut results = Vec::new();
    for kind in [QuestionKind::Update, QuestionKind::Update, QuestionKind::Publish] {
        answered(&host.ask(kind, 3, 0..0)?)?;
        results.push(host.results(kind));
    }
    ensure!(results[0] == results[1] && results[0] != results[2], "answers that do not follow from the question");
    Ok(())
}

fn padding(launch: &Launch) -> Result<()> {
    let mut host = launch.ready("none")?;
    let bytes = loss(&mut host, 3, 1)?;
    for pair in host.layout.loss_results.windows(2) {
        ensure!(bytes[pair[0].end()..pair[1].offset].iter().all(|byte| *byte == 0), "behind `{}`", pair[0].name);
    }
    Ok(())
}

fn nothing_stays(launch: &Launch) -> Result<()> {
    let mut host = launch.ready("static")?;
    let first = loss(&mut host, 3, 1)?;
    ensure!((0..3).all(|_| loss(&mut host, 3, 1).is_ok_and(|answer| answer == first)), "a counter goes on");
    Ok(())
}

fn written_input(launch: &Launch) -> Result<()> {
    let mut host = launch.ready("write-input")?;
    let ended = host.ask(QuestionKind::Loss, 3, 1..2)?;
    ensure!(code(&ended) == Some(exit::SAID) && ended.kind == words::SaidKind::WroteInput, "{ended:?}");
    let text = host.layout.loss_inputs.iter().find(|place| place.name == "text").context("no input `text`")?;
    ensure!((text.offset..text.end()).contains(&(ended.number as usize)), "{} is not in {text:?}", ended.number);
    Ok(())
}

fn panics(launch: &Launch) -> Result<()> {
    let ended = ends(launch, "panic", exit::PANICKED, words::SaidKind::Panicked)?;
    ensure!(!ended.text.is_empty(), "a panic without its message");
    Ok(())
}

fn errors(launch: &Launch) -> Result<()> {
    let ended = ends(launch, "error", exit::SAID, words::SaidKind::Refused)?;
    ensure!(String::from_utf8_lossy(&ended.text).contains("an error of its own"), "{ended:?}");
    Ok(())
}

fn shapes(launch: &Launch) -> Result<()> {
    ends(launch, "shape", exit::SAID, words::SaidKind::Shape).map(drop)
}

fn configuration(launch: &Launch) -> Result<()> {
    let ended = launch.start(&launch.entry)?.declare("none\",\"rate\":\"fast")?;
    ensure!(code(&ended) == Some(exit::SAID) && ended.kind == words::SaidKind::Config, "{ended:?}");
    Ok(())
}

fn exit_codes(launch: &Launch) -> Result<()> {
    for expected in [70, 137, 152, 159] {
        let ended = launch.ready(&format!("exit-{expected}"))?.ask(QuestionKind::Loss, 3, 1..2)?;
        ensure!(code(&ended) == Some(expected), "{ended:?}");
    }
    Ok(())
}

fn forbidden_call(launch: &Launch) -> Result<()> {
    let ended = ends(launch, "open", exit::SAID, words::SaidKind::Call)?;
    ensure!(cell::calls::name(ended.number) == Some("openat"), "{ended:?}");
    Ok(())
}

fn clock(launch: &Launch) -> Result<()> {
    ends(launch, "clock", exit::SAID, words::SaidKind::Clock).map(drop)
}

fn waits(launch: &Launch) -> Result<()> {
    ends(launch, "stall", exit::SAID, words::SaidKind::Waits).map(drop)
}

fn endless(launch: &Launch) -> Result<()> {
    let ended = launch.ready("hang")?.ask(QuestionKind::Loss, 3, 1..2)?;
    let signal = libc::WIFSIGNALED(ended.report.status).then(|| libc::WTERMSIG(ended.report.status));
    let limited = signal == Some(exit::TIME_SIGNAL) || signal == Some(exit::OUTSIDE_SIGNAL);
    // The kernel counts towards the limit by its ticks, and what it reports is scaled: on a busy machine they differ.
    ensure!(limited && ended.report.cpu_micros >= 2_400_000, "{ended:?}");
    ensure!(!ended.report.stalled && wall_seconds(3) > 3, "ended by the clock on the wall: {ended:?}");
    Ok(())
}

fn probes(launch: &Launch) -> Result<()> {
    let mut host = launch.start(&launch.entry)?;
    for (number, attempt) in FILTERED.iter().enumerate() {
        let ended = host.ask(QuestionKind::Probe, 0, number as u32..number as u32)?;
        let holds = match attempt.expected {
            Expected::Answer => answered(&ended).is_ok(),
            Expected::Call(name) => {
                ended.kind == words::SaidKind::Call && cell::calls::name(ended.number) == Some(name)
            }
            Expected::Clock => ended.kind == words::SaidKind::Clock,
            Expected::Killed => libc::WIFSIGNALED(ended.report.status),
        };
        ensure!(holds, "{}: {ended:?}", attempt.name);
    }
    // What stands behind the filter depends on the kernel; limits and privileges do not.
    for (number, attempt) in BEHIND.iter().enumerate().take(4) {
        let ended = host.ask(QuestionKind::ProbeBehind, 0, number as u32..number as u32)?;
        answered(&ended).with_context(|| attempt.name)?;
    }
    Ok(())
}

fn no_entry(launch: &Launch) -> Result<()> {
    for path in ["/dev/null", "/etc/hostname"] {
        let mut host = launch.start(Path::new(path))?;
        ensure!((host.first.threads, host.first.status) == (1, 0), "{:?}", host.first);
        let ended = host.declare("none")?;
        ensure!(code(&ended) == Some(exit::SAID) && ended.kind == words::SaidKind::Load, "{path}: {ended:?}");
        answered(&host.ask(QuestionKind::Probe, 0, 0..0)?).context("a probe afterwards")?;
    }
    Ok(())
}

fn other_version(launch: &Launch) -> Result<()> {
    let mut host = launch.start(&launch.entry)?;
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(b"mxcq\x63\0\0\0");
    ensure!(Question::decode(&bytes).is_err(), "a message that the wire takes");
    host.send(&bytes)?;
    if let Some(report) = host.receive(20)? {
        bail!("a report: {report:?}");
    }
    let status = host.close()?;
    ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == exit::FAULT, "wait status {status:#x}");
    Ok(())
}

fn no_host(launch: &Launch) -> Result<()> {
    let status = launch.ready("none")?.close()?;
    ensure!(status == 0, "wait status {status:#x}");
    Ok(())
}
