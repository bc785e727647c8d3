"""FastCLIP-v3 with AdamW: a contrastive loss that remembers, for each sample, how hard its batches were.

InfoNCE compares a pair with the other pairs of its batch, so it wants large batches. FastCLIP follows the comparison
with the *whole data set* instead: each sample has two running estimates `u`, one for each direction, and its gradient
is divided by them. With a temperature `tau` that is learned::

    minimise  tau * mean over i of (log(eps + g_image(i)) + log(eps + g_text(i))) / 2  +  rho * tau
    g_image(i) = mean over j != i of exp((image_i . text_j - image_i . text_i) / tau)

What is learned beside the model is `log_scale = log(1 / tau)`, as in CLIP.

- The loss stands in `loss.py`, the update in `update.py`.
- Shape letters: `B` pairs in the global batch, `R` anchors of this lane, `D` embedding width.
- Source: FastCLIP, arXiv:2407.01445, algorithm 1 and the objective RGCL-g, with the rules of its released code where
  paper and code differ; see `Config.temperature_gradient`.
"""

from dataclasses import dataclass
from typing import Literal

from loss import anchor_losses
from update import step

from contract import Algorithm, Batch, Error, Parameters, Progress, SampleRows, Setup, State, math


@dataclass
class Config:
    """What stands in `config.toml`."""

    # The objective.
    rho: float
    """Weight of the temperature in the objective: larger holds it lower."""
    u_epsilon: float
    """What is added to an estimate before it divides."""
    gamma: float
    """Share of an estimate's newest value, from `gamma_decay_epochs` on; 1 in the first epoch."""
    gamma_decay_epochs: int
    """Epochs over which that share falls, along half a cosine."""
    multiply_temperature: bool
    """Whether the loss is multiplied by the temperature: true is v3, false is v0."""
    temperature_gradient: Literal["released", "objective"]
    """Which gradient moves the temperature: the objective's, or that of the released code, which counts the
    exponential term twice. Published values of `rho` were found with the latter."""
    temperature_initial: float
    """The temperature at first."""
    temperature_min: float
    """The temperature stays between this and 1."""

    # AdamW.
    lr_peak: float
    """Learning rate after the warm-up."""
    lr_floor: float
    """Learning rate that half a cosine ends at."""
    warmup_steps: int
    """Steps over which the learning rate rises."""
    lr_log_scale: float
    """Learning rate of `log_scale`: constant, and a third of it while `tau <= 0.03`."""
    beta1: float
    """Decay of the first moment."""
    beta2: float
    """Decay of the second moment."""
    adam_epsilon: float
    """Added to the root of the second moment."""
    weight_decay: float
    """Weight decay of matrices and embedding tables."""


class Entry(Algorithm[Config]):
    """The algorithm."""

    def __init__(self, config: Config, setup: Setup):
        super().__init__(config, setup)
        if not 0.0 < config.gamma <= 1.0:
            raise Error(f"gamma = {config.gamma} is not in (0, 1]")
        low, first = config.temperature_min, config.temperature_initial
        if not 0.0 < low <= first <= 1.0:
            raise Error(f"not 0 < temperature_min = {low} <= temperature_initial = {first} <= 1")

    def declare(self) -> State:
        return (
            State()
            .learnable("log_scale", (), -math.ln(self.config.temperature_initial))
            .column("u_image", 0.0)
            .column("u_text", 0.0)
            .slot("exp_avg")
            .slot("exp_avg_sq")
            .loss_diagnostic("objective")
            .update_diagnostic("tau")
            .update_diagnostic("lr")
        )

    def loss(self, batch: Batch, memory: SampleRows, progress: Progress):
        return anchor_losses(self.config, batch, memory, progress.epoch)

    def update(self, parameters: Parameters, batch: Batch, progress: Progress):
        step(self.config, parameters, progress)
