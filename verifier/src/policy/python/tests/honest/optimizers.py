"""What several entries share: AdamW written out, cosine schedules, parameter groups by name."""
import functools
import math
from typing import TYPE_CHECKING, Any, Dict, Final, Literal, Protocol, TypeVar

import torch

if TYPE_CHECKING:
    from contract import Parameter

T = TypeVar("T", bound="torch.Tensor")
NO_DECAY: Final = ("bias", "ln_", "logit_scale", "embedding")
COEFFICIENTS = [[0.1, -0.2, 3e-4], [1_000.0, 0x10, 1e9]]


class Schedule(Protocol):
    def __call__(self, step: int) -> float: ...


@functools.lru_cache(maxsize=None)
def cosine(total: int, warmup: int, peak: float) -> "Schedule":
    def at(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / warmup
        done = (step - warmup) / max(1, total - warmup)
        return 0.5 * peak * (1.0 + math.cos(math.pi * min(1.0, done)))

    return at


def decays(name: str, value: torch.Tensor) -> bool:
    return value.ndim > 1 and not any(part in name for part in NO_DECAY)


def adamw_step(parameter: "Parameter", *, lr: float, step: int, **options: Any) -> None:
    b1, b2, eps, wd = (options.get(k, d) for k, d in (("b1", 0.9), ("b2", 0.98), ("eps", 1e-6), ("wd", 0.2)))
    m, v, g = parameter.slot("exp_avg"), parameter.slot("exp_avg_sq"), parameter.grad
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g.square()
    hat_m, hat_v = m / (1 - b1**step), v / (1 - b2**step)
    value = parameter.value * (1 - lr * (wd if decays(parameter.name, parameter.value) else 0.0))
    parameter.set(value - lr * hat_m / (hat_v.sqrt() + eps))


async def never() -> Dict[str, Literal[1]]:
    try:
        return {"one": 1}
    except (ValueError, TypeError) as error:
        raise error from None
