//! One step of the loss against float64 vectors that an independent reference gave, cross-checked with the
//! released code: `golden/vectors/fastclip_step.json`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use contract::{
    Algorithm, Device, Kind, Setup, Tensor,
    harness::{Declaration, LossAnswer, LossInputs, Moment, NamedTensors, Seed, whole},
    math,
};
use editable::{Config, Entry};
use serde_json::{Value, json};

/// Absolute: the largest value is of the order of 10.
const TOLERANCE: f64 = 1e-10;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../golden/vectors/fastclip_step.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn column(value: &Value) -> Tensor {
    Tensor::from_slice(&numbers(value))
}

fn largest_difference(found: &Tensor, expected: &[f64]) -> f64 {
    assert_eq!(found.numel(), expected.len());
    let found = Vec::<f64>::try_from(&found.to_kind(Kind::Double).view([-1])).unwrap();
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn config(params: &Value, temperature_gradient: &str) -> Config {
    // At epoch 1 of a decay over one epoch, gamma is what the configuration says.
    let config = json!({
        "rho": params["rho"], "u_epsilon": params["eps"], "gamma": params["gamma"], "gamma_decay_epochs": 1,
        "multiply_temperature": params["multiply_tau"], "temperature_gradient": temperature_gradient,
        "temperature_initial": params["tau"], "temperature_min": 0.01,
        "lr_peak": 1e-3, "lr_floor": 0.0, "warmup_steps": 0, "lr_log_scale": 1e-4,
        "beta1": 0.9, "beta2": 0.98, "adam_epsilon": 1e-6, "weight_decay": 0.1,
    });
    serde_json::from_value(config).unwrap()
}

fn answer(case: &Value, temperature_gradient: &str, lanes: usize) -> LossAnswer {
    let vectors = vectors();
    let params = &case["params"];
    let setup = Setup {
        batch: 4,
        lane_rows: 4 / lanes,
        width: 3,
        samples: 4,
        steps: 10,
        epochs: 10,
        steps_per_epoch: 1,
        parameters: Vec::new(),
    };
    let entry = Entry::new(config(params, temperature_gradient), &setup).unwrap();
    let declaration = Declaration::from(entry.declare());
    let log_scale = -math::ln(params["tau"].as_f64().unwrap());
    let inputs = LossInputs {
        image: column(&vectors["E1"]).view([4, 3]),
        text: column(&vectors["E2"]).view([4, 3]),
        learnables: NamedTensors::from([("log_scale".into(), Tensor::from(log_scale))]),
        columns: NamedTensors::from([
            ("u_image".into(), column(&params["u1"])),
            ("u_text".into(), column(&params["u2"])),
        ]),
        globals: NamedTensors::new(),
    };
    let moment = Moment { setup: &setup, declaration: &declaration, seed: &Seed([0; 32]), step: 1, epoch: 1 };
    whole(&entry, &moment, lanes, &inputs).unwrap()
}

#[test]
fn every_case_in_one_two_and_four_lanes() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        for lanes in [1, 2, 4] {
            for (gradient, expected_theta) in
                [("released", "grad_theta_public_code"), ("objective", "grad_theta_single_count")]
            {
                let expected = &case["expected"];
                let found = answer(case, gradient, lanes);
                for (what, found, expected) in [
                    ("image gradient", &found.image, &expected["grad_E1"]),
                    ("text gradient", &found.text, &expected["grad_E2"]),
                    ("u_image", &found.rows["u_image"], &expected["u1_new"]),
                    ("u_text", &found.rows["u_text"], &expected["u2_new"]),
                    ("log_scale gradient", &found.learnables["log_scale"], &expected[expected_theta]),
                ] {
                    let difference = largest_difference(found, &numbers(expected));
                    assert!(difference < TOLERANCE, "{what}, {lanes} lanes, {gradient}: {difference:e}");
                }
            }
        }
    }
}

#[test]
fn the_diagnostic_is_the_objective() {
    for case in vectors()["cases"].as_array().unwrap() {
        let (params, expected) = (&case["params"], &case["expected"]);
        let [tau, rho, eps] = ["tau", "rho", "eps"].map(|key| params[key].as_f64().unwrap());
        let both = numbers(&expected["u1_new"]).into_iter().zip(numbers(&expected["u2_new"]));
        let logs = both.map(|(a, b)| (math::ln(eps + a) + math::ln(eps + b)) / 2.0);
        let multiplied = params["multiply_tau"].as_bool().unwrap();
        let objective: Vec<f64> = logs.map(|log| if multiplied { tau * (log + rho) } else { log }).collect();
        let found = answer(case, "released", 2);
        assert!(largest_difference(&found.diagnostics["objective"], &objective) < TOLERANCE);
    }
}

/// The two temperature gradients share their value and differ in nothing but that gradient.
#[test]
fn the_variants_differ_in_one_gradient() {
    let vectors = vectors();
    let case = &vectors["cases"][1];
    let (released, objective) = (answer(case, "released", 1), answer(case, "objective", 1));
    assert!(released.loss.equal(&objective.loss) && released.image.equal(&objective.image));
    let difference = &released.learnables["log_scale"] - &objective.learnables["log_scale"];
    let expected = case["expected"]["grad_theta_exp_term_single"].as_f64().unwrap();
    assert!((difference.double_value(&[]) - expected).abs() < TOLERANCE);
}

/// Anchors whose others are all far away: in f32 both estimates are zero, and nothing is infinite.
#[test]
fn an_underflow_stays_finite() {
    let vectors = vectors();
    let mut case = vectors["cases"][0].clone();
    case["params"]["tau"] = json!(0.01);
    let setup = Setup {
        batch: 2,
        lane_rows: 2,
        width: 2,
        samples: 2,
        steps: 10,
        epochs: 10,
        steps_per_epoch: 1,
        parameters: Vec::new(),
    };
    let entry = Entry::new(config(&case["params"], "released"), &setup).unwrap();
    let declaration = Declaration::from(entry.declare());
    for (sign, is_zero) in [(1.0f32, true), (-1.0, false)] {
        // Pairs that agree and disagree with the other pair, and the reverse: an overflow.
        let image = Tensor::from_slice(&[1.0f32, 0.0, -1.0, 0.0]).view([2, 2]);
        let inputs = LossInputs {
            text: &image * f64::from(sign),
            image,
            learnables: NamedTensors::from([("log_scale".into(), Tensor::from(math::ln(100.0) as f32))]),
            columns: ["u_image", "u_text"]
                .map(|name| (name.to_owned(), Tensor::zeros([2], (Kind::Float, Device::Cpu))))
                .into(),
            globals: NamedTensors::new(),
        };
        let moment = Moment { setup: &setup, declaration: &declaration, seed: &Seed([0; 32]), step: 0, epoch: 0 };
        let found = whole(&entry, &moment, 2, &inputs).unwrap();
        assert_eq!(found.rows["u_image"].double_value(&[0]) == 0.0, is_zero);
        for tensor in [&found.loss, &found.image, &found.text, &found.learnables["log_scale"], &found.rows["u_text"]] {
            assert!(bool::try_from(tensor.isfinite().all()).unwrap(), "{tensor:?}");
        }
    }
}
