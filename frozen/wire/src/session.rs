//! What a worker is told once, and what an algorithm declares in return.
//!
//! A session lies in a sealed memfd that the worker can only read, in postcard's form (fields in order, lengths and
//! numbers as variable-length integers, texts as UTF-8): each cell reads it anew, and JSON took a tenth of a small
//! answer. The host writes it twice: before `declare`, and after it with the declaration and the places of every
//! tensor. The server never looks into it.
//!
//! Shape letters: `B` pairs in the global batch, `R` anchors of a lane, `D` embedding width.

use std::collections::BTreeSet;

use records::{Finding, Rule, v1::protocol::StateLimits};
use serde::{Deserialize, Serialize};

use crate::layout::TensorPlace;

/// Everything that a worker knows besides the tensors of a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The algorithm's configuration: a flat JSON object as text.
    pub config: String,
    /// Sizes of the run.
    pub setup: Setup,
    /// The worker's seed: 64 hexadecimal digits.
    pub seed: String,
    /// What the algorithm declared; none before it was asked.
    pub declaration: Option<Declaration>,
    /// Tensors that `loss` reads.
    pub loss_inputs: Vec<TensorPlace>,
    /// Tensors that `loss` writes.
    pub loss_results: Vec<TensorPlace>,
    /// Tensors that `update` and `publish` read.
    pub update_inputs: Vec<TensorPlace>,
    /// Tensors that `update` and `publish` write.
    pub update_results: Vec<TensorPlace>,
}

/// The sizes of a run, as an algorithm may know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Pairs in the global batch: `B`.
    pub batch: usize,
    /// Anchors of a lane: `R = B / 8`.
    pub lane_rows: usize,
    /// Embedding width: `D`.
    pub width: usize,
    /// Samples in the data set.
    pub samples: u64,
    /// Steps of the run.
    pub steps: u64,
    /// Epochs, the last one cut.
    pub epochs: u64,
    /// Steps in a whole epoch.
    pub steps_per_epoch: u64,
    /// The model's parameters, sorted by name.
    pub parameters: Vec<ParameterShape>,
}

/// One parameter of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterShape {
    /// open_clip's name.
    pub name: String,
    /// What it is to an optimizer.
    pub kind: ParameterKind,
    /// Lengths of its dimensions.
    pub shape: Vec<usize>,
}

/// What a parameter is to an optimizer: weight decay and orthogonalisation go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    /// A weight of a linear layer.
    Matrix,
    /// A bias.
    Bias,
    /// A scale or shift of a normalisation.
    Norm,
    /// A table of embeddings, or a position's or class's embedding.
    Embedding,
    /// A learnable that the algorithm declared.
    Learnable,
}

/// What an algorithm remembers between questions, and what it reports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Tensors trained beside the model: leaves in `loss`, parameters `learnables.NAME` in `update`.
    pub learnables: Vec<Learnable>,
    /// Values remembered of each sample.
    pub columns: Vec<Column>,
    /// Tensors of the shape of each parameter and learnable, zero at first.
    pub slots: Vec<Slot>,
    /// Tensors that `update` writes and both questions read.
    pub globals: Vec<Global>,
    /// Names that `loss` reports one value an anchor for.
    pub loss_diagnostics: Vec<String>,
    /// Names that `update` reports one value for.
    pub update_diagnostics: Vec<String>,
    /// Keys of the configuration that the algorithm did not read.
    pub unused_config_keys: Vec<String>,
}

/// A tensor trained beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learnable {
    /// Its name; `learnables.NAME` in `update`.
    pub name: String,
    /// Lengths of its dimensions; none is a single value.
    pub shape: Vec<usize>,
    /// Its first values, row-major.
    pub initial: Vec<f32>,
}

/// Values remembered of each sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The shape of one sample's entry; none is one value.
    pub shape: Vec<usize>,
    /// What each value is at first.
    pub initial: f32,
}

/// A tensor of the shape of each parameter and learnable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Its name.
    pub name: String,
}

/// A tensor that `update` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Global {
    /// Its name.
    pub name: String,
    /// Lengths of its dimensions; none is a single value.
    pub shape: Vec<usize>,
    /// What each value is at first.
    pub initial: f32,
}

/// Longest name that may be declared, in characters.
pub const NAME_LENGTH_MAX: usize = 48;
/// Most names of one sort.
pub const NAMES_MAX: usize = 64;
/// Most dimensions of a declared tensor.
pub const RANK_MAX: usize = 8;

