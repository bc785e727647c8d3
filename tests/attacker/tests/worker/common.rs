//! A small set-up, driven through `host` as the trainer would.

use std::path::Path;

use host::{Answer, Launch, Server, Worker};
use numerics::Seed;
use records::{
    Finding, Rule, Stop,
    v1::protocol::{StateLimits, WorkerLimits},
};
use wire::{ParameterKind, ParameterShape, Setup};

pub const BATCH: usize = 16;
pub const ROWS: usize = 2;
pub const WIDTH: usize = 8;
pub const LIMITS: StateLimits =
    StateLimits { column_values_max: 8, global_values_max: 100, learnable_values_max: 50_000, slots_max: 3 };

pub fn launch() -> Launch {
    let built = flows::programs();
    Launch {
        server: Server::Rust(built.join("worker")),
        entry: built.join("libattacker.so"),
        probe: built.join("libprobe.so"),
        libraries: Path::new(env!("LIBTORCH")).join("lib"),
        limits: WorkerLimits { cpu_seconds: 1, memory_mib: 512, cell_lanes_max: 1 },
    }
}

pub fn setup(batch: usize, width: usize) -> Setup {
    let parameter =
        |name: &str, kind, shape: &[usize]| ParameterShape { name: name.to_owned(), kind, shape: shape.to_vec() };
    Setup {
        batch,
        lane_rows: batch / 8,
        width,
        samples: 100,
        steps: 20,
        epochs: 4,
        steps_per_epoch: 6,
        parameters: vec![
            parameter("a.bias", ParameterKind::Bias, &[5]),
            parameter("a.weight", ParameterKind::Matrix, &[5, 3]),
        ],
    }
}

pub fn start_with(launch: &Launch, config: &str) -> Result<Worker, Stop> {
    Worker::start(launch, config, setup(BATCH, WIDTH), &Seed([9; 32]), &LIMITS)
}

pub fn config(attack: &str) -> String {
    format!(r#"{{"attack":"{attack}","rate":0.1}}"#)
}

/// A worker that answers `declare`, with inputs written.
pub fn start(attack: &str) -> Worker {
    let mut worker = pass(start_with(&launch(), &config(attack)));
    fill(&mut worker);
    worker
}

pub fn fill(worker: &mut Worker) {
    let layout = worker.layout().clone();
    for place in &layout.loss_inputs {
        noise(&place.name, worker.loss_input(&place.name));
    }
    for place in &layout.update_inputs {
        noise(&place.name, worker.update_input(&place.name));
    }
}

/// The same values for the same name, small and not zero.
fn noise(name: &str, values: &mut [f32]) {
    let mut stream = Seed([1; 32]).stream(name, &[]);
    values.iter_mut().for_each(|value| *value = stream.uniform(-0.5, 0.5) as f32);
}

pub fn pass<T>(ended: Result<T, Stop>) -> T {
    ended.unwrap_or_else(|stop| panic!("{stop:#?}"))
}

pub fn finding<T>(ended: Result<T, Stop>) -> Finding {
    let Err(Stop::Fail(mut findings)) = ended else { panic!("no finding: {:?}", ended.err()) };
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

/// The answer about one lane.
pub fn lane(worker: &mut Worker, step: u64, lane: usize) -> Answer<'_> {
    pass(worker.ask_loss(step, 0, lane..lane + 1)).remove(0)
}

/// What an attack in `loss` comes to.
pub fn attacked(attack: &str) -> Finding {
    let finding = finding(start(attack).ask_loss(3, 0, 1..2));
    assert_eq!(finding.place, "step 3, loss, lane 1");
    finding
}

/// Every result of an answer.
pub fn copies(answer: &Answer<'_>) -> Vec<(String, Vec<u32>)> {
    let copy = |place: &wire::TensorPlace| {
        let mut values = vec![0.0; place.values()];
        assert!(answer.copy(&place.name, &mut values).finite, "{}", place.name);
        (place.name.clone(), values.iter().map(|value| value.to_bits()).collect())
    };
    answer.places().iter().map(copy).collect()
}

/// Panics unless a system call of this name was refused.
pub fn refused(attack: &str, call: &str) {
    let finding = attacked(attack);
    assert_eq!(finding.rule, Rule::ForbiddenCall, "{finding:#?}");
    assert!(finding.found.starts_with(&format!("`{call}` (")), "{finding:#?}");
}
