"""The update: AdamW on the model, and on `log_scale` by rules of its own."""

from contract import AdamW, ParameterKind, Parameters, Progress, adamw, math
from contract.schedule import WarmupCosine

TAU_SLOW = 0.03
"""At and below this temperature `log_scale` learns at a third of its rate."""


def step(config, parameters: Parameters, progress: Progress) -> None:
    """One step."""
    peak, floor, warmup_steps = config.lr_peak, config.lr_floor, config.warmup_steps
    lr = WarmupCosine(peak=peak, floor=floor, warmup_steps=warmup_steps, steps=progress.steps).at(progress.step)
    lr_log_scale = config.lr_log_scale / 3.0 if tau(parameters) <= TAU_SLOW else config.lr_log_scale

    for parameter in parameters:
        is_learnable = parameter.kind is ParameterKind.LEARNABLE
        # Biases, normalisations, the class embedding: what has less than two dimensions.
        decay = 0.0 if is_learnable or len(parameter.shape) < 2 else config.weight_decay
        numbers = AdamW(
            lr=lr_log_scale if is_learnable else lr,
            beta1=config.beta1,
            beta2=config.beta2,
            epsilon=config.adam_epsilon,
            weight_decay=decay,
        )
        adamw(parameter, numbers, progress.step)

    log_scale = parameters.learnable("log_scale")
    log_scale.set(log_scale.value.clamp(0.0, -math.ln(config.temperature_min)))
    parameters.report("tau", tau(parameters))
    parameters.report("lr", lr)


def tau(parameters: Parameters) -> float:
    """The temperature as it stands now."""
    return math.exp(-parameters.learnable("log_scale").value.item())