/// Bytes that are no session, or a session that has no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("session: {0}")]
pub struct SessionError(String);

impl Session {
    /// The session's bytes.
    pub fn encode(&self) -> Result<Vec<u8>, SessionError> {
        postcard::to_stdvec(self).map_err(|error| SessionError(error.to_string()))
    }

    /// Reads a session.
    pub fn decode(bytes: &[u8]) -> Result<Self, SessionError> {
        postcard::from_bytes(bytes).map_err(|error| SessionError(error.to_string()))
    }
}

impl Setup {
    /// Parameters as `update` sees them: the model's sorted by name, then the learnables as declared.
    #[must_use]
    pub fn trained(&self, declaration: &Declaration) -> Vec<ParameterShape> {
        let learnables = declaration.learnables.iter().map(|learnable| ParameterShape {
            name: format!("learnables.{}", learnable.name),
            kind: ParameterKind::Learnable,
            shape: learnable.shape.clone(),
        });
        self.parameters.iter().cloned().chain(learnables).collect()
    }
}

impl Declaration {
    /// Checks names and sizes against the protocol; every rule that is broken, at once.
    #[must_use]
    pub fn check(&self, limits: &StateLimits) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.check_names(&mut findings);
        self.check_values(&mut findings);
        let mut at_most = |what: &str, found: Option<usize>, limit: u32| {
            if found.is_none_or(|found| found > limit as usize) {
                let found = found.map_or("more than memory holds".to_owned(), |found| found.to_string());
                let finding = Finding::new(Rule::Declaration, what);
                findings.push(finding.expected(format!("at most {limit}")).found(found));
            }
        };
        at_most("slots", Some(self.slots.len()), limits.slots_max);
        at_most(
            "values of a sample over all columns",
            sum(self.columns.iter().map(|column| &*column.shape)),
            limits.column_values_max,
        );
        at_most(
            "values over all globals",
            sum(self.globals.iter().map(|global| &*global.shape)),
            limits.global_values_max,
        );
        at_most(
            "values over all learnables",
            sum(self.learnables.iter().map(|learnable| &*learnable.shape)),
            limits.learnable_values_max,
        );
        findings
    }

    fn check_names(&self, findings: &mut Vec<Finding>) {
        let sorts: [(&str, Vec<&str>); 6] = [
            ("learnable", self.learnables.iter().map(|learnable| &*learnable.name).collect()),
            ("column", self.columns.iter().map(|column| &*column.name).collect()),
            ("slot", self.slots.iter().map(|slot| &*slot.name).collect()),
            ("global", self.globals.iter().map(|global| &*global.name).collect()),
            ("loss diagnostic", self.loss_diagnostics.iter().map(|name| &**name).collect()),
            ("update diagnostic", self.update_diagnostics.iter().map(|name| &**name).collect()),
        ];
        for (sort, names) in sorts {
            if names.len() > NAMES_MAX {
                let finding = Finding::new(Rule::Declaration, format!("{sort}s"));
                findings.push(finding.expected(format!("at most {NAMES_MAX}")).found(names.len()));
                continue;
            }
            let mut seen = BTreeSet::new();
            for name in names {
                if !is_name(name) {
                    let expected = format!("1 to {NAME_LENGTH_MAX} of a-z A-Z 0-9 and _");
                    findings.push(Finding::new(Rule::Declaration, sort).expected(expected).found(cut(name)));
                } else if !seen.insert(name) {
                    let finding = Finding::new(Rule::Declaration, format!("{sort} `{name}`"));
                    findings.push(finding.expected("a name of its own").found("the name twice"));
                }
            }
        }
    }

    fn check_values(&self, findings: &mut Vec<Finding>) {
        let learnables = self.learnables.iter().map(|learnable| (&*learnable.name, &learnable.shape));
        let columns = self.columns.iter().map(|column| (&*column.name, &column.shape));
        let globals = self.globals.iter().map(|global| (&*global.name, &global.shape));
        for (name, shape) in learnables.chain(columns).chain(globals).filter(|(_, shape)| shape.len() > RANK_MAX) {
            let finding = Finding::new(Rule::Declaration, format!("shape of `{}`", cut(name)));
            findings.push(finding.expected(format!("at most {RANK_MAX} dimensions")).found(shape.len()));
        }
        for learnable in &self.learnables {
            if count(&learnable.shape) != Some(learnable.initial.len()) {
                let finding = Finding::new(Rule::Declaration, format!("learnable `{}`", cut(&learnable.name)));
                let expected = format!("as many values as the shape {:?} holds", learnable.shape);
                findings.push(finding.expected(expected).found(learnable.initial.len()));
            }
        }
        let learnables = self.learnables.iter().flat_map(|l| l.initial.iter().map(|value| (&*l.name, *value)));
        let columns = self.columns.iter().map(|column| (&*column.name, column.initial));
        let globals = self.globals.iter().map(|global| (&*global.name, global.initial));
        for (name, value) in learnables.chain(columns).chain(globals) {
            if !value.is_finite() {
                let finding = Finding::new(Rule::Declaration, format!("first value of `{}`", cut(name)));
                findings.push(finding.expected("a finite number").found(value));
                break;
            }
        }
    }
}

