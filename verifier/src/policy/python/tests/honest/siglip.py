"""SigLIP (arXiv:2303.15343): a sigmoid for each pair instead of a softmax over a row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from contract import Algorithm, Batch, Parameters, Progress, SampleRows, State

from .optimizers import adamw_step


@dataclass
class Config:
    lr: float = 1e-3
    init_scale: float = 10.0
    init_bias: float = -10.0


class Entry(Algorithm[Config]):
    def declare(self) -> State:
        state = State().slot("exp_avg").slot("exp_avg_sq")
        return state.learnable("log_scale", math.log(self.config.init_scale)).learnable("bias", self.config.init_bias)

    def loss(self, batch: Batch, memory: SampleRows, progress: Progress) -> torch.Tensor:
        image, text = batch.own(batch.image), batch.text
        logits = batch.learnable("log_scale").exp() * image @ text.T + batch.learnable("bias")
        # +1 on the diagonal of this lane, −1 elsewhere
        labels = -torch.ones_like(logits)
        labels[torch.arange(len(image)), batch.rows] = 1
        return -F.logsigmoid(labels * logits).sum(dim=-1)

    def update(self, parameters: Parameters, batch: Batch, progress: Progress) -> None:
        for parameter in parameters:
            adamw_step(parameter, lr=self.config.lr, step=progress.step)
