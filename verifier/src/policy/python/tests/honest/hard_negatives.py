"""Hard negatives reweighted by their similarity (arXiv:2010.04592), with a debiased estimator."""
from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn


class Weights(NamedTuple):
    tau_plus: float = 0.1
    beta: float = 1.0


class HardNegativeLoss(nn.Module):
    def __init__(self, weights: Weights = Weights(), temperature: float = 0.07) -> None:
        super().__init__()
        self.weights, self.temperature = weights, temperature

    def forward(self, input: Tensor, target: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        n = input.size(0)
        sim = (input @ target.T / self.temperature).exp()
        pos = sim.diagonal()
        off = ~torch.eye(n, dtype=torch.bool) if mask is None else mask
        neg = sim.masked_select(off).view(n, -1)
        imp = (self.weights.beta * neg.log()).exp()
        reweighted = (imp * neg).sum(-1) / imp.mean(-1)
        count = n - 1
        ng = (-self.weights.tau_plus * count * pos + reweighted) / (1.0 - self.weights.tau_plus)
        ng = torch.clamp(ng, min=count * torch.e ** (-1.0 / self.temperature))
        return -(pos / (pos + ng)).log()

    def extra_repr(self) -> str:
        return f"tau_plus={self.weights.tau_plus:.3g}, beta={self.weights.beta!r}, name={type(self).__name__}"
