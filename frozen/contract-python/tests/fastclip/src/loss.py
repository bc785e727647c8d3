"""The loss of each anchor: embeddings and what is remembered of the samples in, `[R]` out.

The value is a stand-in whose *gradient* is the estimator of the objective's gradient; the objective itself is reported
as a diagnostic. Each lane's estimator covers its own anchors over all columns of the batch, and autograd carries it
into both sides, so that the lanes add up to the whole.
"""

import torch
from torch import Tensor

from contract import Batch, SampleRows, schedule

UNSEEN = 1e-35
"""An estimate below this has not been followed yet."""

SMALLEST = torch.finfo(torch.float32).tiny
"""The smallest normal f32. Logarithms start here: an estimate underflows where every other pair is more than 103
temperatures away, and the logarithm of zero would end the run."""

LARGEST_EXPONENT = 75.0
"""Exponents end here, without a gradient: beyond 88 an f32 overflows, which would end the run. Reached only where
another pair is 75 temperatures closer than the anchor's own."""


def anchor_losses(config, batch: Batch, memory: SampleRows, epoch: int) -> Tensor:
    """The loss of each anchor; sets the anchors' estimates.

    - Shapes: `image_bd`, `text_bd` are `[B, D]`, rows of unit L2 norm; the result is `[R]`.
    - Units: those of the temperature times nats.
    """
    image_bd, text_bd = batch.image, batch.text
    image_rd, text_rd = batch.own(image_bd), batch.own(text_bd)
    scale = batch.learnable("log_scale").exp()
    tau = scale.reciprocal()
    # For the released code the same value, and twice its derivative.
    slope = scale * 2.0 - scale.detach() if config.temperature_gradient == "released" else scale

    # How much closer each other text (image) is than the anchor's own.
    own_r1 = (image_rd * text_rd).sum(1, keepdim=True)
    g_image_r = mean_exp_of_others((image_rd @ text_bd.T - own_r1) * slope, batch)
    g_text_r = mean_exp_of_others((text_rd @ image_bd.T - own_r1) * slope, batch)

    # The share of the newest value: 1 in the first epoch, falling to `config.gamma`.
    gamma = schedule.cosine(epoch, config.gamma_decay_epochs, 1.0, config.gamma) if epoch else 1.0
    u_image_r = follow(batch.own(memory.column("u_image")), g_image_r.detach(), gamma)
    u_text_r = follow(batch.own(memory.column("u_text")), g_text_r.detach(), gamma)
    memory.set("u_image", u_image_r)
    memory.set("u_text", u_text_r)

    # d log(eps + g) = dg / (eps + g), with the estimate in place of this batch's g.
    eps = config.u_epsilon
    ratio_r = (g_image_r / (u_image_r + eps) + g_text_r / (u_text_r + eps)) * 0.5
    objective_r = (log(u_image_r + eps) + log(u_text_r + eps)) * 0.5
    if not config.multiply_temperature:
        memory.report("objective", objective_r)
        return ratio_r
    memory.report("objective", tau.detach() * (objective_r + config.rho))
    # The released code takes log(u) here and not log(eps + u).
    log_r = (log(u_image_r) + log(u_text_r)) * 0.5
    return tau.detach() * ratio_r + tau * (log_r + config.rho)


def mean_exp_of_others(exponent_rb: Tensor, batch: Batch) -> Tensor:
    """The mean of `exp(exponent)` over all rows of the batch but the anchor's own: `[R, B]` to `[R]`."""
    anchor_r1 = torch.arange(batch.rows.start, batch.rows.stop).unsqueeze(1)
    is_own_rb = anchor_r1 == torch.arange(len(batch))
    exp_rb = exponent_rb.clamp_max(LARGEST_EXPONENT).masked_fill(is_own_rb, -torch.inf).exp()
    return exp_rb.sum(1) / (len(batch) - 1)


def follow(old_r: Tensor, g_r: Tensor, gamma: float) -> Tensor:
    """The new estimates: a moving average, or the value itself where a sample is seen for the first time."""
    moved_r = old_r * (1.0 - gamma) + g_r * gamma
    return g_r.where(old_r < UNSEEN, moved_r)


def log(x: Tensor) -> Tensor:
    """The logarithm, of what lies below the smallest normal number as if it lay there."""
    return x.clamp_min(SMALLEST).log()
