//! The tensors of a model: open_clip's names, their shapes, and the law each is drawn from.
//!
//! Source: open_clip, `model.py` and `transformer.py`; a ViT-B/32 has 302 of them with `logit_scale`.
//! The vision tower keeps the framework's default laws, the text tower has OpenAI's.

use crate::ModelConfig;

/// What a parameter is, as far as an optimizer may care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightKind {
    /// A weight of a linear map.
    Matrix,
    /// An added vector.
    Bias,
    /// A layer norm's scale or shift.
    Norm,
    /// A table of tokens or positions, or the class token.
    Embedding,
}

/// The distribution that an initial value is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// All 0 or all 1.
    Constant(f32),
    /// Normal around 0 with this standard deviation.
    Normal(f64),
    /// Uniform within ± this bound.
    Uniform(f64),
}

/// One tensor of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorShape {
    /// open_clip's name.
    pub name: String,
    /// What it is.
    pub kind: WeightKind,
    /// Lengths of its dimensions.
    pub shape: Vec<usize>,
    /// What it is drawn from.
    pub law: Distribution,
}

impl TensorShape {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Name of the text tower's token table.
pub const TOKEN_EMBEDDING: &str = "token_embedding.weight";
/// Name of the temperature that checkpoints carry: ln(1 / temperature).
pub const LOGIT_SCALE: &str = "logit_scale";
/// What `logit_scale` is where nothing learns it: ln(1 / 0.07).
pub const LOGIT_SCALE_INITIAL: f32 = 2.659_26;

/// The tensors of a model, sorted by name, without `logit_scale`.
#[must_use]
pub fn shapes(config: &ModelConfig) -> Vec<TensorShape> {
    let mut list = List(Vec::new());
    vision(config, &mut list);
    text(config, &mut list);
    list.0.sort_by(|a, b| a.name.cmp(&b.name));
    list.0
}

struct List(Vec<TensorShape>);

impl List {
    fn add(&mut self, name: impl Into<String>, kind: WeightKind, shape: &[usize], law: Distribution) {
        self.0.push(TensorShape { name: name.into(), kind, shape: shape.to_vec(), law });
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), WeightKind::Norm, &[width], Distribution::Constant(1.0));
        self.add(format!("{name}.bias"), WeightKind::Norm, &[width], Distribution::Constant(0.0));
    }

    /// A pre-norm block; `laws` are those of its four matrices, inwards first.
    fn block(&mut self, prefix: &str, width: usize, hidden: usize, laws: [Distribution; 4]) {
        let [in_proj, out_proj, c_fc, c_proj] = laws;
        self.norm(&format!("{prefix}.ln_1"), width);
        self.norm(&format!("{prefix}.ln_2"), width);
        let mut map =
            |name: &str, suffix: &str, rows: usize, columns: usize, weight: Distribution, bias: Distribution| {
                self.add(format!("{prefix}.{name}{suffix}weight"), WeightKind::Matrix, &[rows, columns], weight);
                self.add(format!("{prefix}.{name}{suffix}bias"), WeightKind::Bias, &[rows], bias);
            };
        map("attn.in_proj", "_", 3 * width, width, in_proj, Distribution::Constant(0.0));
        map("attn.out_proj", ".", width, width, out_proj, Distribution::Constant(0.0));
        // The framework's default for a bias is uniform by the fan-in, in both towers.
        map("mlp.c_fc", ".", hidden, width, c_fc, Distribution::Uniform(inverse_root(width)));
        map("mlp.c_proj", ".", width, hidden, c_proj, Distribution::Uniform(inverse_root(hidden)));
    }
}

fn inverse_root(count: usize) -> f64 {
    1.0 / (count as f64).sqrt()
}

