//! Lanes against autograd over the whole batch, written down the plain way; and the configuration file.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use contract::{
    Algorithm, Kind, Setup, Tensor,
    harness::{Declaration, LossInputs, Moment, NamedTensors, Seed, whole},
};
use openclip::{Config, Entry};

const BATCH: i64 = 32;
const WIDTH: i64 = 12;

fn config(tables: &[&str]) -> Config {
    let table: toml::Table = include_str!("../config.toml").parse().unwrap();
    let mut values = table.clone();
    for name in tables {
        values.extend(table[*name].as_table().unwrap().clone());
    }
    values.retain(|_, value| !value.is_table());
    values.try_into().unwrap()
}

fn setup(lanes: usize) -> Setup {
    Setup {
        batch: BATCH as usize,
        lane_rows: BATCH as usize / lanes,
        width: WIDTH as usize,
        samples: 320,
        steps: 10,
        epochs: 1,
        steps_per_epoch: 10,
        parameters: Vec::new(),
    }
}

fn unit_rows(seed: [u8; 32], purpose: &str) -> Tensor {
    let mut stream = Seed(seed).stream(purpose, &[]);
    let values: Vec<f64> = (0..BATCH * WIDTH).map(|_| stream.normal()).collect();
    let rows = Tensor::from_slice(&values).view([BATCH, WIDTH]);
    let norms = rows.square().sum_dim_intlist(1, true, None::<Kind>).sqrt();
    rows / norms
}

#[test]
fn lanes_are_the_whole_batch() {
    let (image, text) = (unit_rows([1; 32], "image"), unit_rows([1; 32], "text"));
    let log_scale = Tensor::from(2.66f64);

    // Plain: two cross-entropies, each pair being its own class.
    let leaves = [&image, &text, &log_scale].map(|tensor| tensor.copy().set_requires_grad(true));
    let logits = leaves[0].matmul(&leaves[1].tr()) * leaves[2].exp();
    let cross_entropy = |logits: &Tensor| -logits.log_softmax(1, Kind::Double).diagonal(0, 0, 1).mean(None::<Kind>);
    let plain = 0.5 * (cross_entropy(&logits) + cross_entropy(&logits.tr()));
    let expected = Tensor::run_backward(&[&plain], &leaves, false, false);

    let inputs = LossInputs {
        image,
        text,
        learnables: NamedTensors::from([("log_scale".into(), log_scale)]),
        columns: NamedTensors::new(),
        globals: NamedTensors::new(),
    };
    for lanes in [1, 2, 4, 8] {
        let setup = setup(lanes);
        let entry = Entry::new(config(&[]), &setup).unwrap();
        let declaration = Declaration::from(entry.declare());
        let moment = Moment { setup: &setup, declaration: &declaration, seed: &Seed([0; 32]), step: 0, epoch: 0 };
        let found = whole(&entry, &moment, lanes, &inputs).unwrap();
        assert!((found.loss.mean(None::<Kind>) - &plain).abs().double_value(&[]) < 1e-12);
        let found = [&found.image, &found.text, &found.learnables["log_scale"]];
        for (found, expected) in found.into_iter().zip(&expected) {
            assert_eq!(found.size(), expected.size());
            let difference = (found - expected).abs().max().double_value(&[]);
            assert!(difference < 1e-12, "{lanes} lanes: {difference:e}");
        }
    }
}

#[test]
fn the_file_resolves_in_every_protocol() {
    for tables in [&[][..], &["mini"], &["emoji"]] {
        assert!(Entry::new(config(tables), &setup(8)).is_ok(), "{tables:?}");
    }
    assert!(Entry::new(Config { temperature_min: 2.0, ..config(&[]) }, &setup(8)).is_err());
}
