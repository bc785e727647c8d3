//! The symmetric cross-entropy of each anchor.

use contract::{Batch, Kind, Result, Tensor};

/// The cross-entropy of each anchor, image to text and text to image, halved.
///
/// - Shapes: `image_bd`, `text_bd` are `[B, D]`, rows of unit L2 norm; the result is `[R]`.
/// - Units: nats; equal similarities cost `ln B`.
pub(crate) fn anchor_losses(batch: &Batch) -> Result<Tensor> {
    let (image_bd, text_bd) = (batch.image(), batch.text());
    let (image_rd, text_rd) = (batch.own(image_bd)?, batch.own(text_bd)?);
    let scale = batch.learnable("log_scale")?.exp();

    let own_r = (&image_rd * &text_rd).sum_dim_intlist(1, false, None::<Kind>) * &scale;
    let over_texts_r = (image_rd.matmul(&text_bd.tr()) * &scale).logsumexp(1, false);
    let over_images_r = (text_rd.matmul(&image_bd.tr()) * &scale).logsumexp(1, false);
    Ok(0.5 * (over_texts_r + over_images_r) - own_r)
}
