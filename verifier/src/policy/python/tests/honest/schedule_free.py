"""Schedule-Free AdamW (arXiv:2405.15682): the gradient is taken at y, the average is published as x."""
import math
from dataclasses import dataclass, field
from functools import partial, reduce

import torch
from contract import Algorithm, AdamW, Parameters, State, schedule


@dataclass(frozen=True)
class Config:
    lr: float = 2.5e-3
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_steps: int = 100
    r: float = 0.0
    weight_lr_power: float = 2.0
    groups: dict[str, float] = field(default_factory=lambda: {"bias": 0.0, "weight": 0.1})


class Entry(Algorithm[Config]):
    def declare(self):
        return State().slot("z", first="parameter").slot("exp_avg_sq").global_("weight_sum")

    def update(self, parameters: Parameters, batch, progress):
        c, k = self.config, progress.step - 1
        warm = min(1.0, (k + 1) / c.warmup_steps)
        lr = c.lr * warm * math.sqrt(1 - c.beta2 ** (k + 1))
        weight = ((k + 1) ** c.r) * lr**c.weight_lr_power
        total = parameters.global_("weight_sum") + weight
        ck = weight / total if total > 0 else 0.0
        for p in parameters:
            z, v, y, g = p.slot("z"), p.slot("exp_avg_sq"), p.value, p.grad
            v = torch.addcmul(v * c.beta2, g, g, value=1 - c.beta2)
            g = g / (v.sqrt() + 1e-8) + c.groups.get(p.name.rsplit(".", 1)[-1], 0.0) * y
            y = torch.lerp(y, z, ck) + g * (lr * (c.beta1 * (1 - ck) - 1))
            p.set(y)
            p.set_slot("z", z - lr * g)
            p.set_slot("exp_avg_sq", v)
        parameters.set_global("weight_sum", total)

    def publish(self, parameters: Parameters):
        x = partial(torch.lerp, weight=1 - 1 / self.config.beta1)
        return {p.name: x(p.value, p.slot("z")) for p in parameters}

    @staticmethod
    def product(*numbers: float) -> float:
        return reduce(lambda a, b: a * b, numbers, 1.0)
