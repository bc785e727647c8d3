"""LAMB (arXiv:1904.00962): Adam's direction, scaled a layer by the ratio of the norms."""
import itertools
from collections import defaultdict
from collections.abc import Iterator

import torch
from torch.optim import Optimizer

EXCLUDED = frozenset({"bias", "bn", "ln"})


def named(groups) -> Iterator[tuple[str, torch.Tensor]]:
    yield from itertools.chain.from_iterable(group["named_params"] for group in groups)


class LAMB(Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, clamp=10.0):
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        self.clamp, self.ratios = clamp, defaultdict(float)
        super(LAMB, self).__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for index, p in enumerate(group["params"]):
                if (grad := p.grad) is None:
                    continue
                if grad.is_sparse:
                    raise RuntimeError("LAMB does not support sparse gradients")
                state = self.state[p]
                if not state:
                    state.update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["step"] += 1
                m, v = state["m"], state["v"]
                torch._foreach_mul_([m], beta1)
                torch._foreach_add_([m], [grad], alpha=1 - beta1)
                v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
                update = m / (1 - beta1 ** state["step"]) / ((v / (1 - beta2 ** state["step"])).sqrt() + group["eps"])
                update.add_(p, alpha=group["weight_decay"])
                norm = p.norm().clamp(0, self.clamp)
                ratio = torch.where(norm > 0, norm / update.norm(), torch.ones_like(norm)) if norm else 1.0
                self.ratios[index] = float(ratio)
                p.add_(update, alpha=-group["lr"] * float(ratio))
