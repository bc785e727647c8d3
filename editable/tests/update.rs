//! The update's rules: groups, schedule, the temperature's own rate and bounds; and the configuration file.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use contract::{
    Algorithm, Kind, ParameterKind, ParameterShape, Parameters, Setup, Tensor,
    harness::{self, Declaration, DoubleBuffer, Moment, Seed},
    math,
};
use editable::{Config, Entry};

const STEPS: u64 = 100;

fn table() -> toml::Table {
    include_str!("../config.toml").parse().unwrap()
}

/// The common values, overridden by the tables of a path.
fn resolved(path: &[&str]) -> Config {
    let mut values = table();
    let mut layer = Some(table());
    for name in path {
        layer = layer.and_then(|table| table.get(*name)?.as_table().cloned());
        values.extend(layer.clone().unwrap_or_default());
    }
    values.retain(|_, value| !value.is_table());
    values.try_into().unwrap()
}

/// A key that no field has would be refused in a run; here the file is compared with the type's fields.
#[test]
fn the_file_resolves_everywhere_and_has_no_foreign_key() {
    let config = resolved(&[]);
    let known = format!("{config:?}");
    let mut pending = vec![table()];
    while let Some(table) = pending.pop() {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => pending.push(inner),
                _ => assert!(known.contains(&format!(" {key}: ")), "{key}"),
            }
        }
    }
    for path in [&["small"][..], &["large"], &["mini", "small"], &["mini", "large"], &["emoji", "small"]] {
        assert!(Entry::new(resolved(path), &setup()).is_ok(), "{path:?}");
    }
    assert_eq!(resolved(&["mini", "large"]).gamma_decay_epochs, 3);
}

fn shape(name: &str, kind: ParameterKind, shape: &[usize]) -> ParameterShape {
    ParameterShape { name: name.into(), kind, shape: shape.to_vec() }
}

fn setup() -> Setup {
    let parameters = vec![
        shape("a.bias", ParameterKind::Bias, &[3]),
        shape("a.weight", ParameterKind::Matrix, &[3, 3]),
        shape("class_embedding", ParameterKind::Embedding, &[3]),
        shape("ln.weight", ParameterKind::Norm, &[3]),
        shape("positional_embedding", ParameterKind::Embedding, &[3, 3]),
    ];
    Setup { batch: 8, lane_rows: 1, width: 3, samples: 80, steps: STEPS, epochs: 10, steps_per_epoch: 10, parameters }
}

/// Everything is 1, gradients are `gradient`, and `log_scale` is as given: one step, what comes out.
fn step(config: Config, gradient: f64, log_scale: f64, step: u64) -> (Parameters, BTreeMap<String, f32>) {
    let setup = setup();
    let entry = Entry::new(config, &setup).unwrap();
    let declaration = Declaration::from(entry.declare());
    let all = setup.trained(&declaration).into_iter().map(|shape| {
        let lengths: Vec<i64> = shape.shape.iter().map(|&length| length as i64).collect();
        let full = |value: f64| Tensor::full(&lengths[..], value, (Kind::Double, contract::Device::Cpu));
        let value = full(if shape.kind == ParameterKind::Learnable { log_scale } else { 1.0 });
        let slots =
            declaration.slots.iter().map(|slot| (slot.name.clone(), DoubleBuffer::new(full(0.0)).unwrap())).collect();
        harness::parameter(shape, DoubleBuffer::new(value).unwrap(), Some(full(gradient)), slots)
    });
    let mut parameters = harness::parameters(all.collect(), BTreeMap::new(), &declaration.update_diagnostics);
    let moment = Moment { setup: &setup, declaration: &declaration, seed: &Seed([0; 32]), step, epoch: 0 };
    let embeddings = || Tensor::zeros([8, 3], (Kind::Double, contract::Device::Cpu));
    let diagnostics = harness::update(&entry, &moment, embeddings(), embeddings(), &mut parameters).unwrap();
    (parameters, diagnostics)
}

fn value(parameters: &Parameters, name: &str) -> f64 {
    parameters.get(name).unwrap().value().unwrap().view([-1]).double_value(&[0])
}

#[test]
fn only_matrices_and_tables_decay() {
    let config = resolved(&[]);
    let lr = config.lr_peak / config.warmup_steps as f64;
    // Without a gradient AdamW only decays.
    let (parameters, diagnostics) = step(config.clone(), 0.0, 2.0, 0);
    for parameter in parameters.iter() {
        let decays = ["a.weight", "positional_embedding"].contains(&parameter.name());
        let expected = if decays { 1.0 - lr * config.weight_decay } else { 1.0 };
        if parameter.kind() != ParameterKind::Learnable {
            assert!((value(&parameters, parameter.name()) - expected).abs() < 1e-15, "{}", parameter.name());
        }
    }
    assert_eq!(value(&parameters, "learnables.log_scale"), 2.0);
    assert_eq!(diagnostics["lr"], lr as f32);
    assert!((f64::from(diagnostics["tau"]) - math::exp(-2.0)).abs() < 1e-8);
}

#[test]
fn the_first_step_is_the_learning_rate() {
    // AdamW's first step is lr * sign(gradient), less epsilon's part.
    let config = Config { adam_epsilon: 0.0, weight_decay: 0.0, warmup_steps: 0, ..resolved(&[]) };
    let (parameters, _) = step(config.clone(), -3.0, 2.0, 0);
    assert!((value(&parameters, "a.bias") - (1.0 + config.lr_peak)).abs() < 1e-9);
    assert!((value(&parameters, "learnables.log_scale") - (2.0 + config.lr_log_scale)).abs() < 1e-9);
    let moment = parameters.get("a.bias").unwrap().slot("exp_avg_sq").unwrap().double_value(&[0]);
    assert!((moment - (1.0 - config.beta2) * 9.0).abs() < 1e-12);
}

#[test]
fn the_temperature_slows_down_when_low_and_stays_in_its_bounds() {
    let config = Config { adam_epsilon: 0.0, ..resolved(&[]) };
    let after =
        |gradient, log_scale: f64| value(&step(config.clone(), gradient, log_scale, 0).0, "learnables.log_scale");
    let low = -math::ln(0.029);
    assert!((after(-1.0, low) - (low + config.lr_log_scale / 3.0)).abs() < 1e-9);
    let high = -math::ln(0.031);
    assert!((after(-1.0, high) - (high + config.lr_log_scale)).abs() < 1e-9);
    assert!((after(-1.0, math::ln(100.0)) - math::ln(100.0)).abs() < 1e-12);
    assert_eq!(after(1.0, 0.0), 0.0);
}

#[test]
fn numbers_without_sense_are_refused() {
    for config in [
        Config { gamma: 0.0, ..resolved(&[]) },
        Config { gamma: 1.1, ..resolved(&[]) },
        Config { temperature_min: 0.0, ..resolved(&[]) },
        Config { temperature_initial: 0.005, ..resolved(&[]) },
    ] {
        assert!(Entry::new(config, &setup()).is_err());
    }
}
