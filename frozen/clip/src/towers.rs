//! The two towers: pixels and tokens in, embeddings out.
//!
//! Shape letters: `N` rows of a micro-batch, `L` tokens of a row, `W` width, `D` width of an embedding,
//! `G` patches along a side, `P` pixels along a patch, `V` rows of a token table.

use tch::{Kind, TchError, Tensor};

use crate::{
    ModelConfig,
    block::{Block, Missing, Norm, PrefixedTensors, Style, unit_rows},
};

/// The image tower.
#[derive(Debug)]
pub(crate) struct Vision {
    grid: i64,
    patch: i64,
    conv1: Tensor,
    class_embedding: Tensor,
    positional_embedding: Tensor,
    ln_pre: Norm,
    blocks: Vec<Block>,
    ln_post: Norm,
    proj: Tensor,
}

impl Vision {
    pub fn take(config: &ModelConfig, names: &PrefixedTensors) -> Result<Self, Missing> {
        let vision = &config.vision_cfg;
        let style = Style { heads: vision.heads(), causal: false, quick_gelu: config.quick_gelu };
        let names = names.below("visual");
        Ok(Self {
            grid: vision.grid() as i64,
            patch: vision.patch_size as i64,
            conv1: names.take("conv1.weight")?,
            class_embedding: names.take("class_embedding")?,
            positional_embedding: names.take("positional_embedding")?,
            ln_pre: Norm::take(&names.below("ln_pre"))?,
            blocks: blocks(&names, vision.layers, style)?,
            ln_post: Norm::take(&names.below("ln_post"))?,
            proj: names.take("proj")?,
        })
    }

    /// - Shapes: `[N, 3, GP, GP]` to `[N, D]`, unit rows.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let patches = self.patches(images)?;
        let (n, _, w) = patches.size3()?;
        let class = self.class_embedding.f_expand([n, 1, w], false)?;
        let x = Tensor::f_cat(&[class, patches], 1)?.f_add(&self.positional_embedding)?;
        let x = self.blocks.iter().try_fold(self.ln_pre.forward(&x)?, |x, block| block.forward(&x))?;
        let class = self.ln_post.forward(&x.f_select(1, 0)?)?;
        unit_rows(&class.f_matmul(&self.proj)?)
    }

    /// The convolution whose stride is its width, as a reshape and a product: fewer kernels to depend on.
    ///
    /// - Shapes: `[N, 3, GP, GP]` to `[N, GG, W]`.
    fn patches(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let (g, p) = (self.grid, self.patch);
        let n = images.size()[0];
        let patches = images.f_reshape([n, 3, g, p, g, p])?.f_permute([0, 2, 4, 1, 3, 5])?;
        let patches = patches.f_reshape([n, g * g, 3 * p * p])?;
        patches.f_matmul(&self.conv1.f_reshape([-1, 3 * p * p])?.f_transpose(0, 1)?)
    }
}

/// The text tower.
#[derive(Debug)]
pub(crate) struct Text {
    positional_embedding: Tensor,
    blocks: Vec<Block>,
    ln_final: Norm,
    projection: Tensor,
}

impl Text {
    pub fn take(config: &ModelConfig, names: &PrefixedTensors) -> Result<Self, Missing> {
        let style = Style { heads: config.text_cfg.heads, causal: true, quick_gelu: config.quick_gelu };
        Ok(Self {
            positional_embedding: names.take("positional_embedding")?,
            blocks: blocks(names, config.text_cfg.layers, style)?,
            ln_final: Norm::take(&names.below("ln_final"))?,
            projection: names.take("text_projection")?,
        })
    }

    /// - Shapes: `table` `[V, W]`, `tokens` `[N, L]` (rows of the table), to `[N, D]`, unit rows.
    ///
    /// The embedding is read at each row's largest token, the first where there are several: the end
    /// token has the largest id, also where ids were renumbered in their order.
    pub fn forward(&self, table: &Tensor, tokens: &Tensor) -> Result<Tensor, TchError> {
        let (n, l) = tokens.size2()?;
        let position = self.positional_embedding.f_narrow(0, 0, l)?;
        let x = Tensor::f_embedding(table, tokens, -1, false, false)?.f_add(&position)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x))?;
        let (_, _, w) = x.size3()?;
        let end =
            tokens.f_argmax(1, false)?.f_add(&Tensor::f_arange(n, (Kind::Int64, tokens.device()))?.f_mul_scalar(l)?)?;
        // The norm works row by row: taking the row first saves the others.
        let x = self.ln_final.forward(&x.f_reshape([n * l, w])?.f_index_select(0, &end)?)?;
        unit_rows(&x.f_matmul(&self.projection)?)
    }
}

fn blocks(names: &PrefixedTensors, layers: usize, style: Style) -> Result<Vec<Block>, Missing> {
    (0..layers).map(|layer| Block::take(&names.below(&format!("transformer.resblocks.{layer}")), style)).collect()
}
