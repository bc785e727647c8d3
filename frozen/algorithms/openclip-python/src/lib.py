"""InfoNCE with AdamW: the training of CLIP, as open_clip does it.

Each image is to find its text among the texts of the batch, and each text its image: two cross-entropies over cosine
similarities, divided by a temperature that is learned as `log_scale = log(1 / tau)`.

- Shape letters: `B` pairs in the global batch, `R` anchors of this lane, `D` embedding width.
- Source: CLIP, arXiv:2103.00020, figure 3; settings as in open_clip's training.
"""

from dataclasses import dataclass

from torch import Tensor

from contract import AdamW, Algorithm, Batch, Error, Parameters, Progress, SampleRows, Setup, State, adamw, math
from contract.schedule import WarmupCosine


@dataclass
class Config:
    """What stands in `config.toml`."""

    temperature_initial: float
    """The temperature at first."""
    temperature_min: float
    """The temperature stays between this and 1."""
    lr_peak: float
    """Learning rate after the warm-up, of everything."""
    lr_floor: float
    """Learning rate that half a cosine ends at."""
    warmup_steps: int
    """Steps over which the learning rate rises."""
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
        if not 0.0 < config.temperature_min <= config.temperature_initial <= 1.0:
            low, first = config.temperature_min, config.temperature_initial
            raise Error(f"not 0 < temperature_min = {low} <= temperature_initial = {first} <= 1")

    def declare(self) -> State:
        state = State().learnable("log_scale", (), -math.ln(self.config.temperature_initial))
        return state.slot("exp_avg").slot("exp_avg_sq").update_diagnostic("tau").update_diagnostic("lr")

    def loss(self, batch: Batch, memory: SampleRows, progress: Progress) -> Tensor:
        """The cross-entropy of each anchor, image to text and text to image, halved.

        - Shapes: `image_bd`, `text_bd` are `[B, D]`, rows of unit L2 norm; the result is `[R]`.
        - Units: nats; equal similarities cost `ln B`.
        """
        image_bd, text_bd = batch.image, batch.text
        image_rd, text_rd = batch.own(image_bd), batch.own(text_bd)
        scale = batch.learnable("log_scale").exp()

        own_r = (image_rd * text_rd).sum(1) * scale
        over_texts_r = (image_rd @ text_bd.T * scale).logsumexp(1)
        over_images_r = (text_rd @ image_bd.T * scale).logsumexp(1)
        return (over_texts_r + over_images_r) * 0.5 - own_r

    def update(self, parameters: Parameters, batch: Batch, progress: Progress) -> None:
        """AdamW on everything, with one learning rate."""
        c = self.config
        schedule = WarmupCosine(peak=c.lr_peak, floor=c.lr_floor, warmup_steps=c.warmup_steps, steps=self.setup.steps)
        lr = schedule.at(progress.step)
        for parameter in parameters:
            # Biases, normalisations, the class embedding and `log_scale` have less than two dimensions.
            decay = 0.0 if len(parameter.shape) < 2 else c.weight_decay
            numbers = AdamW(lr=lr, beta1=c.beta1, beta2=c.beta2, epsilon=c.adam_epsilon, weight_decay=decay)
            adamw(parameter, numbers, progress.step)

        log_scale = parameters.learnable("log_scale")
        clamped = log_scale.value.clamp(0.0, -math.ln(c.temperature_min))
        log_scale.set(clamped)
        parameters.report("tau", math.exp(-clamped.item()))
        parameters.report("lr", lr)
