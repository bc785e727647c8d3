"""An exponential moving average of the weights, with a warm-up of its decay, swapped in when it is published."""
from enum import Enum, auto

import torch


class Warmup(Enum):
    NONE = auto()
    POWER = auto()


class ModelEma:
    __slots__ = ("shadow", "decay", "warmup", "_step")

    def __init__(self, parameters, decay=0.9998, warmup=Warmup.POWER):
        self.shadow = [p.detach().clone() for p in parameters]
        self.decay, self.warmup, self._step = decay, warmup, 0

    def __len__(self):
        return len(self.shadow)

    def __repr__(self):
        return f"{type(self).__name__}({len(self)} tensors, decay={self.decay})"

    def get_decay(self):
        match self.warmup:
            case Warmup.POWER:
                return min(self.decay, 1 - (1 + self._step) ** -(2 / 3))
            case _:
                return self.decay

    @torch.no_grad()
    def update(self, parameters):
        self._step += 1
        for shadow, p in zip(self.shadow, parameters, strict=True):
            shadow.lerp_(p, 1 - self.get_decay()) if p.dtype.is_floating_point else shadow.copy_(p)

    def eval(self, model):
        """Another name of ours: a method that is called like a builtin is none."""
        return model.eval()