/// Values in a tensor of a shape; none where no machine could hold them.
#[must_use]
pub fn count(shape: &[usize]) -> Option<usize> {
    let count = shape.iter().try_fold(1usize, |count, length| count.checked_mul(*length))?;
    (count <= isize::MAX as usize / 64).then_some(count)
}

fn sum<'a>(mut shapes: impl Iterator<Item = &'a [usize]>) -> Option<usize> {
    shapes.try_fold(0usize, |sum, shape| sum.checked_add(count(shape)?))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_LENGTH_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The first characters of a name that somebody else chose.
fn cut(name: &str) -> String {
    name.chars().take(NAME_LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StateLimits =
        StateLimits { column_values_max: 8, global_values_max: 100, learnable_values_max: 100, slots_max: 3 };

    fn declaration() -> Declaration {
        Declaration {
            learnables: vec![Learnable { name: "log_scale".into(), shape: vec![], initial: vec![2.0] }],
            columns: vec![Column { name: "u".into(), shape: vec![2], initial: 0.0 }],
            slots: vec![Slot { name: "exp_avg".into() }],
            globals: vec![Global { name: "mean".into(), shape: vec![10, 10], initial: 0.5 }],
            ..Declaration::default()
        }
    }

    #[test]
    fn a_plain_declaration_stands() {
        assert_eq!(declaration().check(&LIMITS), vec![]);
    }

    #[test]
    fn each_rule_is_applied_and_all_answers_come_at_once() {
        let mut broken = declaration();
        broken.learnables[0].initial.clear();
        broken.columns[0].shape = vec![usize::MAX, 4];
        broken.columns.push(Column { name: "../x".into(), shape: vec![], initial: f32::NAN });
        broken.slots = vec![Slot { name: "a".into() }; 4];
        broken.globals[0].shape.push(2);
        let findings = broken.check(&LIMITS);
        // Name, three repeated slots, one length, one NaN, three sizes.
        assert_eq!(findings.len(), 9, "{findings:#?}");
        assert!(findings.iter().all(|finding| finding.rule == Rule::Declaration));
    }

    #[test]
    fn a_session_survives_its_bytes() {
        let setup = Setup {
            batch: 64,
            lane_rows: 8,
            width: 16,
            samples: 1 << 40,
            steps: 96,
            epochs: 24,
            steps_per_epoch: 4,
            parameters: vec![ParameterShape { name: "w".into(), kind: ParameterKind::Matrix, shape: vec![3, 7] }],
        };
        let place = TensorPlace { name: "image".into(), shape: vec![64, 16], offset: 512 };
        let session = Session {
            config: r#"{"rho":6.5}"#.into(),
            setup,
            seed: "5e".repeat(32),
            declaration: Some(declaration()),
            loss_inputs: vec![place.clone()],
            loss_results: vec![place],
            update_inputs: vec![],
            update_results: vec![],
        };
        let bytes = session.encode().unwrap();
        // Written by hand in Python as postcard states: fields in order, lengths and whole numbers as varints.
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = concat!(
            "0b7b2272686f223a362e357d400810808080808020601804010177000203074035653565356535653565356535653565",
            "356535653565356535653565356535653565356535653565356535653565356535653565356535653565356535653565",
            "0101096c6f675f7363616c6500010000004001017501020000000001076578705f61766701046d65616e020a0a000000",
            "3f0000000105696d61676502401080040105696d61676502401080040000",
        );
        assert_eq!(digits, expected);
        assert_eq!(Session::decode(&bytes), Ok(session));
        assert!(Session::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(Session::decode(b"{}").is_err());
    }

    #[test]
    fn an_initial_value_survives_its_text() {
        for value in [0.1f32, 2.659_26, f32::MIN_POSITIVE, -3.3e38] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<f32>(&text).unwrap().to_bits(), value.to_bits());
        }
    }
}
