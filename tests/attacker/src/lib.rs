//! An entry that attacks, for tests.
//!
//! Native code in a cell must be assumed: a language is no wall, and safe `tch` can be made to write out of bounds.
//! This one may do what it likes, and its key `attack` says what.
#![expect(unsafe_code, reason = "an attacker is not bound by our lints")]

mod attacks;

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use answer::Ask;
use contract::{
    Algorithm, Batch, IndexOp as _, Kind, Parameters, Progress, Result, SampleRows, Setup, State, Tensor, ensure,
};

/// What this cell was asked; an attacker looks at all of it.
static ASK: AtomicPtr<Ask> = AtomicPtr::new(ptr::null_mut());

/// The entry's function.
///
/// # Safety
///
/// As `answer::entry`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn maxclip_answer(ask: *const Ask) -> i32 {
    ASK.store(ask.cast_mut(), Ordering::Relaxed);
    // SAFETY: the cell's promise, passed on.
    unsafe { answer::entry::<Entry>(ask) }
}

/// A small honest algorithm, with something else at one place.
struct Entry {
    config: Config,
}

#[derive(serde::Deserialize)]
struct Config {
    attack: String,
    rate: f64,
    #[serde(default, rename = "refused_by_the_type")]
    _refused: Refused,
}

/// A value whose deserialisation is already participant code.
#[derive(Default)]
struct Refused;

impl<'de> serde::Deserialize<'de> for Refused {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        std::fs::read(path).map(|_| Self).map_err(serde::de::Error::custom)
    }
}

impl Algorithm for Entry {
    type Config = Config;

    fn new(config: Config, _setup: &Setup) -> Result<Self> {
        ensure!(config.attack != "new-error", "a configuration that makes no sense");
        Ok(Self { config })
    }

    fn declare(&self) -> State {
        attacks::in_declare(&self.config.attack);
        let state = State::new()
            .learnable("log_scale", &[], 2.0)
            .column("seen", 0.25)
            .column_of("pair", &[2], 0.0)
            .slot("momentum")
            .global("count", &[1], 0.0)
            .loss_diagnostic("similarity")
            .update_diagnostic("norm");
        match &*self.config.attack {
            "declare-many" => state.column_of("bank", &[512], 0.0),
            "declare-long" => state.learnable("bank", &[40_000], 0.123_456_7),
            _ => state,
        }
    }

    fn loss(&self, batch: &Batch, memory: &mut SampleRows, progress: &Progress) -> Result<Tensor> {
        if let Some(answer) = attacks::in_loss(&self.config.attack, batch, progress)? {
            memory.report("similarity", &Tensor::zeros_like(&answer))?;
            return Ok(answer);
        }
        let scale = batch.learnable("log_scale")?.exp();
        let logits = batch.own(batch.image())?.matmul(&batch.text().tr()) * scale;
        let own = Tensor::arange_start(
            batch.rows().start as i64,
            batch.rows().end as i64,
            (Kind::Int64, batch.image().device()),
        );
        let seen = batch.own(memory.column("seen")?)?;
        let noise = progress.random().normal(&[batch.rows().len()])?;
        memory.set("seen", &(&seen * 0.5 + noise * 0.1))?;
        memory.report("similarity", &logits.detach().gather(1, &own.unsqueeze(1), false).squeeze_dim(1))?;
        let loss = logits.cross_entropy_loss::<Tensor>(&own, None, contract::Reduction::None, -100, 0.0);
        Ok(loss * (seen + 1.0) + batch.global("count")?.i(0) * 0.0)
    }

    fn update(&self, parameters: &mut Parameters, _batch: &Batch, progress: &Progress) -> Result<()> {
        attacks::in_update(&self.config.attack, parameters)?;
        let mut norm = 0.0;
        for parameter in parameters.iter_mut() {
            let momentum = parameter.slot("momentum")? * 0.9 + parameter.gradient()?;
            norm += momentum.square().sum(Kind::Double).double_value(&[]);
            parameter.set(&(parameter.value()? - &momentum * self.config.rate))?;
            parameter.set_slot("momentum", &momentum)?;
        }
        parameters.set_global("count", &Tensor::from_slice(&[progress.step() as f32 + 1.0]))?;
        parameters.report("norm", norm as f32)
    }

    fn publish(&self, parameters: &mut Parameters) -> Result<()> {
        for parameter in parameters.iter_mut() {
            parameter.set(&(parameter.value()? * 0.5))?;
        }
        Ok(())
    }
}