fn vision(config: &ModelConfig, list: &mut List) {
    let vision = &config.vision_cfg;
    let (width, patch, hidden) = (vision.width, vision.patch_size, vision.hidden());
    let scale = Distribution::Normal(inverse_root(width));
    let tokens = vision.grid() * vision.grid() + 1;
    list.add("visual.class_embedding", WeightKind::Embedding, &[width], scale);
    list.add("visual.positional_embedding", WeightKind::Embedding, &[tokens, width], scale);
    list.add("visual.proj", WeightKind::Matrix, &[width, config.embed_dim], scale);
    let conv = Distribution::Uniform(inverse_root(3 * patch * patch));
    list.add("visual.conv1.weight", WeightKind::Matrix, &[width, 3, patch, patch], conv);
    list.norm("visual.ln_pre", width);
    list.norm("visual.ln_post", width);
    // Glorot and Bengio's bound over fan-in plus fan-out of the joint projection; then fan-in alone.
    let laws = [(6.0 / (4 * width) as f64).sqrt(), inverse_root(width), inverse_root(width), inverse_root(hidden)];
    for layer in 0..vision.layers {
        list.block(&format!("visual.transformer.resblocks.{layer}"), width, hidden, laws.map(Distribution::Uniform));
    }
}

fn text(config: &ModelConfig, list: &mut List) {
    let text = &config.text_cfg;
    let (width, hidden) = (text.width, text.hidden());
    list.add("positional_embedding", WeightKind::Embedding, &[text.context_length, width], Distribution::Normal(0.01));
    list.add(TOKEN_EMBEDDING, WeightKind::Embedding, &[text.vocab_size, width], Distribution::Normal(0.02));
    list.add(
        "text_projection",
        WeightKind::Matrix,
        &[width, config.embed_dim],
        Distribution::Normal(inverse_root(width)),
    );
    list.norm("ln_final", width);
    let residual = inverse_root(width) * inverse_root(2 * text.layers);
    let laws = [inverse_root(width), residual, inverse_root(2 * width), residual];
    for layer in 0..text.layers {
        list.block(&format!("transformer.resblocks.{layer}"), width, hidden, laws.map(Distribution::Normal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::VIT_B_32;

    fn shapes_of_b_32() -> Vec<TensorShape> {
        shapes(&ModelConfig::parse(VIT_B_32).unwrap())
    }

    #[test]
    fn vit_b_32_has_the_published_count() {
        let shapes = shapes_of_b_32();
        // `logit_scale` is the last of each.
        assert_eq!(shapes.len() + 1, 302);
        assert_eq!(shapes.iter().map(TensorShape::len).sum::<usize>() + 1, 151_277_313);
        let vision = shapes.iter().filter(|tensor| tensor.name.starts_with("visual.")).map(TensorShape::len);
        assert_eq!(vision.sum::<usize>(), 87_849_216);
        assert!(shapes.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted and unique");
    }

    #[test]
    fn vit_b_32_has_the_published_laws() {
        let shapes = shapes_of_b_32();
        let law = |name: &str| shapes.iter().find(|tensor| tensor.name == name).unwrap().law;
        let expected = [
            ("visual.conv1.weight", Distribution::Uniform(0.018_042)),
            ("visual.proj", Distribution::Normal(0.036_084)),
            ("visual.transformer.resblocks.3.attn.in_proj_weight", Distribution::Uniform(0.044_194)),
            ("visual.transformer.resblocks.3.attn.out_proj.weight", Distribution::Uniform(0.036_084)),
            ("visual.transformer.resblocks.3.mlp.c_fc.bias", Distribution::Uniform(0.036_084)),
            ("visual.transformer.resblocks.3.mlp.c_proj.weight", Distribution::Uniform(0.018_042)),
            ("transformer.resblocks.3.attn.in_proj_weight", Distribution::Normal(0.044_194)),
            ("transformer.resblocks.3.attn.out_proj.weight", Distribution::Normal(0.009_021_1)),
            ("transformer.resblocks.3.mlp.c_proj.weight", Distribution::Normal(0.009_021_1)),
            ("transformer.resblocks.3.mlp.c_fc.weight", Distribution::Normal(0.031_25)),
            ("transformer.resblocks.3.mlp.c_fc.bias", Distribution::Uniform(0.044_194)),
            ("transformer.resblocks.3.mlp.c_proj.bias", Distribution::Uniform(0.022_097)),
            ("text_projection", Distribution::Normal(0.044_194)),
        ];
        for (name, expected) in expected {
            let (found, expected) = match (law(name), expected) {
                (Distribution::Normal(a), Distribution::Normal(b))
                | (Distribution::Uniform(a), Distribution::Uniform(b)) => (a, b),
                other => panic!("{name}: {other:?}"),
            };
            assert!((found / expected - 1.0).abs() < 2e-5, "{name}: {found} against {expected}");
        }
    }
}
