//! A model's configuration: open_clip's JSON, for the models that this crate can build.
//!
//! Source: open_clip, `model_configs/*.json`. Where that format has a default (head width 64, ratio 4,
//! erf GELU), the same default stands here: the numbers belong to the format. A key that would make
//! another model is refused by name instead of being ignored.

use serde::Deserialize;

/// A configuration that this crate cannot build.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, an unknown key, or a value of another type.
    #[error(
        "model configuration: {0}; known keys are those of a plain ViT: embed_dim, quick_gelu, vision_cfg, text_cfg"
    )]
    Json(#[from] serde_json::Error),
    /// Numbers that contradict each other.
    #[error("model configuration: {0}")]
    Inconsistent(String),
}

/// Both towers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Width of an embedding.
    pub embed_dim: usize,
    /// `x · sigmoid(1.702 x)` in place of the exact GELU: what OpenAI's weights were trained with.
    #[serde(default)]
    pub quick_gelu: bool,
    /// The image tower.
    pub vision_cfg: VisionConfig,
    /// The text tower.
    pub text_cfg: TextConfig,
}

/// The image tower: a vision transformer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// Blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Height and width of a patch in pixels.
    pub patch_size: usize,
    /// Width of one attention head.
    #[serde(default = "head_width")]
    pub head_width: usize,
    /// Hidden width of a block's perceptron over `width`.
    #[serde(default = "mlp_ratio")]
    pub mlp_ratio: f64,
}

/// The text tower: a causal transformer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// Tokens of a text at most, start and end included.
    pub context_length: usize,
    /// Tokens there are.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Blocks.
    pub layers: usize,
    /// Hidden width of a block's perceptron over `width`.
    #[serde(default = "mlp_ratio")]
    pub mlp_ratio: f64,
}

fn head_width() -> usize {
    64
}

fn mlp_ratio() -> f64 {
    4.0
}

/// The tokens a text is cut to: its length rounded up to a multiple of this.
pub const TEXT_STEP: usize = 8;

impl ModelConfig {
    /// Parses and checks a configuration file.
    pub fn parse(json: &str) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_str(json)?;
        config.check().map_err(ConfigError::Inconsistent)?;
        Ok(config)
    }

    /// The length of the token rows of a micro-batch whose longest text has `longest` tokens.
    ///
    /// What follows the end token cannot reach an embedding through causal attention, so a shorter row
    /// gives the same embedding up to rounding. A function of the data, not of the machine.
    #[must_use]
    pub fn text_length(&self, longest: usize) -> usize {
        longest.next_multiple_of(TEXT_STEP).min(self.text_cfg.context_length)
    }

    fn check(&self) -> Result<(), String> {
        let (vision, text) = (&self.vision_cfg, &self.text_cfg);
        let divides = |part: usize, whole: usize| part != 0 && whole != 0 && whole.is_multiple_of(part);
        if !divides(vision.patch_size, vision.image_size) {
            return Err(format!(
                "image_size {} is not a multiple of patch_size {}",
                vision.image_size, vision.patch_size
            ));
        }
        if !divides(vision.head_width, vision.width) {
            return Err(format!("vision width {} is not a multiple of head_width {}", vision.width, vision.head_width));
        }
        if !divides(text.heads, text.width) {
            return Err(format!("text width {} is not a multiple of heads {}", text.width, text.heads));
        }
        if self.embed_dim == 0 || text.context_length < 2 || text.vocab_size < 2 {
            return Err("embed_dim, context_length and vocab_size must be positive".to_owned());
        }
        if !(vision.mlp_ratio > 0.0 && text.mlp_ratio > 0.0) {
            return Err("mlp_ratio must be positive".to_owned());
        }
        Ok(())
    }
}

impl VisionConfig {
    /// Patches along one side.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Attention heads.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.width / self.head_width
    }

    /// Hidden width of a block's perceptron.
    #[must_use]
    pub fn hidden(&self) -> usize {
        (self.width as f64 * self.mlp_ratio) as usize
    }
}

impl TextConfig {
    /// Hidden width of a block's perceptron.
    #[must_use]
    pub fn hidden(&self) -> usize {
        (self.width as f64 * self.mlp_ratio) as usize
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const MINI: &str = include_str!("../../protocols/models/mini.json");
    pub(crate) const VIT_B_32: &str = include_str!("../../protocols/models/ViT-B-32.json");

    #[test]
    fn a_key_of_another_model_is_refused_by_name() {
        let json = MINI.replacen("\"layers\"", "\"attentional_pool\": true, \"layers\"", 1);
        let error = ModelConfig::parse(&json).unwrap_err().to_string();
        assert!(error.contains("attentional_pool"), "{error}");
    }

    #[test]
    fn numbers_that_do_not_divide_are_refused() {
        let json = MINI.replacen("\"patch_size\": 8", "\"patch_size\": 7", 1);
        assert!(matches!(ModelConfig::parse(&json), Err(ConfigError::Inconsistent(_))));
    }

    #[test]
    fn text_is_cut_to_a_multiple_of_eight_within_the_context() {
        let config = ModelConfig::parse(VIT_B_32).unwrap();
        let lengths = [2, 8, 9, 72, 73, 77].map(|longest| config.text_length(longest));
        assert_eq!(lengths, [8, 8, 16, 72, 77, 77]);
    }
}
