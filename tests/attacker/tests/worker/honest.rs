//! An honest algorithm: the same bits from fresh processes, after a restart and in another worker.

use host::Worker;

use crate::common::*;

type Bits = Vec<(String, Vec<u32>)>;

fn step(worker: &mut Worker, step: u64) -> Vec<Bits> {
    let mut answers: Vec<_> = (0..8).map(|at| copies(&lane(worker, step, at))).collect();
    answers.push(copies(&pass(worker.ask_update(step, 0))));
    answers.push(copies(&pass(worker.ask_publish(step, 0))));
    answers
}

fn named(bits: &Bits, name: &str) -> Vec<f32> {
    let found = bits.iter().find(|(other, _)| other == name).expect(name);
    found.1.iter().map(|bits| f32::from_bits(*bits)).collect()
}

#[test]
fn answers_are_equal_from_fresh_processes_restarts_and_other_workers() {
    let mut worker = start("none");
    let first = step(&mut worker, 3);
    assert_eq!(step(&mut worker, 3), first);
    pass(worker.restart());
    assert_eq!(step(&mut worker, 3), first);
    assert_eq!(step(&mut start("none"), 3), first);
    assert_ne!(step(&mut worker, 4), first);
}

#[test]
fn what_is_computed_is_what_was_asked() {
    let mut worker = start("none");
    let answer = copies(&lane(&mut worker, 3, 1));
    let loss = named(&answer, "loss");
    assert!(loss.len() == ROWS && loss.iter().all(|loss| (0.5..10.0).contains(loss)), "{loss:?}");
    // Images of other lanes are constants of this one's loss; every text is a column of its logits.
    let image = named(&answer, "image");
    let rows = |values: &[f32], row: usize| values[row * WIDTH..][..WIDTH].iter().any(|value| *value != 0.0);
    assert_eq!((0..BATCH).filter(|row| rows(&image, *row)).collect::<Vec<_>>(), [2, 3]);
    assert!((0..BATCH).all(|row| rows(&named(&answer, "text"), row)));
    assert_ne!(named(&answer, "learnables/log_scale"), [0.0]);
    // A column that was not set keeps its values at the lane's rows.
    let before = worker.loss_input("columns/pair")[2 * 2..2 * 4].to_vec();
    assert_eq!(named(&answer, "rows/pair"), before);

    let update = copies(&pass(worker.ask_update(3, 0)));
    let (value, gradient) =
        (worker.update_input("value/a.bias").to_vec(), worker.update_input("gradient/a.bias").to_vec());
    let momentum = worker.update_input("slot/momentum/a.bias").to_vec();
    for index in 0..5 {
        let expected = value[index] - 0.1 * (0.9 * momentum[index] + gradient[index]);
        assert!((named(&update, "value/a.bias")[index] - expected).abs() < 1e-6);
    }
    assert_eq!(named(&update, "globals/count"), [4.0]);
    assert!(named(&update, "diagnostics/norm")[0] > 0.0);
    let published = copies(&pass(worker.ask_publish(3, 0)));
    assert_eq!(named(&published, "value/a.bias"), value.iter().map(|value| value * 0.5).collect::<Vec<_>>());
}

#[test]
fn the_declaration_and_what_holds_the_worker_are_told() {
    let worker = start("none");
    assert_eq!(worker.declaration().columns[1].shape, [2]);
    assert_eq!(worker.declaration().learnables[0].initial, [2.0]);
    for part in ["seccomp:25", "no-new-privs", "rlimits", "descriptors", "tsc-off"] {
        assert!(worker.containment().iter().any(|found| found == part), "{part}");
    }
}
