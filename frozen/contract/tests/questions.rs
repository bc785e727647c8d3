//! What passes between a participant's answer and the wire.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use contract::{
    Algorithm, Batch, Device, Error, Kind, ParameterKind, ParameterShape, Parameters, Progress, Result, SampleRows,
    Setup, State, Tensor, bail,
    harness::{self, Declaration, DoubleBuffer, LossInputs, Moment, NamedTensors, Seed},
};

/// Answers in the way that a test names.
struct Player(&'static str);

impl Algorithm for Player {
    type Config = ();

    fn new((): (), _setup: &Setup) -> Result<Self> {
        Ok(Self("distance"))
    }

    fn declare(&self) -> State {
        State::new().learnable("scale", &[], 2.0).learnable("unused", &[3], 1.0).column("seen", 0.0).global(
            "count",
            &[],
            7.0,
        )
    }

    fn loss(&self, batch: &Batch, memory: &mut SampleRows, progress: &Progress) -> Result<Tensor> {
        let loss_r = (batch.own(batch.image())? * batch.own(batch.text())?).sum_dim_intlist(1, false, None::<Kind>);
        memory.set("seen", &(batch.own(memory.column("seen")?)? + 1.0))?;
        match self.0 {
            "distance" => Ok(loss_r * batch.learnable("scale")?),
            "mean" => Ok(loss_r.mean(None::<Kind>)),
            "constant" => Ok(loss_r.detach()),
            "whole" => Ok((batch.image() * batch.text()).sum_dim_intlist(1, false, None::<Kind>)),
            "random" => Ok(loss_r * progress.random().uniform(&[batch.rows().len()])?),
            "torch random" => Ok(loss_r * Tensor::rand([batch.rows().len() as i64], (Kind::Float, Device::Cpu))),
            other => bail!("`{other}` is no way to answer"),
        }
    }

    fn update(&self, parameters: &mut Parameters, batch: &Batch, _progress: &Progress) -> Result<()> {
        contract::ensure!(!batch.image().requires_grad() && batch.rows() == (0..8), "a whole, constant batch");
        let step = parameters.get("w")?.gradient()? * batch.learnable("scale")? * batch.global("count")?;
        let w = parameters.get_mut("w")?;
        w.set(&(w.value()? - step))
    }
}

fn setup() -> Setup {
    let parameters = vec![ParameterShape { name: "w".into(), kind: ParameterKind::Matrix, shape: vec![2] }];
    Setup { batch: 8, lane_rows: 2, width: 3, samples: 80, steps: 25, epochs: 3, steps_per_epoch: 10, parameters }
}

fn float(values: &[f32]) -> Tensor {
    Tensor::from_slice(values)
}

fn inputs() -> LossInputs {
    let values: Vec<f32> = (0..24).map(|i| i as f32 / 24.0).collect();
    LossInputs {
        image: float(&values).view([8, 3]),
        text: float(&values).view([8, 3]) - 0.5,
        learnables: NamedTensors::from([("scale".into(), Tensor::from(2.0f32)), ("unused".into(), float(&[1.0; 3]))]),
        columns: NamedTensors::from([("seen".into(), float(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))]),
        globals: NamedTensors::from([("count".into(), Tensor::from(7.0f32))]),
    }
}

/// Asks one lane of four; `step` keys the random numbers.
fn ask(way: &'static str, step: u64, lane: u64) -> Result<harness::LossAnswer> {
    let (setup, player) = (setup(), Player(way));
    let declaration = Declaration::from(player.declare());
    let moment = Moment { setup: &setup, declaration: &declaration, seed: &Seed([1; 32]), step, epoch: 0 };
    let rows = lane as usize * 2..lane as usize * 2 + 2;
    harness::loss(&player, &moment, lane, rows, &inputs())
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.contiguous().view([-1]).try_into().unwrap()
}

#[test]
fn gradients_are_of_the_sum_over_the_whole_batch() {
    let inputs = inputs();
    let answer = ask("distance", 0, 1).unwrap();
    assert_eq!(answer.loss.size(), [2]);
    // d (2 * image . text) / d image / 8, in the lane's rows, and zero elsewhere.
    let expected = (&inputs.text * 2.0 / 8.0).narrow(0, 2, 2);
    assert_eq!(numbers(&answer.image.narrow(0, 2, 2)), numbers(&expected));
    assert_eq!(numbers(&answer.image.narrow(0, 4, 4)), [0.0; 12]);
    let scale = answer.loss.sum(Kind::Double).double_value(&[]) / 2.0 / 8.0;
    assert!((answer.learnables["scale"].double_value(&[]) - scale).abs() < 1e-6);
    assert_eq!(numbers(&answer.learnables["unused"]), [0.0; 3]);
    assert_eq!(numbers(&answer.rows["seen"]), [3.0, 4.0]);
    for tensor in [&answer.loss, &answer.image, &answer.text, &answer.learnables["scale"]] {
        assert!(tensor.is_contiguous() && !tensor.requires_grad());
    }
}

#[test]
fn mistakes_are_errors_that_say_so() {
    assert!(matches!(ask("mean", 0, 0), Err(Error::Shape { expected, .. }) if expected == [2]));
    assert!(matches!(ask("whole", 0, 0), Err(Error::Shape { found, .. }) if found == [8]));
    assert!(ask("constant", 0, 0).unwrap_err().to_string().contains("depends on no embedding"));
    assert_eq!(ask("x", 0, 0).unwrap_err().to_string(), "`x` is no way to answer");
}

/// One test, because libtorch's generator belongs to the process.
#[test]
fn random_numbers_belong_to_step_and_lane() {
    for way in ["random", "torch random"] {
        let draw = |step, lane| numbers(&ask(way, step, lane).unwrap().loss);
        assert_eq!(draw(3, 1), draw(3, 1), "{way}");
        assert_ne!(draw(3, 1), draw(4, 1), "{way}");
        assert_ne!(draw(3, 1), draw(3, 2), "{way}");
    }
}

#[test]
fn update_fills_every_place() {
    let (setup, player) = (setup(), Player("distance"));
    let declaration = Declaration::from(player.declare());
    let moment = Moment { setup: &setup, declaration: &declaration, seed: &Seed([1; 32]), step: 0, epoch: 0 };
    let values = [float(&[1.0, 2.0]), Tensor::from(2.0f32), float(&[1.0; 3])];
    let all = setup.trained(&declaration).into_iter().zip(values).map(|(shape, value)| {
        let gradient = value.ones_like();
        harness::parameter(shape, DoubleBuffer::new(value).unwrap(), Some(gradient), BTreeMap::new())
    });
    let count = DoubleBuffer { before: Tensor::from(7.0f32), after: Some(Tensor::from(0.0f32)) };
    let seen = count.after.as_ref().unwrap().shallow_clone();
    let mut parameters = harness::parameters(all.collect(), BTreeMap::from([("count".into(), count)]), &[]);
    let embeddings = || Tensor::zeros([8, 3], (Kind::Float, Device::Cpu));
    let diagnostics = harness::update(&player, &moment, embeddings(), embeddings(), &mut parameters).unwrap();
    assert!(diagnostics.is_empty());
    assert_eq!(numbers(&parameters.get("w").unwrap().value().unwrap()), [1.0 - 14.0, 2.0 - 14.0]);
    assert_eq!(
        parameters.iter().map(|p| p.name().to_owned()).collect::<Vec<_>>(),
        ["w", "learnables.scale", "learnables.unused"]
    );
    // Not set: the place of the new value holds the old one.
    assert_eq!(seen.double_value(&[]), 7.0);
}
